"""How quick the API is on a large library, and how long its event loop is held: `python -m bench.api`.

20,000 small pictures in 50 folders, and a folder of large ones (1024x1536) for the thumbnails. While each endpoint is
asked, a probe inside the studio notes by how much its event loop was late, and an idle loop in another process shows
how much of that is the machine's doing. Thumbnails are compared with Pillow alone, one after the other, and with an
aiohttp server that sends as many bytes from memory.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from bench.bare import BareServer
from bench.client import Connection, requests_per_second
from bench.lag import IdleLoop
from bench.library import make_library
from bench.measuring import Report, Studio, milliseconds, times_of

_LARGE = "large"
_WIDTH, _HEIGHT = 1024, 1536
_BOX = 384
_CONNECTIONS = 8
_BATCH = 500
_HELD_MS = 20.0


class Bench:
    """One run: the studio, the report, and the phases measured one after the other."""

    def __init__(self, studio: Studio, report: Report, idle: IdleLoop, options: argparse.Namespace) -> None:
        self.studio = studio
        self.report = report
        self.idle = idle
        self.options = options
        self.connection = studio.connect()
        self._held: list[tuple[str, dict[str, float], dict[str, float]]] = []

    def phase(self, name: str, work: Callable[[], str]) -> None:
        """Do `work`, which says what was measured, and note how long the loop was held meanwhile."""
        self.studio.lag()
        self.idle.take()
        measured = work()
        held, machine = self.studio.lag(), self.idle.take()
        self._held.append((name, held, machine))
        self.report.add(name, measured)

    def asked(self, name: str, path: Callable[[int], str], rounds: int | None = None) -> None:
        """A phase of one GET request after the other."""
        paths = [path(number) for number in range(rounds or self.options.rounds)]
        self.phase(name, lambda: milliseconds(times_of(self.connection, paths)))

    def show_held(self) -> None:
        """How long the loop was held in each phase."""
        report = Report("How long the event loop was held, at worst")
        for name, held, machine in self._held:
            text = f"{held['held']:.1f} ms (late {held['late']:.1f} ms, an idle loop {machine['late']:.1f} ms)"
            report.add(name, text, value=held["held"], below=_HELD_MS)
        report.show()


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000, help="small pictures (default 20,000)")
    parser.add_argument("--folders", type=int, default=50, help="that they are in (default 50)")
    parser.add_argument("--pictures", type=int, default=100, help="large pictures (default 100)")
    parser.add_argument("--rounds", type=int, default=100, help="requests of each kind (default 100)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of cached thumbnails (default 5)")
    parser.add_argument("--keep", type=Path, help="folder to make the library in, and to find it in the next time")
    options = parser.parse_args()
    base: Path = options.keep or Path(tempfile.mkdtemp(prefix="cozygen-bench-"))
    library = base / f"library-{options.files}-{options.folders}"
    try:
        make_library(library, options.files, options.folders)
        names = _make_pictures(library / _LARGE, options.pictures)
        with (
            tempfile.TemporaryDirectory(prefix="cozygen-bench-data-") as data,
            Studio(Path(data), "--output-dir", str(library), module="bench.probed") as studio,
            IdleLoop() as idle,
        ):
            title = f"{options.files:,} files in {options.folders} folders, {options.pictures} large pictures"
            bench = Bench(studio, Report(title), idle, options)
            _index(bench)
            _listings(bench)
            _others(bench)
            bench.report.section()
            _jobs(bench)
            bench.report.section()
            _thumbnails(bench, library / _LARGE, names)
            bench.report.section()
            bench.report.add("memory of the studio", f"{studio.memory():.0f} MB")
            bench.report.show()
            bench.show_held()
    finally:
        if options.keep is None:
            shutil.rmtree(base)


def _index(bench: Bench) -> None:
    """Wait until the library is known, and ask for the first page meanwhile."""

    def work() -> str:
        started = time.perf_counter()
        first = times_of(bench.connection, ["/cozygen/api/gallery?recursive=1"])[0]
        while True:
            progress = json.loads(bench.connection.get("/cozygen/api/gallery/index")[1])
            if progress["complete"] and not progress["unread"]:
                return f"{time.perf_counter() - started:.1f} s; first page after {first:.0f} ms"
            time.sleep(0.2)

    bench.phase("first index", work)


def _listings(bench: Bench) -> None:
    pages = bench.options.files // 20
    bench.asked("recursive page", lambda n: f"/cozygen/api/gallery?recursive=1&page={1 + n % pages}")
    bench.asked("recursive page, cache_bust", lambda n: f"/cozygen/api/gallery?recursive=1&cache_bust=a{n}", 10)
    bench.asked("a folder's page", lambda n: "/cozygen/api/gallery?subfolder=2020/007")
    bench.asked(
        "recursive page with metadata", lambda n: f"/cozygen/api/gallery?recursive=1&include_meta=1&page={n + 1}"
    )
    bench.asked("500 with metadata", lambda n: "/cozygen/api/gallery?recursive=1&include_meta=1&per_page=500", 20)
    bench.asked("everything on one page", lambda n: "/cozygen/api/gallery?recursive=1&per_page=0", 10)
    bench.asked(
        "everything on one page, with metadata",
        lambda n: "/cozygen/api/gallery?recursive=1&per_page=0&include_meta=1",
        5,
    )


def _others(bench: Bench) -> None:
    page = json.loads(bench.connection.get("/cozygen/api/gallery?recursive=1&per_page=500")[1])
    files = [item for item in page["items"] if item["subfolder"] != _LARGE]

    def prompt(number: int) -> str:
        item = files[number % len(files)]
        return f"/cozygen/api/gallery/prompt?filename={item['filename']}&subfolder={item['subfolder']}"

    bench.asked("gallery/prompt", prompt)
    bench.asked("tag search", lambda n: f"/cozygen/api/tags/search?q={'abcdefgh'[n % 8]}")
    bench.asked("a workflow's form", lambda n: "/cozygen/api/workflows/text-to-image.json/form")
    bench.asked("object_info", lambda n: "/object_info", 20)
    bench.asked("openapi.json", lambda n: "/cozygen/api/openapi.json", 20)
    bench.asked("the page of the API", lambda n: "/cozygen/api/docs", 20)
    bench.asked("the web app's page", lambda n: "/cozygen/")
    large = {"items": {f"name{number}": "text " * 40 for number in range(50_000)}}
    bench.phase("saving 10 MB of aliases", lambda: milliseconds(_posts(bench.connection, "aliases", large, 3)))
    bench.asked("reading 10 MB of aliases", lambda n: "/cozygen/api/aliases", 5)
    bench.phase(
        "10 MB for a workflow that is not there",
        lambda: milliseconds(_posts(bench.connection, "jobs", {"workflow": "x", "values": large["items"]}, 3)),
    )
    _posts(bench.connection, "aliases", {"items": {}}, 1)


def _jobs(bench: Bench) -> None:
    """A long line of jobs, held back, so that nothing is rendered."""
    _posts(bench.connection, "queue/pause", {}, 1)
    batch = {"workflow": "text-to-image.json", "values": {}, "count": _BATCH}
    bench.phase(f"queueing {_BATCH} renders at once", lambda: milliseconds(_posts(bench.connection, "jobs", batch, 3)))
    groups = json.loads(bench.connection.get("/cozygen/api/groups")[1])["items"]
    bench.asked("200 jobs", lambda n: "/cozygen/api/jobs?limit=200", 20)
    bench.asked("a batch as a grid", lambda n: f"/cozygen/api/groups/{groups[0]['id']}", 20)
    bench.asked("the queue", lambda n: "/cozygen/api/queue", 20)
    bench.asked("ComfyUI's queue", lambda n: "/queue", 5)

    def cancel() -> str:
        return milliseconds([_posts(bench.connection, f"groups/{group['id']}/cancel", {}, 1)[0] for group in groups])

    bench.phase("cancelling a batch", cancel)
    bench.asked("ComfyUI's history", lambda n: "/history", 5)


def _posts(connection: Connection, name: str, body: Any, rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        status, answer = connection.post(f"/cozygen/api/{name}", body)
        found.append((time.perf_counter() - started) * 1000)
        if status >= 500:
            raise RuntimeError(f"{name} answered {status} {answer[:200]!r}")
    return found


def _thumbnails(bench: Bench, folder: Path, names: Sequence[str]) -> None:
    port = bench.studio.port
    paths = [f"/cozygen/thumb?filename={name}&subfolder={_LARGE}&w={_BOX}" for name in names]
    alone = _pillow(folder, names[:30])
    rates: list[float] = []
    sizes: list[float] = []

    def measured(what: Iterator[str], seconds: float) -> str:
        rate, size = requests_per_second(port, what, _CONNECTIONS, seconds)
        rates.append(rate)
        sizes.append(size)
        return f"{rate:,.1f} a second"

    bench.report.add("Pillow alone, one after the other", f"{alone:.1f} a second")
    bench.phase("cold thumbnails", lambda: measured(iter(paths), 1e9))
    bench.report.add("  times that of Pillow alone", f"{rates[-1] / alone:.2f}x")
    bench.phase("cached thumbnails", lambda: measured(itertools.cycle(paths), bench.options.seconds))
    bench.report.at_least("  a second", f"{rates[-1]:,.0f}", rates[-1], 5000)
    cached = rates[-1]
    bench.phase("/cozygen/hello, as many connections", lambda: measured(itertools.repeat("/cozygen/hello"), 2.0))
    with BareServer() as bare:
        size = int(sizes[-2] / max(1.0, cached * bench.options.seconds))
        rate, _ = requests_per_second(bare.port, itertools.repeat(f"/{size}"), _CONNECTIONS, bench.options.seconds)
    bench.report.add(f"aiohttp alone, {size / 1000:.0f} kB from memory", f"{rate:,.1f} a second")
    bench.report.add("  cached thumbnails, times that", f"{cached / rate:.2f}x")


def _pillow(folder: Path, names: Sequence[str]) -> float:
    """Thumbnails a second by Pillow in this process, as anybody would write it."""
    started = time.perf_counter()
    for name in names:
        with Image.open(folder / name) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
            picture.thumbnail((_BOX, _BOX), Image.Resampling.LANCZOS)
            picture.save(io.BytesIO(), "JPEG", quality=80)
    return len(names) / (time.perf_counter() - started)


def _make_pictures(folder: Path, count: int) -> list[str]:
    """Large PNG files with as much detail as a photograph, unless they are there already."""
    names = [f"large_{number:05}_.png" for number in range(count)]
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for name in names:
        if (folder / name).exists():
            continue
        coarse = rng.integers(0, 256, (_HEIGHT // 64, _WIDTH // 64, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC)
        grain = rng.integers(-6, 7, (_HEIGHT, _WIDTH, 3))
        pixels = np.clip(np.asarray(smooth, np.int16) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name, compress_level=4)
    return names


if __name__ == "__main__":
    main()
