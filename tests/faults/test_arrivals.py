"""Files that come by the thousand, bit by bit, or from a machine whose clock is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from cozygen.gallery import service
from cozygen.web.services import SERVICES
from tests.api.conftest import Client, MakeStudio
from tests.faults.scene import LIST, OPTIONS, is_indexed, png
from tests.faults.test_disk import ask, names, put
from tests.serving import Serving, wait_until

_MANY = 10_000


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Stream:
    """What comes over a stream of changes, while it is open."""

    def __init__(self, url: str) -> None:
        self.times: list[float] = []
        self._response = requests.get(url, stream=True, timeout=120)
        self._lines = self._response.iter_lines()
        assert next(self._lines) == b":ok"
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for line in self._lines:
                if line.startswith(b"data: "):
                    self.times.append(json.loads(line[6:])["mtime"])
        except requests.RequestException:
            return  # the studio has ended

    def join(self) -> None:
        self._thread.join()
        self._response.close()


def test_ten_thousand_files_at_once(tmp_path: Path) -> None:
    target = tmp_path / "data/output/burst"
    target.mkdir(parents=True)
    data = png(1)
    with Serving(tmp_path, *OPTIONS) as studio:
        wait_until(lambda: is_indexed(studio), 120)
        stream = Stream(f"{studio.url()}/cozygen/api/gallery/stream?recursive=1")
        answered = 0
        writer = threading.Thread(target=lambda: [(target / f"{n:05}.png").write_bytes(data) for n in range(_MANY)])
        writer.start()
        # Only how far the index is gets asked: a listing would look at the disk by itself.
        while writer.is_alive() or studio.ask("GET", "/cozygen/api/gallery/index")["files"] < _MANY:
            assert studio.ask("GET", "/cozygen/hello")
            answered += 1
        writer.join()
        found = [item["filename"] for item in studio.ask("GET", f"{LIST}?recursive=1&per_page=0")["items"]]
        assert len(found) == _MANY and set(found) == {f"{number:05}.png" for number in range(_MANY)}
        seen = [
            item["filename"]
            for page in range(1, _MANY // 500 + 1)
            for item in studio.ask("GET", f"{LIST}?subfolder=burst&per_page=500&page={page}")["items"]
        ]
        assert sorted(seen) == sorted(found)
        assert answered > 10, "it was deaf meanwhile"
        assert 0 < len(stream.times) < _MANY / 20, "each piece of news stands for many files"
        assert stream.times == sorted(set(stream.times))
        studio.process.kill()
        stream.join()


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that tells of no changes, looked at often."""

    def refuse(*paths: object, **options: object) -> None:
        raise OSError(38, "not here")

    monkeypatch.setattr("cozygen.gallery.watcher.watch", refuse)
    monkeypatch.setattr(service, "_QUICKEST_SECONDS", 0.05)


async def until_read(client: Client) -> None:
    async with asyncio.timeout(60):
        while True:
            state = await ask(client, "/cozygen/api/gallery/index")
            if state["complete"] and not state["unread"]:
                return
            await asyncio.sleep(0.02)


async def until_found(client: Client, query: str, wanted: list[str]) -> None:
    async with asyncio.timeout(60):
        while (found := await names(client, f"recursive=1&q={query}")) != wanted:
            await asyncio.sleep(0.02)
            assert len(found) <= len(wanted), found


