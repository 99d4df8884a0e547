"""Similar files and near-duplicates over HTTP, with real pictures and real decoders."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cozygen.gallery import looker
from cozygen.media.pool import MediaPool
from cozygen.web.services import SERVICES
from tests.media.samples import encoded, film, photo

from .conftest import Client, MakeStudio
from .test_gallery_api import listing, post, put

SIMILAR = "/cozygen/api/gallery/similar"
DUPLICATES = "/cozygen/api/gallery/duplicates"
INDEX = "/cozygen/api/gallery/index"


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looker, "_IDLE_SECONDS", 0.05)
    monkeypatch.setattr(looker, "_STEP_BACK_SECONDS", 0.02)
    monkeypatch.setattr(looker, "_NOTES_SECONDS", 0.02)


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at files in the background."""

    async def rest(self: looker.Looker, gallery: object, *, patient: bool = True) -> bool:
        return False

    monkeypatch.setattr(looker.Looker, "work", rest)


@pytest.fixture
def blind(idle: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything seen on the way."""
    monkeypatch.setattr(looker.Looker, "note", lambda *_: None)


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def picture(seed: int, width: int = 320, height: int = 240) -> bytes:
    return encoded(photo(width, height, seed), "PNG")


def smaller(seed: int) -> bytes:
    """The same picture, scaled down and compressed."""
    return encoded(photo(320, 240, seed).resize((160, 120), Image.Resampling.LANCZOS), "JPEG", quality=80)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await condition():
            await asyncio.sleep(0.05)


async def until_seen(client: Client) -> None:
    await listing(client, recursive="1")  # which looks for what the watcher has not told yet

    async def is_seen() -> bool:
        body = await (await client.get(INDEX)).json()
        return bool(body["complete"] and not body["unread"] and not body["unseen"])

    await until(is_seen)


async def ask(client: Client, url: str, **query: Any) -> dict[str, Any]:
    response = await client.get(url, params={key: str(value) for key, value in query.items()})
    assert response.status == 200, await response.text()
    body: dict[str, Any] = await response.json()
    return body


async def groups(client: Client, **query: Any) -> list[list[str]]:
    return [
        [file["filename"] for file in group["files"]] for group in (await ask(client, DUPLICATES, **query))["groups"]
    ]


async def until_grouped(client: Client, wanted: list[list[str]], **query: Any) -> None:
    async def is_grouped() -> bool:
        return await groups(client, **query) == wanted

    await until(is_grouped)


async def refused(client: Client, url: str, **query: Any) -> tuple[int, str, str | None]:
    response = await client.get(url, params={key: str(value) for key, value in query.items()})
    body = await response.json()
    return response.status, body["error"], body.get("field")


# What is seen in the background


async def test_a_picture_and_its_smaller_jpeg_are_grouped_and_another_one_is_not(client: Client, out: Path) -> None:
    put(out, "a/fox.png", data=picture(1))
    put(out, "b/fox small.jpg", data=smaller(1))
    put(out, "a/castle.png", data=picture(2))
    await until_seen(client)
    body = await ask(client, DUPLICATES)
    [group] = body["groups"]
    assert [file["filename"] for file in group["files"]] == ["fox.png", "fox small.jpg"]  # the larger one is better
    assert group["count"] == 2 and group["exact"] is False and group["spare"] == 0
    sizes = [file["size"] for file in group["files"]]
    assert group["size"] == sum(sizes) and group["wasted"] == min(sizes)
    assert group["files"][0]["distance"] == 0 and group["files"][1]["distance"] <= 6
    assert {file["copy_of"] for file in group["files"]} == {None}
    assert (body["total_groups"], body["total_files"], body["wasted"]) == (1, 2, group["wasted"])
    assert body["unseen"] == 0 and body["indexing"] is False
    similar = await ask(client, SIMILAR, filename="fox.png", subfolder="a")
    assert [item["filename"] for item in similar["items"]] == ["fox small.jpg", "castle.png"]
    assert similar["items"][0]["distance"] == group["files"][1]["distance"] < similar["items"][1]["distance"]


async def test_listings_have_placeholders(client: Client, out: Path) -> None:
    put(out, "fox.png", data=picture(1))
    put(out, "broken.png", mtime=1_700_000_000)
    put(out, "song.mp3")
    await until_seen(client)
    items = {item["filename"]: item for item in (await listing(client))["items"]}
    assert 5 <= len(base64.b64decode(items["fox.png"]["placeholder"], validate=True)) <= 25
    assert "placeholder" not in items["broken.png"] and "placeholder" not in items["song.mp3"]
    [found] = (await listing(client, q="fox"))["items"]
    assert found["placeholder"] == items["fox.png"]["placeholder"]


async def test_it_follows_renames_and_new_contents(client: Client, out: Path) -> None:
    put(out, "1.png", data=picture(1))
    put(out, "2.png", data=picture(1, 160, 120))
    await until_seen(client)
    assert await groups(client) == [["1.png", "2.png"]]
    before = {item["size"]: item["placeholder"] for item in (await listing(client))["items"]}
    status, _ = await post(client, "/cozygen/api/gallery/rename", {"filename": "1.png", "name": "one.png"})
    assert status == 200
    assert {item["size"]: item.get("placeholder") for item in (await listing(client))["items"]} == before
    assert await groups(client) == [["one.png", "2.png"]]
    put(out, "2.png", data=picture(3))
    await until_grouped(client, [])
    await until_seen(client)
    assert await groups(client) == []


async def test_what_was_seen_is_kept(studio: MakeStudio, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(out, "1.png", data=picture(1))
    put(out, "2.png", data=picture(1, 160, 120))
    first = await studio()
    await until_seen(first)
    await first.close()

    async def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it was looked at again")

    monkeypatch.setattr("cozygen.media.pool.MediaPool.analyse", refuse)
    again = await studio()
    await until_grouped(again, [["1.png", "2.png"]])


async def test_copies(client: Client, out: Path) -> None:
    data = picture(1)
    put(out, "late.png", 1_700_000_300, data)
    put(out, "sub/early.png", 1_700_000_100, data)
    put(out, "loved.png", 1_700_000_200, data)
    put(out, "small.jpg", 1_700_000_000, smaller(1))
    song = b"ID3" + bytes(5000)
    put(out, "song.mp3", 1_700_000_000, song)
    put(out, "sub/song.mp3", 1_700_000_001, song)
    put(out, "other.mp3", 1_700_000_000, song[:-1] + b"x")
    await until_seen(client)
    wanted = [["early.png", "loved.png", "late.png", "small.jpg"], ["song.mp3", "song.mp3"]]
    await until_grouped(client, wanted)
    marked = {"items": [{"filename": "loved.png", "subfolder": ""}], "set": {"favorite": True}}
    assert (await post(client, "/cozygen/api/gallery/marks", marked))[0] == 200
    body = await ask(client, DUPLICATES)
    first, second = body["groups"]
    assert [file["filename"] for file in first["files"]] == ["loved.png", "early.png", "late.png", "small.jpg"]
    assert [file["copy_of"] for file in first["files"]] == [None, 0, 0, None]
    assert first["spare"] == 2 * len(data) and first["wasted"] == 2 * len(data) + len(smaller(1))
    assert second["exact"] and [file["subfolder"] for file in second["files"]] == ["", "sub"]
    assert second["spare"] == second["wasted"] == len(song)
    assert [file["distance"] for file in second["files"]] == [None, None]
    assert body["spare"] == first["spare"] + second["spare"]
    exact = await ask(client, DUPLICATES, exact=1)
    assert [group["exact"] for group in exact["groups"]] == [True, True]
    assert await groups(client, subfolder="sub") == []


async def test_plain_pictures_are_grouped_only_with_their_copies(client: Client, out: Path) -> None:
    put(out, "black.png", data=encoded(Image.new("RGB", (64, 64)), "PNG"))
    put(out, "white.png", data=encoded(Image.new("RGB", (64, 64), "white"), "PNG"))
    put(out, "black again.png", data=encoded(Image.new("RGB", (64, 64)), "PNG"))
    await until_seen(client)
    await until_grouped(client, [["black.png", "black again.png"]])


async def test_films_are_not_grouped_with_pictures(client: Client, out: Path, tmp_path: Path) -> None:
    put(out, "red.mp4", data=film([(200, 30, 30)] * 8))
    put(out, "fox.png", data=picture(1))
    await until_seen(client)
    items = {item["filename"]: item for item in (await listing(client))["items"]}
    assert "placeholder" in items["red.mp4"]
    assert await groups(client, distance=10) == []


async def test_pages_and_limits(client: Client, out: Path) -> None:
    for seed in range(3):
        for number in range(3):
            put(out, f"{seed}-{number}.png", 1_700_000_000 + number, picture(seed, 320 - 80 * seed, 240 - 60 * seed))
    await until_seen(client)
    await until_grouped(client, [[f"{seed}-{number}.png" for number in range(3)] for seed in range(3)])
    body = await ask(client, DUPLICATES, per_page=2, page=2, files=2)
    assert (body["page"], body["per_page"], body["total_pages"], body["total_groups"]) == (2, 2, 2, 3)
    [group] = body["groups"]
    assert [file["filename"] for file in group["files"]] == ["2-0.png", "2-1.png"] and group["count"] == 3
    assert (await ask(client, DUPLICATES, page=9))["groups"] == []
    assert len((await ask(client, SIMILAR, filename="0-0.png", limit=1))["items"]) == 1
    near = await ask(client, SIMILAR, filename="0-0.png", distance=0)
    assert {item["filename"] for item in near["items"]} == {"0-1.png", "0-2.png"}


async def test_what_has_gone_is_not_shown(client: Client, out: Path) -> None:
    put(out, "1.png", data=picture(1))
    put(out, "2.png", data=picture(1))
    put(out, "hidden/.3.png", data=picture(1))
    await until_seen(client)
    await until_grouped(client, [["1.png", "2.png"]])
    assert [set(group) for group in await groups(client, show_hidden=1)] == [{"1.png", "2.png", ".3.png"}]
    (out / "2.png").unlink()
    assert await groups(client) == []


async def test_it_rests_while_somebody_waits(client: Client, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = client.app[SERVICES] if client.app is not None else None
    assert services is not None
    gallery = services.gallery
    services.thumbs.on_looks = None  # what is made ahead would be seen on the way
    await until_seen(client)
    with gallery._enricher.paused():
        put(out, "1.png", data=picture(1))
        assert len((await listing(client))["items"]) == 1
        assert not await services.looker.work(gallery)
        assert (await ask(client, INDEX))["unseen"] == 1
    with monkeypatch.context() as patch:
        patch.setattr(MediaPool, "spare", 0)
        working = asyncio.create_task(services.looker.work(gallery))
        await asyncio.sleep(0.2)
        assert not working.done() or not working.result()
        assert (await ask(client, INDEX))["unseen"] == 1
    await working
    await until_seen(client)


# What is asked for


@pytest.mark.usefixtures("blind")
async def test_a_file_that_nobody_has_seen_is_looked_at_when_it_is_asked_about(client: Client, out: Path) -> None:
    put(out, "1.png", data=picture(1))
    put(out, "2.png", data=picture(1, 160, 120))
    body = await ask(client, SIMILAR, filename="1.png")
    assert body == {"items": [], "unseen": 1}
    body = await ask(client, SIMILAR, filename="2.png")
    assert [item["filename"] for item in body["items"]] == ["1.png"] and body["unseen"] == 0


@pytest.mark.usefixtures("idle")
async def test_what_is_decoded_for_a_thumbnail_is_seen(client: Client, out: Path) -> None:
    put(out, "a b/1.png", data=picture(1))
    assert "placeholder" not in (await listing(client, subfolder="a b"))["items"][0]
    response = await client.get("/cozygen/thumb", params={"filename": "1.png", "subfolder": "a b", "w": "128"})
    assert response.status == 200
    await until_seen(client)
    assert "placeholder" in (await listing(client, subfolder="a b"))["items"][0]


async def test_other_libraries(client: Client, data_dir: Path) -> None:
    put(data_dir / "input", "1.png", data=picture(1))
    put(data_dir / "input", "2.png", data=picture(1, 160, 120))
    await until_grouped(client, [["1.png", "2.png"]], root="input")
    assert await groups(client) == []
    # The studio's own example picture lies there too, and may have been looked at.
    body = await ask(client, SIMILAR, root="input", filename="1.png", distance=10)
    assert [(item["filename"], item["type"]) for item in body["items"]] == [("2.png", "input")]
    assert await refused(client, DUPLICATES, root="none") == (400, "invalid root", "root")
    assert await refused(client, SIMILAR, root="none", filename="1.png") == (400, "invalid root", "root")


async def test_what_cannot_be_asked(client: Client, out: Path) -> None:
    put(out, "song.mp3")
    put(out, "broken.png")
    assert await refused(client, SIMILAR) == (400, "missing filename", "filename")
    assert await refused(client, SIMILAR, filename="none.png") == (404, "not found", "filename")
    assert await refused(client, SIMILAR, filename="song.mp3") == (409, "nothing to see", None)
    assert await refused(client, SIMILAR, filename="broken.png") == (409, "nothing to see", None)
    assert await refused(client, SIMILAR, filename="a.png", limit="x") == (400, "invalid limit", "limit")
    assert await refused(client, SIMILAR, filename="a.png", distance=65) == (400, "invalid distance", "distance")
    assert (await refused(client, SIMILAR, filename="../a.png"))[0] in (400, 403)
    assert (await refused(client, SIMILAR, filename="a.png", subfolder="../.."))[0] == 403
    assert await refused(client, DUPLICATES, subfolder="none") == (404, "not found", "subfolder")
    assert (await refused(client, DUPLICATES, subfolder="../.."))[0] == 403
    for query in ({"page": "x"}, {"per_page": "x"}, {"files": "x"}):
        assert (await refused(client, DUPLICATES, **query))[:2] == (400, "bad paging")
    for distance in ("-1", "11", "x"):
        assert await refused(client, DUPLICATES, distance=distance) == (400, "invalid distance", "distance")


async def test_nothing_at_all(client: Client, data_dir: Path) -> None:
    body = await ask(client, DUPLICATES)
    assert body["groups"] == [] and body["total_groups"] == body["total_pages"] == body["wasted"] == 0
    await until_seen(client)
    shutil.rmtree(data_dir / "output")
    assert (await ask(client, DUPLICATES))["groups"] == []


async def test_a_file_that_cannot_be_decoded_yet_is_looked_at_again(
    client: Client, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looker, "_LATER_SECONDS", 1.0)
    path = put(out, "1.png", data=picture(1)[:-500])  # on its way
    services = client.app[SERVICES] if client.app is not None else None
    assert services is not None

    async def is_postponed() -> bool:
        return bool(services.looker._later)

    await until(is_postponed)
    assert (await ask(client, INDEX))["unseen"] == 1
    path.write_bytes(picture(1))
    os.utime(path)
    await until_seen(client)
    assert "placeholder" in (await listing(client))["items"][0]
