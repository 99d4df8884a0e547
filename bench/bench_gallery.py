"""How quick the gallery is: `python -m bench.bench_gallery [FILES] [FOLDERS] [--keep DIR]`.

Measured over HTTP against a studio in a process of its own, from the first index on.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from bench.library import make_library
from bench.measuring import computed_by

_ROUNDS = 200


async def main() -> None:
    """Make a library, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="?", type=int, default=20_000)
    parser.add_argument("folders", nargs="?", type=int, default=50)
    parser.add_argument("--keep", type=Path, help="folder to make the library in, and to find it in the next time")
    options = parser.parse_args()
    base = options.keep or Path(tempfile.mkdtemp(prefix="cozygen-bench-"))
    library = base / f"library-{options.files}-{options.folders}"
    data = Path(tempfile.mkdtemp(prefix="cozygen-bench-data-"))
    try:
        make_library(library, options.files, options.folders)
        table = Table(title=f"{options.files:,} files in {options.folders:,} folders")
        for column in ("", "p50", "p95", ""):
            table.add_column(column, justify="right" if column else "left")
        await _measure(table, library, data, options.files, options.folders)
        Console().print(table)
    finally:
        shutil.rmtree(data)
        if options.keep is None:
            shutil.rmtree(base)


async def _measure(table: Table, library: Path, data: Path, files: int, folders: int) -> None:
    async with Studio(library, data) as studio:
        await _first_index(table, studio, files)
        await _pages(table, studio, library, files, folders)
    async with Studio(library, data) as studio:
        started = time.perf_counter()
        await studio.get("/cozygen/api/gallery?recursive=1")
        table.add_row("first page after a restart", f"{(time.perf_counter() - started) * 1000:.0f} ms", "", "")
        started, computed = time.perf_counter(), studio.computed()
        await studio.get("/cozygen/api/gallery?recursive=1&cache_bust=all")
        seconds, computed = time.perf_counter() - started, studio.computed() - computed
        table.add_row(
            "unchanged, every file looked at", f"{seconds * 1000:.0f} ms", "", f"{files / seconds:,.0f} files/s"
        )
        table.add_row("computing for it", f"{computed * 1000:.0f} ms", "", "")
        table.add_row("memory after a restart", "", "", f"{studio.memory():.0f} MB")


async def _first_index(table: Table, studio: Studio, files: int) -> None:
    started, computed = time.perf_counter(), studio.computed()
    await studio.get("/cozygen/api/gallery?subfolder=2020/001")
    table.add_row("first page of a folder, no index yet", f"{(time.perf_counter() - started) * 1000:.0f} ms", "", "")
    first = time.perf_counter()
    await studio.get("/cozygen/api/gallery?recursive=1")
    table.add_row("first page of everything, no index yet", f"{(time.perf_counter() - first) * 1000:.0f} ms", "", "")
    meanwhile = []
    while True:
        asked = time.perf_counter()
        await studio.get("/cozygen/hello")
        meanwhile.append((time.perf_counter() - asked) * 1000)
        progress = await studio.get("/cozygen/api/gallery/index")
        if progress["complete"] and not progress["unread"]:
            break
        await asyncio.sleep(0.05)
    seconds = time.perf_counter() - started
    table.add_row("first index, with metadata", f"{seconds:.1f} s", "", f"{files / seconds:,.0f} files/s")
    await asyncio.sleep(1.0)  # until the processes that read have ended, and are counted
    computed = studio.computed() - computed
    rate = f"{2 * files / computed:,.0f} files/s on two idle cores at best" if computed else ""
    table.add_row("computing for it, in all processes", f"{computed:.1f} s", "", rate)
    _row(table, "/cozygen/hello meanwhile", meanwhile)
    table.add_row("memory after the first index", "", "", f"{studio.memory():.0f} MB")


async def _pages(table: Table, studio: Studio, library: Path, files: int, folders: int) -> None:
    last = files // 20
    folder = "2020/001"
    queries = {
        "a folder": f"subfolder={folder}",
        "a folder, last page": f"subfolder={folder}&page={files // folders // 20}",
        "everything": "recursive=1",
        "everything, deep": f"recursive=1&page={last // 2}",
        "everything, last page": f"recursive=1&page={last}",
        "everything, one kind": "recursive=1&kind=image&page=7",
        "a year": "subfolder=2020&recursive=1&page=3",
        "everything, with metadata": "recursive=1&include_meta=1&per_page=50",
        "everything, 500 with metadata": "recursive=1&include_meta=1&per_page=500",
    }
    for name, query in queries.items():
        _row(table, name, await _times(lambda query=query: studio.get(f"/cozygen/api/gallery?{query}"), _ROUNDS))  # type: ignore[misc]
    fresh = library / folder / "fresh.png"

    async def after_a_change() -> None:
        fresh.write_bytes(b"x")
        page = await studio.get("/cozygen/api/gallery?recursive=1&per_page=20")
        assert page["items"][0]["filename"] == "fresh.png"
        fresh.unlink()

    _row(table, "everything, right after a new file", await _times(after_a_change, 50))
    fresh.unlink(missing_ok=True)
    _row(table, "from a new file to the stream", await _news(studio, library / folder, folder))


async def _news(studio: Studio, directory: Path, folder: str) -> list[float]:
    found = []
    async with studio.session.get(f"{studio.url}/cozygen/api/gallery/stream?subfolder={folder}") as stream:
        for number in range(20):
            await asyncio.sleep(0.3)
            path = directory / f"news-{number}.png"
            started = time.perf_counter()
            path.write_bytes(b"x")
            while not (await stream.content.readline()).startswith(b"data:"):
                pass
            found.append((time.perf_counter() - started) * 1000)
    for number in range(20):
        (directory / f"news-{number}.png").unlink()
    return found


async def _times(call: Callable[[], Awaitable[Any]], rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        await call()
        found.append((time.perf_counter() - started) * 1000)
    return found


def _row(table: Table, name: str, times: list[float]) -> None:
    times = sorted(times)
    table.add_row(name, f"{statistics.median(times):.1f} ms", f"{times[int(len(times) * 0.95)]:.1f} ms", "")


class Studio:
    """A studio in a process of its own."""

    def __init__(self, library: Path, data: Path) -> None:
        self._command = [sys.executable, "-m", "cozygen", "serve", "--port", "0", "--data-dir", str(data)]
        self._environment = {
            "COZYGEN_OUTPUT_DIR": str(library),
            "COZYGEN_ENGINE": "embedded",
            "COZYGEN_LOG_LEVEL": "warning",
        }
        self.session: aiohttp.ClientSession
        self.url = ""

    async def __aenter__(self) -> Studio:
        import os

        self._process = subprocess.Popen(  # noqa: ASYNC220 -- nothing else runs on this loop
            self._command,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **self._environment, "PYTHONUNBUFFERED": "1"},
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word = next((word for word in line.split() if word.startswith("http://")), None)
            if word:
                self.url = word.partition("/cozygen")[0]
                break
        self.session = aiohttp.ClientSession()
        return self

    async def get(self, path: str) -> Any:
        """The JSON at `path`."""
        async with self.session.get(self.url + path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    def memory(self) -> float:
        """Megabytes that the process has in memory now."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0

    def computed(self) -> float:
        """Seconds that the process, and those of its that have ended, have been computing."""
        return computed_by(self._process.pid)

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        self._process.terminate()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()


if __name__ == "__main__":
    asyncio.run(main())