def grow(path: Path, data: bytes, at: int, end: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(data[at:end])


@pytest.mark.parametrize("room", ["as it comes", "all at first"])
@pytest.mark.parametrize("told", [True, False])
async def test_a_file_that_is_written_while_we_look(
    request: pytest.FixtureRequest, studio: MakeStudio, out: Path, told: bool, room: str
) -> None:
    """It is read again when it is whole, also where its size was the same from the beginning."""
    if not told:
        request.getfixturevalue("deaf")
    client = await studio()
    data = png(7, side=200, noise=True)
    path = put(out, "a/slow.png", b"" if room == "as it comes" else bytes(len(data)))
    for at in (0, 20, len(data) // 2):
        await until_read(client)
        assert await names(client) == ["slow.png"]
        grow(path, data, at, {0: 20, 20: len(data) // 2}.get(at, len(data)))
    await until_found(client, "seed:7", ["slow.png"])
    os.utime(path, (1_000_000_000, 1_000_000_000))  # as a copy gets the time of what it was copied from, at last
    await until_found(client, "seed:7 date:2001-09", ["slow.png"])
    assert (await ask(client, f"{LIST}?recursive=1"))["total_items"] == 1


TIMES = {"past": -5e8, "epoch": 0, "old": 5e8, "now": 1.7e9, "future": 4e9, "far": 9e9}


@pytest.mark.parametrize("recursive", ["", "&recursive=1"])
async def test_times_out_of_the_ordinary(client: Client, out: Path, recursive: str) -> None:
    for name, mtime in TIMES.items():
        for twin in "ba":
            path = put(out, f"{name}-{twin}.png", png(1))
            os.utime(path, (mtime, mtime))
    wanted = [f"{name}-{twin}.png" for name in reversed(TIMES) for twin in "ab"]
    for sort, order in (("", wanted), ("&sort=newest", wanted), ("&sort=oldest", None)):
        items = await items_of(client, f"per_page=0{sort}{recursive}")
        found = [item["filename"] for item in items]
        if order is not None:
            assert found == order
        else:
            assert [name.split("-")[0] for name in found] == [name for name in TIMES for _ in "ab"]
        assert {item["filename"]: item["mtime"] for item in items} == {
            f"{name}-{twin}.png": mtime for name, mtime in TIMES.items() for twin in "ab"
        }
    assert await by_cursor(client, f"sort=newest{recursive}") == wanted


async def items_of(client: Client, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await ask(client, f"{LIST}?{query}"))["items"]
    return found


async def by_cursor(client: Client, query: str, between: Callable[[], object] = lambda: None) -> list[str]:
    """All pages of five, with something that happens between them."""
    found: list[str] = []
    cursor = ""
    while True:
        page = await ask(client, f"{LIST}?{query}&per_page=5&cursor={cursor}")
        found += [item["filename"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        between()


async def test_a_clock_that_is_set_back_while_somebody_leafs(client: Client, out: Path) -> None:
    """New files get older times than those before them: pages neither repeat nor leave out what was there."""
    wanted = []
    for number in range(20):
        os.utime(put(out, f"{number:02}.png"), (1.7e9 - number, 1.7e9 - number))
        wanted.append(f"{number:02}.png")
    made = iter(range(100))

    def arrive() -> None:
        number = next(made)
        os.utime(put(out, f"late-{number}.png"), (1.6e9 - number, 1.6e9 - number))
        os.utime(put(out, f"early-{number}.png"), (1.8e9 + number, 1.8e9 + number))

    found = await by_cursor(client, "sort=newest&recursive=1", arrive)
    assert [name for name in found if "-" not in name] == wanted
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("told", [True, False])
async def test_a_file_that_is_replaced_by_an_older_one(
    request: pytest.FixtureRequest, studio: MakeStudio, out: Path, told: bool
) -> None:
    if not told:
        request.getfixturevalue("deaf")
    client = await studio()
    path = put(out, "a/1.png", png(11))
    await until_found(client, "seed:11", ["1.png"])
    async with client.app[SERVICES].bus.listen() as listener:
        other = put(out.parent, "other.png", png(12))
        os.utime(other, (1e9, 1e9))
        other.replace(path)
        async with asyncio.timeout(30):
            while (await listener.next()).name != "gallery":
                pass
    await until_found(client, "seed:12", ["1.png"])
    await until_found(client, "seed:11", [])
    grown = png(13) + b"more"
    path.write_bytes(grown)
    os.utime(path, (5e8, 5e8))
    await until_found(client, "seed:13", ["1.png"])


@pytest.mark.parametrize("hours", [-48, 48])
async def test_our_clock_is_wrong(studio: MakeStudio, out: Path, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """The disk's clock and ours may differ by days, as with a drive on another machine."""

    class Wrong:
        def __getattr__(self, name: str) -> Any:
            return getattr(time, name)

        @staticmethod
        def time_ns() -> int:
            return time.time_ns() + hours * 3_600_000_000_000

    monkeypatch.setattr("cozygen.gallery.library.time", Wrong())
    client = await studio()
    wanted: list[str] = []
    for number in range(30):
        put(out, f"a/{number:02}.png", png(number))
        wanted.append(f"{number:02}.png")
        assert await names(client) == wanted
    (out / "a/07.png").unlink()
    (out / "a/08.png").rename(out / "a/30.png")
    assert await names(client) == [name for name in wanted if name not in ("07.png", "08.png")] + ["30.png"]
