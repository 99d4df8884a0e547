"""What the index keeps of a file's metadata."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cozygen.gallery import metadata
from cozygen.gallery.index import READ, UNREADABLE
from cozygen.gallery.metadata import FileMetadata

log = logging.getLogger(__name__)

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


def store(connection: sqlite3.Connection, found: Iterable[Enriched]) -> None:
    """Write details into the index, but for files that have changed or gone since."""
    for item in found:
        details = item.details or Details()
        changed = connection.execute(
            "UPDATE files SET state = ?, width = ?, height = ?, duration = ?, fps = ?"
            " WHERE id = ? AND size = ? AND mtime_ns = ?",
            (UNREADABLE if item.details is None else READ, *details[:4], item.id, item.size, item.mtime_ns),
        ).rowcount
        if changed and details.meta is not None:
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (item.id, *details.meta),
            )
