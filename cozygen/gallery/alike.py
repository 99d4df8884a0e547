"""What files look like, and which of them look the same: as the index has it, and in memory.

Three numbers a file are kept in memory (`cozygen.gallery.attributes.Frame`): `sight`, a perceptual hash (`phash`), and
of those files that share their size with another one the first 64 bits of a key of the content (`content`, 0 where it
is not known). Files of the same size and key are *copies*; those whose hashes differ in a few bits are *alike*.

Hashes of pictures with hardly anything in them, such as a plain colour, say nothing: only copies of them are grouped.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cozygen.gallery.attributes import FAVORITE, Attributes, Frame
from cozygen.gallery.catalogue import Scope, Snapshot
from cozygen.gallery.hamming import BITS, Joined, bits_of, group, nearest
from cozygen.gallery.index import transaction
from cozygen.gallery.library import Library, Row
from cozygen.gallery.scan import KINDS
from cozygen.gallery.worker import Steps
from cozygen.media.pool import Looks

UNSEEN, BLANK, SEEN = 0, 1, 2
"""`Frame.sight`: nobody has looked at the file, there is nothing to see, or its `phash` is known."""

_SAYS_SOMETHING = 8
"""Bits that are set in the hash of a picture with something in it; half of them, mostly."""
_SOUND = KINDS.index("audio")
_LOADED, _STORED = 5000, 200


@dataclass(frozen=True)
class Seen:
    """A file as it was with that size and mtime, and what it looks like; None: there is nothing to see."""

    id: int
    size: int
    mtime_ns: int
    looks: Looks | None


@dataclass(frozen=True)
class Keyed:
    """A file as it was with that size and mtime, and the key of its content (`cozygen.gallery.content`)."""

    id: int
    size: int
    mtime_ns: int
    key: str


# Keeping it; the worker's thread


def load(library: Library) -> Steps[None]:
    """Take up what the index knows of the files' looks."""
    attributes, reach = library.attributes, 0
    while attributes is library.attributes:
        rows = library.store.writer.execute(
            "SELECT file, seen, phash, content FROM looks WHERE file > ? ORDER BY file LIMIT ?", (reach, _LOADED)
        ).fetchall()
        if not rows:
            attributes.looks += 1
            return
        ids, seen, hashes, contents = zip(*rows, strict=True)
        reach = ids[-1]
        attributes.reserve(reach)
        frame, at = attributes.frame, np.array(ids, np.int64)
        frame.phash[at] = _unsigned(hashes)
        frame.content[at] = _unsigned(contents)
        frame.sight[at] = [_sight(one, hash) for one, hash in zip(seen, hashes, strict=True)]
        yield


def _sight(seen: int, hash: int | None) -> int:
    return SEEN if hash is not None else BLANK if seen else UNSEEN


def store_seen(library: Library, found: Sequence[Seen]) -> Steps[None]:
    """Take note of what files look like, but of those that have changed or gone since."""
    for start in range(0, len(found), _STORED):
        part = found[start : start + _STORED]
        with transaction(library.store.writer):
            known = [one for one in part if _is_current(library.store.writer, one)]
            library.store.writer.executemany(
                "INSERT INTO looks (file, seen, phash, thumbhash) VALUES (?, 1, ?, ?) ON CONFLICT (file) DO UPDATE"
                " SET seen = 1, phash = excluded.phash, thumbhash = excluded.thumbhash",
                [
                    (one.id, _signed(one.looks.phash), one.looks.thumbhash) if one.looks else (one.id, None, None)
                    for one in known
                ],
            )
        frame = _room(library.attributes, known)
        for one in known:
            frame.phash[one.id] = one.looks.phash if one.looks else 0
            frame.sight[one.id] = SEEN if one.looks else BLANK
        _count(library.attributes)
        yield


def store_keys(library: Library, found: Sequence[Keyed]) -> Steps[None]:
    """Take note of the keys of files' contents, but of those that have changed or gone since."""
    for start in range(0, len(found), _STORED):
        part = found[start : start + _STORED]
        with transaction(library.store.writer):
            known = [one for one in part if _is_current(library.store.writer, one)]
            library.store.writer.executemany(
                "INSERT INTO looks (file, content) VALUES (?, ?) ON CONFLICT (file) DO UPDATE"
                " SET content = excluded.content",
                [(one.id, _signed(_number(one.key))) for one in known],
            )
        frame = _room(library.attributes, known)
        for one in known:
            frame.content[one.id] = _number(one.key)
        _count(library.attributes)
        yield


