"""The studio is killed in the middle of what it does to files. Nothing is lost, and the next start repairs it."""

from __future__ import annotations

import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.faults.scene import COPY, DELETE_ALL, LIST, MARKS, MOVE, OPTIONS, RESTORE, TRASH, Scene, count, kill_during
from tests.serving import Serving, alive, clean_environment, descendants, wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kill -9 is meant")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def places(names: range, folder: str) -> list[dict[str, str]]:
    return [{"subfolder": folder, "filename": f"{number:05}.png"} for number in names]


def rate(studio: Serving, names: range, folder: str) -> set[str]:
    """Give files three stars: their names."""
    items = places(names, folder)
    studio.ask("POST", MARKS, {"items": items, "set": {"rating": 3}})
    return {item["filename"] for item in items}


def rated(studio: Serving) -> set[str]:
    """The names of the files with three stars."""
    found = studio.ask("GET", f"{LIST}?recursive=1&per_page=0&q=rating:3")
    return {item["filename"] for item in found["items"]}


def total(studio: Serving) -> int:
    found: int = studio.ask("GET", f"{LIST}?recursive=1&per_page=1")["total_items"]
    return found


def arrived(folder: Path, number: int) -> Callable[[], bool]:
    """Whether so many more files are in a folder than now."""
    wanted = count(folder) + number
    return lambda: count(folder) >= wanted


def test_while_files_are_moved(scene: Scene) -> None:
    rng = random.Random(1)
    scene.fill("a", 1000)
    (scene.out / "b").mkdir()
    with scene.studio() as studio:
        marked = rate(studio, range(0, 1000, 100), "a")
        moment = arrived(scene.out / "b", rng.randint(100, 900))
        kill_during(studio, MOVE, {"select": {"subfolder": "a"}, "to": "b"}, moment)
    for source, target in (("b", "a"), ("", "")):
        scene.assert_nothing_lost()
        assert len(scene.library()) <= 1001, "at most the one that is on its way is at both places"
        with scene.studio() as studio:
            scene.assert_nothing_lost(once=True)
            assert total(studio) == 1000
            wait_until(lambda: rated(studio) == marked)
            if source:
                moment = arrived(scene.out / target, rng.randint(1, count(scene.out / source)))
                kill_during(studio, MOVE, {"select": {"subfolder": source}, "to": target}, moment)
            else:
                scene.end(studio)
    assert scene.temporaries() == []
    scene.assert_index_agrees()


def test_while_files_are_deleted_and_restored(scene: Scene) -> None:
    scene.fill("a", 600)
    scene.fill("a/b", 600)
    everything = {"confirm": "delete-all", "subfolder": "a"}
    payloads = scene.trash / "files"
    with scene.studio() as studio:
        marked = rate(studio, range(0, 600, 60), "a")
        kill_during(studio, DELETE_ALL, everything, arrived(payloads, 350))
    scene.assert_nothing_lost(once=True)
    with scene.studio() as studio:
        assert assert_records_fit(scene, studio) + total(studio) == 1200
        studio.ask("POST", DELETE_ALL, everything)
        assert scene.library() == {}
        ids = [item["id"] for item in studio.ask("GET", f"{TRASH}?per_page=0")["items"]]
        kill_during(studio, RESTORE, {"ids": ids}, arrived(scene.out / "a", 250))
    scene.assert_nothing_lost()
    with scene.studio() as studio:
        wait_until(lambda: len(scene.library()) + len(scene.trashed()) == 1200)
        ids = [item["id"] for item in studio.ask("GET", f"{TRASH}?per_page=0")["items"]]
        assert assert_records_fit(scene, studio) == len(ids) and total(studio) == 1200 - len(ids)
        if ids:
            studio.ask("POST", RESTORE, {"ids": ids})
        assert {content: path for path, content in scene.library().items()} == scene.originals
        wait_until(lambda: rated(studio) == marked)
        assert studio.ask("GET", TRASH)["total_items"] == 0 and count(scene.trash / "info") == 0
        scene.end(studio)
    assert scene.temporaries() == []
    scene.assert_index_agrees()


def assert_records_fit(scene: Scene, studio: Serving) -> int:
    """Whether the trash lists just what is in it, each with the place that it had: how many files."""
    trashed = scene.trashed()
    listed = studio.ask("GET", f"{TRASH}?per_page=0")["items"]
    assert {item["id"] for item in listed} == set(trashed)
    for item in listed:
        assert f"{item['subfolder']}/{item['filename']}" == scene.originals[trashed[item["id"]]]
        assert item["size"] == (scene.trash / "files" / item["id"]).stat().st_size
    return len(listed)


