"""Moving, copying and renaming: nothing is lost, everything follows, and all of it can be undone."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from cozygen.gallery import details, organise
from cozygen.gallery import files as file_operations
from cozygen.gallery.service import Selection
from cozygen.web.services import SERVICES
from tests.api.conftest import Client, MakeStudio
from tests.api.test_gallery_api import GRAPH, names, png, post, put
from tests.api.test_library_api import ALBUMS, UNDO, find, mark, noted, refused, undo

MOVE = "/cozygen/api/gallery/move"
COPY = "/cozygen/api/gallery/copy"
RENAME = "/cozygen/api/gallery/rename"
FOLDERS = "/cozygen/api/gallery/folders"


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def item(path: str) -> dict[str, str]:
    subfolder, _, filename = path.rpartition("/")
    return {"subfolder": subfolder, "filename": filename}


def files(out: Path) -> dict[str, bytes]:
    """All files below the folder."""
    found = (path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in found if ".cozygen-" not in str(path)}


async def do(client: Client, url: str, **body: Any) -> dict[str, Any]:
    status, answer = await post(client, url, body)
    assert status == 200, answer
    return answer


def pairs(answer: dict[str, Any]) -> list[tuple[str, str]]:
    def path(place: dict[str, str]) -> str:
        return "/".join(filter(None, (place["subfolder"], place["filename"])))

    return [(path(pair["before"]), path(pair["after"])) for pair in answer["files"]]


async def test_files_are_moved_and_moved_back(client: Client, out: Path) -> None:
    put(out, "a/1.png", 100, b"one")
    put(out, "a/2.png", 200, b"two")
    (out / "b").mkdir()
    answer = await do(client, MOVE, items=[item("a/1.png"), item("a/2.png"), item("a/none.png")], to="b")
    assert pairs(answer) == [("a/1.png", "b/1.png"), ("a/2.png", "b/2.png")]
    assert answer["missing"] == [item("a/none.png")]
    assert files(out) == {"b/1.png": b"one", "b/2.png": b"two"}
    assert (out / "b/1.png").stat().st_mtime == 100
    assert await names(client, subfolder="a") == []
    assert await names(client, subfolder="b") == ["2.png", "1.png"]
    again = await undo(client, answer["undo"])
    assert files(out) == {"a/1.png": b"one", "a/2.png": b"two"}
    assert await names(client, subfolder="a") == ["2.png", "1.png"]
    await undo(client, again)
    assert sorted(files(out)) == ["b/1.png", "b/2.png"]


async def test_all_that_is_found_is_moved(client: Client, out: Path) -> None:
    for name in ("a/fox 1.png", "a/fox 2.png", "a/owl.png", "b/fox 3.png"):
        put(out, name)
    (out / "foxes").mkdir()
    answer = await do(client, MOVE, select={"q": "fox"}, to="foxes")
    assert len(answer["files"]) == 3
    assert sorted(files(out)) == ["a/owl.png", "foxes/fox 1.png", "foxes/fox 2.png", "foxes/fox 3.png"]


async def test_a_taken_name_gets_a_number_or_refuses_it_all(client: Client, out: Path) -> None:
    put(out, "a/1.png", data=b"mine")
    put(out, "a/2.png", data=b"free")
    put(out, "b/1.png", data=b"theirs")
    body = {"items": [item("a/1.png"), item("a/2.png")], "to": "b", "conflict": "refuse"}
    response = await client.post(MOVE, json=body)
    answer = await response.json()
    assert (response.status, answer["error"], answer["paths"]) == (409, "exists", ["b/1.png"])
    assert sorted(files(out)) == ["a/1.png", "a/2.png", "b/1.png"]
    answer = await do(client, MOVE, items=[item("a/1.png")], to="b")
    assert pairs(answer) == [("a/1.png", "b/1 (2).png")]
    assert files(out) == {"a/2.png": b"free", "b/1 (2).png": b"mine", "b/1.png": b"theirs"}
    await undo(client, answer["undo"])
    assert files(out)["a/1.png"] == b"mine"


async def test_two_of_one_name_in_one_move(client: Client, out: Path) -> None:
    put(out, "a/1.png", data=b"a")
    put(out, "b/1.png", data=b"b")
    (out / "c").mkdir()
    body = {"items": [item("a/1.png"), item("b/1.png")], "to": "c"}
    assert await refused(client, MOVE, {**body, "conflict": "refuse"}) == (409, "exists", "to")
    assert pairs(await do(client, MOVE, **body)) == [("a/1.png", "c/1.png"), ("b/1.png", "c/1 (2).png")]


async def test_folders_are_moved_with_all_in_them(client: Client, out: Path) -> None:
    put(out, "a/x/1.png", data=b"one")
    put(out, "a/x/y/2.png", data=b"two")
    put(out, "a/x/notes.txt", data=b"text")
    (out / "b").mkdir()
    await mark(client, "a/x/y/2.png", rating=4)
    answer = await do(client, MOVE, folders=["a/x"], to="b")
    assert answer["folders"] == [{"before": "a/x", "after": "b/x"}]
    assert sorted(files(out)) == ["b/x/1.png", "b/x/notes.txt", "b/x/y/2.png"]
    assert await noted(client, "b/x/y/2.png") == {"rating": 4}
    assert await names(client, subfolder="b") == ["x"]
    assert await names(client, subfolder="a") == []
    assert sorted(await names(client, recursive=1)) == ["1.png", "2.png"]
    await undo(client, answer["undo"])
    assert sorted(files(out)) == ["a/x/1.png", "a/x/notes.txt", "a/x/y/2.png"]
    assert await noted(client, "a/x/y/2.png") == {"rating": 4}


async def test_a_folder_whose_name_is_taken_gets_a_number(client: Client, out: Path) -> None:
    put(out, "a/x.y/1.png")
    put(out, "b/x.y/2.png")
    assert await refused(client, MOVE, {"folders": ["a/x.y"], "to": "b", "conflict": "refuse"}) == (409, "exists", "to")
    answer = await do(client, MOVE, folders=["a/x.y"], to="b")
    assert answer["folders"] == [{"before": "a/x.y", "after": "b/x.y (2)"}]


async def test_metadata_are_not_read_again(client: Client, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(out, "a/1.png", data=png(prompt=GRAPH))
    put(out, "a/x/2.png", data=png(prompt=GRAPH))
    (out / "b").mkdir()
    assert len(await find(client, "dream")) == 2
    taken_in: list[Any] = []
    real = details.store

    def storing(*arguments: Any) -> Any:
        rows = real(*arguments)
        taken_in.extend(rows)
        return rows

    monkeypatch.setattr(details, "store", storing)
    await do(client, MOVE, items=[item("a/1.png")], folders=["a/x"], to="b")
    await do(client, RENAME, filename="1.png", subfolder="b", name="renamed")
    assert sorted(await find(client, "dream")) == ["2.png", "renamed.png"]
    assert await find(client, "renamed model:dream folder:b") == ["renamed.png"]
    assert await find(client, "name:1") == []
    assert taken_in == []


async def test_marks_albums_and_prompts_follow(client: Client, out: Path) -> None:
    put(out, "a/1.png", data=b"one")
    put(out, "a/2.png", data=b"one")
    await mark(client, "a/1.png", favorite=True, rating=3, hidden=True, add_tags=["t"])
    made = await do(client, ALBUMS, name="Mine", items=[item("a/1.png")])
    await do(client, "/cozygen/api/prompt_raw", prompt_id="p", prompt_raw={"1.text": "typed"})
    await client.app[SERVICES].database.write(_link)
    (out / "b").mkdir()
    await do(client, MOVE, items=[item("a/1.png")], to="b")
    await do(client, RENAME, **item("b/1.png"), name="new name.png")
    assert await noted(client, "b/new name.png") == {"favorite": True, "rating": 3, "hidden": True, "tags": ["t"]}
    assert await noted(client, "a/2.png") == {}
    assert await names(client, subfolder="b") == []
    response = await client.get(f"{ALBUMS}/{made['album']['id']}/items")
    assert [one["filename"] for one in (await response.json())["items"]] == ["new name.png"]
    jobs = client.app[SERVICES].jobs
    assert await jobs.raw_for_file("b", "new name.png") == {"1.text": "typed"}
    assert await jobs.raw_for_file("a", "1.png") is None


def _link(connection: Any) -> None:
    from sqlalchemy import insert

    from cozygen.storage.tables import outputs

    values = {"subfolder": "a", "filename": "1.png", "prompt_id": "p", "node_id": "9", "created_at": 0.0}
    connection.execute(insert(outputs).values(values))


async def test_files_and_folders_are_copied(client: Client, out: Path) -> None:
    put(out, "a/1.png", 100, b"one")
    put(out, "a/x/2.png", 100, b"two")
    put(out, "a/x/.cozygen-trash/files/3", data=b"gone")
    await mark(client, "a/1.png", rating=5, add_tags=["t"])
    answer = await do(client, COPY, items=[item("a/1.png")], folders=["a/x"], to="")
    assert pairs(answer) == [("a/1.png", "1.png")]
    assert answer["folders"] == [{"before": "a/x", "after": "x"}]
    assert files(out) == {"a/1.png": b"one", "a/x/2.png": b"two", "1.png": b"one", "x/2.png": b"two"}
    assert not (out / "x/.cozygen-trash").exists()
    assert (out / "1.png").stat().st_mtime == 100
    assert await noted(client, "1.png") == await noted(client, "a/1.png") == {"rating": 5, "tags": ["t"]}
    await mark(client, "1.png", rating=1)
    assert await noted(client, "a/1.png") == {"rating": 5, "tags": ["t"]}
    assert pairs(await do(client, COPY, items=[item("a/1.png")], to="a")) == [("a/1.png", "a/1 (2).png")]
    await undo(client, answer["undo"])
    assert sorted(files(out)) == ["a/1 (2).png", "a/1.png", "a/x/2.png"]
    assert (await names(client)).count("x") == 0
    trashed = await (await client.get("/cozygen/api/trash")).json()
    assert sorted(one["filename"] for one in trashed["items"]) == ["1.png", "2.png"]


async def test_one_file_is_renamed(client: Client, out: Path) -> None:
    put(out, "a/1.png", data=b"one")
    put(out, "a/2.png", data=b"two")
    answer = await do(client, RENAME, **item("a/1.png"), name="fox")
    assert pairs(answer) == [("a/1.png", "a/fox.png")]
    assert await names(client, subfolder="a", sort="name") == ["2.png", "fox.png"]
    assert pairs(await do(client, RENAME, **item("a/fox.png"), name="2.PNG")) == [("a/fox.png", "a/2.PNG")]
    assert pairs(await do(client, RENAME, **item("a/2.PNG"), name="owl.jpg")) == [("a/2.PNG", "a/owl.PNG")]
    taken = {**item("a/owl.PNG"), "name": "2.png", "conflict": "refuse"}
    assert await refused(client, RENAME, taken) == (409, "exists", "name")
    same = await do(client, RENAME, **item("a/2.png"), name="2.png")
    assert (same["files"], same["undo"]) == ([], None)


async def test_a_folder_is_renamed(client: Client, out: Path) -> None:
    put(out, "a/b/1.png")
    answer = await do(client, RENAME, folder="a", name="new")
    assert answer["folders"] == [{"before": "a", "after": "new"}]
    assert await names(client) == ["new"]
    assert await names(client, subfolder="new/b") == ["1.png"]
    await undo(client, answer["undo"])
    assert sorted(files(out)) == ["a/b/1.png"]


async def test_many_files_are_renamed_by_a_pattern(client: Client, out: Path) -> None:
    for number in range(3):
        put(out, f"{number}.png", 1_600_000_000, str(number).encode())
    items = [item("2.png"), item("0.png"), item("1.png")]
    answer = await do(client, RENAME, items=items, pattern="{name}-{n:3} {date}", start=9)
    assert [after for _, after in pairs(answer)] == [
        "2-009 2020-09-13.png",
        "0-010 2020-09-13.png",
        "1-011 2020-09-13.png",
    ]
    await undo(client, answer["undo"])
    assert files(out) == {f"{number}.png": str(number).encode() for number in range(3)}
    answer = await do(client, RENAME, items=items, pattern="same")
    assert sorted(files(out)) == ["same (2).png", "same (3).png", "same.png"]
    assert (await refused(client, RENAME, {"items": [item("same.png")], "pattern": "{x}"}))[:2] == (
        400,
        "invalid pattern",
    )


async def test_a_folder_is_made_and_taken_back(client: Client, out: Path) -> None:
    answer = await do(client, FOLDERS, path="new/deep er/")
    assert answer["path"] == "new/deep er"
    assert await names(client, subfolder="new") == ["deep er"]
    assert await refused(client, FOLDERS, {"path": "new"}) == (409, "exists", "path")
    await _undone(client, answer["undo"])
    assert await names(client) == []
    answer = await do(client, FOLDERS, path="kept")
    put(out, "kept/1.png")
    assert await refused(client, UNDO, {"token": answer["undo"]}) == (409, "cannot undo", "token")
    (out / "kept/1.png").unlink()
    await _undone(client, answer["undo"])
    assert not (out / "kept").exists()


async def _undone(client: Client, token: str) -> None:
    status, body = await post(client, UNDO, {"token": token})
    assert (status, body["undo"]) == (200, None)


async def test_an_undo_that_finds_its_place_taken_takes_another_name(client: Client, out: Path) -> None:
    put(out, "a/1.png", data=b"one")
    (out / "b").mkdir()
    answer = await do(client, MOVE, items=[item("a/1.png")], to="b")
    put(out, "a/1.png", data=b"new")
    await undo(client, answer["undo"])
    assert files(out) == {"a/1.png": b"new", "a/1 (2).png": b"one"}


async def test_an_undo_of_what_has_gone_says_so_and_stays(client: Client, out: Path) -> None:
    put(out, "a/1.png", data=b"one")
    (out / "b").mkdir()
    answer = await do(client, MOVE, items=[item("a/1.png")], to="b")
    (out / "b/1.png").rename(out / "c.png")
    assert await refused(client, UNDO, {"token": answer["undo"]}) == (409, "cannot undo", "token")
    (out / "c.png").rename(out / "b/1.png")
    await undo(client, answer["undo"])
    assert files(out) == {"a/1.png": b"one"}


@pytest.mark.parametrize(
    ("url", "body", "status", "error", "field"),
    [
        (MOVE, {"to": "b"}, 400, "missing items", "items"),
        (MOVE, {"items": [item("1.png")]}, 400, "invalid request", "to"),
        (MOVE, {"items": [item("1.png")], "to": "none"}, 404, "not found", "to"),
        (MOVE, {"items": [item("1.png")], "to": "1.png"}, 404, "not found", "to"),
        (MOVE, {"items": [item("1.png")], "to": ".."}, 403, "forbidden", "to"),
        (MOVE, {"items": [item("1.png")], "to": "/etc"}, 403, "forbidden", "to"),
        (MOVE, {"items": [item("1.png")], "to": "out"}, 403, "forbidden", "to"),
        (MOVE, {"items": [item("1.png")], "to": ".cozygen-trash"}, 404, "not found", "to"),
        (MOVE, {"items": [{"filename": "1.png", "subfolder": ".."}], "to": "b"}, 403, "forbidden", "to"),
        (MOVE, {"items": [item("none.png")], "to": "b"}, 404, "not found", "items"),
        (MOVE, {"items": [item("1.png")], "to": "b", "conflict": "overwrite"}, 400, "invalid request", "conflict"),
        (MOVE, {"folders": ["none"], "to": "b"}, 404, "not found", "to"),
        (MOVE, {"folders": ["b"], "to": "b/c"}, 409, "cannot move", "to"),
        (MOVE, {"folders": ["b"], "to": "b"}, 409, "cannot move", "to"),
        (MOVE, {"folders": [""], "to": "b"}, 409, "cannot move", "to"),
        (COPY, {"folders": ["b"], "to": "b/c"}, 409, "cannot move", "to"),
        (COPY, {"items": [item("1.png")], "to": "../x"}, 403, "forbidden", "to"),
        (RENAME, {"filename": "1.png"}, 400, "missing name", "name"),
        (RENAME, {"name": "x"}, 400, "missing filename", "filename"),
        (RENAME, {"filename": "1.png", "name": "a/b"}, 400, "invalid name", "name"),
        (RENAME, {"filename": "1.png", "name": ".."}, 400, "invalid name", "name"),
        (RENAME, {"filename": "1.png", "name": "x\x00"}, 400, "invalid name", "name"),
        (RENAME, {"filename": "1.png", "name": "\ud800"}, 400, "invalid name", "name"),
        (RENAME, {"filename": "1.png", "name": ".cozygen-x"}, 400, "invalid name", "name"),
        (RENAME, {"filename": "1.png", "name": "x" * 300}, 400, "invalid name", "name"),
        (RENAME, {"filename": "none.png", "name": "x"}, 404, "not found", "items"),
        (RENAME, {"folder": "none", "name": "x"}, 404, "not found", "name"),
        (RENAME, {"folder": ".", "name": "x"}, 409, "cannot move", "name"),
        (RENAME, {"items": [item("1.png")], "pattern": "{name"}, 400, "invalid pattern", "pattern"),
        (RENAME, {"items": [item("1.png")], "pattern": "a/b"}, 400, "invalid name", "pattern"),
        (RENAME, {"items": [item("1.png")], "pattern": "\ud800"}, 400, "invalid pattern", "pattern"),
        (FOLDERS, {"path": ""}, 409, "exists", "path"),
        (FOLDERS, {"path": "../x"}, 403, "forbidden", "path"),
        (FOLDERS, {"path": "1.png/x"}, 409, "cannot move", "path"),
        (FOLDERS, {"path": "x\x01"}, 400, "invalid name", "path"),
        (FOLDERS, {"path": ".cozygen-trash/x"}, 404, "not found", "path"),
    ],
)
async def test_what_cannot_be_is_refused(
    client: Client, out: Path, tmp_path: Path, url: str, body: Any, status: int, error: str, field: str
) -> None:
    put(out, "1.png", data=b"one")
    (out / "b/c").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (out / "out").symlink_to(tmp_path / "elsewhere")
    answer = await refused(client, url, body)
    assert answer[:2] == (status, error)
    assert answer[2] in (field, None)
    assert files(out) == {"1.png": b"one"}
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
async def test_a_disk_that_refuses_is_named(client: Client, out: Path) -> None:
    put(out, "a/1.png")
    (out / "b").mkdir()
    (out / "b").chmod(0o500)
    assert (await refused(client, MOVE, {"items": [item("a/1.png")], "to": "b"}))[:2] == (409, "cannot move")
    (out / "b").chmod(0o700)


async def test_what_fails_for_some_is_done_for_the_others(
    client: Client, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1.png", "2.png", "3.png"):
        put(out, name, data=name.encode())
    (out / "b").mkdir()
    real = file_operations.put_at

    def failing(source: Path, target: Path) -> None:
        if source.name == "2.png":
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(organise, "put_at", failing)
    answer = await do(client, MOVE, items=[item("1.png"), item("2.png"), item("3.png")], to="b")
    assert pairs(answer) == [("1.png", "b/1.png"), ("3.png", "b/3.png")]
    assert answer["errors"] == ["2.png: No space left on device"]
    assert sorted(files(out)) == ["2.png", "b/1.png", "b/3.png"]
    monkeypatch.setattr(organise, "put_at", real)
    await undo(client, answer["undo"])
    assert sorted(files(out)) == ["1.png", "2.png", "3.png"]


class Killed(BaseException):
    """The program ends here."""


@pytest.mark.parametrize("moment", ["before", "between", "after"])
async def test_a_crash_loses_nothing(
    studio: MakeStudio, out: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    for name in ("1.png", "2.png"):
        put(out, name, data=name.encode())
    (out / "b").mkdir()
    client = await studio()
    await mark(client, "1.png", rating=3)
    organiser = client.app[SERVICES].organiser

    def dying(source: Path, target: Path) -> None:
        if moment != "before":
            os.link(source, target)
        if moment == "after":
            source.unlink()
        raise Killed

    async def nothing(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(organise, "put_at", dying)
    monkeypatch.setattr(organiser, "_finish", nothing)
    with pytest.raises(Killed):
        await organiser.move("default", Selection([("", "1.png"), ("", "2.png")]), [], "b", "rename")
    monkeypatch.undo()
    await client.close()
    (out / "b/.cozygen-0123456789abcdef.tmp").write_bytes(b"half")
    os.utime(out / "b/.cozygen-0123456789abcdef.tmp", (1, 1))
    client = await studio()
    wanted = {"1.png", "2.png"} if moment == "before" else {"b/1.png", "2.png"}
    assert set(files(out)) == wanted
    assert not (out / "b/.cozygen-0123456789abcdef.tmp").exists() or moment == "before"
    place = "1.png" if moment == "before" else "b/1.png"
    async with asyncio.timeout(10):
        while await noted(client, place) != {"rating": 3}:
            await asyncio.sleep(0.02)


async def test_moves_at_once_do_not_get_in_each_others_way(client: Client, out: Path) -> None:
    for number in range(20):
        put(out, f"a/{number}.png", data=str(number).encode())
    (out / "b").mkdir()
    (out / "c").mkdir()
    items = [item(f"a/{number}.png") for number in range(20)]
    answers = await asyncio.gather(
        *(client.post(MOVE, json={"items": items, "to": to}) for to in ("b", "c", "b")),
        *(client.get("/cozygen/api/gallery?recursive=1") for _ in range(5)),
    )
    assert {answer.status for answer in answers} <= {200, 404, 409}
    assert sorted(files(out).values()) == sorted(str(number).encode() for number in range(20))
    assert len(await names(client, recursive=1, per_page=0)) == 20


async def test_what_is_in_the_trash_is_shown_nowhere(client: Client, out: Path) -> None:
    put(out, ".cozygen-trash/files/1.png", data=png())
    put(out, "a/.cozygen-0123456789abcdef.tmp", data=png())
    for url in ("/view", "/api/view", "/cozygen/thumb", "/cozygen/api/gallery/export"):
        for subfolder, name in (
            (".cozygen-trash/files", "1.png"),
            (".COZYGEN-trash/files", "1.png"),
            ("a/../.cozygen-trash/files", "1.png"),
            ("a", ".cozygen-0123456789abcdef.tmp"),
        ):
            response = await client.get(url, params={"subfolder": subfolder, "filename": name})
            assert response.status == 404, (url, subfolder)
    assert await names(client, recursive=1, show_hidden=1) == []
