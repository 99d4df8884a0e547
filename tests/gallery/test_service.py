"""The service by itself: what it does when the system does not help, or the library is large, or the disk fails."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cozygen.gallery import enricher, service
from cozygen.gallery.catalogue import Scope
from cozygen.gallery.details import Details
from cozygen.gallery.service import FolderMissing, Gallery, Request
from cozygen.storage.paths import Root

RECURSIVE = Scope("", recursive=True)

MakeGallery = Callable[..., Awaitable[Gallery]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
async def make(tmp_path: Path, out: Path) -> AsyncIterator[MakeGallery]:
    made: list[Gallery] = []

    async def start(**options: Any) -> Gallery:
        gallery = Gallery(Root(out), tmp_path / "data", **options)
        await gallery.start()
        made.append(gallery)
        return gallery

    yield start
    for gallery in made:
        await gallery.close()


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that tells of no changes, looked at often."""

    def refuse(*paths: object, **options: object) -> None:
        raise OSError(38, "not here")

    monkeypatch.setattr("cozygen.gallery.watcher.watch", refuse)
    monkeypatch.setattr(service, "_QUICKEST_SECONDS", 0.02)


def put(out: Path, name: str, mtime: float | None = None, data: bytes = b"x") -> Path:
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


async def names(gallery: Gallery, scope: Scope = RECURSIVE) -> list[str]:
    return [item.filename for item in (await gallery.page(Request(scope))).items]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await condition():
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("deaf")
@pytest.mark.parametrize("step", ["create", "replace", "overwrite", "delete", "rename folder"])
async def test_changes_are_told_where_the_system_tells_nothing(make: MakeGallery, out: Path, step: str) -> None:
    put(out, "a/1.png", 10)
    gallery = await make()
    async with gallery.subscribe(RECURSIVE) as subscription:
        await until(lambda: _is_complete(gallery))
        if step == "create":
            put(out, "a/b/2.png")
        elif step == "replace":
            put(out, "a/2.tmp").replace(out / "a/1.png")
        elif step == "overwrite":
            put(out, "a/1.png", data=b"longer")
        elif step == "delete":
            (out / "a/1.png").unlink()
        else:
            (out / "a").rename(out / "b")
        assert await subscription.next(10) is not None


async def _is_complete(gallery: Gallery) -> bool:
    return (await gallery.progress()).complete


async def _is_read(gallery: Gallery) -> bool:
    progress = await gallery.progress()
    return progress.complete and not progress.unread


@pytest.mark.usefixtures("deaf")
async def test_what_changed_while_nobody_looked_is_found_at_the_start(make: MakeGallery, out: Path) -> None:
    put(out, "a/1.png")
    gallery = await make()
    await until(lambda: _is_complete(gallery))
    await gallery.close()
    put(out, "a/2.png")
    put(out, "b/c/3.png")
    (out / "a/1.png").unlink()
    told: list[str] = []
    gallery = await make(on_change=lambda subfolder, mtime: told.append(subfolder))
    await until(lambda: _is_complete(gallery))
    assert sorted(await names(gallery)) == ["2.png", "3.png"]

    async def all_told() -> bool:
        return {"", "a", "b/c"} <= set(told)

    await until(all_told)


