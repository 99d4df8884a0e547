"""In which order files are shown, and how to go on after one of them.

A cursor names the last file that was shown by what it is sorted by, and by its time and name: files that arrive or
vanish meanwhile move nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import sqlite3
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cozygen.gallery.attributes import BLOCK, Attributes
from cozygen.gallery.catalogue import Columns
from cozygen.gallery.index import IndexStore
from cozygen.gallery.search import Found

SORTS = ("newest", "oldest", "name", "size", "rating", "duration", "relevance", "random")
_RANDOM = re.compile(r"random(?::([A-Za-z0-9_-]{1,64}))?")
_MAX_CURSOR = 4000
_FEW_NEW = 64


class BadCursor(ValueError):
    """The cursor is none of ours, or of another order."""


class BadSort(ValueError):
    """There is no such order."""


@dataclass(frozen=True)
class Sort:
    """An order. `seed` is for ``random``."""

    name: str = "newest"
    seed: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.seed}" if self.name == "random" else self.name


def parse_sort(text: str) -> Sort:
    """``newest``, ..., ``random`` or ``random:<seed>``. Raises `BadSort`."""
    found = _RANDOM.fullmatch(text)
    if found:
        return Sort("random", found[1] or "0")
    if text not in SORTS:
        raise BadSort(f"sort is one of {', '.join(SORTS)}, or random:<seed>")
    return Sort(text)


@dataclass(frozen=True)
class Cursor:
    """The last item that was shown. `value`: what it is sorted by, besides time and name. A folder has no `id`."""

    sort: str
    value: float
    mtime_ns: int
    name: str
    id: int | None

    def encode(self) -> str:
        """As text that can stand in an address."""
        value = None if math.isinf(self.value) else self.value
        data = json.dumps([self.sort, value, self.mtime_ns, self.name, self.id], separators=(",", ":"))
        return base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")


def decode_cursor(text: str, sort: Sort) -> Cursor:
    """Raises `BadCursor`."""
    try:
        if len(text) > _MAX_CURSOR:
            raise ValueError("too long")
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        given, value, mtime_ns, name, id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        name.encode()
        known = Cursor(given, math.inf if value is None else float(value), mtime_ns, name, id)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError, binascii.Error):
        raise BadCursor("this is no cursor of the gallery") from None
    whole = [known.mtime_ns] if known.id is None else [known.mtime_ns, known.id]
    if given != str(sort) or math.isnan(known.value) or not all(_is_64_bits(number) for number in whole):
        raise BadCursor("this is no cursor of this listing")
    return known


def _is_64_bits(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


class NameOrder:
    """The files by name. Built when it is first wanted, and kept up with what is new."""

    def __init__(self, store: IndexStore) -> None:
        self._store = store
        self._columns: Callable[[], Columns | None] = lambda: None
        self._ids: NDArray[np.int32] = np.empty(0, np.int32)
        self._highest = 0
        self._generation = -1
        self._lock = threading.Lock()

    def ids(self, columns: Columns) -> NDArray[np.int32]:
        """All files by name, without regard to case, then by id; some may have gone."""
        with self._lock:
            return self._ids if columns is self._columns() else self._renew(columns)

    def _renew(self, columns: Columns) -> NDArray[np.int32]:
        new = columns.ids[columns.ids > self._highest]
        with self._store.reader() as connection:
            other = self._generation != self._store.generation
            if other or len(new) > _FEW_NEW or len(self._ids) > 2 * len(columns) + 1000:
                ids = self._build(connection)
            else:
                ids = self._include(connection, new.tolist())
        self._ids, self._highest = ids, max(columns.highest, int(ids.max(initial=0)))
        self._columns, self._generation = weakref.ref(columns), self._store.generation
        return ids

    def _build(self, connection: sqlite3.Connection) -> NDArray[np.int32]:
        row = connection.execute(
            "SELECT group_concat(id) FROM (SELECT id FROM files ORDER BY name COLLATE NOCASE, name, id)"
        )
        return np.fromstring(row.fetchone()[0] or "", np.int32, sep=",")

    def _include(self, connection: sqlite3.Connection, new: Sequence[int]) -> NDArray[np.int32]:
        rows = connection.execute(
            f"SELECT id, name FROM files WHERE id IN ({','.join('?' * len(new))})"
            " ORDER BY name COLLATE NOCASE DESC, name DESC, id DESC",
            new,
        ).fetchall()
        ids = self._ids
        for id, name in rows:
            place = self._place(connection, ids, name, id)
            if place is None:
                return self._build(connection)
            ids = np.insert(ids, place, id)
        return ids

    @staticmethod
    def _place(connection: sqlite3.Connection, ids: NDArray[np.int32], name: str, id: int) -> int | None:
        """The place of the first file after that name and id; None when there is one that is not among `ids`."""
        row = connection.execute(
            "SELECT id FROM files WHERE name >= :name COLLATE NOCASE"
            " AND NOT (name = :name COLLATE NOCASE AND (name < :name OR name = :name AND id <= :id))"
            " ORDER BY name COLLATE NOCASE, name, id LIMIT 1",
            {"name": name, "id": id},
        ).fetchone()
        if row is None:
            return len(ids)
        places = np.flatnonzero(ids == row[0])
        return int(places[0]) if len(places) else None

    def after(self, order: NDArray[np.int32], name: str, id: int) -> int:
        """Where to go on in `order` after the file of that name and id, which may have gone."""
        places = np.flatnonzero(order == id)
        if len(places):
            return int(places[0]) + 1
        with self._store.reader() as connection:
            place = self._place(connection, order, name, id)
        return len(order) if place is None else place


NameOf = Callable[[int], "str | None"]


class Ordering:
    """Puts the files that a search found in order."""

    def __init__(self, store: IndexStore) -> None:
        self._names = NameOrder(store)

    def page(
        self,
        found: Found,
        sort: Sort,
        attributes: Attributes,
        *,
        start: int,
        count: int | None,
        after: Cursor | None,
        scores: NDArray[np.float64] | None,
        name_of: NameOf,
    ) -> tuple[list[int], list[float]]:
        """The ids of `count` files from `start` on, or after a cursor; and what each is sorted by."""
        if sort.name == "name":
            return self._by_name(found, start, count, after)
        if sort.name in ("newest", "oldest"):
            return self._by_time(found, sort, start, count, after, name_of)
        value = None if after is None else after.value
        if scores is not None and after is not None:  # it depends on what else there is: take it as it is now
            same = np.flatnonzero(found.ids == after.id)
            value = float(scores[same[0]]) if len(same) else value
        place = 0 if after is None else place_after(found.columns, after, name_of)
        values = _as_they_are(scores) if scores is not None else _values(sort, attributes)
        return _by_value(found, values, start, count, None if value is None else (value, place))

    def _by_name(
        self, found: Found, start: int, count: int | None, after: Cursor | None
    ) -> tuple[list[int], list[float]]:
        order = self._names.ids(found.columns)
        chosen = np.zeros(max(found.columns.highest, int(order.max(initial=0))) + 1, np.bool_)
        for _, _, ids in found.blocks():
            chosen[ids] = True
        if after is not None:
            order = order[self._names.after(order, after.name, after.id or 0) :]
        stop = len(found) if count is None else start + count
        parts, have = [order[:0]], 0
        for begin in range(0, len(order), BLOCK):
            part = order[begin : begin + BLOCK]
            parts.append(part.take(np.flatnonzero(chosen.take(part))))
            have += len(parts[-1])
            if have >= stop:
                break
        page: list[int] = np.concatenate(parts)[start:stop].tolist()
        return page, [0.0] * len(page)

    def _by_time(
        self, found: Found, sort: Sort, start: int, count: int | None, after: Cursor | None, name_of: NameOf
    ) -> tuple[list[int], list[float]]:
        places = found.places if sort.name == "newest" else found.places[::-1]
        if after is not None:
            if sort.name == "newest":
                at = int(np.searchsorted(found.places, place_after(found.columns, after, name_of)))
            else:
                at = len(places) - int(np.searchsorted(found.places, place_before(found.columns, after, name_of)))
            places = places[at:]
        chosen = places[start : None if count is None else start + count]
        return found.columns.ids[chosen].tolist(), [0.0] * len(chosen)


def place_after(columns: Columns, cursor: Cursor, name_of: NameOf) -> int:
    """The first place after the file of the cursor, newest first; after where it would be when it has gone."""
    low, high = _ties(columns, cursor)
    same = np.flatnonzero(columns.ids[low:high] == cursor.id)
    if len(same):
        return low + int(same[0]) + 1
    return low + _earlier(columns, low, high, cursor.name, name_of)


def place_before(columns: Columns, cursor: Cursor, name_of: NameOf) -> int:
    """The place of the file of the cursor; where it would be when it has gone."""
    low, high = _ties(columns, cursor)
    same = np.flatnonzero(columns.ids[low:high] == cursor.id)
    if len(same):
        return low + int(same[0])
    return low + _earlier(columns, low, high, cursor.name, name_of)


def _ties(columns: Columns, cursor: Cursor) -> tuple[int, int]:
    key = -cursor.mtime_ns
    return int(np.searchsorted(columns.keys, key, "left")), int(np.searchsorted(columns.keys, key, "right"))


def _earlier(columns: Columns, low: int, high: int, name: str, name_of: NameOf) -> int:
    """How many of the files of one time, which are in the order of their names, come before `name`."""
    first, last = low, high
    while low < high:
        middle = (low + high) // 2
        other = name_of(int(columns.ids[middle]))
        if other is None or other <= name:
            low = middle + 1
        else:
            high = middle
    return min(low, last) - first


Values = Callable[[int, NDArray[np.int64]], NDArray[np.float64]]
"""What the files of a block are sorted by, ascending: from where the block begins, and their ids."""


def _values(sort: Sort, attributes: Attributes) -> Values:
    if sort.name == "random":
        salt = _salt(sort.seed)
        return lambda _, ids: _shuffled(ids, salt)
    column = attributes.frame.number(sort.name)

    def descending(_: int, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        values = np.take(column, ids, mode="clip").astype(np.float64)
        values[np.isnan(values)] = -math.inf
        return -values

    return descending


def _as_they_are(scores: NDArray[np.float64]) -> Values:
    return lambda start, ids: scores[start : start + len(ids)]


def _salt(seed: str) -> np.uint64:
    salt = int.from_bytes(seed.encode()[:8].ljust(8, b"\0"), "little") ^ (len(seed) << 56)
    for byte in seed.encode()[8:]:
        salt = (salt * 1_099_511_628_211 + byte) % 2**64
    return np.uint64(salt)


def _shuffled(ids: NDArray[np.int64], salt: np.uint64) -> NDArray[np.float64]:
    """A number in 0..1 for each file, the same whenever the seed is (splitmix64 of id and seed)."""
    mixed = ids.astype(np.uint64)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed += salt
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    mixed >>= np.uint64(11)
    result = mixed.astype(np.float64)
    result *= 2.0**-53
    return result


def _by_value(
    found: Found, values: Values, start: int, count: int | None, after: tuple[float, int] | None
) -> tuple[list[int], list[float]]:
    """Files by `values`, ascending, then newest first; only those after a value and a place."""
    best = _Smallest(None if count is None else start + count)
    for begin, places, ids in found.blocks():
        part = values(begin, ids)
        if after is not None:
            value, place = after
            among = (part > value) | ((part == value) & (places >= place))
            part, ids = part[among], ids[among]
        best.add(part, ids)
    chosen, sorted_by = best.found()
    return chosen[start:].tolist(), sorted_by[start:].tolist()


class _Smallest:
    """Keeps the ids of the `count` smallest values (all with None), equal ones in the order in which they come."""

    def __init__(self, count: int | None) -> None:
        self._count = count
        self._values: NDArray[np.float64] = np.empty(0, np.float64)
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._parts: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = []

    def add(self, values: NDArray[np.float64], ids: NDArray[np.int64]) -> None:
        """Take in what comes next."""
        if self._count is None:
            self._parts.append((values, ids))
            return
        if self._count and len(self._values) == self._count:
            better = values < self._values[-1]
            values, ids = values[better], ids[better]
        if len(values):
            values, ids = np.concatenate([self._values, values]), np.concatenate([self._ids, ids])
            order = smallest(values, self._count)
            self._values, self._ids = values[order], ids[order]

    def found(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The ids and their values, ascending."""
        if self._parts:
            values = np.concatenate([values for values, _ in self._parts])
            order = np.argsort(values, kind="stable")
            return np.concatenate([ids for _, ids in self._parts])[order], values[order]
        return self._ids, self._values


def smallest(values: NDArray[np.float64], count: int | None) -> NDArray[np.int64]:
    """Where the `count` smallest values are (all with None), in ascending order; equal ones as they come."""
    if count is None or count >= len(values):
        return np.argsort(values, kind="stable")
    if not count:
        return np.empty(0, np.int64)
    bound = np.partition(values, count - 1)[count - 1]
    below = np.flatnonzero(values < bound)
    ties = np.flatnonzero(values == bound)[: count - len(below)]
    return np.concatenate([below[np.argsort(values[below], kind="stable")], ties])
