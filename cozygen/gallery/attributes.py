"""What the files are like, in memory: a few numbers a file, for searching, sorting and counting.

Arrays are indexed by the file's id in the index. The worker's thread changes them in place; whoever reads takes the
arrays once (`Attributes.frame`, `Pairs.view`) after the snapshot whose files it is about: they are never shorter than
that needs, and an entry that changes meanwhile is the old or the new one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cozygen.gallery.words import fold

FAVORITE, HIDDEN, PROMPT, WORKFLOW = 1, 2, 4, 8
"""Bits of `Frame.flags`."""

SINGLE = ("dims", "sampler", "scheduler", "source")
"""Labels of which a file has one at most. `dims` is its width and height in pixels, as ``1024x1536``."""
SEVERAL = ("model", "lora", "tag", "album")
"""Labels of which a file has any number."""

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]

DetailRow = tuple[Any, ...]
"""id, width, height, duration, source, sampler, scheduler, steps, cfg, guidance, models, loras, has_workflow.

Models and LoRAs are JSON as the index has them. All but the first may be None; models are None when the file does not
say how it was made."""

_MOST = 2**31 - 1
_REMEMBERED = 50_000

BLOCK = 1 << 16
"""Entries that are looked at in one go: what is worked out for them stays in the processor's cache, and takes no memory
to speak of."""


@dataclass(frozen=True)
class Frame:
    """One entry a file. What is unknown is 0 for labels, -1 for `steps`, NaN for the other numbers.

    Columns of labels are as wide as the number of labels needs. One of which nothing is known takes hardly any memory,
    which is what most libraries have of films, ratings and guidance.

    `size` in bytes, -1 where there is no file of that id; `duration` in seconds; `rating` 0..5; `mark` is the number of
    what its user noted, 0 for nothing. `sight`, `phash` and `content`: see `cozygen.gallery.alike`.
    """

    size: NDArray[np.int64]
    duration: NDArray[np.float32]
    steps: NDArray[np.int32]
    cfg: NDArray[np.float32]
    guidance: NDArray[np.float32]
    dims: NDArray[np.unsignedinteger[Any]]
    sampler: NDArray[np.unsignedinteger[Any]]
    scheduler: NDArray[np.unsignedinteger[Any]]
    source: NDArray[np.unsignedinteger[Any]]
    mark: NDArray[np.int32]
    rating: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    sight: NDArray[np.uint8]
    phash: NDArray[np.uint64]
    content: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.size)

    def number(self, name: str) -> NDArray[Any]:
        """The column of that name."""
        column: NDArray[Any] = getattr(self, name)
        return column


_EMPTY: dict[str, tuple[Any, Any]] = {
    "size": (np.int64, -1),
    **dict.fromkeys(SINGLE, (np.uint8, 0)),
    "duration": (np.float32, np.nan),
    "steps": (np.int32, -1),
    "cfg": (np.float32, np.nan),
    "guidance": (np.float32, np.nan),
    "rating": (np.uint8, 0),
    "flags": (np.uint8, 0),
    "sight": (np.uint8, 0),
    "phash": (np.uint64, 0),
    "content": (np.uint64, 0),
}


def _column(name: str, length: int, kind: Any = None) -> NDArray[Any]:
    """A column of which nothing is known. It is read-only where one value stands for all."""
    usual, empty = _EMPTY.get(name, (np.int32, 0))
    if empty == 0:
        return np.zeros(length, kind or usual)  # the system gives memory when something is written
    if name == "size":
        return np.full(length, empty, usual)
    return np.broadcast_to(np.array(empty, usual), (length,))


def _frame(length: int) -> Frame:
    return Frame(**{item.name: _column(item.name, length) for item in fields(Frame)})


class Labels:
    """Names of one sort, each with a number from 1 on."""

    def __init__(self) -> None:
        self.names: list[str] = [""]
        self.folded: list[str] = [""]
        self.table: NDArray[np.float64] | None = None
        """For numbers that are worked out of the names; see `cozygen.gallery.search.sides`."""
        self._numbers: dict[str, int] = {}

    def number(self, name: str | None) -> int:
        """The number of `name`, 0 for None and the empty name."""
        if not name:
            return 0
        found = self._numbers.get(name)
        if found is None:
            self.folded.append(fold(name))
            self.names.append(name)
            found = self._numbers[name] = len(self.names) - 1
        return found

    def find(self, name: str) -> int | None:
        """The number of `name`, None when it has none."""
        return self._numbers.get(name)

    def rename(self, number: int, name: str) -> None:
        """Give the label of that number another name. Who has that name until now loses it."""
        del self._numbers[self.names[number]]
        other = self._numbers.get(name)
        if other is not None:
            self.names[other] = self.folded[other] = ""
        self._numbers[name] = number
        self.names[number], self.folded[number] = name, fold(name)

    def __len__(self) -> int:
        return len(self.names)


class Pairs:
    """Which files have which labels of one sort."""

    def __init__(self) -> None:
        self._files = np.zeros(1024, np.int32)
        self._labels = np.zeros(1024, np.int32)
        self._count = 0
        self._holes = 0

    def view(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The files, and at the same places their labels. File 0 stands for none."""
        files, labels, count = self._files, self._labels, self._count
        count = min(count, len(files), len(labels))
        return files[:count], labels[:count]

    def extend(self, files: Sequence[int], labels: Sequence[int]) -> None:
        """Give files labels."""
        end = self._count + len(files)
        if end > len(self._files):
            capacity = max(end, len(self._files) * 3 // 2)
            self._files, self._labels = _longer(self._files, capacity), _longer(self._labels, capacity)
        self._labels[self._count : end] = labels
        self._files[self._count : end] = files
        self._count = end

    def drop(self, files: Ids) -> None:
        """Take all labels from files."""
        known = self._files[: self._count]
        doomed = known == files[0] if len(files) == 1 else np.isin(known, files)
        self._clear(doomed)

    def drop_label(self, label: int) -> None:
        """Take a label from all files."""
        self._clear((self._labels[: self._count] == label) & (self._files[: self._count] != 0))

    def _clear(self, doomed: Mask) -> None:
        count = int(np.count_nonzero(doomed))
        if not count:
            return
        self._files[: self._count][doomed] = 0
        self._holes += count
        if self._holes > 1000 + self._count // 2:
            keep = self._files[: self._count] != 0
            self._files, self._labels = self._files[: self._count][keep], self._labels[: self._count][keep]
            self._count, self._holes = len(self._files), 0

    def carry(self, ids: Mapping[int, int]) -> None:
        """Give what files have to others."""
        known = self._files[: self._count]
        old = np.fromiter(ids, np.int64, len(ids))
        for place in np.flatnonzero(known == old[0] if len(old) == 1 else np.isin(known, old)):
            known[place] = ids[int(known[place])]

    def counts(self, files: Mask, labels: int) -> NDArray[np.int64]:
        """How many of the files for which `files` is true have each label, of `labels` labels."""
        known, numbers = self.view()
        found = np.zeros(labels, np.int64)
        for start in range(0, len(known), BLOCK):
            part = known[start : start + BLOCK]
            chosen = look_up(files, part) & (part > 0)
            # What is not chosen counts for the label 0, which stands for none: quicker than picking out the others.
            found += np.bincount(numbers[start : start + BLOCK] * chosen, minlength=labels)[:labels]
        found[:1] = 0
        return found

    def with_labels(self, wanted: Mask, length: int) -> Mask:
        """For each file id below `length`, whether it has a label for which `wanted` is true."""
        known, numbers = self.view()
        found = np.zeros(length, np.bool_)
        mine = known[look_up(wanted, numbers)]
        found[mine[mine < length]] = True
        found[:1] = False
        return found

    def of(self, ids: Sequence[int]) -> dict[int, list[int]]:
        """The labels of files, in the order in which they were given."""
        known, numbers = self.view()
        places = np.flatnonzero(np.isin(known, np.array(ids, known.dtype)))
        found: dict[int, list[int]] = {}
        for file, label in zip(known[places].tolist(), numbers[places].tolist(), strict=True):
            found.setdefault(file, []).append(label)
        return found


def look_up(table: Mask, numbers: NDArray[Any]) -> Mask:
    """`table` at `numbers`; false beyond its end: labels and files that came since it was made."""
    if not len(table):
        return np.zeros(len(numbers), np.bool_)
    found: Mask = np.take(table, numbers, mode="clip")
    return found & (numbers < len(table))


def _longer(array: NDArray[np.int32], capacity: int) -> NDArray[np.int32]:
    found = np.zeros(capacity, np.int32)
    found[: len(array)] = array
    return found


@dataclass(frozen=True)
class Notes:
    """What the user noted of a file."""

    favorite: bool
    rating: int
    hidden: bool
    tags: list[str]


@dataclass(frozen=True, slots=True)
class Noted:
    """What is to be noted of a file, and the number of the mark that says so; 0 is for nothing."""

    mark: int = 0
    favorite: bool = False
    rating: int = 0
    hidden: bool = False
    tags: Sequence[str] = ()
    albums: Sequence[str] = ()


@dataclass(frozen=True)
class Measures:
    """Pixels as shown, and seconds; None where it is not known."""

    width: int | None
    height: int | None
    duration: float | None


class Attributes:
    """What is known of the files of one library."""

    def __init__(self) -> None:
        self.frame = _frame(1)
        self.labels = {name: Labels() for name in (*SINGLE, *SEVERAL)}
        self.pairs = {name: Pairs() for name in SEVERAL}
        self.version = 0
        """Counts the changes."""
        self.loaded = False
        """Whether everything that the index knows is in here."""
        self.reach = 0
        """While it is being loaded: the highest id that has been."""
        self.looks = 0
        """Counts the changes of what files look like; 0: what the index knows of it is not in here yet."""
        self._parsed: dict[tuple[str, str], tuple[int, ...]] = {}

    def notes(self, ids: Sequence[int]) -> dict[int, Notes]:
        """What the user noted of files; only of those of which there is something."""
        frame = self.frame
        noted = [id for id in ids if id < len(frame) and frame.mark[id]]
        if not noted:
            return {}
        tags, names = self.pairs["tag"].of(noted), self.labels["tag"].names
        return {
            id: Notes(
                favorite=bool(frame.flags[id] & FAVORITE),
                rating=int(frame.rating[id]),
                hidden=self.hides(id),
                tags=sorted(names[tag] for tag in tags.get(id, ())),
            )
            for id in noted
        }

    def measures(self, ids: Sequence[int]) -> dict[int, Measures]:
        """How large files are, and how long."""
        frame, names = self.frame, self.labels["dims"].names
        found = {}
        for id in ids:
            if id < len(frame):
                width, _, height = names[frame.dims[id]].partition("x")
                seconds = float(frame.duration[id])
                found[id] = Measures(
                    int(width) if width else None,
                    int(height) if height else None,
                    round(seconds, 3) if math.isfinite(seconds) else None,
                )
        return found

    def counts(self, kind: str) -> list[tuple[str, int]]:
        """How many files have each label of a kind, the most frequent first."""
        names, frame = self.labels[kind].names, self.frame
        present = frame.size >= 0
        if kind in SEVERAL:
            counts = self.pairs[kind].counts(present, len(names))
        else:
            counts = np.bincount(frame.number(kind)[present], minlength=len(names))[: len(names)]
        order = np.argsort(-counts, kind="stable").tolist()
        return [(names[label], int(counts[label])) for label in order if counts[label] and names[label]]

    # Changing; the worker's thread only

    def reserve(self, highest: int) -> None:
        """Make room for ids up to `highest`."""
        if highest < len(self.frame):
            return
        length = max(highest + 1, len(self.frame) * 5 // 4, 1024)
        columns = {}
        for item in fields(Frame):
            old = self.frame.number(item.name)
            columns[item.name] = new = _column(item.name, length, old.dtype)
            if old.flags.writeable and (old.any() or not new.flags.writeable):
                columns[item.name] = new = _own(new)
                new[: len(old)] = old
        self.frame = Frame(**columns)

    def _widen(self, name: str) -> None:
        """Make room in a column for the number of any label."""
        column = self.frame.number(name)
        if len(self.labels[name]) - 1 > np.iinfo(column.dtype).max:
            self._replace(name, column.astype(np.uint16 if column.dtype == np.uint8 else np.uint32))

    def _set(self, name: str, at: Ids, values: NDArray[Any]) -> None:
        """Write numbers into a column, NaN being what is not known."""
        column = self.frame.number(name)
        if not column.flags.writeable:
            if np.isnan(values).all():
                return
            column = self._replace(name, _own(column))
        column[at] = values

    def _replace(self, name: str, column: NDArray[Any]) -> NDArray[Any]:
        self.frame = replace(self.frame, **{name: column})
        return column

    def admit(self, files: Iterable[tuple[int, int]]) -> None:
        """New files: id and size in bytes."""
        files = list(files)
        if not files:
            return
        ids, sizes = zip(*files, strict=True)
        self.reserve(max(ids))
        self.frame.size[list(ids)] = sizes
        self.version += 1

    def describe(self, rows: Sequence[DetailRow]) -> None:
        """What was read from files."""
        if not rows:
            return
        self.reserve(max(row[0] for row in rows))
        (ids, widths, heights, durations, *names, steps, cfg, guidance, models, loras, workflows) = zip(
            *rows, strict=True
        )
        at = np.array(ids, np.int64)
        for name, numbers in (("duration", durations), ("cfg", cfg), ("guidance", guidance)):
            self._set(name, at, _numbers(numbers))
        if not self.frame.steps.flags.writeable:
            self._replace("steps", _own(self.frame.steps))
        self.frame.steps[at] = [-1 if n is None else max(-_MOST, min(_MOST, n)) for n in steps]
        sizes = [f"{w}x{h}" if w and h else None for w, h in zip(widths, heights, strict=True)]
        for kind, values in zip(("source", "sampler", "scheduler", "dims"), (*names, sizes), strict=True):
            found = [self.labels[kind].number(value) for value in values]
            self._widen(kind)
            self.frame.number(kind)[at] = found
        frame = self.frame
        marks = frame.flags[at] & (FAVORITE | HIDDEN)
        prompts = np.array([PROMPT if value is not None else 0 for value in models], np.uint8)
        frame.flags[at] = marks | prompts | np.array([WORKFLOW if value else 0 for value in workflows], np.uint8)
        for kind, texts in (("model", models), ("lora", loras)):
            pairs = [(id, number) for id, text in zip(ids, texts, strict=True) for number in self._parse(kind, text)]
            if pairs:
                self.pairs[kind].extend(*zip(*pairs, strict=True))
        self.version += 1

    def _parse(self, kind: str, text: str | None) -> tuple[int, ...]:
        """The numbers of the models or LoRAs in a text of the index."""
        if text is None or text == "[]":
            return ()
        found = self._parsed.get((kind, text))
        if found is None:
            names = json.loads(text)
            labels = self.labels[kind]
            numbers = [labels.number(name if isinstance(name, str) else name[0]) for name in names]
            found = tuple(dict.fromkeys(number for number in numbers if number))
            if len(self._parsed) >= _REMEMBERED:
                self._parsed.clear()
            self._parsed[kind, text] = found
        return found

    def forget(self, ids: Collection[int]) -> None:
        """These files are gone."""
        known = np.array([id for id in ids if id < len(self.frame)], np.int64)
        if not len(known):
            return
        for pairs in self.pairs.values():
            pairs.drop(known)
        self.frame.mark[known] = 0
        self.frame.size[known] = -1
        self.version += 1

    def carry(self, ids: Mapping[int, int]) -> None:
        """Files got other ids."""
        if not ids:
            return
        self.reserve(max(ids.values()))
        old, new = np.array(list(ids), np.int64), np.array(list(ids.values()), np.int64)
        for item in fields(Frame):
            column = self.frame.number(item.name)
            if column.flags.writeable:
                column[new] = column[old]
        self.frame.mark[old] = 0
        self.frame.size[old] = -1
        for pairs in self.pairs.values():
            pairs.carry(ids)
        self.version += 1

    def hides(self, file: int) -> bool:
        """Whether the user has hidden the file."""
        return bool(self.frame.flags[file] & HIDDEN)

    def hidden(self) -> Mask | None:
        """For each id, whether the user has hidden the file; None when there is none such."""
        found: Mask = (self.frame.flags & HIDDEN) != 0
        return found if found.any() else None

    def note(self, noted: Mapping[int, Noted]) -> None:
        """What the user noted of files, by their ids, replacing what there was."""
        if not noted:
            return
        frame, ids = self.frame, np.fromiter(noted, np.int64, len(noted))
        for kind in ("tag", "album"):
            if len(self.labels[kind]) > 1:
                self.pairs[kind].drop(ids)
            labels = self.labels[kind]
            found = [
                (file, labels.number(name))
                for file, one in noted.items()
                for name in (one.tags if kind == "tag" else one.albums)
            ]
            if found:
                self.pairs[kind].extend(*zip(*found, strict=True))
        frame.mark[ids] = [one.mark for one in noted.values()]
        frame.rating[ids] = [one.rating for one in noted.values()]
        bits = [(FAVORITE if one.favorite else 0) | (HIDDEN if one.hidden else 0) for one in noted.values()]
        frame.flags[ids] = frame.flags[ids] & (PROMPT | WORKFLOW) | np.array(bits, np.uint8)
        self.version += 1


def _own(column: NDArray[Any]) -> NDArray[Any]:
    """A column that can be written to."""
    return column if column.flags.writeable else column.copy()


def _numbers(values: Iterable[float | None]) -> NDArray[np.float32]:
    """Numbers as the arrays have them: None is NaN, what is too large infinite."""
    with np.errstate(over="ignore"):
        return np.array([np.nan if value is None else value for value in values], np.float64).astype(np.float32)