def _is_current(connection: sqlite3.Connection, one: Seen | Keyed) -> bool:
    found = connection.execute(
        "SELECT 1 FROM files WHERE id = ? AND size = ? AND mtime_ns = ?", (one.id, one.size, one.mtime_ns)
    )
    return found.fetchone() is not None


def _room(attributes: Attributes, found: Sequence[Seen | Keyed]) -> Frame:
    attributes.reserve(max((one.id for one in found), default=0))
    return attributes.frame


def _count(attributes: Attributes) -> None:
    """What was noted counts as a change, unless the rest is still to be taken up."""
    attributes.looks += attributes.looks > 0


def _number(key: str) -> int:
    return int(key[:16], 16) or 1


def _signed(value: int) -> int:
    """64 bits as the index has them."""
    return value - 2**BITS if value >= 2 ** (BITS - 1) else value


def _unsigned(values: Iterable[int | None]) -> NDArray[np.uint64]:
    return np.array([value or 0 for value in values], np.int64).view(np.uint64)


# What is still to be done; any thread


def count_unseen(library: Library) -> int:
    """How many files there are at which nobody has looked."""
    return len(_unseen(library.snapshot, library.attributes.frame))


def unseen(library: Library, limit: int, without: Callable[[int], bool]) -> list[Row]:
    """Some files at which nobody has looked, the newest first; `without` tells ids that are left out."""
    return _rows(library, _unseen(library.snapshot, library.attributes.frame), limit, without)


def _unseen(snapshot: Snapshot, frame: Frame) -> NDArray[np.int64]:
    columns = snapshot.columns
    ids = columns.ids[columns.kinds != _SOUND]
    found: NDArray[np.int64] = ids[_of(frame.sight, ids) == UNSEEN]
    return found


def unkeyed(library: Library, limit: int, without: Callable[[int], bool]) -> list[Row]:
    """Some of the files that share their size with another one, and whose content nobody knows."""
    ids, frame = library.snapshot.columns.ids, library.attributes.frame
    sizes = _of(frame.size, ids)
    _, inverse, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    wanted = (counts[inverse.reshape(-1)] > 1) & (_of(frame.content, ids) == 0) & (sizes > 0)
    return _rows(library, ids[wanted], limit, without)


def _rows(library: Library, ids: NDArray[np.int64], limit: int, without: Callable[[int], bool]) -> list[Row]:
    chosen = list(itertools.islice((id for id in map(int, ids) if not without(id)), limit))
    return [row for row in library.rows(library.snapshot, chosen) if row is not None]


def _of(column: NDArray[Any], ids: NDArray[np.int64]) -> NDArray[Any]:
    """A column at these ids; where files came since it was made, what it has for nothing."""
    found: NDArray[Any] = np.take(column, ids, mode="clip")
    found[ids >= len(column)] = 0
    return found


# Finding; any thread


def similar(library: Library, scope: Scope, id: int, count: int, most: int) -> list[tuple[int, int]]:
    """Files of `scope` that look most like the file `id`, without itself, each with the bits that differ.

    At most `count`, which differ in `most` bits at most; of those at the same distance the newest first. The file must
    have been looked at.
    """
    snapshot, frame = library.snapshot, library.attributes.frame
    ids = snapshot.columns.ids[snapshot.places(scope)]
    ids = ids[(_of(frame.sight, ids) == SEEN) & (ids != id)]
    return [(int(ids[at]), far) for at, far in nearest(_of(frame.phash, ids), int(frame.phash[id]), count, most)]


def sight_of(library: Library, id: int) -> int:
    """Whether the file has been looked at, and what there was: `UNSEEN`, `BLANK` or `SEEN`."""
    frame = library.attributes.frame
    return int(frame.sight[id]) if id < len(frame) else UNSEEN


@dataclass(frozen=True)
class Group:
    """Files that look the same. `files`: the best one to keep comes first, then the others in the same order.

    `copies`: for each file the first one in `files` (its place) that is the same byte for byte, as far as known.
    `distances`: the bits in which each differs from the first one; None where it has no hash. `size` in bytes;
    `wasted`: what all but the largest take, `spare`: what those take of which there is a copy.
    """

    files: list[int]
    copies: list[int]
    distances: list[int | None]
    size: int
    wasted: int
    spare: int

    @property
    def exact(self) -> bool:
        """Whether all of them are copies of one."""
        return not any(self.copies)


