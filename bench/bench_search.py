"""How quick searching is: `python -m bench.bench_search [FILES] [FOLDERS] [--keep DIR]`.

The files are empty and their metadata is written straight into the index, which makes a million of them in minutes.
Measured over HTTP against a studio in a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.client import Connection
from bench.measuring import Report, Studio, milliseconds, share
from cozygen.gallery.details import add_texts
from cozygen.gallery.index import IndexStore, transaction
from cozygen.gallery.scan import stamp_folder

_ROUNDS = 60
_WORDS = [
    f"{first}{second}" for first in ("sun", "moon", "star", "rain", "snow") for second in ("light", "fall", "bow")
]
_SUBJECTS = ["fox", "castle", "harbour", "astronaut", "orchid", "lighthouse", "robot", "glacier", "market", "dragon"]
_MODELS = [f"sdxl/model_{letter}.safetensors" for letter in "abcdefgh"]
_LORAS = [f"style_{number}.safetensors" for number in range(30)]
_SIZES = [(1024, 1024), (1024, 1536), (1536, 1024), (832, 1216)]
_NEWEST = 1_780_000_000

_QUERIES = {
    "a word of a few": "q=sunbow007",
    "a word of one in ten": "q=fox",
    "a word of all": "q=blurry",
    "two words": "q=fox+snowfall",
    "a phrase": "q=" + quote('"a red fox"'),
    "a word and a model": "q=fox+model:model_a",
    "numbers": "q=" + quote("steps>20 cfg:5..7"),
    "a month": "q=date:2026-03",
    "either of two, without a third": "q=" + quote("(fox OR dragon) -snowfall"),
    "by name": "sort=name&cursor=",
    "by size": "sort=size&cursor=",
    "shuffled": "sort=random:{n}&cursor=",
    "a word, by relevance": "sort=relevance&q=fox",
    "a word, page 100": "page=100&q=fox",
    "facets of all": "facets=1",
    "facets of a word": "facets=1&q=fox",
}


def main() -> None:
    """Make a library, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="?", type=int, default=100_000)
    parser.add_argument("folders", nargs="?", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="folder to make the library in, and to find it in the next time")
    options = parser.parse_args()
    base = options.keep or Path(tempfile.mkdtemp(prefix="cozygen-bench-"))
    data = base / f"search-{options.files}-{options.folders}"
    try:
        if not (data / "made").exists():
            make(data, options.files, options.folders)
        measure(data, options.files)
    finally:
        if options.keep is None:
            shutil.rmtree(base)


