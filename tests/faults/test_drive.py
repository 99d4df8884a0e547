"""A drive that goes away and comes back: nothing counts as deleted meanwhile, and nothing is read again."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cozygen.gallery import library, service
from cozygen.gallery.details import Details, read_details
from cozygen.gallery.service import Gallery
from cozygen.gallery.worker import Priority, Steps
from cozygen.storage.paths import Root
from cozygen.web.services import SERVICES
from tests.api.conftest import Client
from tests.faults.scene import LIST, MARKS, MOVE, OPTIONS, Scene, is_indexed, png
from tests.faults.test_disk import ask, names, put
from tests.serving import Serving, command, wait_until


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    for number in range(3):
        put(folder, f"{number}.png", png(number))
        put(folder, f"a/deep/{number + 3}.png", png(number + 3))
    return folder


@pytest.fixture
async def marked(client: Client, out: Path) -> Client:
    """A studio that has seen everything, with a mark on one file."""
    async with asyncio.timeout(30):
        while await names(client, "recursive=1&q=fox") != [f"{number}.png" for number in range(6)]:
            await asyncio.sleep(0.02)
    items = [{"subfolder": "a/deep", "filename": "4.png"}]
    await ask(client, MARKS, {"items": items, "set": {"rating": 4, "add_tags": ["kept"]}})
    return client


def state(client: Client) -> dict[str, tuple[int, int]]:
    """What the index has: path -> id and state."""
    found = client.app[SERVICES].gallery._library
    with found.store.reader() as connection:
        rows = connection.execute(
            "SELECT d.path || '/' || f.name, f.id, f.state FROM files f JOIN folders d ON d.id = f.folder"
        ).fetchall()
    return {path: (id, state) for path, id, state in rows}


async def as_before(client: Client, before: dict[str, tuple[int, int]]) -> None:
    """Everything is there again, at once, without having been read again."""
    assert await names(client) == [f"{number}.png" for number in range(6)]
    assert await names(client, "recursive=1&q=tag:kept") == ["4.png"]
    assert await names(client, 'recursive=1&q="fox 5"') == ["5.png"]
    assert state(client) == before


ASKED = (
    "",
    "recursive=1",
    "recursive=1&q=fox",
    "recursive=1&cache_bust=x",
    "subfolder=a",
    "subfolder=a/deep&recursive=1",
)


async def ask_everything(client: Client) -> None:
    for query in ASKED:
        response = await client.get(f"{LIST}?{query}")
        assert response.status in (200, 404)
        if response.status == 200:
            body = await response.json()
            assert body["items"] == [] and body["indexing"], "there is more than can be shown"


async def test_the_folder_goes_and_comes_back(marked: Client, out: Path) -> None:
    before = state(marked)
    away = out.with_name("away")
    for _ in range(2):
        out.rename(away)
        await ask_everything(marked)
        gallery = marked.app[SERVICES].gallery
        await gallery.take_in(["", "a", "a/deep"])  # as news of them, or what was done in them, would have it
        gallery._heard({str(out / "a"), str(out / "a/deep"), str(out / "a/deep/3.png"), str(out / "1.png")})
        body = {"items": [{"filename": "1.png"}], "to": "a"}
        assert (await marked.post(MOVE, json=body)).status in (404, 409)
        away.rename(out)
        await as_before(marked, before)


async def test_an_empty_folder_stands_in_for_the_drive(
    marked: Client, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a mount point is when nothing is mounted there: it is on another disk."""
    before = state(marked)
    away = out.with_name("away")
    real = library._device
    out.rename(away)
    out.mkdir()
    monkeypatch.setattr(library, "_device", lambda path: (real(path) or 0) + 1)
    await ask_everything(marked)
    await marked.app[SERVICES].gallery.take_in(["", "a", "a/deep"])
    assert state(marked) == before
    out.rmdir()
    away.rename(out)
    monkeypatch.undo()
    await as_before(marked, before)
    assert not marked.app[SERVICES].gallery._library.away


