from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from tests.api.conftest import Client, MakeStudio


def png(size: tuple[int, int] = (8, 6), mode: str = "RGB", color: Any = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, color).save(buffer, "PNG")
    return buffer.getvalue()


PICTURE = png()


@pytest.fixture
def inputs(data_dir: Path) -> Path:
    folder = data_dir / "input"
    (folder / "Zoo" / "deep").mkdir(parents=True)
    (folder / "apes").mkdir()
    for name in ("b.PNG", "A.jpg", "c.gif", "notes.txt", "d.svg", ".hidden.png", "Zoo/x.webp"):
        (folder / name).write_bytes(PICTURE)
    os.utime(folder / "b.PNG", (1000.7, 1000.7))
    (data_dir / ".example-written").touch()
    return folder


async def get(client: Client, url: str, status: int = 200) -> Any:
    response = await client.get(url)
    assert response.status == status, await response.text()
    return await response.json()


async def test_folders_first_both_by_name(inputs: Path, client: Client) -> None:
    listing = await get(client, "/cozygen/input")
    assert [item["name"] for item in listing["items"]] == ["apes", "Zoo", "A.jpg", "b.PNG", "c.gif"]
    assert [item["is_dir"] for item in listing["items"]] == [True, True, False, False, False]
    assert listing["items"][3] == {
        "name": "b.PNG",
        "rel_path": "b.PNG",
        "is_dir": False,
        "size": len(PICTURE),
        "mtime": 1000,
    }
    assert {key: listing[key] for key in ("page", "per_page", "total_pages", "total_items", "cwd")} == {
        "page": 1, "per_page": 50, "total_pages": 1, "total_items": 5, "cwd": "",
    }  # fmt: skip
    assert listing["base"] == str(inputs)
    inside = await get(client, "/cozygen/input?subfolder=Zoo")
    assert [item["rel_path"] for item in inside["items"]] == ["Zoo/deep", "Zoo/x.webp"] and inside["cwd"] == "Zoo"
    assert (await get(client, "/cozygen/input?subfolder=Zoo%5Cdeep"))["cwd"] == "Zoo/deep"


async def test_pages_and_extensions(inputs: Path, client: Client) -> None:
    page = await get(client, "/cozygen/input?page=2&per_page=2")
    assert [item["name"] for item in page["items"]] == ["A.jpg", "b.PNG"] and page["total_pages"] == 3
    everything = await get(client, "/cozygen/input?per_page=0")
    assert len(everything["items"]) == 5 and everything["total_pages"] == 1
    some = await get(client, "/cozygen/input?exts=.TXT,%20png")
    assert [item["name"] for item in some["items"]] == ["apes", "Zoo", "b.PNG", "notes.txt"]
    assert (await get(client, "/cozygen/input?page=9"))["items"] == []


async def test_a_folder_that_is_not_there_is_empty(inputs: Path, client: Client) -> None:
    listing = await get(client, "/cozygen/input?subfolder=nowhere")
    assert (listing["items"], listing["total_items"], listing["total_pages"]) == ([], 0, 0)
    assert (await get(client, "/cozygen/input?subfolder=A.jpg"))["total_pages"] == 0


OUTSIDE = ["..", "../x", "Zoo/../..", "/etc", "C:%5Cx", "C:x", "%00", "%5C%5Cserver%5Cshare", "link"]


@pytest.mark.parametrize("path", OUTSIDE)
async def test_nothing_outside_is_shown(inputs: Path, client: Client, tmp_path: Path, path: str) -> None:
    (tmp_path / "data" / "inputs-of-others").mkdir()
    (inputs / "link").symlink_to(tmp_path)
    assert (await get(client, f"/cozygen/input?subfolder={path}", 400))["field"] == "subfolder"
    assert (await get(client, f"/cozygen/input/file?path={path}", 400))["field"] == "path"


async def test_a_sibling_with_the_same_beginning_is_outside(inputs: Path, client: Client) -> None:
    sibling = inputs.with_name("input-secret")
    sibling.mkdir()
    (sibling / "x.png").write_bytes(PICTURE)
    assert (await client.get("/cozygen/input/file?path=../input-secret/x.png")).status == 400


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=-1", "per_page=-1", "per_page=x", "subfolder=" + "x" * 5000]
)
async def test_bad_numbers(inputs: Path, client: Client, query: str) -> None:
    assert (await get(client, f"/cozygen/input?{query}", 400))["field"] == query.split("=")[0]


