"""A library of pictures that all differ, the studio that works on it, and where each picture is afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import random
import signal
import struct
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from tests.serving import Serving, alive, command, wait_until

OPTIONS = ("--engine", "embedded", "--port", "0")
MOVE, COPY = "/cozygen/api/gallery/move", "/cozygen/api/gallery/copy"
MARKS, LIST = "/cozygen/api/gallery/marks", "/cozygen/api/gallery"
DELETE_ALL, TRASH, RESTORE = "/cozygen/api/gallery/delete_all", "/cozygen/api/trash", "/cozygen/api/trash/restore"


def png(number: int, *, side: int = 4, noise: bool = False) -> bytes:
    """A picture with the prompt of a fox of this number; with `noise` one that takes a while to decode."""
    parameters = f"fox {number}\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: {number}"
    pixels = random.Random(number).randbytes(side * side * 3) if noise else bytes(side * side * 3)
    rows = b"".join(b"\0" + pixels[row * side * 3 : (row + 1) * side * 3] for row in range(side))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        + _chunk(b"tEXt", b"parameters\0" + parameters.encode())
        + _chunk(b"IDAT", zlib.compress(rows, 1))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Scene:
    """A library below `base`. Every picture has a content of its own, by which it is told wherever it is."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.data = base / "data"
        self.out = self.data / "output"
        self.trash = self.data / "trash"
        self.originals: dict[str, str] = {}
        """Content -> the path it had first."""

    def fill(self, folder: str, count: int, *, side: int = 4, noise: bool = False) -> None:
        """Write pictures into a folder."""
        target = self.out / folder
        target.mkdir(parents=True, exist_ok=True)
        for number in range(len(self.originals), len(self.originals) + count):
            data = png(number, side=side, noise=noise)
            (target / f"{number:05}.png").write_bytes(data)
            self.originals[_digest(data)] = f"{folder}/{number:05}.png" if folder else f"{number:05}.png"

    def library(self) -> dict[str, str]:
        """The pictures in the library: path -> content. Temporary files are none."""
        return {
            path.relative_to(self.out).as_posix(): _digest(path.read_bytes())
            for path in self.out.rglob("*")
            if path.is_file() and ".cozygen-" not in path.as_posix()
        }

    def trashed(self) -> dict[str, str]:
        """The pictures in the trash: id -> content."""
        folder = self.trash / "files"
        found = folder.iterdir() if folder.is_dir() else ()
        return {path.name: _digest(path.read_bytes()) for path in found}

    def assert_nothing_lost(self, *, once: bool = False) -> None:
        """Every picture is somewhere, whole; with `once` in one place only. And there is nothing else."""
        found = Counter([*self.library().values(), *self.trashed().values()])
        lost = [path for content, path in self.originals.items() if content not in found]
        assert not lost, f"{len(lost)} are lost: {lost[:5]}"
        strange = [content for content in found if content not in self.originals]
        assert not strange, f"{len(strange)} are damaged or half written"
        if once:
            assert set(found.values()) == {1}, [self.originals[key] for key, count in found.items() if count > 1][:5]

    def temporaries(self) -> list[Path]:
        """What was not yet whole when it was written."""
        return [*self.data.rglob(".cozygen-*.tmp"), *self.data.rglob("*.part")]

    @contextlib.contextmanager
    def studio(self) -> Iterator[Serving]:
        """A studio, ready, that has repaired what it found."""
        with Serving(self.base, *OPTIONS) as studio:
            wait_until(lambda: is_indexed(studio), 120)
            yield studio

    def end(self, studio: Serving) -> None:
        """End a studio in peace, once it has read everything."""
        wait_until(lambda: is_indexed(studio), 120)
        assert studio.end(signal.SIGTERM) == 0

    def assert_index_agrees(self) -> None:
        """What the index says is what is on disk. No studio may be running."""
        result = command("index", "--check", "--root", "output", "--data-dir", str(self.data), cwd=self.base)
        assert result.returncode == 0, result.stdout + result.stderr


def is_indexed(studio: Serving) -> bool:
    """Whether all of the library is known and read."""
    state = studio.ask("GET", "/cozygen/api/gallery/index")
    return bool(state["complete"] and not state["unread"])


def kill_during(studio: Serving, path: str, body: Any, moment: Callable[[], bool]) -> None:
    """Ask for something and end the studio, with all that it has started, as soon as `moment` has come."""
    url = studio.url() + path
    children = studio.children() if sys.platform == "linux" else set()

    def ask() -> None:
        with contextlib.suppress(requests.RequestException):
            requests.post(url, json=body, timeout=120)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: moment() or not asking.is_alive(), 120)
    studio.process.kill()
    studio.process.wait()
    asking.join()
    wait_until(lambda: not any(map(alive, children)))


def count(folder: Path) -> int:
    """How many entries a folder has; 0 when it is not there."""
    try:
        return sum(1 for _ in folder.iterdir())
    except FileNotFoundError:
        return 0


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