async def test_an_emptied_folder_is_empty(marked: Client, out: Path) -> None:
    shutil.rmtree(out)
    out.mkdir()
    assert (await ask(marked, f"{LIST}?recursive=1"))["items"] == []
    assert state(marked) == {}
    put(out, "back.png", png(4))
    assert await names(marked, "recursive=1&q=tag:kept") == ["back.png"]


async def test_another_disk_with_something_on_it_is_believed(
    marked: Client, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = library._device
    (out / "a").rename(out.with_name("away"))
    monkeypatch.setattr(library, "_device", lambda path: (real(path) or 0) + 1)
    assert await names(marked) == ["0.png", "1.png", "2.png"]
    assert set(state(marked)) == {"/0.png", "/1.png", "/2.png"}


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch, out: Path) -> Iterator[Callable[[int], None]]:
    """`silent(errno)`: the disk of the library answers with an error, whatever it is asked."""

    def start(number: int) -> None:
        def failing(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(path: Any = ".", *rest: Any, **options: Any) -> Any:
                if isinstance(path, str | Path) and Path(path).is_relative_to(out):
                    raise OSError(number, os.strerror(number), str(path))
                return real(path, *rest, **options)

            return call

        for name in ("stat", "lstat", "scandir", "listdir", "open"):
            monkeypatch.setattr(os, name, failing(getattr(os, name)))

    yield start


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.EACCES])
async def test_a_disk_that_does_not_answer(
    marked: Client, silent: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before = state(marked)
    silent(number)
    for query, wanted in (
        ("recursive=1&per_page=0", 6),
        ("recursive=1&q=fox", 6),
        ("recursive=1&cache_bust=y", 6),
        ("subfolder=a/deep", 3),
        ("subfolder=a", 1),
        ("", 4),
    ):
        body = await ask(marked, f"{LIST}?{query}")
        assert (len(body["items"]), body["total_items"]) == (wanted, wanted), query
    stream = await marked.get("/cozygen/api/gallery/stream?subfolder=a")
    assert stream.status == 200
    stream.close()
    assert (await marked.post("/cozygen/api/gallery/delete", json={"filename": "1.png"})).status in (404, 409)
    assert state(marked) == before
    monkeypatch.undo()
    await as_before(marked, before)


async def test_a_folder_that_may_not_be_looked_at(marked: Client, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files stay known, with all that people noted of them; what is new elsewhere is seen."""
    before = state(marked)
    real = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("/deep"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    os.utime(out / "a/deep")
    put(out, "a/new.png")
    assert await names(marked) == ["0.png", "1.png", "2.png", "3.png", "4.png", "5.png", "new.png"]
    assert await names(marked, "recursive=1&q=tag:kept") == ["4.png"]
    monkeypatch.undo()
    (out / "a/new.png").unlink()
    os.utime(out / "a/deep")
    await as_before(marked, before)


class Fickle:
    """Reads metadata, unless it is told to fail as an unreadable disk does."""

    def __init__(self) -> None:
        self.broken = True
        self.tried: list[str] = []

    def __call__(self, path: Path) -> Details | None:
        self.tried.append(path.name)
        return None if self.broken else read_details(path)


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Gallery]]]:
    made: list[Gallery] = []

    async def start(folder: Path, **options: Any) -> Gallery:
        gallery = Gallery(Root(folder), tmp_path / "other", **options)
        await gallery.start()
        made.append(gallery)
        return gallery

    yield start
    for gallery in made:
        await gallery.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_a_drive_that_goes_while_files_are_read(
    make: Callable[..., Awaitable[Gallery]], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = out.with_name("away")

    def vanish(path: Path) -> Details | None:
        if out.exists():
            out.rename(away)
        return None

    gallery = await make(out, read=vanish)
    await until(lambda: asyncio.to_thread(away.exists))
    await asyncio.to_thread(lambda: gallery._worker.submit(Priority.BACKGROUND, nothing()).result(30))
    assert (await gallery.progress()).unread == 6, "they are not given up"
    await gallery.close()
    away.rename(out)
    gallery = await make(out)

    async def read() -> bool:
        found = await gallery.progress()
        return found.complete and not found.unread

    await until(read)
    assert {row.state for row in gallery._library.rows(gallery._library.snapshot, await ids(gallery)) if row} == {1}


def nothing() -> Steps[None]:
    yield


async def ids(gallery: Gallery) -> list[int]:
    snapshot = gallery._library.snapshot
    return snapshot.ids(service._EVERYTHING, 0, None)


async def test_what_could_not_be_read_is_tried_again(make: Callable[..., Awaitable[Gallery]], out: Path) -> None:
    fickle = Fickle()
    gallery = await make(out, read=fickle)

    async def read(*wanted: int) -> bool:
        rows = gallery._library.rows(gallery._library.snapshot, await ids(gallery))
        return len(rows) == 6 and {row.state for row in rows if row} == set(wanted)

    await until(lambda: read(2))
    await until(lambda: watching(gallery))
    fickle.broken = False
    os.chmod(out / "1.png", 0o600)  # noqa: PTH101 -- the right to read it is given

    async def one() -> bool:
        rows = gallery._library.rows(gallery._library.snapshot, await ids(gallery))
        return [row.name for row in rows if row and row.state == 1] == ["1.png"]

    await until(one)
    await gallery.close()
    gallery = await make(out, read=fickle)
    await until(lambda: read(1))


async def watching(gallery: Gallery) -> bool:
    return (await gallery.progress()).watching


# In earnest


def test_a_drive_that_is_not_mounted_at_the_start(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.fill("a", 30)
    drive = tmp_path / "drive"
    drive.mkdir()
    mount(["-t", "tmpfs", "-o", "size=8m", "tmpfs", str(drive)])
    try:
        shutil.copytree(scene.out, drive / "library")
        shutil.rmtree(scene.out)
        scene.out.mkdir()
        mount(["--bind", str(drive / "library"), str(scene.out)])
        with Serving(tmp_path, *OPTIONS) as studio:
            wait_until(lambda: is_indexed(studio), 120)
            items = [{"subfolder": "a", "filename": "00007.png"}]
            studio.ask("POST", MARKS, {"items": items, "set": {"rating": 5}})
            unmount(scene.out)
            assert studio.ask("GET", f"{LIST}?recursive=1")["items"] == []
            assert studio.end(signal.SIGTERM) == 0
        before = rows(scene.data)
        check = command("index", "--check", "--root", "output", "--data-dir", str(scene.data), cwd=tmp_path)
        assert check.returncode == 1 and "cannot be read: 1" in check.stdout and "in the index only" not in check.stdout
        with Serving(tmp_path, *OPTIONS) as studio:
            body = studio.ask("GET", f"{LIST}?recursive=1")
            assert body["items"] == [] and body["indexing"]
            mount(["--bind", str(drive / "library"), str(scene.out)])
            assert studio.ask("GET", f"{LIST}?recursive=1")["total_items"] == 30
            found = studio.ask("GET", f"{LIST}?recursive=1&q=rating:5")["items"]
            assert [item["filename"] for item in found] == ["00007.png"]
            scene.end(studio)
        assert rows(scene.data) == before and len(before) == 30
        scene.assert_index_agrees()
    finally:
        for folder in (scene.out, drive):
            subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def mount(arguments: list[str]) -> None:
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("it takes Linux to mount a drive")
    mounted = subprocess.run(["mount", *arguments], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode().strip()}")


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


def rows(data: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(data / "index.db")) as index:
        return index.execute("SELECT id, name FROM files ORDER BY id").fetchall()