async def test_one_file(inputs: Path, client: Client) -> None:
    response = await client.get("/cozygen/input/file?path=Zoo/x.webp")
    assert (
        response.status == 200 and response.headers["Content-Type"] == "image/webp" and await response.read() == PICTURE
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    part = await client.get("/cozygen/input/file?path=A.jpg", headers={"Range": "bytes=0-3"})
    assert part.status == 206 and await part.read() == PICTURE[:4]
    same = await client.get("/cozygen/input/file?path=A.jpg", headers={"If-None-Match": response.headers["ETag"]})
    assert same.status in (200, 304)
    again = await client.get("/cozygen/input/file?path=Zoo/x.webp", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status == 304
    beyond = await client.get("/cozygen/input/file?path=A.jpg", headers={"Range": "bytes=99999-"})
    assert beyond.status == 416
    assert (await get(client, "/cozygen/input/file", 400))["field"] == "path"
    for path in ("gone.png", "Zoo", "A.jpg/x"):
        assert (await get(client, f"/cozygen/input/file?path={path}", 404))["error"] == "not found"


async def test_what_could_run_is_a_download(inputs: Path, client: Client) -> None:
    (inputs / "x.html").write_text("<script>alert(1)</script>")
    (inputs / "x.svg").write_text("<svg onload='alert(1)'/>")
    for name in ("x.html", "x.svg"):
        response = await client.get(f"/cozygen/input/file?path={name}")
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment")


async def upload(client: Client, data: bytes, name: str, field: str = "image") -> aiohttp.ClientResponse:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field(field, io.BytesIO(data), filename=name)
    return await client.post("/cozygen/upload_image", data=form)


async def test_an_upload_gets_a_name_of_its_own(inputs: Path, client: Client) -> None:
    response = await upload(client, PICTURE, "../../my cat!.png")
    assert response.status == 200
    stored = await response.json()
    assert set(stored) == {"filename", "size"} and stored["size"] == len(PICTURE)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_my_cat_\.png", stored["filename"])
    assert (inputs / stored["filename"]).read_bytes() == PICTURE
    assert not list(inputs.glob(".upload*"))
    again = await (await upload(client, PICTURE, "my cat!.png")).json()
    assert again["filename"] != stored["filename"]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "a.png"),
        (b"hello", "a.png"),
        (PICTURE[:30], "a.png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg"),
        (b"GIF89a", "a.gif"),
    ],
)
async def test_neither_picture_nor_video(inputs: Path, client: Client, data: bytes, name: str) -> None:
    response = await upload(client, data, name)
    assert response.status == 415 and (await response.json())["field"] == "image"
    assert not list(inputs.glob(".upload*")) and not list(inputs.glob("*_a.*"))


async def test_too_large(studio: MakeStudio, inputs: Path) -> None:
    client = await studio(max_upload_mb=1)
    response = await upload(client, PICTURE + b"\0" * 2**20, "a.png")
    assert response.status == 413 and not list(inputs.glob(".upload*"))


async def test_the_field_must_come_first(client: Client) -> None:
    wrong = await upload(client, PICTURE, "a.png", field="file")
    assert wrong.status == 400 and (await wrong.json())["error"] == "image field"
    for data, kind in (
        (b"x", "text/plain"),
        (b"", "multipart/form-data"),
        (b"junk", "multipart/form-data; boundary=abc"),
        (b"--abc\r\n", "multipart/form-data; boundary=abc"),
    ):
        response = await client.post("/cozygen/upload_image", data=data, headers={"Content-Type": kind})
        assert response.status == 400 and (await response.json())["error"] == "image field", kind


async def comfy_upload(
    client: Client, path: str, data: bytes, name: str = "a.png", **fields: str
) -> aiohttp.ClientResponse:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("image", io.BytesIO(data), filename=name)
    for key, value in fields.items():
        form.add_field(key, value)
    return await client.post(path, data=form)


async def test_uploading_as_comfyui_does(inputs: Path, client: Client) -> None:
    for path in ("/upload/image", "/api/upload/image"):
        response = await comfy_upload(client, path, PICTURE, "new.png", subfolder="my/sub", type="input")
        assert response.status == 200
        assert await response.json() == {"name": "new.png", "subfolder": "my/sub", "type": "input"}, (
            "an equal file is reused"
        )
    other = png((9, 9))
    renamed = await (await comfy_upload(client, "/upload/image", other, "new.png", subfolder="my/sub")).json()
    assert renamed["name"] == "new (1).png"
    replaced = await (
        await comfy_upload(client, "/upload/image", other, "new.png", subfolder="my/sub", overwrite="true")
    ).json()
    assert replaced["name"] == "new.png" and (inputs / "my" / "sub" / "new.png").read_bytes() == other
    for fields, field in (({"subfolder": "../x"}, "subfolder"), ({"type": "models"}, "type")):
        refused = await comfy_upload(client, "/upload/image", PICTURE, **fields)
        assert refused.status == 400 and (await refused.json())["field"] == field


async def test_a_mask_becomes_the_alpha_of_its_picture(inputs: Path, client: Client) -> None:
    picture, mask = png((4, 4), color=(200, 10, 10)), png((4, 4), "RGBA", (0, 0, 0, 77))
    (inputs / "orig.png").write_bytes(picture)
    reference = json.dumps({"filename": "orig.png", "subfolder": "", "type": "input"})
    stored = await (await comfy_upload(client, "/upload/mask", mask, "masked.png", original_ref=reference)).json()
    with Image.open(inputs / stored["name"]) as result:
        assert result.getpixel((0, 0)) == (200, 10, 10, 77)
    for wrong, status in (
        ("{", 400),
        ('{"filename": "../x"}', 400),
        ('{"filename": "gone.png", "type": "input"}', 404),
        ("[]", 400),
    ):
        assert (await comfy_upload(client, "/upload/mask", mask, original_ref=wrong)).status == status