def test_while_files_and_folders_are_copied(scene: Scene) -> None:
    scene.fill("a", 300)
    scene.fill("a/deep", 300, side=64, noise=True)
    (scene.out / "b").mkdir()
    before = scene.library()
    with scene.studio() as studio:
        body = {"select": {"subfolder": "a", "recursive": False}, "folders": ["a/deep"], "to": "b"}
        kill_during(studio, COPY, body, arrived(scene.out / "b", 150))
    with scene.studio() as studio:
        kill_during(studio, COPY, {"folders": ["a/deep"], "to": "b"}, lambda: bool(scene.temporaries()))
    scene.assert_nothing_lost()
    after = scene.library()
    assert {path: content for path, content in after.items() if path.startswith("a/")} == before
    for leftover in scene.temporaries():
        if leftover.is_file():
            os.utime(leftover, (1, 1))  # from long ago
    with scene.studio() as studio:
        scene.assert_nothing_lost()
        assert scene.library() == after and total(studio) == len(after)
        wait_until(lambda: not any(path.is_file() for path in scene.out.glob("b/.cozygen-*")))
        scene.end(studio)
    scene.assert_index_agrees()


def known(data: Path) -> int:
    """How many files the index has, and how many of them have been read, together."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{(data / 'index.db').as_uri()}?mode=ro", uri=True)) as index,
    ):
        found: int = index.execute("SELECT count(*) + coalesce(sum(state != 0), 0) FROM files").fetchone()[0]
        return found
    return 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_while_the_library_is_indexed(scene: Scene) -> None:
    rng = random.Random(2)
    for folder in range(12):
        scene.fill(f"{folder % 3}/{folder}", 200)
    index = [sys.executable, "-m", "cozygen", "index", "--root", "output", "--data-dir", str(scene.data)]
    for share in (0.1, 0.6, 1.1, 1.6):
        process = subprocess.Popen(index, cwd=scene.base, env=clean_environment(), stdout=subprocess.DEVNULL)
        # Half of the way is to find the files, the other half to read them.
        wanted = int(2400 * (share + rng.uniform(0.0, 0.3)))
        wait_until(lambda: known(scene.data) >= wanted or process.poll() is not None)  # noqa: B023
        children = descendants(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not any(map(alive, children)))  # noqa: B023
    assert subprocess.run(index, cwd=scene.base, env=clean_environment(), timeout=120).returncode == 0
    scene.assert_nothing_lost(once=True)
    scene.assert_index_agrees()
    with closing(sqlite3.connect(scene.data / "index.db")) as found:
        assert found.execute("SELECT count(*) FROM texts WHERE texts MATCH 'fox'").fetchone() == (2400,)
        assert found.execute("SELECT count(DISTINCT seed), count(*) FROM meta").fetchone() == (2400, 2400)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_while_thumbnails_are_made(scene: Scene) -> None:
    scene.fill("", 40, side=400, noise=True)
    names = list(scene.originals.values())
    made: list[bytes] = []

    def thumbnail(studio: str, name: str) -> None:
        with suppress(requests.RequestException):
            answer = requests.get(f"{studio}/cozygen/thumb", {"filename": name, "w": "256"}, timeout=120)
            assert answer.status_code == 200 and answer.headers["Content-Type"] == "image/jpeg"
            made.append(answer.content)

    with Serving(scene.base, *OPTIONS) as studio, ThreadPoolExecutor(8) as pool:
        url = studio.url()
        for name in names:
            pool.submit(thumbnail, url, name)
        wait_until(lambda: len(made) >= 15)
        children = studio.children()
        studio.process.kill()
        studio.process.wait()
    wait_until(lambda: not any(map(alive, children)))
    leftover = next((scene.data / "thumbnails").iterdir()) / f".cozygen-{'0' * 16}.tmp"
    leftover.write_bytes(b"half")
    for path in scene.temporaries():
        os.utime(path, (1, 1))  # from long ago
    scene.fill("", 1, side=400, noise=True)
    names = list(scene.originals.values())
    made.clear()
    with Serving(scene.base, *OPTIONS) as studio, ThreadPoolExecutor(8) as pool:
        url = studio.url()
        list(pool.map(lambda name: thumbnail(url, name), names))
        assert len(made) == len(names) and len(set(made)) == len(names)
        for data in made:
            with Image.open(io.BytesIO(data)) as picture:
                picture.load()
                assert picture.size == (256, 256)
        assert studio.end(signal.SIGTERM) == 0
    assert not leftover.exists()
    scene.assert_nothing_lost(once=True)