async def test_a_first_scan_that_takes_long_shows_what_it_has(
    make: MakeGallery, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        put(out, f"{number:02}/x.png")
    monkeypatch.setattr(service, "_PATIENCE", 0.0)
    monkeypatch.setattr("cozygen.gallery.library._SLICE_FILES", 1)
    gallery = await make()
    seen = []

    async def finished() -> bool:
        page = await gallery.page(Request(RECURSIVE, count=0))
        seen.append((page.total, page.complete))
        return page.complete

    await until(finished)
    assert seen[-1] == (30, True)
    totals = [total for total, _ in seen]
    assert totals == sorted(totals)
    assert all(total <= 30 for total in totals)


async def test_many_files_are_read_by_processes_and_few_by_us(
    make: MakeGallery, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enricher, "_MANY", 5)
    here: list[str] = []

    def read(path: Path) -> Details | None:
        here.append(path.name)
        return Details()

    for number in range(8):
        put(out, f"{number}.png")
    gallery = await make(read=read)
    await until(lambda: _is_read(gallery))
    assert here == []
    put(out, "new.png")
    await names(gallery)
    await until(lambda: _is_read(gallery))
    assert here == ["new.png"]


async def test_a_file_that_breaks_the_reader_does_not_stop_the_rest(make: MakeGallery, out: Path) -> None:
    def read(path: Path) -> Details | None:
        if path.name == "bad.png":
            raise RuntimeError("a fault")
        return Details(width=7)

    for name in ("a.png", "bad.png", "c.png"):
        put(out, name)
    gallery = await make(read=read)
    await until(lambda: _is_read(gallery))
    with closing(sqlite3.connect(gallery._store.path)) as connection:
        rows = connection.execute("SELECT name, state, width FROM files ORDER BY name").fetchall()
    assert rows == [("a.png", 1, 7), ("bad.png", 2, None), ("c.png", 1, 7)]


async def test_a_file_that_breaks_the_reader_is_listed_without_metadata(make: MakeGallery, out: Path) -> None:
    def read(path: Path) -> Details | None:
        raise RuntimeError("a fault")

    put(out, "bad.png")
    gallery = await make(read=read)
    page = await gallery.page(Request(RECURSIVE, include_meta=True))
    assert [(item.filename, item.meta) for item in page.items] == [("bad.png", None)]


async def test_an_index_that_breaks_while_in_use_is_built_again(make: MakeGallery, out: Path) -> None:
    for number in range(300):
        put(out, f"{number % 10}/{number}.png")
    gallery = await make()
    await until(lambda: _is_read(gallery))
    assert len(await names(gallery)) == 300
    with gallery._store.path.open("r+b") as stream:
        stream.seek(4096)
        stream.write(os.urandom(gallery._store.path.stat().st_size))
    with gallery._store.path.with_name("index.db-wal").open("r+b") as stream:
        stream.truncate(0)
    put(out, "0/new.png")
    found = await names(gallery)
    assert found[0] == "new.png"
    assert len(found) == 301


async def test_a_file_that_keeps_changing_is_shown_anyway(
    make: MakeGallery, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(out, "a.png", 10)
    put(out, "b.png", 20)
    gallery = await make()
    await names(gallery)
    differing, sizes = gallery._library.differing, itertools.count(2)

    def restless(rows: Any) -> Any:
        put(out, "a.png", data=b"x" * next(sizes))
        return differing(rows)

    monkeypatch.setattr(gallery._library, "differing", restless)
    assert sorted(await names(gallery)) == ["a.png", "b.png"]
    assert next(sizes) > service._ATTEMPTS


async def test_a_subscriber_must_name_a_folder_that_is_there(make: MakeGallery) -> None:
    gallery = await make()
    with pytest.raises(FolderMissing):
        async with gallery.subscribe(Scope("nope")):
            pass


async def test_a_burst_is_told_in_few_words(make: MakeGallery, out: Path) -> None:
    told: list[tuple[str, float]] = []
    put(out, "a/0.png")
    gallery = await make(on_change=lambda subfolder, mtime: told.append((subfolder, mtime)))
    async with gallery.subscribe(RECURSIVE) as subscription:
        told.clear()
        for number in range(2000):
            put(out, f"a/{number}.png", 1000 + number)

        async def all_there() -> bool:
            return len(await names(gallery)) == 2000

        await until(all_there)
        assert await subscription.next(10) is not None
    assert 1 <= len(told) < 100


async def test_records_of_the_index_are_plain_json(make: MakeGallery, out: Path) -> None:
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a fox, ink\nNegative prompt: blurry\nSteps: 20, Sampler: Euler, Seed: 5, Model: dream")
    Image.new("L", (6, 4)).save(out / "a.png", pnginfo=info)
    gallery = await make()

    def record() -> Any:
        with closing(sqlite3.connect(gallery._store.path)) as connection:
            return connection.execute(
                "SELECT positive, negative, models, loras, steps, seed, wire FROM meta JOIN files ON id = file"
                " WHERE width = 6 AND height = 4"
            ).fetchone()

    async def is_recorded() -> bool:
        return record() is not None

    await until(lambda: _is_read(gallery))
    await until(is_recorded)  # the record is on disk a moment after the count is known
    row = record()
    positive, negative, models, loras, steps, seed, wire = row
    assert (positive, negative, steps, seed) == ("a fox, ink", "blurry", 20, "5")
    assert (json.loads(models), json.loads(loras)) == (["dream"], [])
    assert json.loads(wire)["has_prompt"] is True


async def test_the_studios_own_folders_are_no_part_of_a_library_around_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    gallery = Gallery(Root(tmp_path), data)
    for folder in ("data/trash/files", "data/thumbnails", "data/temp", "data/output", "mine"):
        put(tmp_path, f"{folder}/1.png")
    await gallery.start()
    try:
        page = await gallery.page(Request(RECURSIVE))
        assert sorted(item.subfolder for item in page.items) == ["data/output", "mine"]
        assert len((await gallery.delete_all("", recursive=True)).done) == 2
        assert (data / "thumbnails/1.png").exists()
        with pytest.raises(FolderMissing):
            await gallery.page(Request(Scope("data/trash")))
    finally:
        await gallery.close()
