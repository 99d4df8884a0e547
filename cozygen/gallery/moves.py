"""Where files went: a log of what the studio moved, so that the names in old graphs still lead to their files.

Paths are relative to a library, ``/``-separated. Times are seconds since the epoch. Functions take a connection, so
that callers decide what is one transaction.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from cozygen.storage.tables import moves

_MOST = 1000
"""Moves of one file that are followed."""

Moved = tuple[tuple[str, str], tuple[str, str]]
"""Of a file: (subfolder, filename) before and after."""


class Stay(NamedTuple):
    """A path that a file had, from one time to another."""

    path: str
    since: float
    until: float


def note(connection: Connection, source: str, moved: Sequence[Moved]) -> None:
    """Files were moved just now."""
    now = time.time()
    rows = [
        {
            "source": source,
            "before": _joined(before),
            "after": _joined(after),
            "is_folder": False,
            "moved_at": now,
        }
        for before, after in moved
    ]
    if rows:
        connection.execute(insert(moves), rows)


def note_folder(connection: Connection, source: str, before: str, after: str) -> None:
    """A folder was moved just now, with all in it."""
    row = {"source": source, "before": before, "after": after, "is_folder": True, "moved_at": time.time()}
    connection.execute(insert(moves).values(row))


def path_now(connection: Connection, source: str, path: str, at: float) -> str:
    """The path that the file has now which had `path` at that time."""
    number = 0
    for _ in range(_MOST):
        query = (
            select(moves)
            .where(
                moves.c.source == source,
                moves.c.before.in_(_above(path)),
                moves.c.moved_at >= at,
                moves.c.id > number,
            )
            .order_by(moves.c.id)
        )
        # A folder's row also has the path of a file of that name: it is none, then.
        step = next((row for row in connection.execute(query) if row.is_folder or row.before == path), None)
        if step is None:
            break
        path, number = step.after + path[len(step.before) :], step.id
    return path


def stays(connection: Connection, source: str, path: str) -> list[Stay]:
    """The paths that the file had which is at `path` now, the latest first."""
    found: list[Stay] = []
    until, number = math.inf, 2**62
    for _ in range(_MOST):
        query = (
            select(moves)
            .where(moves.c.source == source, moves.c.after.in_(_above(path)), moves.c.id < number)
            .order_by(moves.c.id.desc())
        )
        step = next((row for row in connection.execute(query) if row.is_folder or row.after == path), None)
        if step is None:
            found.append(Stay(path, _left(connection, source, path, number), until))
            break
        found.append(Stay(path, step.moved_at, until))
        path, until, number = step.before + path[len(step.after) :], step.moved_at, step.id
    return found


def _left(connection: Connection, source: str, path: str, number: int) -> float:
    """When another file was moved away from a path, the last time before a move."""
    query = (
        select(moves)
        .where(moves.c.source == source, moves.c.before.in_(_above(path)), moves.c.id < number)
        .order_by(moves.c.id.desc())
    )
    rows = (row.moved_at for row in connection.execute(query) if row.is_folder or row.before == path)
    return float(next(rows, -math.inf))


def _above(path: str) -> list[str]:
    """The path and those of the folders that it is in."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(len(parts), 0, -1)]


def _joined(place: tuple[str, str]) -> str:
    return f"{place[0]}/{place[1]}" if place[0] else place[1]
