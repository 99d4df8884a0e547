"""`GET /cozygen/api/storage`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.api.conftest import Client, MakeStudio


async def test_folders_and_caches(studio: MakeStudio, tmp_path: Path) -> None:
    library = tmp_path / "photos"
    library.mkdir()
    client: Client = await studio(library_dirs={"photos": library}, workflows_dir=tmp_path / "gone" / "workflows")
    answer = await (await client.get("/cozygen/api/storage")).json()
    folders = {(folder["name"], folder["library"]): folder for folder in answer["folders"]}
    assert list(folders) == [
        ("output", None),
        ("input", None),
        ("workflows", None),
        ("data", None),
        ("library", "photos"),
    ]
    photos = folders["library", "photos"]
    assert photos["path"] == str(library)
    assert photos["exists"] and photos["writable"]
    assert 0 < photos["free"] <= photos["total"]
    index = next(cache for cache in answer["caches"] if cache["name"] == "index")
    assert index["files"] >= 1 and index["bytes"] > 0


async def test_a_folder_that_is_gone_is_told(studio: MakeStudio, tmp_path: Path) -> None:
    client: Client = await studio(library_dirs={"usb": tmp_path / "unplugged"})
    answer = await (await client.get("/cozygen/api/storage")).json()
    usb = next(folder for folder in answer["folders"] if folder["library"] == "usb")
    assert usb["exists"] is False and usb["writable"] is False
    assert "free" not in usb and "total" not in usb


async def test_thumbnails_are_counted_until_they_are_cleared(studio: MakeStudio, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    Image.new("RGB", (64, 64), "red").save(output / "a.png")
    client: Client = await studio(output_dir=output)

    async def thumbnails() -> tuple[int, int, int]:
        answer = await (await client.get("/cozygen/api/storage")).json()
        found = next(cache for cache in answer["caches"] if cache["name"] == "thumbnails")
        return found["files"], found["bytes"], found["limit"]

    response = await client.get("/cozygen/thumb", params={"filename": "a.png", "w": "64"})
    assert response.status == 200
    files, size, limit = await thumbnails()
    assert files >= 1 and 0 < size < limit
    await client.post("/cozygen/api/clear_cache")
    assert (await thumbnails())[:2] == (0, 0)
