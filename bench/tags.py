"""How quick the tag reference is: `python -m bench.tags`.

Over HTTP, with 140,782 tags: the list in the folder that COZYGEN_SHARED_DATA names (danbooru.csv), else a made one of
the same size. Search is asked 200 different things; validation gets 50 tags with slips in them.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from bench.client import Connection
from bench.measuring import Report, Studio, median, milliseconds, share, times_of

_TAGS = 140_782
_QUERIES = 200
_CHECKED = 50
_ROUNDS = 5
_SYLLABLES = (
    "ka",
    "shi",
    "ro",
    "no",
    "mi",
    "tsu",
    "ne",
    "ga",
    "en",
    "blue",
    "red",
    "hair",
    "eyes",
    "dress",
    "long",
    "sky",
)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", type=Path, help="another tag list in one of the formats that the studio reads")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"of all queries (default {_ROUNDS})")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cozygen-bench-") as folder:
        path = options.list or shared_or_made(Path(folder))
        names = names_of(path)
        report = Report(f"{len(names):,} tags of {path.name}, over HTTP")
        environment = {"COZYGEN_TAGS_FILE": str(path)}
        with Studio(Path(folder) / "data", environment=environment) as studio, studio.connect() as connection:
            first = _first(connection)
        with Studio(Path(folder) / "data", environment=environment) as studio, studio.connect() as connection:
            times_of(connection, ["/cozygen/hello"] * 50)
            before = studio.memory()
            later = _first(connection)
            loaded = studio.memory() - before
            report.add("first answer ever: the list is read and compiled", f"{first:.0f} ms")
            report.add(
                "first answer after a restart: the list is loaded", f"{later:.0f} ms", value=later / 1000, below=0.5
            )
            _search(report, connection, names, options.rounds)
            _validate(report, connection, names, options.rounds)
            used = studio.memory() - before
            report.section()
            report.add("memory: the list is loaded", f"{loaded:.0f} MB", value=loaded, below=60)
            report.add("memory: after all of this", f"{used:.0f} MB", value=used, below=60)
    report.show()


def _first(connection: Connection) -> float:
    """Milliseconds of the first answer that needs the list."""
    return times_of(connection, ["/cozygen/api/tags/search?q=long_hair"])[0]


def _search(report: Report, connection: Connection, names: Sequence[str], rounds: int) -> None:
    report.section()
    queries = _queries(names)
    found: dict[str, list[float]] = {kind: [] for kind in queries}
    idle = times_of(connection, ["/cozygen/hello"] * _QUERIES)
    for _ in range(rounds):
        for kind, texts in queries.items():
            paths = [f"/cozygen/api/tags/search?q={quote(text)}" for text in texts]
            found[kind] += times_of(connection, paths)
    times = [time for some in found.values() for time in some]
    report.add("search", milliseconds(times), value=share(times, 0.95), below=5)
    report.add("p50, times that of /cozygen/hello", f"{median(times) / median(idle):.1f}x")
    for kind, some in found.items():
        report.add(f"  {kind}", milliseconds(some))


def _queries(names: Sequence[str]) -> dict[str, list[str]]:
    """What people type: 200 texts of several kinds, the same in every run."""
    rng = random.Random(7)
    share_of_each = _QUERIES // 5
    common, rare = names[:2000], names[len(names) // 2 :]
    typing = rng.choice([name for name in common if len(name) > 12])
    return {
        "one or two letters": [rng.choice(common)[: 1 + number % 2] for number in range(share_of_each)],
        "a word being typed": [
            (typing if number < 20 else rng.choice(common))[: 1 + number % 20] for number in range(share_of_each)
        ],
        "several words": [
            " ".join(rng.choice(common).split("_")[0][:6] for _ in range(2 + number % 2))
            for number in range(share_of_each)
        ],
        "rare": [rng.choice(rare)[:20] for _ in range(share_of_each)],
        "nothing like it": ["".join(rng.choices("qxzjvw", k=2 + number % 8)) for number in range(share_of_each)],
    }


def _validate(report: Report, connection: Connection, names: Sequence[str], rounds: int) -> None:
    report.section()
    rng = random.Random(8)
    known = {name.lower() for name in names}
    times = []
    for _ in range(rounds * 4):
        tags: list[str] = []
        while len(tags) < _CHECKED:
            slip = _slip(rng.choice(names[:30_000]), rng)
            if slip.lower() not in known:
                tags.append(slip)
        times.append(_timed_post(connection, tags))
    report.add(f"validate {_CHECKED} tags with slips", milliseconds(times), value=share(times, 0.95), below=60)


def _slip(name: str, rng: random.Random) -> str:
    """A name with a letter too many, too few, wrong, or two exchanged."""
    place = rng.randrange(len(name))
    letter = rng.choice("abcdefghijklmnopqrstuvwxyz")
    return (
        name[:place] + letter + name[place:],
        name[:place] + name[place + 1 :],
        name[:place] + letter + name[place + 1 :],
        name[:place] + name[place + 1 : place + 2] + name[place : place + 1] + name[place + 2 :],
    )[rng.randrange(4)]


def _timed_post(connection: Connection, tags: Sequence[str]) -> float:
    started = time.perf_counter()
    status, body = connection.post("/cozygen/api/tags/validate", {"tags": tags})
    took = (time.perf_counter() - started) * 1000
    if status != 200 or not json.loads(body)["invalid"]:
        raise RuntimeError(f"validate answered {status} {body[:200]!r}")
    return took


def shared_or_made(folder: Path) -> Path:
    """The list in the folder that COZYGEN_SHARED_DATA names, else one made in `folder`."""
    return _shared() or _made(folder / "made.csv")


def _shared() -> Path | None:
    folder = os.environ.get("COZYGEN_SHARED_DATA")
    path = Path(folder) / "danbooru.csv" if folder else None
    return path if path is not None and path.is_file() else None


def _made(path: Path) -> Path:
    """A list of as many made-up tags, as CSV."""
    rng = random.Random(1)
    names: dict[str, None] = {}
    while len(names) < _TAGS:
        words = ("".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) for _ in range(rng.randint(1, 4)))
        names.setdefault("_".join(words))
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        for number, name in enumerate(names):
            writer.writerow([name, rng.choice((0, 0, 0, 1, 3, 4, 5)), 6_000_000 // (number + 1) + 20, ""])
    return path


def names_of(path: Path) -> list[str]:
    """The names in a list, most used first."""
    from cozygen.tags.loaders import load

    return [tag.name for tag in sorted(load(path).tags, key=lambda tag: -tag.count)]


if __name__ == "__main__":
    main()
