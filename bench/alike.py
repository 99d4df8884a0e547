"""How quickly files that look the same are found: `python -m bench.alike [FILES] [--keep DIR]`.

First the grouping of hashes by itself, a hundred thousand of them and ten times as many: random ones, and such with
groups in them of 20, of 5,000, and a single one of half of them all. Then over HTTP, against a studio with a library
of FILES (100,000) empty files whose looks are written straight into the index.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench import bench_search
from bench.client import Connection
from bench.measuring import Report, Studio, milliseconds, share, times_of
from cozygen.gallery.hamming import Hashes, group, nearest
from cozygen.gallery.index import IndexStore, transaction

_ROUNDS = 30
_FLIPPED = 3  # bits, at most, in which a member of a group differs from its centre
_DUPLICATES = "/cozygen/api/gallery/duplicates"


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="?", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="folder to make the library in, and to find it in the next time")
    options = parser.parse_args()
    group_hashes()
    base = options.keep or Path(tempfile.mkdtemp(prefix="cozygen-bench-"))
    data = base / f"alike-{options.files}"
    try:
        if not (data / "seen").exists():
            bench_search.make(data, options.files, 100)
            see(data, options.files)
        ask(data, options.files)
    finally:
        if options.keep is None:
            shutil.rmtree(base)


def hashes_with(count: int, sizes: list[int], seed: int = 1) -> Hashes:
    """Random hashes, with groups of these sizes in them, shuffled."""
    random = np.random.default_rng(seed)
    found = np.frombuffer(random.bytes(8 * count), np.uint64).copy()
    start = 0
    for size in sizes:
        part = np.full(size, found[start])
        for _ in range(_FLIPPED):
            flip = np.uint64(1) << random.integers(0, 64, size, np.uint64)
            part ^= np.where(random.random(size) < 0.7, flip, np.uint64(0))
        found[start : start + size] = part
        start += size
    random.shuffle(found)
    return found


def group_hashes() -> None:
    """The pure computing."""
    report = Report("grouping by perceptual hashes")
    for count in (100_000, 1_000_000):
        kinds = {
            "random": [],
            f"{count // 100:,} groups of 20": [20] * (count // 100),
            f"{count // 10_000} groups of 5,000": [5_000] * (count // 10_000),
            "half of them alike": [count // 2],
        }
        for name, sizes in kinds.items():
            hashes = hashes_with(count, sizes)
            for distance in (6, 10) if count <= 100_000 else (6,):
                seconds, computing, groups = _grouped(hashes, distance)
                label = f"{count:,}, {name}, distance {distance} ({groups:,} groups)"
                target = 1.0 if (count, distance) == (100_000, 6) else None
                report.add(label, f"{seconds:.2f} s, {computing:.2f} s computing", value=computing, below=target)
        started = time.perf_counter()
        nearest(hashes, int(hashes[0]), 50)
        report.add(f"{count:,}, the nearest 50", f"{(time.perf_counter() - started) * 1000:.1f} ms")
        report.section()
    report.add("memory of this process at most", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    report.show()


def _grouped(hashes: Hashes, distance: int) -> tuple[float, float, int]:
    """Seconds on a thread, those in which it was computing, and how many groups of more than one there are."""
    results: list[tuple[float, float, int]] = []

    def work() -> None:
        started, before = time.perf_counter(), time.thread_time()
        numbers = group(hashes, distance)
        seconds, computing = time.perf_counter() - started, time.thread_time() - before
        results.append((seconds, computing, int(np.count_nonzero(np.unique(numbers, return_counts=True)[1] > 1))))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return results[0]


def see(data: Path, files: int) -> None:
    """Write what all files look like into the index."""
    hashes = hashes_with(files, [20] * (files // 100)).view(np.int64).tolist()
    store = IndexStore(data / "index.db")
    store.open()
    with transaction(store.writer):
        store.writer.executemany(
            "INSERT INTO looks (file, seen, phash, thumbhash) VALUES (?, 1, ?, ?)",
            ((id, hash, bytes(20)) for id, hash in enumerate(hashes, 1)),
        )
    store.close()
    (data / "seen").touch()


def ask(data: Path, files: int) -> None:
    """The same over HTTP."""
    report = Report(f"{files:,} files: what looks the same, over HTTP")
    with Studio(data) as studio, studio.connect() as connection:
        bench_search.until_quiet(connection)
        before = studio.memory()
        for distance in (6, 10):
            hello: list[float] = []
            seconds = _while_saying_hello(studio, connection, f"{_DUPLICATES}?distance={distance}", hello)
            report.add(f"groups, distance {distance}, the first time", f"{seconds:.2f} s")
            report.add("  /cozygen/hello meanwhile", milliseconds(hello), value=share(hello, 0.95), below=15.0)
        times = times_of(connection, (f"{_DUPLICATES}?page={page}" for page in range(1, _ROUNDS)))
        report.add("groups, further pages", milliseconds(times), value=share(times, 0.95), below=50.0)
        times = times_of(connection, _similar(files))
        report.add("similar to one", milliseconds(times), value=share(times, 0.95), below=50.0)
        report.section()
        report.add("memory before, and now", f"{before:.0f} MB, {studio.memory():.0f} MB")
    report.show()


def _similar(files: int) -> Iterator[str]:
    """Addresses of different files."""
    share_of_folder = -(-files // 100)
    for number in range(1, files, files // _ROUNDS):
        folder = (number - 1) // share_of_folder
        name = f"ComfyUI_{number:07}_.png"
        yield f"/cozygen/api/gallery/similar?subfolder={2020 + folder % 7}/{folder:04}&filename={name}&limit=50"


def _while_saying_hello(studio: Studio, connection: Connection, path: str, hello: list[float]) -> float:
    """Seconds of a request, and milliseconds of others that are made meanwhile."""
    ended = threading.Event()

    def greet() -> None:
        with studio.connect() as other:
            while not ended.is_set():
                hello.extend(times_of(other, ["/cozygen/hello"]))
                time.sleep(0.002)

    thread = threading.Thread(target=greet)
    thread.start()
    started = time.perf_counter()
    try:
        times_of(connection, [path])
        return time.perf_counter() - started
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    main()
