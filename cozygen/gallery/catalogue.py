"""The library in memory: which files there are, in the order in which they are shown.

A few numbers a file (22 bytes), kept as columns that are sorted newest first, then by name. Any page of any part of
the library, and its total, comes out of them in time that hardly depends on how much there is; names and all else
are in the index on disk. Everything here is immutable: a reader works with the snapshot that it took.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cozygen.gallery.scan import Stamp, is_hidden

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Folder:
    """A known folder. `path` is relative to the root, ``/``-separated, empty for the root itself.

    `settled`: no change can hide behind the stamp any more. `seen` is when the stamp was first seen
    (`time.monotonic`). A folder that was never `scanned` is known by name only.
    """

    id: int
    path: str
    stamp: Stamp
    settled: bool
    seen: float
    scanned: bool = True

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The path of the folder that it is in."""
        return self.path.rpartition("/")[0]


def within(path: str, scope: str) -> bool:
    """Whether `path` is the folder `scope` or below it."""
    return not scope or path == scope or path.startswith(scope + "/")


def hidden_below(path: str, scope: str) -> bool:
    """Whether a name on the way from the folder `scope` to `path` is hidden."""
    rest = path[len(scope) :]
    return "/." in rest or rest.startswith(".")


class Tree:
    """The folders, by path."""

    def __init__(self, folders: Mapping[str, Folder]) -> None:
        self.folders = folders

    @cached_property
    def by_id(self) -> dict[int, Folder]:
        """The folders by id."""
        return {folder.id: folder for folder in self.folders.values()}

    @cached_property
    def children(self) -> dict[str, list[Folder]]:
        """The folders by the path of the one that they are in."""
        found: dict[str, list[Folder]] = {}
        for folder in self.folders.values():
            if folder.path:
                found.setdefault(folder.parent, []).append(folder)
        return found

    def below(self, scope: str) -> list[Folder]:
        """The folder `scope` and all below it."""
        if not scope:
            return list(self.folders.values())
        return [folder for path, folder in self.folders.items() if within(path, scope)]


@dataclass(frozen=True, slots=True)
class NewFile:
    """A row to be taken in."""

    id: int
    folder: int
    name: str
    kind: int
    mtime_ns: int
    size: int = 0


@dataclass(frozen=True)
class Columns:
    """One entry a file, in display order. `keys` are the negated mtimes in ns, hence ascending."""

    keys: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    ids: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    folders: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    kinds: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    hidden: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def highest(self) -> int:
        """The highest id, 0 when there is no file."""
        return int(self.ids.max()) if len(self.ids) else 0

    def without(self, ids: Iterable[int]) -> Columns:
        """These less the files with `ids`."""
        gone = np.fromiter(ids, np.int64)
        if not len(gone):
            return self
        keep = ~np.isin(self.ids, gone)
        return Columns(self.keys[keep], self.ids[keep], self.folders[keep], self.kinds[keep], self.hidden[keep])

    def including(self, files: Sequence[NewFile], name_of: Callable[[int], str]) -> Columns:
        """These and `files`, each at its place. `name_of` tells the name of a file that is in already."""
        if not files:
            return self
        files = sorted(files, key=lambda file: (-file.mtime_ns, file.name))
        keys = np.array([-file.mtime_ns for file in files], np.int64)
        places = np.searchsorted(self.keys, keys, "left")
        ends = np.searchsorted(self.keys, keys, "right")
        for index in np.flatnonzero(places != ends):
            places[index] = self._by_name(int(places[index]), int(ends[index]), files[index].name, name_of)
        return Columns(
            np.insert(self.keys, places, keys),
            np.insert(self.ids, places, np.array([file.id for file in files], np.int64)),
            np.insert(self.folders, places, np.array([file.folder for file in files], np.int32)),
            np.insert(self.kinds, places, np.array([file.kind for file in files], np.int8)),
            np.insert(self.hidden, places, np.array([is_hidden(file.name) for file in files], np.bool_)),
        )

    def ties(self, files: Iterable[NewFile]) -> int:
        """How many of `files` have the very time of one that is in already."""
        keys = np.array([-file.mtime_ns for file in files], np.int64)
        return int(
            np.count_nonzero(np.searchsorted(self.keys, keys, "left") != np.searchsorted(self.keys, keys, "right"))
        )

    def _by_name(self, low: int, high: int, name: str, name_of: Callable[[int], str]) -> int:
        """The place of `name` among the files of one and the same time."""
        while low < high:
            middle = (low + high) // 2
            if name_of(int(self.ids[middle])) <= name:
                low = middle + 1
            else:
                high = middle
        return low


@dataclass(frozen=True)
class Scope:
    """Which part of the library: a folder, or with `recursive` all below it too; of one kind, or of all."""

    subfolder: str = ""
    recursive: bool = False
    show_hidden: bool = False
    kind: int | None = None


_serials = itertools.count()


class Snapshot:
    """The library at one moment. `concealed`: for each id, whether its user has hidden the file; None: nowhere."""

    _REMEMBERED = 8

    def __init__(self, tree: Tree, columns: Columns, concealed: NDArray[np.bool_] | None = None) -> None:
        self.tree = tree
        self.columns = columns
        self.concealed = concealed
        self.serial = next(_serials)
        """Tells it from every other one, without holding on to it."""
        self._places: OrderedDict[Scope, NDArray[np.int32]] = OrderedDict()
        self._lock = threading.Lock()

    def places(self, scope: Scope) -> NDArray[np.int32]:
        """Where in the columns the files of `scope` are, in display order."""
        with self._lock:
            found = self._places.get(scope)
            if found is not None:
                self._places.move_to_end(scope)
                return found
        found = np.flatnonzero(self._mask(scope)).astype(np.int32)
        with self._lock:
            self._places[scope] = found
            if len(self._places) > self._REMEMBERED:
                self._places.popitem(last=False)
        return found

    def ids(self, scope: Scope, start: int, stop: int | None) -> list[int]:
        """The ids of the files at `start`..`stop` of `scope`, in display order."""
        ids: list[int] = self.columns.ids[self.places(scope)[start:stop]].tolist()
        return ids

    def _mask(self, scope: Scope) -> NDArray[np.bool_]:
        columns = self.columns
        if scope.recursive:
            mask = self._allowed(scope)[columns.folders]
        else:
            folder = self.tree.folders.get(scope.subfolder)
            mask = columns.folders == (folder.id if folder else -1)
        if not scope.show_hidden:
            mask = mask & ~columns.hidden
            if self.concealed is not None:
                newer = columns.ids >= len(self.concealed)
                mask = mask & (newer | ~np.take(self.concealed, columns.ids, mode="clip"))
        if scope.kind is not None:
            mask = mask & (columns.kinds == scope.kind)
        return mask

    def _allowed(self, scope: Scope) -> NDArray[np.bool_]:
        """For each folder id, whether the scope reaches it."""
        allowed = np.zeros(max(self.tree.by_id, default=0) + 1, np.bool_)
        for folder in self.tree.below(scope.subfolder):
            allowed[folder.id] = scope.show_hidden or not hidden_below(folder.path, scope.subfolder)
        return allowed
