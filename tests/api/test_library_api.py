"""What people do with their files: marks, albums, searches, and taking things back."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Client, MakeStudio
from tests.api.test_gallery_api import GRAPH, LIST, listing, names, png, post, put

MARKS = "/cozygen/api/gallery/marks"
UNDO = "/cozygen/api/undo"
ALBUMS = "/cozygen/api/albums"
COMPLETE = "/cozygen/api/gallery/complete"


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def mark(client: Client, *paths: str, **values: Any) -> str | None:
    items = [dict(zip(("subfolder", "filename"), path.rpartition("/")[::2], strict=True)) for path in paths]
    status, body = await post(client, MARKS, {"items": items, "set": values})
    assert status == 200, body
    assert body["count"] == len(paths)
    token: str | None = body["undo"]
    return token


async def undo(client: Client, token: str | None) -> str:
    status, body = await post(client, UNDO, {"token": token})
    assert status == 200, body
    again: str = body["undo"]
    return again


async def find(client: Client, q: str, **query: Any) -> list[str]:
    return await names(client, q=q, **{"recursive": 1, **query})


async def noted(client: Client, path: str) -> dict[str, Any]:
    subfolder, _, filename = path.rpartition("/")
    items = (await listing(client, subfolder=subfolder, show_hidden=1, per_page=0))["items"]
    item = next(item for item in items if item["filename"] == filename)
    return {key: item[key] for key in ("favorite", "rating", "hidden", "tags") if key in item}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.02)


async def refused(client: Client, url: str, body: Any, method: str = "POST") -> tuple[int, str, str | None]:
    response = await client.request(method, url, json=body)
    answer = await response.json()
    return response.status, answer["error"], answer.get("field")


# Marks


async def test_marks_of_one_file(client: Client, out: Path) -> None:
    put(out, "a/1.png")
    put(out, "a/2.png")
    assert await noted(client, "a/1.png") == {}
    await mark(client, "a/1.png", favorite=True, rating=4, add_tags=["Best of", "fox", "fox"])
    assert await noted(client, "a/1.png") == {"favorite": True, "rating": 4, "tags": ["Best of", "fox"]}
    assert await noted(client, "a/2.png") == {}
    response = await client.get(MARKS, params={"subfolder": "a", "filename": "1.png"})
    assert await response.json() == {
        "filename": "1.png",
        "subfolder": "a",
        "favorite": True,
        "rating": 4,
        "hidden": False,
        "tags": ["Best of", "fox"],
        "albums": [],
    }
    await mark(client, "a/1.png", favorite=False, rating=0, remove_tags=["fox"])
    assert await noted(client, "a/1.png") == {"tags": ["Best of"]}


async def test_marks_of_many_files_and_what_is_not_there(client: Client, out: Path) -> None:
    for name in ("1.png", "2.png", "3.png"):
        put(out, name)
    items = [{"filename": name} for name in ("1.png", "gone.png", "3.png", "1.png")]
    status, body = await post(client, MARKS, {"items": items, "set": {"favorite": True}})
    assert (status, body["count"]) == (200, 2)
    assert body["missing"] == [{"filename": "gone.png", "subfolder": ""}]
    assert await find(client, "is:favorite", sort="name") == ["1.png", "3.png"]
    await undo(client, body["undo"])
    assert await find(client, "is:favorite") == []


async def test_marks_of_all_that_is_found(client: Client, out: Path) -> None:
    for name in ("a/fox 1.png", "a/fox 2.png", "a/owl.png", "b/fox 3.png"):
        put(out, name)
    select = {"q": "fox", "subfolder": "a"}
    status, body = await post(client, MARKS, {"select": select, "set": {"rating": 3, "add_tags": ["animal"]}})
    assert (status, body["count"]) == (200, 2)
    assert await find(client, "tag:animal rating:3", sort="name") == ["fox 1.png", "fox 2.png"]
    status, body = await post(client, MARKS, {"select": {"q": "nothing of that"}, "set": {"rating": 3}})
    assert (status, body["count"], body["undo"]) == (200, 0, None)


async def test_undo_takes_back_and_does_again(client: Client, out: Path) -> None:
    put(out, "1.png")
    put(out, "2.png")
    await mark(client, "1.png", rating=2, add_tags=["old"])
    token = await mark(client, "1.png", "2.png", favorite=True, rating=5, add_tags=["new"], remove_tags=["old"])
    again = await undo(client, token)
    assert await noted(client, "1.png") == {"rating": 2, "tags": ["old"]}
    assert await noted(client, "2.png") == {}
    await undo(client, again)
    assert await noted(client, "1.png") == {"favorite": True, "rating": 5, "tags": ["new"]}
    assert await noted(client, "2.png") == {"favorite": True, "rating": 5, "tags": ["new"]}
    assert await refused(client, UNDO, {"token": token}) == (404, "nothing to undo", "token")
    assert await refused(client, UNDO, {"token": "never"}) == (404, "nothing to undo", "token")


async def test_what_changes_nothing_has_no_undo(client: Client, out: Path) -> None:
    put(out, "1.png")
    assert await mark(client, "1.png", favorite=False, rating=0, remove_tags=["none"]) is None
    assert await mark(client, "1.png", favorite=True) is not None
    assert await mark(client, "1.png", favorite=True) is None


async def test_a_tag_keeps_its_first_spelling(client: Client, out: Path) -> None:
    put(out, "1.png")
    put(out, "2.png")
    await mark(client, "1.png", add_tags=["Sci-Fi"])
    await mark(client, "2.png", add_tags=["  sci-fi "])
    await mark(client, "1.png", add_tags=["SCI-FI"])
    assert await noted(client, "1.png") == await noted(client, "2.png") == {"tags": ["Sci-Fi"]}
    await mark(client, "1.png", remove_tags=["sci-FI"])
    assert await noted(client, "1.png") == {}


async def test_hidden_files_are_listed_on_request_only(client: Client, out: Path) -> None:
    put(out, "1.png")
    put(out, "2.png")
    token = await mark(client, "1.png", hidden=True)
    assert await names(client) == ["2.png"]
    assert (await listing(client))["total_items"] == 1
    assert sorted(await names(client, show_hidden=1)) == ["1.png", "2.png"]
    assert await find(client, "is:hidden") == []
    assert await find(client, "is:hidden", show_hidden=1) == ["1.png"]
    put(out, "3.png")
    assert sorted(await names(client)) == ["2.png", "3.png"]
    await undo(client, token)
    assert sorted(await names(client)) == ["1.png", "2.png", "3.png"]


async def test_a_change_is_told_to_whoever_looks(client: Client, out: Path) -> None:
    put(out, "a/1.png")
    await listing(client, subfolder="a")
    async with client.get("/cozygen/api/gallery/stream", params={"subfolder": "a"}) as stream:
        assert await stream.content.readline() == b":ok\n"
        await mark(client, "a/1.png", favorite=True)
        async with asyncio.timeout(10):
            while not (await stream.content.readline()).startswith(b"data:"):
                pass


@pytest.mark.parametrize(
    ("body", "status", "error", "field"),
    [
        ({"set": {}}, 400, "missing items", "items"),
        ({"items": [], "set": {}}, 400, "missing items", "items"),
        ({"items": [{"filename": "1.png"}], "select": {}, "set": {}}, 400, "missing items", "items"),
        ({"items": [{"filename": "1.png"}]}, 400, "invalid marks", "set"),
        ({"items": [{"filename": "1.png"}], "set": {"rating": 6}}, 400, "invalid marks", "set.rating"),
        ({"items": [{"filename": "1.png"}], "set": {"rating": True}}, 400, "invalid marks", "set.rating"),
        ({"items": [{"filename": "1.png"}], "set": {"rating": 2.5}}, 400, "invalid marks", "set.rating"),
        ({"items": [{"filename": "1.png"}], "set": {"favorite": 1}}, 400, "invalid marks", "set.favorite"),
        ({"items": [{"filename": "1.png"}], "set": {"add_tags": ["x" * 101]}}, 400, "invalid tag", "set.add_tags"),
        ({"items": [{"filename": "1.png"}], "set": {"add_tags": [" "]}}, 400, "invalid tag", "set.add_tags"),
        ({"items": [{"filename": "1.png"}], "set": {"add_tags": ["a\x00b"]}}, 400, "invalid tag", "set.add_tags"),
        ({"items": [{"filename": "1.png"}], "set": {"add_tags": ["\ud800"]}}, 400, "invalid tag", "set.add_tags"),
        ({"items": [{"filename": "../1.png"}], "set": {}}, 400, "invalid filename", "filename"),
        ({"items": [{"filename": "1.png", "subfolder": ".."}], "set": {}}, 403, "forbidden", None),
        ({"items": [{"filename": "none.png"}], "set": {"rating": 1}}, 404, "not found", "items"),
        ({"select": {"subfolder": "none"}, "set": {"rating": 1}}, 404, "not found", "subfolder"),
        ({"select": {"subfolder": "/etc"}, "set": {"rating": 1}}, 403, "forbidden", "subfolder"),
        ({"select": {"q": "(fox"}, "set": {"rating": 1}}, 400, "invalid query", "select.q"),
    ],
)
async def test_wrong_marks_are_refused(
    client: Client, out: Path, body: Any, status: int, error: str, field: str | None
) -> None:
    put(out, "1.png")
    assert await refused(client, MARKS, body) == (status, error, field)
    assert await noted(client, "1.png") == {}


# Marks follow their files


Move = Callable[[Path], object]


@pytest.mark.parametrize(
    ("move", "to"),
    [
        (lambda out: (out / "a/1.png").rename(out / "a/renamed.png"), "a/renamed.png"),
        (lambda out: (out / "a/1.png").rename(out / "b/1.png"), "b/1.png"),
        (lambda out: (out / "a").rename(out / "c"), "c/1.png"),
        (
            lambda out: (
                shutil.move(shutil.copy(out / "a/1.png", out / "b/x.png"), out / "b/y.png")
                and (out / "a/1.png").unlink()
            ),
            "b/y.png",
        ),
    ],
    ids=["renamed", "moved", "the folder renamed", "copied, the first one removed"],
)
async def test_marks_follow_what_others_move(client: Client, out: Path, move: Move, to: str) -> None:
    put(out, "a/1.png", data=b"the content")
    put(out, "b/2.png", data=b"another one")
    wanted = {"favorite": True, "rating": 4, "tags": ["kept"]}
    await mark(client, "a/1.png", favorite=True, rating=4, add_tags=["kept"])
    move(out)
    await until(lambda: _is(client, to, wanted))
    assert await find(client, "is:favorite") == [to.rpartition("/")[2]]


async def _is(client: Client, path: str, wanted: dict[str, Any]) -> bool:
    try:
        return await noted(client, path) == wanted
    except (StopIteration, RuntimeError):
        return False


async def test_marks_follow_what_was_moved_while_the_studio_was_away(
    studio: MakeStudio, out: Path, data_dir: Path
) -> None:
    for name in ("a/1.png", "a/2.png", "a/3.png"):
        put(out, name, data=name.encode())
    client = await studio()
    await mark(client, "a/1.png", rating=1)
    await mark(client, "a/2.png", rating=2, hidden=True)
    await mark(client, "a/3.png", rating=3)
    await client.close()
    (out / "b").mkdir()
    (out / "a/1.png").rename(out / "b/one.png")
    (out / "a/3.png").rename(out / "b/3.png")
    put(out, "a/3.png", data=b"another picture of the same name")
    client = await studio()
    await until(lambda: _is(client, "b/one.png", {"rating": 1}))
    await until(lambda: _is(client, "b/3.png", {"rating": 3}))
    assert await noted(client, "a/3.png") == {}
    assert await noted(client, "a/2.png") == {"rating": 2, "hidden": True}
    assert await names(client, subfolder="a") == ["3.png"]


async def test_marks_outlive_the_index(studio: MakeStudio, out: Path, data_dir: Path) -> None:
    put(out, "a/1.png", data=b"one")
    put(out, "a/copy of 1.png", data=b"one")
    client = await studio()
    await mark(client, "a/1.png", favorite=True, add_tags=["kept"])
    status, _ = await post(client, ALBUMS, {"name": "Best", "items": [{"filename": "1.png", "subfolder": "a"}]})
    assert status == 200
    await client.close()
    for path in data_dir.glob("index.db*"):
        path.unlink()
    client = await studio()
    await until(lambda: _is(client, "a/1.png", {"favorite": True, "tags": ["kept"]}))
    assert await noted(client, "a/copy of 1.png") == {}
    assert await find(client, "album:best") == ["1.png"]


async def test_an_edited_file_keeps_its_marks(client: Client, out: Path) -> None:
    put(out, "1.png", data=b"before")
    await mark(client, "1.png", rating=5)
    put(out, "1.png", data=b"after, and longer")
    await until(lambda: _is(client, "1.png", {"rating": 5}))


async def test_a_new_file_at_the_place_of_a_deleted_one_has_no_marks(client: Client, out: Path) -> None:
    put(out, "1.png", data=b"first")
    await mark(client, "1.png", rating=5)
    await post(client, "/cozygen/api/gallery/delete", {"filename": "1.png"})
    assert await names(client) == []
    put(out, "1.png", data=b"second")
    assert await noted(client, "1.png") == {}
    (out / "1.png").unlink()
    assert await names(client) == []
    status, _ = await post(client, "/cozygen/api/trash/restore", {"filename": "1.png"})
    assert status == 200
    await until(lambda: _is(client, "1.png", {"rating": 5}))


async def test_a_file_that_moves_on_leaves_nothing_to_the_next_one(client: Client, out: Path) -> None:
    put(out, "1.png", data=b"first")
    await mark(client, "1.png", rating=5)
    (out / "kept").mkdir()
    (out / "1.png").rename(out / "kept/1.png")
    put(out, "1.png", data=b"the next one")
    await until(lambda: _is(client, "kept/1.png", {"rating": 5}))
    await until(lambda: _is(client, "1.png", {}))


# Albums


async def test_albums(client: Client, out: Path) -> None:
    for number in range(4):
        put(out, f"a/{number}.png", 100 - number)
    items = [{"filename": f"{number}.png", "subfolder": "a"} for number in range(4)]
    status, made = await post(client, ALBUMS, {"name": "  Best   of ", "items": items[:2]})
    assert status == 200
    album = made["album"]
    assert (album["name"], album["count"], album["cover"]["filename"]) == ("Best of", 2, "0.png")
    url = f"{ALBUMS}/{album['id']}"
    assert await refused(client, ALBUMS, {"name": "BEST OF"}) == (409, "album exists", "name")
    status, body = await post(client, f"{url}/add", {"items": [items[3], items[0], items[2]]})
    assert (status, body["count"]) == (200, 3)
    assert await _album(client, url) == ["0.png", "1.png", "3.png", "2.png"]
    status, moved = await post(client, f"{url}/order", {"items": [items[2], items[3]], "before": items[0]})
    assert await _album(client, url) == ["2.png", "3.png", "0.png", "1.png"]
    await undo(client, moved["undo"])
    assert await _album(client, url) == ["0.png", "1.png", "3.png", "2.png"]
    status, removed = await post(client, f"{url}/remove", {"items": [items[1]]})
    assert await _album(client, url) == ["0.png", "3.png", "2.png"]
    await undo(client, removed["undo"])
    assert await _album(client, url) == ["0.png", "1.png", "3.png", "2.png"]
    response = await client.put(url, json={"name": "Worst of", "cover": items[3]})
    edited = await response.json()
    assert (edited["album"]["name"], edited["album"]["cover"]["filename"]) == ("Worst of", "3.png")
    assert await find(client, 'album:"worst of"', sort="name") == ["0.png", "1.png", "2.png", "3.png"]
    assert await find(client, 'album:"best of"') == []
    await undo(client, edited["undo"])
    assert [(one["name"], one["count"]) for one in await _albums(client)] == [("Best of", 4)]
    response = await client.get(MARKS, params={"subfolder": "a", "filename": "1.png"})
    assert (await response.json())["albums"] == [{"id": album["id"], "name": "Best of"}]


async def _album(client: Client, url: str) -> list[str]:
    response = await client.get(f"{url}/items")
    assert response.status == 200
    return [item["filename"] for item in (await response.json())["items"]]


async def _albums(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await (await client.get(ALBUMS)).json())["albums"]
    return found


async def test_a_deleted_album_comes_back_as_it_was(client: Client, out: Path) -> None:
    for name in ("1.png", "2.png"):
        put(out, name)
    items = [{"filename": "2.png"}, {"filename": "1.png"}]
    _, made = await post(client, ALBUMS, {"name": "Mine", "items": items})
    url = f"{ALBUMS}/{made['album']['id']}"
    deleted = await (await client.delete(url)).json()
    assert await _albums(client) == []
    assert await find(client, "album:mine") == []
    assert (await client.get(f"{url}/items")).status == 404
    await undo(client, deleted["undo"])
    assert await _album(client, url) == ["2.png", "1.png"]
    assert sorted(await find(client, "album:mine")) == ["1.png", "2.png"]
    await undo(client, made["undo"])
    assert await _albums(client) == []


async def test_an_album_whose_name_was_taken_meanwhile_stays_away(client: Client) -> None:
    _, made = await post(client, ALBUMS, {"name": "Mine"})
    deleted = await (await client.delete(f"{ALBUMS}/{made['album']['id']}")).json()
    await post(client, ALBUMS, {"name": "mine"})
    assert await refused(client, UNDO, {"token": deleted["undo"]}) == (409, "cannot undo", "token")
    other = (await _albums(client))[0]["id"]
    await client.delete(f"{ALBUMS}/{other}")
    await undo(client, deleted["undo"])
    assert [album["name"] for album in await _albums(client)] == ["Mine"]


async def test_albums_follow_their_files_and_count_those_that_are_there(client: Client, out: Path) -> None:
    put(out, "1.png", data=b"one")
    put(out, "2.png", data=b"two")
    _, made = await post(client, ALBUMS, {"name": "Mine", "select": {"q": "png"}})
    assert made["album"]["count"] == 2
    url = f"{ALBUMS}/{made['album']['id']}"
    (out / "x").mkdir()
    (out / "1.png").rename(out / "x/one.png")
    (out / "2.png").unlink()
    await listing(client)
    await until(lambda: _has(client, url, ["one.png"]))
    assert (await _albums(client))[0]["count"] == 1


async def _has(client: Client, url: str, wanted: list[str]) -> bool:
    return await _album(client, url) == wanted


@pytest.mark.parametrize(
    ("method", "url", "body", "status", "error", "field"),
    [
        ("POST", ALBUMS, {"name": " "}, 400, "invalid name", "name"),
        ("POST", ALBUMS, {"name": "x" * 201}, 400, "invalid name", "name"),
        ("POST", ALBUMS, {"name": "x", "items": [{"filename": "none"}]}, 404, "not found", "items"),
        ("PUT", f"{ALBUMS}/1", {"name": "x"}, 404, "no such album", "id"),
        ("PUT", f"{ALBUMS}/x", {"name": "x"}, 404, "no such album", "id"),
        ("PUT", f"{ALBUMS}/99999999999999999999", {"name": "x"}, 404, "no such album", "id"),
        ("DELETE", f"{ALBUMS}/1", None, 404, "no such album", "id"),
        ("POST", f"{ALBUMS}/1/add", {"items": [{"filename": "1.png"}]}, 404, "no such album", "id"),
        ("POST", f"{ALBUMS}/1/remove", {"items": [{"filename": "1.png"}]}, 404, "no such album", "id"),
        ("POST", f"{ALBUMS}/1/order", {"items": [{"filename": "1.png"}]}, 404, "no such album", "id"),
        ("POST", f"{ALBUMS}/1/add", {}, 400, "missing items", "items"),
    ],
)
async def test_wrong_albums_are_refused(
    client: Client, out: Path, method: str, url: str, body: Any, status: int, error: str, field: str
) -> None:
    put(out, "1.png")
    assert await refused(client, url, body, method) == (status, error, field)


# Searching


@pytest.fixture
async def library(client: Client, out: Path) -> Client:
    """Pictures of several sorts."""
    castle = {
        **GRAPH,
        "3": {**GRAPH["3"], "inputs": {**GRAPH["3"]["inputs"], "seed": 8, "steps": 30, "cfg": 4.0}},  # type: ignore[dict-item]
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "flux/real.safetensors"}},
        "6": {
            "class_type": "CLIPTextEncode",
            "inputs": {"text": "a Gothic castle, night_sky, 猫耳", "clip": ["10", 1]},
        },
    }
    put(out, "old/fox.png", 1_600_000_000, png(prompt=GRAPH))
    put(out, "new/castle 01.png", 1_700_000_000, png(prompt=castle, workflow={"nodes": []}))
    put(out, "new/film.mp4", 1_650_000_000, b"no film")
    put(out, "plain.jpg", 1_500_000_000, b"no picture")
    await mark(client, "old/fox.png", favorite=True, rating=5, add_tags=["best_of"])
    await mark(client, "new/film.mp4", rating=2)
    await post(client, ALBUMS, {"name": "Trip", "items": [{"filename": "plain.jpg"}]})
    return client


@pytest.mark.parametrize(
    ("q", "wanted"),
    [
        ("", ["castle 01.png", "film.mp4", "fox.png", "plain.jpg"]),
        ("fox", ["fox.png"]),
        ("FOX", ["fox.png"]),
        ("ca", []),
        ("cast*", ["castle 01.png"]),
        ("night_sky", ["castle 01.png"]),
        ('"night sky"', ["castle 01.png"]),
        ('"sky night"', []),
        ("猫", ["castle 01.png"]),
        ("猫耳", ["castle 01.png"]),
        ("耳猫", []),
        ("castle_01.png", ["castle 01.png"]),
        ("blurry", ["castle 01.png", "fox.png"]),
        ("blurry -gothic", ["fox.png"]),
        ("NOT blurry", ["film.mp4", "plain.jpg"]),
        ("fox OR castle", ["castle 01.png", "fox.png"]),
        ("blurry (gothic OR red)", ["castle 01.png", "fox.png"]),
        ("-(fox OR castle) is:video", ["film.mp4"]),
        ("prompt:blurry", []),
        ("negative:blurry", ["castle 01.png", "fox.png"]),
        ("name:castle", ["castle 01.png"]),
        ("name:fox", ["fox.png"]),
        ("best", ["fox.png"]),
        ("model:dream", ["fox.png"]),
        ("model:sd/*", ["fox.png"]),
        ("model=dream", ["fox.png"]),
        ("model=drea", []),
        ("ink", ["castle 01.png", "fox.png"]),
        ("lora:ink", ["castle 01.png", "fox.png"]),
        ("-lora:ink", ["film.mp4", "plain.jpg"]),
        ("seed:7", ["fox.png"]),
        ("sampler:euler", ["castle 01.png", "fox.png"]),
        ("sampler:eul", []),
        ("scheduler:karras", ["castle 01.png", "fox.png"]),
        ("source:comfyui", ["castle 01.png", "fox.png"]),
        ("steps>20", ["castle 01.png"]),
        ("steps>=20", ["castle 01.png", "fox.png"]),
        ("steps:20", ["fox.png"]),
        ("steps<30", ["fox.png"]),
        ("cfg:5..7", ["fox.png"]),
        ("cfg:..6.5", ["castle 01.png", "fox.png"]),
        ("size:4x4", ["castle 01.png", "fox.png"]),
        ("size>=5x4", []),
        ("width:4 height<=4", ["castle 01.png", "fox.png"]),
        ("ratio:square", ["castle 01.png", "fox.png"]),
        ("ratio:portrait", []),
        ("ratio:1:1", ["castle 01.png", "fox.png"]),
        ("is:favorite", ["fox.png"]),
        ("is:favourite", ["fox.png"]),
        ("is:rated", ["film.mp4", "fox.png"]),
        ("is:tagged", ["fox.png"]),
        ("is:video", ["film.mp4"]),
        ("kind:image", ["castle 01.png", "fox.png", "plain.jpg"]),
        ("has:workflow", ["castle 01.png"]),
        ("has:prompt", ["castle 01.png", "fox.png"]),
        ("has:lora has:model", ["castle 01.png", "fox.png"]),
        ("has:album", ["plain.jpg"]),
        ("rating>=4", ["fox.png"]),
        ("rating:1..4", ["film.mp4"]),
        ("rating:0", ["castle 01.png", "plain.jpg"]),
        ("tag:best_of", ["fox.png"]),
        ('tag:"BEST of"', ["fox.png"]),
        ("tag:best", []),
        ("tag:best*", ["fox.png"]),
        ("album:trip", ["plain.jpg"]),
        ("folder:new", ["castle 01.png", "film.mp4"]),
        ("folder:ne", []),
        ("folder:n*", ["castle 01.png", "film.mp4"]),
        ("date:2020", ["fox.png"]),
        ("date>=2022", ["castle 01.png", "film.mp4"]),
        ("date:2017..2020-09", ["fox.png", "plain.jpg"]),
        ("date:2023-11", ["castle 01.png"]),
        ("filesize>1kb", []),
        ("filesize<=10", ["film.mp4", "plain.jpg"]),
        ("!!! , -", ["castle 01.png", "film.mp4", "fox.png", "plain.jpg"]),
        ("re:zero", []),
    ],
)
async def test_what_a_search_finds(library: Client, q: str, wanted: list[str]) -> None:
    assert await find(library, q) == wanted


@pytest.mark.parametrize(
    ("q", "position"),
    [
        ("fox (castle", 4),
        ("fox) castle", 3),
        ('fox "castle', 4),
        ("OR fox", 0),
        ("fox OR", 4),
        ("fox NOT", 4),
        ("steps>many", 6),
        ("fox cfg:1..x", 11),
        ("model>x", 5),
        ("is:nice", 3),
        ("size:big", 5),
        ("date:2026-13", 5),
        ("rating:", 0),
        ("ratio:0:1", 6),
        ("seed:x", 5),
        ("(" * 20 + "x" + ")" * 20, 16),
        ("x " * 65, 128),
        ("x" * 1001, 1000),
    ],
)
async def test_a_wrong_query_is_refused_with_the_place(client: Client, q: str, position: int) -> None:
    response = await client.get(LIST, params={"q": q})
    body = await response.json()
    assert (response.status, body["error"], body["field"], body["position"]) == (400, "invalid query", "q", position)
    assert body["message"]


async def test_orders(library: Client) -> None:
    assert await find(library, "", sort="oldest") == ["plain.jpg", "fox.png", "film.mp4", "castle 01.png"]
    assert await find(library, "", sort="name") == ["castle 01.png", "film.mp4", "fox.png", "plain.jpg"]
    assert await find(library, "", sort="rating") == ["fox.png", "film.mp4", "castle 01.png", "plain.jpg"]
    assert await find(library, "", sort="size") == ["castle 01.png", "fox.png", "plain.jpg", "film.mp4"]
    assert (await find(library, "", sort="duration"))[0] == "castle 01.png"
    assert await find(library, "fox OR blurry", sort="relevance") == ["fox.png", "castle 01.png"]
    shuffled = await find(library, "", sort="random:7")
    assert sorted(shuffled) == ["castle 01.png", "film.mp4", "fox.png", "plain.jpg"]
    assert shuffled == await find(library, "", sort="random:7")
    assert len({tuple(await find(library, "", sort=f"random:{seed}")) for seed in range(12)}) > 3


@pytest.mark.parametrize("sort", ["newest", "oldest", "name", "size", "rating", "duration", "random:x", "relevance"])
async def test_cursors_go_on_whatever_arrives(client: Client, out: Path, sort: str) -> None:
    for number in range(12):
        put(out, f"{number % 3}/{number:02}.png", 1000 + number // 4, b"x" * (number % 5))
    wanted = await names(client, recursive=1, q="png", sort=sort, per_page=0)
    seen: list[str] = []
    cursor = ""
    for number in range(20):
        page = await listing(client, recursive=1, q="png", sort=sort, per_page=5, cursor=cursor)
        seen += [item["filename"] for item in page["items"]]
        put(out, f"new-{number}.png", 2000 + number, b"x" * 40)
        if number == 0:
            (out / "0/00.png").unlink()
        cursor = page["next_cursor"]
        if cursor is None:
            break
    old = [name for name in seen if not name.startswith("new-")]
    assert [name for name in old if name != "00.png"] == [name for name in wanted if name != "00.png"]
    assert len(set(seen)) == len(seen)


async def test_cursors_and_numbers_agree_also_on_folders(client: Client, out: Path) -> None:
    for number in range(5):
        (out / f"d{number}").mkdir()
        os.utime(out / f"d{number}", (1000 + number, 1000 + number))
        put(out, f"{number}.png", 2000 + number)
    for sort in ("newest", "oldest", "name"):
        wanted = await names(client, sort=sort, per_page=0)
        by_number = [name for page in range(1, 5) for name in await names(client, sort=sort, per_page=3, page=page)]
        by_cursor, cursor = [], ""
        while cursor is not None:
            page_ = await listing(client, sort=sort, per_page=3, cursor=cursor)
            by_cursor += [item["filename"] for item in page_["items"]]
            cursor = page_["next_cursor"]
        assert by_cursor == by_number == wanted
        assert len(wanted) == 10


async def test_a_plain_listing_is_as_the_reference_has_it(library: Client) -> None:
    page = await listing(library, recursive=1)
    assert set(page) == {"items", "page", "per_page", "total_pages", "total_items", "indexing"}
    found = await listing(library, recursive=1, q="fox")
    assert (found["page"], found["per_page"], found["total_pages"], found["total_items"]) == (1, 20, 1, 1)
    assert found["next_cursor"] is None
    item = found["items"][0]
    assert (item["width"], item["height"], item["rating"], item["favorite"]) == (4, 4, 5, True)


@pytest.mark.parametrize(
    ("query", "error", "field"),
    [
        ({"sort": "best"}, "invalid sort", "sort"),
        ({"sort": "random:" + "x" * 65}, "invalid sort", "sort"),
        ({"cursor": "x"}, "invalid cursor", "cursor"),
        ({"cursor": "W10"}, "invalid cursor", "cursor"),
        ({"cursor": "ü"}, "invalid cursor", "cursor"),
        ({"cursor": "WyJuYW1lIiwwLDAsImEiLDFd"}, "invalid cursor", "cursor"),
        ({"cursor": "WyJuZXdlc3QiLDAsMWU5OSwiYSIsMV0"}, "invalid cursor", "cursor"),
        ({"q": "x" * 5000}, "invalid query", "q"),
    ],
)
async def test_wrong_orders_and_cursors_are_refused(
    client: Client, query: dict[str, str], error: str, field: str
) -> None:
    response = await client.get(LIST, params=query)
    body = await response.json()
    assert (response.status, body["error"], body["field"]) == (400, error, field)


async def test_facets_count_what_was_found(library: Client) -> None:
    facets = (await listing(library, recursive=1, facets=1))["facets"]
    counted = {key: [(entry["value"], entry["count"]) for entry in values] for key, values in facets.items()}
    assert counted["kind"] == [("image", 3), ("video", 1)]
    assert counted["model"] == [("flux/real.safetensors", 1), ("sd/dream.safetensors", 1)]
    assert counted["lora"] == [("ink.safetensors", 2)]
    assert counted["sampler"] == [("euler", 2)]
    assert counted["folder"] == [("new", 2), ("", 1), ("old", 1)]
    assert counted["rating"] == [(5, 1), (2, 1), (0, 2)]
    assert counted["is"] == [("favorite", 1)]
    assert counted["has"] == [("prompt", 2), ("workflow", 1)]
    assert counted["date"] == [("2023-11", 1), ("2022-04", 1), ("2020-09", 1), ("2017-07", 1)]
    assert counted["size"] == [("4x4", 2)]
    assert counted["ratio"] == [("square", 2)]
    assert counted["tag"] == [("best_of", 1)]
    assert counted["album"] == [("Trip", 1)]
    fewer = (await listing(library, recursive=1, facets=1, q="is:video"))["facets"]
    assert fewer["kind"] == [{"value": "video", "count": 1}]
    assert fewer["model"] == []


async def test_facets_are_values_of_the_language(library: Client) -> None:
    facets = (await listing(library, recursive=1, facets=1))["facets"]
    for key, values in facets.items():
        for entry in values:
            if entry["value"] != "":
                found = await listing(library, recursive=1, q=f'{key}:"{entry["value"]}"')
                assert found["total_items"] == entry["count"], (key, entry)


async def test_a_new_file_is_found_at_once(client: Client, out: Path) -> None:
    assert await find(client, "dream") == []
    put(out, "a/later.png", data=png(prompt=GRAPH))
    assert await find(client, "dream") == ["later.png"]
    put(out, "a/later.png", data=png())
    assert await find(client, "dream") == []
    assert await find(client, "later") == ["later.png"]


async def test_completions(library: Client) -> None:
    async def complete(q: str, **query: Any) -> list[str]:
        response = await library.get(COMPLETE, params={"q": q, **query})
        body = await response.json()
        assert response.status == 200, body
        return [item["text"] for item in body["items"]]

    assert "model:" in await complete("fox mo")
    assert await complete("fox model:real") == ["model:flux/real.safetensors"]
    assert await complete("-tag:b") == ["-tag:best_of"]
    assert await complete("is:fav") == ["is:favorite"]
    assert await complete("best") == ["tag:best_of"]
    assert await complete("steps") == ["steps:", "steps>=", "steps<=", "steps>", "steps<"]
    assert await complete("folder:ne fox", at=9) == ["folder:new"]
    response = await library.get(COMPLETE, params={"q": "fox (lora:i", "at": 11})
    body = await response.json()
    assert (body["start"], body["end"]) == (5, 11)
    assert body["items"] == [{"text": "lora:ink.safetensors", "kind": "value", "count": 2}]
