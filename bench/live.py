"""How soon a change on disk is seen: `python -m bench.live [FILES] [FOLDERS] [--rounds N]`.

Files and whole folders of a library are made, replaced, renamed, moved and deleted by another program, this one. Each
time it is measured when the stream of changes tells of it, and when a listing that is asked for at once shows it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.client import Connection
from bench.library import make_library
from bench.measuring import Report, Studio, median, milliseconds

_TARGET_MS = 300.0
_PAUSE_SECONDS = 0.4
_PATIENCE_SECONDS = 10.0


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="?", type=int, default=5000)
    parser.add_argument("folders", nargs="?", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20, help="how often each change is made (default 20)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cozygen-bench-") as base:
        library = Path(base) / "library"
        make_library(library, options.files, options.folders)
        report = Report(f"Changes among {options.files:,} files in {options.folders:,} folders")
        with Studio(Path(base) / "data", "--output-dir", str(library)) as studio, studio.connect() as connection:
            _settle(connection)
            with Stream(studio.port) as stream:
                for name in CHANGES:
                    told, shown = _measure(name, library, stream, connection, options.rounds)
                    report.add(f"{name}: told", milliseconds(told), value=median(told), below=_TARGET_MS)
                    report.add(f"{name}: listed", milliseconds(shown), value=median(shown), below=_TARGET_MS)
        report.show()


class Stream:
    """The stream of changes of the whole library. A context manager."""

    def __init__(self, port: int) -> None:
        self._connection = Connection(port)
        self._connection.send("GET", "/cozygen/api/gallery/stream?recursive=1")
        self._told = threading.Event()
        self._at = 0.0
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.socket.close()

    def _read(self) -> None:
        while True:
            try:
                chunk = self._connection.socket.recv(65536)
            except OSError:
                return
            if not chunk:
                return
            if b"data: " in chunk and not self._told.is_set():
                self._at = time.perf_counter()
                self._told.set()

    def expect(self) -> None:
        """From now on the first news counts."""
        self._told.clear()

    def told(self) -> float:
        """When it came, on the clock of `time.perf_counter`. Raises `RuntimeError` when it does not."""
        if not self._told.wait(_PATIENCE_SECONDS):
            raise RuntimeError("a change was not told")
        return self._at


def _measure(
    name: str, library: Path, stream: Stream, connection: Connection, rounds: int
) -> tuple[list[float], list[float]]:
    """Milliseconds until a change was told, and until it was listed."""
    told: list[float] = []
    shown: list[float] = []
    for number in range(rounds):
        # In two steps, so that the listing does not have the change looked for before it is heard of.
        for times in (told, shown):
            scene = Scene(library / "scene", f"{name}-{number}-{len(told)}")
            time.sleep(_PAUSE_SECONDS)
            stream.expect()
            started = time.perf_counter()
            CHANGES[name](scene)
            if times is told:
                times.append((stream.told() - started) * 1000)
                continue
            while scene.listing(connection) != scene.on_disk():
                if time.perf_counter() - started > _PATIENCE_SECONDS:
                    raise RuntimeError(f"{name} was not listed")
            times.append((time.perf_counter() - started) * 1000)
    return told, shown


class Scene:
    """A folder with pictures to be changed, with nothing of those before it."""

    def __init__(self, folder: Path, name: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.folder = folder
        self.data = name.encode().ljust(100) * 200
        for path in (self.file, self.inner / "1.png", self.inner / "2.png"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.data)
        (folder / "other").mkdir()

    @property
    def file(self) -> Path:
        """A file."""
        return self.folder / "a.png"

    @property
    def inner(self) -> Path:
        """A folder with files."""
        return self.folder / "inner"

    def replace(self) -> None:
        """Put another file in the place of the file."""
        new = self.folder / "new.tmp"
        new.write_bytes(self.data + b"replaced")
        new.replace(self.file)

    def copy_folder(self) -> None:
        """Have a folder with twenty files appear."""
        target = self.folder / "copy"
        target.mkdir()
        for number in range(20):
            (target / f"{number}.png").write_bytes(self.data)

    def on_disk(self) -> dict[str, int]:
        """The size of each file, by its place."""
        found = (path for path in self.folder.rglob("*.png") if path.is_file())
        return {path.relative_to(self.folder.parent).as_posix(): path.stat().st_size for path in found}

    def listing(self, connection: Connection) -> dict[str, int]:
        """The same as a listing has it."""
        status, body = connection.get("/cozygen/api/gallery?subfolder=scene&recursive=1&per_page=0")
        if status != 200:
            raise RuntimeError(f"{status} {body[:200]!r}")
        items: list[dict[str, Any]] = json.loads(body)["items"]
        return {f"{item['subfolder']}/{item['filename']}": item["size"] for item in items}


CHANGES: dict[str, Callable[[Scene], object]] = {
    "file made": lambda scene: (scene.folder / "b.png").write_bytes(scene.data),
    "file replaced": Scene.replace,
    "file written over": lambda scene: scene.file.write_bytes(scene.data + b"more"),
    "file renamed": lambda scene: scene.file.rename(scene.folder / "z.png"),
    "file moved": lambda scene: scene.file.rename(scene.folder / "other/a.png"),
    "file deleted": lambda scene: scene.file.unlink(),
    "folder of 20 made": Scene.copy_folder,
    "folder renamed": lambda scene: scene.inner.rename(scene.folder / "renamed"),
    "folder moved": lambda scene: scene.inner.rename(scene.folder / "other/inner"),
    "folder deleted": lambda scene: shutil.rmtree(scene.inner),
}


def _settle(connection: Connection) -> None:
    """Wait until all is indexed and changes are heard of."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        state = json.loads(connection.get("/cozygen/api/gallery/index")[1])
        if state["complete"] and not state["unread"] and state["watching"]:
            return
        time.sleep(0.1)
    raise RuntimeError("the library was not indexed in time")


if __name__ == "__main__":
    main()