@dataclass(frozen=True)
class Grouping:
    """All groups of a part of the library, those first that waste most.

    The files of group `n` are those from ``starts[n]`` to ``starts[n + 1]``. Sizes in bytes, for each group.
    """

    ids: NDArray[np.int64]
    contents: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    wasted: NDArray[np.int64]
    spare: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sizes)

    def group(self, number: int, library: Library) -> Group:
        """One of the groups. Which files are best is told by what is known now."""
        part = slice(int(self.starts[number]), int(self.starts[number + 1]))
        return _described(
            self.ids[part],
            self.contents[part],
            library.attributes.frame,
            (int(self.sizes[number]), int(self.wasted[number]), int(self.spare[number])),
        )


def find_groups(library: Library, scope: Scope, distance: int, *, exact: bool = False) -> Grouping:
    """Files of `scope` that are copies of each other or, unless `exact`, look alike.

    Pictures look alike, and so do films, when their hashes differ in `distance` bits at most, or are linked by a chain
    of such.
    """
    snapshot, frame = library.snapshot, library.attributes.frame
    places = snapshot.places(scope)
    ids, kinds = snapshot.columns.ids[places], snapshot.columns.kinds[places]
    sizes = np.maximum(_of(frame.size, ids), 0)
    contents = _copies(_of(frame.content, ids))
    joined = Joined(len(ids))
    joined.join(np.arange(len(ids)), contents)
    if not exact:
        telling = (_of(frame.sight, ids) == SEEN) & (bits_of(_of(frame.phash, ids)) >= _SAYS_SOMETHING)
        for kind in np.unique(kinds[telling]):
            chosen = np.flatnonzero(telling & (kinds == kind))
            joined.join(chosen, chosen[group(_of(frame.phash, ids[chosen]), distance)])
    return _ranked(ids, sizes, contents, joined.all())


def _copies(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """For each file the place of the first one of the same content; its own where that is not known."""
    found = np.arange(len(keys))
    known = np.flatnonzero(keys != 0)
    _, first, inverse = np.unique(keys[known], return_index=True, return_inverse=True)
    found[known] = known[first][inverse.reshape(-1)]
    return found


def _ranked(
    ids: NDArray[np.int64], sizes: NDArray[np.int64], contents: NDArray[np.int64], groups: NDArray[np.int64]
) -> Grouping:
    """The groups of more than one file, those first that waste most; `groups` has a number for each file."""
    counts = np.bincount(groups, minlength=len(groups))
    chosen = np.flatnonzero(counts[groups] > 1)
    order = chosen[np.argsort(groups[chosen], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    if not len(starts):
        nothing = np.empty(0, np.int64)
        return Grouping(nothing, nothing, np.zeros(1, np.int64), nothing, nothing, nothing)
    size = sizes[order]
    copied = np.ones(len(order), bool)
    copied[np.unique(contents[order], return_index=True)[1]] = False
    total = np.add.reduceat(size, starts)
    wasted = total - np.maximum.reduceat(size, starts)
    spare = np.add.reduceat(np.where(copied, size, 0), starts)
    lengths = np.diff(starts, append=len(order))
    rank = np.lexsort((np.arange(len(starts)), -lengths, -wasted))
    ends = np.cumsum(lengths[rank])
    moved = np.arange(ends[-1]) - np.repeat(ends - lengths[rank], lengths[rank])
    order = order[np.repeat(starts[rank], lengths[rank]) + moved]
    return Grouping(ids[order], contents[order], np.concatenate(([0], ends)), total[rank], wasted[rank], spare[rank])


def _described(
    ids: NDArray[np.int64], contents: NDArray[np.int64], frame: Frame, totals: tuple[int, int, int]
) -> Group:
    """A group, the best file first: a favourite, the best rated, one of which anything is noted, the largest, the
    oldest. `ids` have the newest first."""
    favourite = (_of(frame.flags, ids) & FAVORITE) != 0
    rating = _of(frame.rating, ids).astype(np.int64)
    noted = _of(frame.mark, ids) != 0
    size = _of(frame.size, ids)
    order = np.lexsort((-np.arange(len(ids)), -size, ~noted, -rating, ~favourite))
    ids, contents = ids[order], contents[order]
    first: dict[int, int] = {}
    copies = [first.setdefault(content, place) for place, content in enumerate(contents.tolist())]
    seen = _of(frame.sight, ids) == SEEN
    hashes = _of(frame.phash, ids)
    far = bits_of(hashes ^ hashes[:1]).tolist()
    distances = [value if known and seen[0] else None for value, known in zip(far, seen.tolist(), strict=True)]
    return Group(ids.tolist(), copies, distances, *totals)