def make(data: Path, files: int, folders: int) -> None:
    """Empty files, and an index that knows of pictures."""
    shutil.rmtree(data, ignore_errors=True)
    output = data / "output"
    output.mkdir(parents=True)
    store = IndexStore(data / "index.db")
    store.open()
    writer = store.writer
    root = writer.execute("INSERT INTO roots (name, path) VALUES ('output', ?)", (str(output),)).lastrowid
    rng = random.Random(1)
    numbers = iter(range(1, files + 1))
    for folder in range(folders):
        path = output / f"{2020 + folder % 7}" / f"{folder:04}"
        path.mkdir(parents=True)
        id = _add_folder(store, root, output, path)
        with transaction(writer):
            for number in itertools.islice(numbers, -(-files // folders)):
                _add_file(store, id, path, number, files, rng)
        _settle(store, id, path)
    for path in [output, *output.iterdir()]:
        _settle(store, _add_folder(store, root, output, path), path)
    store.close()
    (data / "made").touch()


def _add_folder(store: IndexStore, root: int | None, output: Path, path: Path) -> int:
    relative = path.relative_to(output).as_posix().removeprefix(".")
    cursor = store.writer.execute(
        "INSERT INTO folders (root, path, changed_ns, mtime_ns, inode, settled, scanned) VALUES (?, ?, 0, 0, 0, 1, 1)",
        (root, relative),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _settle(store: IndexStore, id: int, path: Path) -> None:
    stamp = stamp_folder(path)
    assert stamp is not None
    store.writer.execute(
        "UPDATE folders SET changed_ns = ?, mtime_ns = ?, inode = ? WHERE id = ?",
        (stamp.changed_ns, stamp.mtime_ns, stamp.inode, id),
    )


def _add_file(store: IndexStore, folder: int, path: Path, number: int, files: int, rng: random.Random) -> None:
    name = f"ComfyUI_{number:07}_.png"
    file = path / name
    file.touch()
    mtime_ns = (_NEWEST - (files - number) * 150) * 10**9
    os.utime(file, ns=(mtime_ns, mtime_ns))
    width, height = rng.choice(_SIZES)
    writer = store.writer
    writer.execute(
        "INSERT INTO files (id, folder, name, kind, size, mtime_ns, inode, state, width, height)"
        " VALUES (?, ?, ?, 0, 0, ?, ?, 1, ?, ?)",
        (number, folder, name, mtime_ns, file.stat().st_ino, width, height),
    )
    positive = f"a red {rng.choice(_SUBJECTS)}, {', '.join(_word(rng) for _ in range(30))}"
    models, loras = json.dumps([rng.choice(_MODELS)]), json.dumps([[rng.choice(_LORAS), 0.8, 0.8]])
    sampler, steps, cfg = rng.choice(["euler", "dpmpp_2m", "ddim"]), rng.randint(10, 40), rng.choice([4.0, 6.5, 8.0])
    seed, size = str(rng.getrandbits(63)), (width, height)
    negative = "blurry, low quality"
    row = (
        "comfyui",
        positive,
        negative,
        models,
        loras,
        None,
        sampler,
        "karras",
        steps,
        cfg,
        None,
        seed,
        *size,
        1,
        "{}",
    )
    writer.execute(f"INSERT INTO meta VALUES (?{', ?' * len(row)})", (number, *row))
    add_texts(writer, [(number, name, (positive, negative, models, loras))])


def _word(rng: random.Random) -> str:
    """A word: a few of them are frequent, most are rare."""
    return (
        f"{rng.choice(_WORDS)}{min(999, int(rng.paretovariate(0.6))):03}" if rng.random() < 0.7 else rng.choice(_WORDS)
    )


def measure(data: Path, files: int) -> None:
    """Ask, and print how long the answers took."""
    limit = 15.0 if files <= 100_000 else 40.0
    report = Report(f"{files:,} files: searches")
    with Studio(data) as studio, studio.connect() as connection:
        started = time.perf_counter()
        _get(connection, "/cozygen/api/gallery?recursive=1&q=fox")
        report.add("first search after the start", f"{(time.perf_counter() - started) * 1000:.0f} ms")
        until_quiet(connection)
        for name, query in _QUERIES.items():
            before = studio.computed()
            times = list(_times(connection, query))
            computed = (studio.computed() - before) / len(times) * 1000
            label = f"{name} (first {times[0]:.1f} ms, computing {computed:.1f} ms)"
            report.add(label, milliseconds(times), value=share(times, 0.95), below=limit)
        times = list(_cursor_times(connection))
        report.add("the next page, 60 times", milliseconds(times), value=share(times, 0.95), below=limit)
        times = [_timed(connection, "/cozygen/api/gallery/complete?q=lora:st") for _ in range(_ROUNDS)]
        report.add("completion", milliseconds(times), value=share(times, 0.95), below=limit)
        report.section()
        report.add("memory", f"{studio.memory():.0f} MB", value=studio.memory(), below=250)
        report.add("index on disk", f"{(data / 'index.db').stat().st_size / 1e6:.0f} MB")
    report.show()


def until_quiet(connection: Connection) -> None:
    while not _get(connection, "/cozygen/api/gallery/index")["complete"]:
        time.sleep(0.2)
    time.sleep(1.0)


def _get(connection: Connection, path: str) -> Any:
    status, body = connection.get(path)
    assert status == 200, body
    return json.loads(body)


def _timed(connection: Connection, path: str) -> float:
    started = time.perf_counter()
    _get(connection, path)
    return (time.perf_counter() - started) * 1000


def _times(connection: Connection, query: str) -> Iterator[float]:
    """Milliseconds of a search, each time as if it were the first: what was found is remembered by its words."""
    for number in range(_ROUNDS):
        words = f"{query}+-none{number}" if "q=" in query else f"{query}&q=-none{number}"
        yield _timed(connection, f"/cozygen/api/gallery?recursive=1&per_page=50&{words.replace('{n}', str(number))}")


def _cursor_times(connection: Connection) -> Iterator[float]:
    cursor = ""
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        page = _get(connection, f"/cozygen/api/gallery?recursive=1&per_page=50&q=fox&cursor={cursor}")
        yield (time.perf_counter() - started) * 1000
        cursor = page["next_cursor"]


if __name__ == "__main__":
    main()
