"""What the index keeps of a file's metadata."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cozygen.gallery import metadata
from cozygen.gallery.attributes import DetailRow
from cozygen.gallery.index import READ, UNREADABLE
from cozygen.gallery.metadata import FileMetadata
from cozygen.gallery.words import spaced

log = logging.getLogger(__name__)

_LONGEST = 30_000
"""Characters of a text that are searched."""

Wire = dict[str, Any]
"""The ``meta`` of an item in a listing."""

MetaRow = tuple[str | int | float | None, ...]
"""The columns of the table `meta` after the first, in order."""


class Details(NamedTuple):
    """The metadata of one file, in brief. `width` and `height` in pixels, `duration` in seconds.

    `meta` is None when the file does not say how it was made.
    """

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    fps: float | None = None
    meta: MetaRow | None = None

    @property
    def wire(self) -> Wire | None:
        """The ``meta`` of an item in a listing."""
        return None if self.meta is None else json.loads(str(self.meta[-1]))


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
    return Details(found.width, found.height, found.duration, found.fps, meta)


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
    rows: list[DetailRow] = []
    for item in found:
        known = connection.execute(
            "SELECT name FROM files WHERE id = ? AND size = ? AND mtime_ns = ? AND state = 0",
            (item.id, item.size, item.mtime_ns),
        ).fetchone()
        if known is None:
            continue
        details = item.details or Details()
        connection.execute(
            "UPDATE files SET state = ?, width = ?, height = ?, duration = ?, fps = ? WHERE id = ?",
            (UNREADABLE if item.details is None else READ, *details[:4], item.id),
        )
        meta = details.meta
        if meta is not None:
            connection.execute(f"INSERT OR REPLACE INTO meta VALUES (?{', ?' * len(meta)})", (item.id, *meta))
        add_text(connection, item.id, known[0], meta and meta[1:5])
        rows.append(_row(item.id, details))
    return rows


def add_text(
    connection: sqlite3.Connection, id: int, name: str, texts: Sequence[str | int | float | None] | None
) -> None:
    """Have a file found by its name, and by its prompts, models and LoRAs (the last two as JSON)."""
    positive, negative, models, loras = texts or ("", "", "[]", "[]")
    connection.execute(
        "INSERT INTO texts (rowid, name, positive, negative, resources) VALUES (?, ?, ?, ?, ?)",
        (id, *(spaced(str(text)[:_LONGEST]) for text in (name, positive, negative, _names(models, loras)))),
    )


def _names(models: object, loras: object) -> str:
    found = json.loads(str(models)) + [lora[0] for lora in json.loads(str(loras))]
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
