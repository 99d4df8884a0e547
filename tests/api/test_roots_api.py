"""The libraries beside the output folder: the input folder and further ones, in every endpoint of the gallery."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cozygen.storage.tables import outputs, prompt_raw
from cozygen.web.services import SERVICES
from tests.api.conftest import Client, MakeStudio
from tests.api.test_gallery_api import GRAPH, listing, names, open_stream, png, post, put

LIST = "/cozygen/api/gallery"
ROOTS = "/cozygen/api/gallery/roots"
MARKS = "/cozygen/api/gallery/marks"
UNDO = "/cozygen/api/undo"
ALBUMS = "/cozygen/api/albums"
TRASH = "/cozygen/api/trash"
DELETE = "/cozygen/api/gallery/delete"


@pytest.fixture
def out(data_dir: Path) -> Path:
    return folder(data_dir / "output")


@pytest.fixture
def inputs(data_dir: Path) -> Path:
    return folder(data_dir / "input")


@pytest.fixture
def pics(tmp_path: Path) -> Path:
    return folder(tmp_path / "my pictures")


@pytest.fixture
async def client(studio: MakeStudio, out: Path, inputs: Path, pics: Path, data_dir: Path) -> Client:
    """A studio with a library `pics`, and one on a drive that is not plugged in."""
    (data_dir / ".example-written").touch()
    return await studio(library_dirs={"pics": pics, "usb-1": pics.parent / "nowhere"})


def folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def place(root: str, path: str) -> dict[str, str]:
    subfolder, _, filename = path.rpartition("/")
    return {"root": root, "subfolder": subfolder, "filename": filename}


async def get(client: Client, url: str, **query: Any) -> tuple[int, Any]:
    response = await client.get(url, params={key: str(value) for key, value in query.items()})
    return response.status, await response.json()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.02)


async def roots(client: Client) -> dict[str, dict[str, Any]]:
    status, body = await get(client, ROOTS)
    assert status == 200
    return {root.pop("name"): root for root in body["roots"]}


async def is_indexed(client: Client, root: str) -> bool:
    found = (await roots(client))[root]
    return bool(found["complete"] and not found["unread"])


# Listing


async def test_each_root_lists_its_own_files(client: Client, out: Path, inputs: Path, pics: Path) -> None:
    path = put(out, "a/1.png")
    put(inputs, "a/2.png")
    put(pics, "a/3.png")
    assert (await listing(client, subfolder="a"))["items"] == [
        {
            "filename": "1.png",
            "type": "output",
            "subfolder": "a",
            "mtime": path.stat().st_mtime,
            "size": path.stat().st_size,
            "media_kind": "image",
        }
    ]
    (item,) = (await listing(client, root="input", subfolder="a"))["items"]
    assert (item["filename"], item["type"], item["root"]) == ("2.png", "input", "input")
    (item,) = (await listing(client, root="pics", subfolder="a", q="3", recursive=1))["items"]
    assert (item["filename"], item["type"], item["root"]) == ("3.png", "pics", "pics")
    (item,) = [item for item in (await listing(client, root="pics"))["items"] if item["filename"] == "a"]
    assert (item["type"], item["root"], item["subfolder"]) == ("directory", "pics", "a")
    assert (await listing(client, root="output"))["items"] == (await listing(client))["items"]


async def test_the_roots_are_listed(client: Client, out: Path, pics: Path, data_dir: Path) -> None:
    put(pics, "a/1.png", data=png(prompt=GRAPH))
    put(pics, "2.png", data=png())
    await listing(client, root="pics", recursive=1)
    await until(lambda: is_indexed(client, "pics"))
    found = await roots(client)
    assert list(found) == ["output", "input", "pics", "usb-1"]
    about = found["pics"]
    assert (about["label"], about["path"], about["files"], about["folders"]) == ("my pictures", str(pics), 2, 2)
    assert (about["available"], about["writable"], about["complete"], about["unread"]) == (True, True, True, 0)
    absent = found["usb-1"]
    assert (absent["available"], absent["writable"], absent["complete"], absent["files"]) == (False, False, False, 0)
    assert found["output"]["path"] == str(data_dir / "output")


NO_ROOTS = ["", "Pics", "temp", "../output", "output/", "pics\x00", "x" * 1000, "directory"]
READING = (
    LIST,
    f"{LIST}/complete",
    f"{LIST}/index",
    f"{LIST}/stream",
    f"{LIST}/prompt?filename=a.png",
    f"{MARKS}?filename=a.png",
    f"{LIST}/export?filename=a.png",
    TRASH,
)


async def test_a_root_that_is_none_is_named(client: Client) -> None:
    for root in NO_ROOTS:
        for url in READING:
            status, body = await get(client, url, root=root)
            assert (status, body["error"], body["field"]) == (400, "invalid root", "root"), (url, root)
        for url in ("/view", "/cozygen/thumb"):
            if root != "temp" or url != "/view":
                assert (await client.get(url, params={"type": root, "filename": "a.png"})).status == 400, (url, root)


CHANGING: list[tuple[str, dict[str, Any]]] = [
    (DELETE, {"filename": "a.png"}),
    (f"{LIST}/delete_all", {"confirm": "delete-all"}),
    (f"{TRASH}/restore", {"ids": []}),
    (f"{TRASH}/empty", {}),
    (MARKS, {"items": [{"filename": "a.png"}], "set": {}}),
    (f"{LIST}/move", {"items": [{"filename": "a.png"}], "to": ""}),
    (f"{LIST}/move", {"folders": ["a"], "to": ""}),
    (f"{LIST}/copy", {"select": {"q": "a"}, "to": ""}),
    (f"{LIST}/rename", {"filename": "a.png", "name": "b"}),
    (f"{LIST}/rename", {"items": [{"filename": "a.png"}], "pattern": "{n}"}),
    (f"{LIST}/folders", {"path": "new"}),
    (f"{LIST}/download", {"items": [{"filename": "a.png"}]}),
]


async def test_a_body_with_a_root_that_is_none(client: Client) -> None:
    for root in ("", "nowhere", "\ud800", 1, None, ["pics"]):
        for url, body in CHANGING:
            status, answer = await post(client, url, {**body, "root": root})
            assert (status, answer["field"]) == (400, "root"), (url, root)


async def test_a_file_of_a_root_that_is_none(client: Client) -> None:
    items = [place("pics", "a.png"), place("nowhere", "a.png")]
    status, answer = await post(client, MARKS, {"items": items, "set": {}})
    assert (status, answer["error"], answer["field"]) == (400, "invalid root", "items.1.root")
    status, answer = await post(client, MARKS, {"select": {"root": "nowhere"}, "set": {}})
    assert (status, answer["error"], answer["field"]) == (400, "invalid root", "select.root")


async def test_no_path_leaves_a_root(client: Client, out: Path) -> None:
    put(out, "a.png")
    for root in ("input", "pics"):
        for subfolder in ("..", "../output", "a/../../output", "/etc", "..\\output", "a\x00b"):
            status, body = await get(client, LIST, root=root, subfolder=subfolder)
            assert (status, body["error"]) == (403, "forbidden"), (root, subfolder)
            status, _ = await post(client, DELETE, {"root": root, "subfolder": subfolder, "filename": "a.png"})
            assert status == 403, (root, subfolder)
            for url in ("/view", "/cozygen/thumb"):
                response = await client.get(url, params={"type": root, "subfolder": subfolder, "filename": "a.png"})
                assert response.status in (400, 403), (url, root, subfolder)
    for filename in ("../output/a.png", "/etc/passwd", "..", "a\x00.png"):
        for url in ("/view", "/cozygen/thumb"):
            response = await client.get(url, params={"type": "pics", "filename": filename})
            assert response.status in (400, 403), (url, filename)
    assert (out / "a.png").exists()


async def test_no_link_leaves_a_root(client: Client, out: Path, pics: Path) -> None:
    put(out, "a.png", data=png())
    (pics / "link").symlink_to(out)
    (pics / "b.png").symlink_to(out / "a.png")
    assert await names(client, root="pics", recursive=1) == []
    for query in ({"subfolder": "link", "filename": "a.png"}, {"filename": "b.png"}):
        for url in ("/view", "/cozygen/thumb"):
            assert (await client.get(url, params={"type": "pics", **query})).status == 403


# Files


async def test_files_of_all_roots_can_be_seen(client: Client, inputs: Path, pics: Path) -> None:
    for root, base in (("input", inputs), ("pics", pics)):
        put(base, "a b/ä.png", data=png())
        query = {"type": root, "subfolder": "a b", "filename": "ä.png"}
        response = await client.get("/view", params=query)
        assert (response.status, response.content_type) == (200, "image/png")
        assert await response.read() == (base / "a b/ä.png").read_bytes()
        response = await client.get("/view", params=query, headers={"Range": "bytes=1-3"})
        assert (response.status, await response.read()) == (206, b"PNG")
        response = await client.get("/cozygen/thumb", params=query)
        assert response.status == 200
        assert Image.open(io.BytesIO(await response.read())).size == (4, 4)
    response = await client.get("/view", params={"type": "pics", "filename": "a b/ä.png", "preview": "jpeg"})
    assert (response.status, response.content_type) == (200, "image/jpeg")


async def test_of_a_library_only_media_are_served(client: Client, pics: Path, studio: MakeStudio) -> None:
    put(pics, "secret.txt")
    put(pics, "page.html")
    put(pics, ".cozygen-trash/files/a.png", data=png())
    for name in ("secret.txt", "page.html", "none.png", "", ".cozygen-trash/files/a.png"):
        for url in ("/view", "/cozygen/thumb"):
            response = await client.get(url, params={"type": "pics", "filename": name})
            assert response.status in (400, 404), (url, name)
    assert (await client.get("/view", params={"type": "pics"})).status == 404
    assert (await client.get("/view", params={"type": "nowhere", "filename": "a.png"})).status == 400


async def test_what_the_studio_keeps_in_a_library_is_not_shown(studio: MakeStudio, out: Path, data_dir: Path) -> None:
    put(out, "a.png", data=png())
    client = await studio(library_dirs={"all": data_dir})
    await post(client, DELETE, {"filename": "a.png"})
    (kept,) = (data_dir / "trash/files").iterdir()
    put(data_dir, f"trash/files/{kept.name}.png", data=png())
    put(out, "b.png", data=png())
    assert await names(client, root="all", recursive=1, q="a OR b") == ["b.png"]
    query = {"type": "all", "subfolder": "trash/files", "filename": f"{kept.name}.png"}
    assert (await client.get("/view", params=query)).status == 404
    assert (await client.get("/cozygen/thumb", params=query)).status == 404


async def test_prompts_and_exports_of_other_roots(client: Client, out: Path, pics: Path) -> None:
    put(out, "1.png", data=png())
    put(pics, "1.png", data=png(prompt=GRAPH))
    query = {"filename": "1.png"}
    assert (await get(client, f"{LIST}/prompt", **query))[0] == 404
    status, body = await get(client, f"{LIST}/prompt", root="pics", **query)
    assert (status, body["prompt"]) == (200, GRAPH)
    response = await client.get(f"{LIST}/export", params={"root": "pics", **query})
    assert await response.read() == (pics / "1.png").read_bytes()


async def test_a_prompt_as_typed_belongs_to_the_output_of_that_name(client: Client, out: Path, pics: Path) -> None:
    """The same name in another library is another file."""
    for base in (out, pics):
        put(base, "1.png", data=png(prompt=GRAPH))

    def note(connection: Any) -> None:
        values = {"subfolder": "", "filename": "1.png", "prompt_id": "p", "node_id": "9", "created_at": 1.0}
        connection.execute(outputs.insert().values(values))
        connection.execute(prompt_raw.insert().values(prompt_id="p", texts={"6.text": "$fox$"}, updated_at=1.0))

    await client.app[SERVICES].database.write(note)
    known = (await get(client, f"{LIST}/prompt", filename="1.png"))[1]
    other = (await get(client, f"{LIST}/prompt", filename="1.png", root="pics"))[1]
    assert known["cozygen_prompt_raw"] == {"6.text": "$fox$"}
    assert "cozygen_prompt_raw" not in other
    put(pics, "a/2.png")
    status, _ = await post(client, f"{LIST}/move", {"items": [place("pics", "1.png")], "to": "a"})
    assert status == 200
    assert (await get(client, f"{LIST}/prompt", filename="1.png"))[1]["cozygen_prompt_raw"] == {"6.text": "$fox$"}


# Marks


async def noted(client: Client, root: str, path: str) -> dict[str, Any]:
    status, body = await get(client, MARKS, **place(root, path))
    assert status == 200, body
    return {key: body[key] for key in ("favorite", "rating", "tags") if body[key]}


async def test_marks_are_kept_apart_by_root(client: Client, out: Path, inputs: Path, pics: Path) -> None:
    for base in (out, inputs, pics):
        put(base, "a/1.png", data=png())
    items = [place("pics", "a/1.png"), place("input", "a/1.png"), place("pics", "a/gone.png")]
    status, body = await post(client, MARKS, {"items": items, "set": {"rating": 4, "add_tags": ["fox"]}})
    assert (status, body["count"], body["missing"]) == (200, 2, [place("pics", "a/gone.png")])
    assert await noted(client, "pics", "a/1.png") == {"rating": 4, "tags": ["fox"]}
    assert await noted(client, "input", "a/1.png") == {"rating": 4, "tags": ["fox"]}
    assert await noted(client, "output", "a/1.png") == {}
    assert await names(client, root="pics", recursive=1, q="tag:fox") == ["1.png"]
    assert await names(client, recursive=1, q="tag:fox") == []
    assert (await get(client, MARKS, **place("pics", "a/1.png")))[1]["root"] == "pics"
    status, body = await post(client, UNDO, {"token": body["undo"]})
    assert status == 200
    assert [await noted(client, root, "a/1.png") for root in ("input", "pics")] == [{}, {}]
    await post(client, UNDO, {"token": body["undo"]})
    assert await noted(client, "pics", "a/1.png") == {"rating": 4, "tags": ["fox"]}


async def test_the_root_of_a_request_is_that_of_its_files(client: Client, inputs: Path, pics: Path) -> None:
    put(inputs, "1.png")
    put(pics, "1.png")
    items = [{"filename": "1.png"}, place("input", "1.png")]
    status, body = await post(client, MARKS, {"root": "pics", "items": items, "set": {"favorite": True}})
    assert (status, body["count"]) == (200, 2)
    status, body = await post(client, MARKS, {"root": "pics", "select": {"q": "is:favorite"}, "set": {"rating": 2}})
    assert (status, body["count"]) == (200, 1)
    select = {"root": "input", "q": "is:favorite"}
    status, body = await post(client, MARKS, {"root": "pics", "select": select, "set": {"rating": 3}})
    assert (status, body["count"]) == (200, 1)
    assert await noted(client, "pics", "1.png") == {"favorite": True, "rating": 2}
    assert await noted(client, "input", "1.png") == {"favorite": True, "rating": 3}


async def test_marks_follow_a_file_in_its_root_and_survive_the_index(
    studio: MakeStudio, client: Client, pics: Path, data_dir: Path
) -> None:
    put(pics, "a/1.png", data=png(prompt=GRAPH))
    await post(client, MARKS, {"items": [place("pics", "a/1.png")], "set": {"rating": 5}})
    folder(pics / "b")
    (pics / "a/1.png").rename(pics / "b/2.png")

    async def followed() -> bool:
        return "2.png" in await names(client, root="pics", recursive=1, q="rating:5")

    await until(followed)
    await client.close()
    for path in data_dir.glob("index-pics.db*"):
        path.unlink()
    client = await studio(library_dirs={"pics": pics})
    await until(lambda: is_indexed(client, "pics"))
    assert await noted(client, "pics", "b/2.png") == {"rating": 5}


async def test_marks_of_a_library_that_is_left_out_are_kept(studio: MakeStudio, client: Client, pics: Path) -> None:
    put(pics, "1.png", data=png())
    _, body = await post(client, MARKS, {"items": [place("pics", "1.png")], "set": {"favorite": True}})
    _, made = await post(client, ALBUMS, {"name": "mine", "items": [place("pics", "1.png")]})
    await client.close()
    client = await studio()
    assert (await get(client, LIST, root="pics"))[0] == 400
    _, albums = await get(client, ALBUMS)
    assert [(album["name"], album["count"]) for album in albums["albums"]] == [("mine", 0)]
    await client.close()
    client = await studio(library_dirs={"pics": pics})
    assert await noted(client, "pics", "1.png") == {"favorite": True}
    assert (await get(client, f"{ALBUMS}/{made['album']['id']}/items"))[1]["total_items"] == 1
    assert (await post(client, UNDO, {"token": body["undo"]}))[0] == 200


async def test_an_album_holds_files_of_all_roots(client: Client, out: Path, inputs: Path, pics: Path) -> None:
    for base, name in ((out, "1.png"), (inputs, "2.png"), (pics, "3.png"), (pics, "4.png")):
        put(base, name, data=name.encode())
    items = [place("pics", "3.png"), place("output", "1.png"), place("input", "2.png"), place("pics", "4.png")]
    status, body = await post(client, ALBUMS, {"name": "all", "items": items})
    assert status == 200
    assert (body["album"]["count"], body["album"]["cover"]["root"]) == (4, "pics")
    url = f"{ALBUMS}/{body['album']['id']}"

    async def order() -> list[tuple[str, str]]:
        found = (await get(client, f"{url}/items"))[1]["items"]
        return [(item.get("root", "output"), item["filename"]) for item in found]

    assert await order() == [("pics", "3.png"), ("output", "1.png"), ("input", "2.png"), ("pics", "4.png")]
    moved = {"items": [place("pics", "4.png"), place("input", "2.png")], "before": place("output", "1.png")}
    status, answer = await post(client, f"{url}/order", moved)
    assert (status, answer["count"]) == (200, 2)
    assert await order() == [("pics", "3.png"), ("pics", "4.png"), ("input", "2.png"), ("output", "1.png")]
    response = await client.put(url, json={"name": "every", "cover": place("input", "2.png")})
    assert (await response.json())["album"]["cover"]["root"] == "input"
    for root, name in (("pics", "3.png"), ("input", "2.png")):
        assert name in await names(client, root=root, recursive=1, q="album:every")
        _, found = await get(client, f"{LIST}/complete", root=root, q="album:")
        assert [(item["text"], item["kind"]) for item in found["items"]] == [("album:every", "value")]
    status, answer = await post(client, f"{url}/remove", {"items": [place("pics", "3.png"), place("output", "1.png")]})
    assert (status, answer["count"]) == (200, 2)
    assert await order() == [("pics", "4.png"), ("input", "2.png")]
    response = await client.delete(url)
    await post(client, UNDO, {"token": (await response.json())["undo"]})
    assert await order() == [("pics", "4.png"), ("input", "2.png")]
    assert await names(client, root="input", recursive=1, q="album:every") == ["2.png"]


async def test_an_album_with_a_cover_of_a_root_that_is_none(client: Client) -> None:
    _, body = await post(client, ALBUMS, {"name": "all"})
    response = await client.put(f"{ALBUMS}/{body['album']['id']}", json={"cover": place("nowhere", "1.png")})
    assert (response.status, (await response.json())["field"]) == (400, "cover.root")


# Taking away


async def test_a_download_of_files_of_several_roots(client: Client, out: Path, pics: Path) -> None:
    for base, text in ((out, b"out"), (pics, b"pics")):
        put(base, "a/1.png", data=text)
    items = [place("output", "a/1.png"), place("pics", "a/1.png"), place("pics", "gone.png")]
    status, body = await post(client, f"{LIST}/download", {"items": items})
    assert (status, body["count"], body["size"], body["missing"]) == (200, 2, 7, [place("pics", "gone.png")])
    response = await client.get(body["url"])
    with zipfile.ZipFile(io.BytesIO(await response.read())) as zipped:
        found = {name: zipped.read(name) for name in zipped.namelist()}
    assert found == {"output/a/1.png": b"out", "pics/a/1.png": b"pics"}


async def test_each_root_has_a_trash_of_its_own(client: Client, out: Path, inputs: Path, pics: Path) -> None:
    for base in (out, inputs, pics):
        put(base, "a/1.png", data=base.name.encode())
    for root in ("input", "pics"):
        status, body = await post(client, DELETE, place(root, "a/1.png"))
        assert (status, body["root"], body["subfolder"]) == (200, root, "a")
        status, trash = await get(client, TRASH, root=root)
        assert [(item["root"], item["id"]) for item in trash["items"]] == [(root, body["trash_id"])]
        assert await names(client, root=root, recursive=1, q="1") == []
    assert (await get(client, TRASH))[1]["total_items"] == 0
    assert (out / "a/1.png").exists()
    status, body = await post(client, f"{TRASH}/restore", {"root": "pics", "subfolder": "a", "filename": "1.png"})
    assert (status, len(body["restored"])) == (200, 1)
    assert (pics / "a/1.png").read_bytes() == b"my pictures"
    (item,) = (await get(client, TRASH, root="input"))[1]["items"]
    assert (await post(client, f"{TRASH}/restore", {"ids": [item["id"]]}))[0] == 404
    status, body = await post(client, f"{TRASH}/empty", {"root": "input"})
    assert (status, body["removed"]) == (200, 1)
    assert (await get(client, TRASH, root="input"))[1]["total_items"] == 0


async def test_delete_all_of_a_root(client: Client, out: Path, pics: Path) -> None:
    for name in ("a/1.png", "a/b/2.png", "3.png", "notes.txt"):
        put(pics, name)
        put(out, name)
    status, body = await post(client, f"{LIST}/delete_all", {"root": "pics", "subfolder": "a", "confirm": "delete-all"})
    assert (status, body["deleted"]) == (200, 2)
    assert await names(client, root="pics", recursive=1) == ["3.png"]
    assert len(await names(client, recursive=1)) == 3


# Organising


async def test_files_are_moved_within_their_root_and_back(client: Client, out: Path, pics: Path) -> None:
    for base in (out, pics):
        put(base, "a/1.png", data=png())
        folder(base / "b")
    await post(client, MARKS, {"items": [place("pics", "a/1.png")], "set": {"rating": 3}})
    status, body = await post(client, f"{LIST}/move", {"items": [place("pics", "a/1.png")], "to": "b"})
    assert (status, body["root"]) == (200, "pics")
    assert body["files"] == [{"before": place("pics", "a/1.png"), "after": place("pics", "b/1.png")}]
    assert (pics / "b/1.png").exists() and (out / "a/1.png").exists() and not (out / "b/1.png").exists()
    assert await noted(client, "pics", "b/1.png") == {"rating": 3}
    status, body = await post(client, UNDO, {"token": body["undo"]})
    assert status == 200 and (pics / "a/1.png").exists()
    await post(client, UNDO, {"token": body["undo"]})
    assert (pics / "b/1.png").exists()
    assert await noted(client, "pics", "b/1.png") == {"rating": 3}


async def test_the_other_ways_to_organise_a_root(client: Client, pics: Path) -> None:
    put(pics, "a/1.png", data=png())
    status, body = await post(client, f"{LIST}/folders", {"root": "pics", "path": "c/d"})
    assert (status, body["root"], (pics / "c/d").is_dir()) == (200, "pics", True)
    status, _ = await post(client, f"{LIST}/copy", {"root": "pics", "select": {"subfolder": "a"}, "to": "c"})
    assert status == 200 and (pics / "c/1.png").exists()
    status, _ = await post(
        client, f"{LIST}/rename", {"root": "pics", "subfolder": "c", "filename": "1.png", "name": "2"}
    )
    assert status == 200 and (pics / "c/2.png").exists()
    status, _ = await post(
        client,
        f"{LIST}/rename",
        {"root": "pics", "items": [{"filename": "2.png", "subfolder": "c"}], "pattern": "x{n}"},
    )
    assert status == 200 and (pics / "c/x1.png").exists()
    status, _ = await post(client, f"{LIST}/rename", {"root": "pics", "folder": "c", "name": "e"})
    assert status == 200 and (pics / "e/x1.png").exists()
    status, _ = await post(client, f"{LIST}/move", {"root": "pics", "folders": ["e"], "to": "a"})
    assert status == 200 and (pics / "a/e/x1.png").exists()
    assert sorted(await names(client, root="pics", recursive=1)) == ["1.png", "x1.png"]


async def test_files_of_several_roots_are_not_moved_at_once(client: Client, out: Path, pics: Path) -> None:
    for base in (out, pics):
        put(base, "a/1.png")
        folder(base / "b")
    both = [place("pics", "a/1.png"), place("output", "a/1.png")]
    for body in (
        {"items": both, "to": "b"},
        {"items": [place("pics", "a/1.png")], "folders": ["a"], "to": "b"},
    ):
        status, answer = await post(client, f"{LIST}/move", body)
        assert (status, answer["error"]) == (400, "several roots")
    status, answer = await post(client, f"{LIST}/rename", {"items": both, "pattern": "{n}"})
    assert (status, answer["error"], answer["field"]) == (400, "several roots", "items")
    assert (pics / "a/1.png").exists() and (out / "a/1.png").exists()


async def test_a_root_that_cannot_be_written_to(
    client: Client, pics: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(pics, "a/1.png", data=png())
    put(out, "a/1.png", data=png())
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != pics and allowed(path, mode))
    found = await roots(client)
    assert (found["pics"]["available"], found["pics"]["writable"]) == (True, False)
    for url, body in (
        (DELETE, place("pics", "a/1.png")),
        (f"{LIST}/delete_all", {"root": "pics", "confirm": "delete-all"}),
        (f"{LIST}/move", {"items": [place("pics", "a/1.png")], "to": ""}),
        (f"{LIST}/copy", {"root": "pics", "folders": ["a"], "to": ""}),
        (f"{LIST}/rename", {"root": "pics", "subfolder": "a", "filename": "1.png", "name": "2"}),
        (f"{LIST}/folders", {"root": "pics", "path": "new"}),
        (f"{TRASH}/restore", {"root": "pics", "ids": []}),
    ):
        status, answer = await post(client, url, body)
        assert (status, answer["error"], answer["field"]) == (403, "read-only", "root"), url
    assert (pics / "a/1.png").exists()
    assert (await post(client, MARKS, {"items": [place("pics", "a/1.png")], "set": {"rating": 1}}))[0] == 200
    assert (await post(client, DELETE, place("output", "a/1.png")))[0] == 200


async def test_undo_of_a_move_in_a_library_that_is_left_out(studio: MakeStudio, client: Client, pics: Path) -> None:
    put(pics, "1.png")
    folder(pics / "b")
    _, body = await post(client, f"{LIST}/move", {"items": [place("pics", "1.png")], "to": "b"})
    await client.close()
    client = await studio()
    status, answer = await post(client, UNDO, {"token": body["undo"]})
    assert (status, answer["error"]) == (409, "cannot undo")
    await client.close()
    client = await studio(library_dirs={"pics": pics})
    assert (await post(client, UNDO, {"token": body["undo"]}))[0] == 200
    assert (pics / "1.png").exists()


# What changes


async def test_the_stream_of_a_root(client: Client, out: Path, pics: Path) -> None:
    folder(pics / "a")
    folder(out / "a")
    stream = await open_stream(client, root="pics", subfolder="a", recursive="1")
    other = await open_stream(client, subfolder="a")
    put(pics, "a/1.png")
    event = await stream.event()
    assert (event["root"], event["subfolder"], event["recursive"]) == ("pics", "a", True)
    put(out, "a/2.png")
    event = await other.event()
    assert set(event) == {"subfolder", "recursive", "mtime"}
    stream.response.close()
    other.response.close()


async def test_changes_of_all_roots_are_told_on_the_bus(client: Client, inputs: Path) -> None:
    await listing(client, root="input", recursive=1)
    async with client.app[SERVICES].bus.listen() as listener:
        put(inputs, "a/1.png")
        async with asyncio.timeout(20):
            while True:
                notice = await listener.next()
                if notice.name == "gallery" and notice.data.get("root") == "input" and notice.data["subfolder"] == "a":
                    break


# Drives that come and go


async def test_a_drive_that_is_plugged_in_later(client: Client, pics: Path) -> None:
    usb = pics.parent / "nowhere"
    status, body = await get(client, LIST, root="usb-1")
    assert (status, body["items"], body["total_items"]) == (200, [], 0)
    assert (await get(client, LIST, root="usb-1", subfolder="a"))[0] == 404
    status, _ = await post(client, DELETE, place("usb-1", "1.png"))
    assert status == 404 and not usb.exists()
    put(usb, "a/1.png", data=png())

    async def there() -> bool:
        found = (await roots(client))["usb-1"]
        return bool(found["available"] and found["complete"] and found["files"] == 1)

    await until(there)
    assert await names(client, root="usb-1", recursive=1) == ["1.png"]


async def test_a_drive_that_goes_keeps_what_was_noted(client: Client, studio: MakeStudio, pics: Path) -> None:
    put(pics, "1.png", data=png())
    await post(client, MARKS, {"items": [place("pics", "1.png")], "set": {"rating": 5}})
    away = pics.rename(pics.parent / "unplugged")
    assert (await roots(client))["pics"]["available"] is False
    assert (await get(client, LIST, root="pics"))[1]["items"] == []
    await client.close()
    client = await studio(library_dirs={"pics": pics})
    assert (await roots(client))["pics"]["available"] is False
    assert (await get(client, LIST))[0] == 200
    shutil.move(away, pics)

    async def back() -> bool:
        return await names(client, root="pics", recursive=1, q="rating:5") == ["1.png"]

    await until(back)


async def test_a_root_that_is_no_folder(studio: MakeStudio, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    client = await studio(library_dirs={"odd": tmp_path / "file", "below": tmp_path / "file" / "x"})
    found = await roots(client)
    assert [found[name]["available"] for name in ("odd", "below")] == [False, False]
    assert (await get(client, LIST, root="odd"))[1]["items"] == []
    assert (await get(client, LIST, root="below", recursive=1, q="x"))[1]["items"] == []


async def test_sign_in_covers_the_roots(studio: MakeStudio, pics: Path) -> None:
    put(pics, "1.png", data=png())
    client = await studio(library_dirs={"pics": pics}, auth_user="ada", auth_pass="lovelace")
    for url in (
        ROOTS,
        f"{LIST}?root=pics",
        "/view?type=pics&filename=1.png",
        "/cozygen/thumb?type=pics&filename=1.png",
    ):
        assert (await client.get(url)).status == 401
