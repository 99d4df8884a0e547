"""A disk that is full, and one that does not let us: what cannot be done is said, and nothing is lost by trying."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Connection, event

from cozygen.web.services import SERVICES
from tests.api.conftest import Client, MakeStudio
from tests.faults.scene import COPY, DELETE_ALL, LIST, MARKS, MOVE, OPTIONS, RESTORE, TRASH, Scene, is_indexed, png
from tests.serving import Serving, wait_until


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def put(out: Path, name: str, data: bytes = b"x") -> Path:
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


async def ask(client: Client, path: str, body: Any = None, *, status: int = 200) -> dict[str, Any]:
    response = await (client.get(path) if body is None else client.post(path, json=body))
    answer: dict[str, Any] = await response.json()
    assert response.status == status, answer
    return answer


async def names(client: Client, query: str = "recursive=1&per_page=0") -> list[str]:
    return sorted(item["filename"] for item in (await ask(client, f"{LIST}?{query}"))["items"])


def refusing(monkeypatch: pytest.MonkeyPatch, number: int, *functions: str) -> None:
    """From now on these functions of `os` refuse."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    for function in functions:
        monkeypatch.setattr(os, function, refuse)


# Full


@pytest.mark.parametrize("step", ["fsync", "link", "rename"])
async def test_copying_and_moving_on_a_full_disk(
    client: Client, out: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    put(out, "a/1.png", b"one")
    put(out, "a/deep/2.png", b"two")
    (out / "b").mkdir()
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    await names(client)
    refusing(monkeypatch, errno.ENOSPC, *(("link", "rename") if step == "link" else (step,)))
    body = {"items": [{"subfolder": "a", "filename": "1.png"}], "to": "b"}
    answer = await ask(client, COPY, body, status=409)
    assert answer["error"] == "cannot move" and "No space left" in answer["message"]
    if step != "fsync":  # a move writes no content
        folder = await ask(client, MOVE, {"folders": ["a/deep"], "to": "b"}, status=200 if step == "none" else 409)
        assert "No space left" in folder["message"]
    if step == "link":
        answer = await ask(client, MOVE, body, status=409)
        assert answer["message"] == "a/1.png: No space left on device."
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert [path.name for path in (out / "b").iterdir()] == []
    monkeypatch.undo()
    assert (await ask(client, MOVE, body))["files"] and (out / "b/1.png").read_bytes() == b"one"


@pytest.mark.parametrize("step", ["fsync", "replace", "rename"])
async def test_deleting_on_a_full_disk(client: Client, out: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    for number in range(3):
        put(out, f"a/{number}.png")
    await names(client)
    refusing(monkeypatch, errno.ENOSPC, step)
    one = await ask(client, "/cozygen/api/gallery/delete", {"subfolder": "a", "filename": "0.png"}, status=409)
    assert "No space left" in one["message"]
    response = await client.post(DELETE_ALL, json={"confirm": "delete-all"})
    answer = await response.json()
    assert response.status == 409 or (answer["deleted"] == 0 and len(answer["errors"]) == 3), answer
    assert await names(client) == ["0.png", "1.png", "2.png"]
    monkeypatch.undo()
    assert (await ask(client, TRASH))["total_items"] == 0
    assert [path for path in (out.parent / "trash").rglob("*") if path.is_file()] == []
    assert (await ask(client, DELETE_ALL, {"confirm": "delete-all"}))["deleted"] == 3


async def test_restoring_on_a_full_disk(client: Client, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(out, "a/1.png", b"one")
    await ask(client, DELETE_ALL, {"confirm": "delete-all"})
    ids = [item["id"] for item in (await ask(client, TRASH))["items"]]
    refusing(monkeypatch, errno.ENOSPC, "link", "rename")
    assert (await ask(client, RESTORE, {"ids": ids}))["errors"] == ["a/1.png: No space left on device"]
    assert [item["id"] for item in (await ask(client, TRASH))["items"]] == ids
    monkeypatch.undo()
    await ask(client, RESTORE, {"ids": ids})
    assert (out / "a/1.png").read_bytes() == b"one" and await names(client) == ["1.png"]


async def test_marks_on_a_full_disk(client: Client, out: Path) -> None:
    put(out, "1.png")
    database = client.app[SERVICES].database
    body = {"items": [{"filename": "1.png"}], "set": {"rating": 3}}
    await ask(client, MARKS, body)
    pages = await database.read(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar())

    def limit(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    event.listen(database.engine, "begin", limit)
    tags = [f"{number}-{'long' * 20}" for number in range(100)]
    answer = await ask(client, MARKS, {**body, "set": {"add_tags": tags}}, status=507)
    assert answer["error"] == "storage failed" and "full" in answer["message"]
    assert (await ask(client, f"{LIST}?q=rating:3"))["total_items"] == 1
    pages = 1_000_000
    await ask(client, MARKS, {**body, "set": {"add_tags": tags}})
    assert (await ask(client, f"{LIST}?q=tag:99-*"))["total_items"] == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_what_nobody_expects_of_a_full_disk(
    client: Client, out: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    put(out, "1.png")
    gallery = client.app[SERVICES].gallery

    async def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(gallery, "restore", refuse)
    answer = await ask(client, RESTORE, {"ids": ["0" * 32 + ".0"]}, status=507)
    assert answer["error"] == "storage failed"


async def test_the_index_on_a_full_disk(studio: MakeStudio, out: Path, data_dir: Path) -> None:
    client = await studio()
    put(out, "a/first.png", png(1))
    await ask(client, MARKS, {"items": [{"subfolder": "a", "filename": "first.png"}], "set": {"rating": 3}})
    writer = client.app[SERVICES].gallery._store.writer
    writer.execute(f"PRAGMA max_page_count = {writer.execute('PRAGMA page_count').fetchone()[0]}")
    for number in range(800):
        put(out, f"b/{number:03}-{'long' * 20}.png")
    assert (await ask(client, f"{LIST}?recursive=1"))["total_items"] == 801
    assert (await ask(client, f"{LIST}?recursive=1&q=rating:3"))["total_items"] == 1
    await client.close()
    client = await studio()
    async with asyncio.timeout(60):
        while (state := await ask(client, "/cozygen/api/gallery/index"))["unread"] or not state["complete"]:
            await asyncio.sleep(0.05)
    assert (await ask(client, f"{LIST}?recursive=1&q=rating:3"))["total_items"] == 1
    await client.close()
    with closing(sqlite3.connect(data_dir / "index.db")) as index:
        assert index.execute("SELECT count(*) FROM files WHERE state != 0").fetchone() == (801,), (
            "it is on the disk again"
        )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("it takes Linux to mount one")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"none can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write to a file until there is no room on its disk."""
    with path.open("ab", buffering=0) as stream:
        for size in (64 * 1024, 1024):
            with pytest.raises(OSError, match="No space left"):
                while stream.write(bytes(size)):
                    pass


def test_a_studio_whose_disk_fills_up(small_disk: Path) -> None:
    scene = Scene(small_disk)
    scene.fill("a", 40, side=100, noise=True)
    filler = small_disk / "filler"
    with Serving(small_disk, *OPTIONS) as studio:
        wait_until(lambda: is_indexed(studio), 120)
        studio.ask("POST", MARKS, {"items": [{"subfolder": "a", "filename": "00003.png"}], "set": {"rating": 3}})
        fill(filler)
        for query in ("", "&q=fox", "&cache_bust=1"):
            assert studio.ask("GET", f"{LIST}?recursive=1{query}")["total_items"] == 40
        for number in range(40):
            assert studio.ask("GET", f"{LIST}?q=seed:{number}&recursive=1")["total_items"] == 1
        refused: tuple[tuple[str, Any], ...] = (
            (COPY, {"items": [{"subfolder": "a", "filename": "00001.png"}], "to": ""}),
            (DELETE_ALL, {"confirm": "delete-all", "subfolder": "a"}),
        )
        for path, body in refused:
            fill(filler)
            response = requests.post(studio.url() + path, json=body, timeout=60)
            assert response.status_code in (409, 507), response.text
            assert set(scene.library().values()) == set(scene.originals)
        filler.unlink()
        studio.ask("POST", COPY, {"items": [{"subfolder": "a", "filename": "00001.png"}], "to": ""})
        assert studio.ask("GET", f"{LIST}?recursive=1")["total_items"] == 41
        assert studio.ask("GET", f"{LIST}?recursive=1&q=rating:3")["total_items"] == 1
        assert studio.ask("POST", DELETE_ALL, {"confirm": "delete-all", "subfolder": "a"})["deleted"] == 40
        assert studio.end(signal.SIGTERM) == 0
    assert scene.temporaries() == []
