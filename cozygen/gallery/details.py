"""What the index keeps of a file's metadata."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cozygen.gallery import metadata
from cozygen.gallery.index import READ, UNREADABLE
from cozygen.gallery.metadata import FileMetadata
from cozygen.gallery.metadata.sources import distinct_places
from cozygen.gallery.words import spaced

if TYPE_CHECKING:
    from cozygen.gallery.attributes import DetailRow  # the processes that read start sooner without NumPy

log = logging.getLogger(__name__)

_LONGEST = 30_000
"""Characters of a text that are searched."""
_META_COLUMNS = 16
_REMEMBERED = 512

Wire = dict[str, Any]
"""The ``meta`` of an item in a listing."""

MetaRow = tuple[str | int | float | None, ...]
"""The columns of the table `meta` after the first, in order."""


TextRow = Sequence[str | int | float | None]
"""The positive and the negative prompt, and models and LoRAs as JSON."""

_NO_TEXTS: TextRow = ("", "", "[]", "[]")


class Details(NamedTuple):
    """The metadata of one file, in brief. `width` and `height` in pixels, `duration` in seconds.

    `meta` is None when the file does not say how it was made. `sources` are the files that its graph starts from, as
    (folder, path); see `cozygen.gallery.metadata.sources`.
    """

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    fps: float | None = None
    meta: MetaRow | None = None
    sources: tuple[tuple[str, str], ...] = ()

    @property
    def wire(self) -> Wire | None:
        """The ``meta`` of an item in a listing."""
        return None if self.meta is None else json.loads(str(self.meta[-1]))


_NO_DETAILS = Details()

Read = Callable[[Path], Details | None]
"""Reads a file's metadata; None when the file cannot be read at all."""


def read_details(path: Path) -> Details | None:
    """Read a file's metadata; None when the file cannot be read at all. Blocking."""
    try:
        found = metadata.read(path)
    except OSError:
        return None
    return describe(found)


def careful(read: Read) -> Read:
    """`read`, with its faults logged: what one file does to a reader must not keep the others from being shown."""

    def reading(path: Path) -> Details | None:
        try:
            return read(path)
        except Exception:
            log.exception("could not read the metadata of %s", path)
            return None

    return reading


def describe(found: FileMetadata) -> Details:
    """The details of metadata that was read."""
    meta = _meta(found) if found.has_prompt else None
    sources = () if found.prompt is None else tuple(distinct_places(found.prompt))
    return Details(found.width, found.height, found.duration, found.fps, meta, sources)


def _meta(found: FileMetadata) -> MetaRow:
    summary = metadata.summarise(found)
    return (
        found.source,
        summary.positive,
        summary.negative,
        json.dumps(summary.models),
        json.dumps(summary.loras),
        summary.vae,
        summary.sampler,
        summary.scheduler,
        summary.steps,
        summary.cfg,
        summary.guidance,
        None if summary.seed is None else str(summary.seed),
        *(summary.size or (None, None)),
        int(found.workflow_text is not None),
        json.dumps({**metadata.wire_meta(summary), "has_prompt": True}),
    )


@dataclass(frozen=True)
class Enriched:
    """Details of the file `id` as it was with that size and mtime; None when it could not be read."""

    id: int
    size: int
    mtime_ns: int
    details: Details | None


def store(connection: sqlite3.Connection, found: Iterable[Enriched]) -> list[DetailRow]:
    """Write details into the index, but for files that have changed or gone since, or were read already.

    Returns what is to be known of the others in memory.
    """
    fresh = _fresh(connection, found)
    connection.executemany(
        "UPDATE files SET state = ?, width = ?, height = ?, duration = ?, fps = ? WHERE id = ?",
        [
            (UNREADABLE if item.details is None else READ, *(item.details or _NO_DETAILS)[:4], item.id)
            for item, _ in fresh
        ],
    )
    known = [(item.id, name, item.details or _NO_DETAILS) for item, name in fresh]
    connection.executemany(
        f"INSERT OR REPLACE INTO meta VALUES (?{', ?' * _META_COLUMNS})",
        [(id, *details.meta) for id, _, details in known if details.meta is not None],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO sources (path, folder, file) VALUES (?, ?, ?)",
        [(path, folder, id) for id, _, details in known for folder, path in details.sources],
    )
    add_texts(connection, [(id, name, details.meta and details.meta[1:5]) for id, name, details in known])
    return [_row(id, details) for id, _, details in known]


def _fresh(connection: sqlite3.Connection, found: Iterable[Enriched]) -> list[tuple[Enriched, str]]:
    """Those that the index knows as they were, and does not know the details of; with the files' names."""
    items: dict[int, Enriched] = {}
    for item in found:
        items.setdefault(item.id, item)
    rows = connection.execute(
        f"SELECT id, size, mtime_ns, name FROM files WHERE id IN ({', '.join('?' * len(items))}) AND state = 0",
        list(items),
    )
    return [
        (items[id], name)
        for id, size, mtime_ns, name in rows.fetchall()
        if (size, mtime_ns) == (items[id].size, items[id].mtime_ns)
    ]


def add_texts(connection: sqlite3.Connection, files: Iterable[tuple[int, str, TextRow | None]]) -> None:
    """Have files, given as id, name and texts, found by their names and texts.

    Files of ascending ids are written at once; each that has a lower id than the one before is a part of the index by
    itself, which takes much longer (FTS5 keeps its segments in order).
    """
    connection.executemany(
        "INSERT INTO texts (rowid, name, positive, negative, resources) VALUES (?, ?, ?, ?, ?)",
        [(id, *_searched(name, texts or _NO_TEXTS)) for id, name, texts in sorted(files, key=_by_id)],
    )


def _by_id(file: tuple[int, str, TextRow | None]) -> int:
    return file[0]


def _searched(name: str, texts: TextRow) -> list[str]:
    positive, negative, models, loras = texts
    columns = (name, str(positive), str(negative), _names(str(models), str(loras)))
    return [spaced(text[:_LONGEST]) for text in columns]


@lru_cache(_REMEMBERED)
def _names(models: str, loras: str) -> str:
    """Models and LoRAs as they are searched. A library has few of them, in many files."""
    found = json.loads(models) + [lora[0] for lora in json.loads(loras)]
    return " \n ".join(map(str, found))


def _row(id: int, details: Details) -> DetailRow:
    head = (id, details.width, details.height, details.duration)
    if details.meta is None:
        return (*head, *([None] * 9))
    source, _, _, models, loras, _, sampler, scheduler, steps, cfg, guidance, *_, has_workflow, _ = details.meta
    return (*head, source, sampler, scheduler, steps, cfg, guidance, models, loras, has_workflow)


LOAD = """
SELECT f.id, f.width, f.height, f.duration, m.source, m.sampler, m.scheduler, m.steps, m.cfg, m.guidance, m.models,
    m.loras, m.has_workflow
FROM files f LEFT JOIN meta m ON m.file = f.id WHERE f.state != 0 AND f.id > ? ORDER BY f.id LIMIT ?
"""
"""The `DetailRow`s of files whose metadata were read, some of those after an id."""
