"""A page of what a search found: folders and files in the order that was asked for, with the way to go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cozygen.gallery.catalogue import Scope, Snapshot
from cozygen.gallery.library import Library, Row
from cozygen.gallery.ordering import Cursor, Ordering, Sort
from cozygen.gallery.query import Everything, Node
from cozygen.gallery.search import Counted, Searcher


@dataclass(frozen=True)
class Find:
    """What is looked for, in which order, after what. `facets`: with counts of what was found."""

    node: Node
    sort: Sort
    after: Cursor | None = None
    facets: bool = False

    @property
    def needs_details(self) -> bool:
        """Whether the metadata of files matter."""
        return self.facets or self.sort.name in ("duration", "relevance") or not isinstance(self.node, Everything)


@dataclass(frozen=True)
class FoundFolder:
    """A folder in the one that is listed. `mtime` in seconds since the epoch."""

    path: str
    mtime: float

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Matches:
    """A page of what was found, and how many there are in all. Files that have gone meanwhile are None."""

    folders: list[FoundFolder]
    rows: list[Row | None]
    total: int
    next: Cursor | None
    facets: dict[str, Counted] | None


class Finder:
    """Looks for files in one library. Any thread."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.searcher = Searcher(library.store, lambda: library.attributes)
        self._ordering = Ordering(library.store)

    def ids(self, snapshot: Snapshot, scope: Scope, node: Node) -> list[int]:
        """All files for which a condition holds, newest first."""
        found: list[int] = self.searcher.find(snapshot, scope, node).ids.tolist()
        return found

    def matches(
        self,
        snapshot: Snapshot,
        scope: Scope,
        find: Find,
        folders: Sequence[FoundFolder],
        start: int,
        count: int | None,
    ) -> Matches:
        """The page from `start` on, or the one after `find.after`."""
        found = self.searcher.find(snapshot, scope, find.node)
        total = len(folders) + len(found)
        ordered = sorted(folders, key=_folder_order(find.sort))
        after = find.after
        if after is not None:
            start = 0
            ordered = _folders_after(ordered, after, find.sort) if after.id is None else []
        shown = ordered[start : None if count is None else start + count]
        wanted = None if count is None else count - len(shown) + 1  # one more tells whether there is more
        ids, values = self._ordering.page(
            found,
            find.sort,
            self._library.attributes,
            start=max(0, start - len(ordered)),
            count=wanted,
            after=after if after is not None and after.id is not None else None,
            scores=self.searcher.relevance(found, find.node) if find.sort.name == "relevance" else None,
            name_of=self._library.name_of,
        )
        more = wanted is not None and len(ids) == wanted
        rows = self._library.rows(snapshot, ids[:-1] if more else ids)
        following = None
        if more:
            last = next(((row, value) for row, value in zip(rows[::-1], values[-2::-1], strict=True) if row), None)
            following = _file_cursor(find.sort, *last) if last else _folder_cursor(find.sort, shown)
        counted = self.searcher.facets(snapshot, scope, found) if find.facets else None
        return Matches(shown, rows, total, following, counted)


def _file_cursor(sort: Sort, row: Row, value: float) -> Cursor:
    return Cursor(str(sort), value, row.mtime_ns, row.name, row.id)


def _folder_cursor(sort: Sort, shown: Sequence[FoundFolder]) -> Cursor | None:
    return Cursor(str(sort), shown[-1].mtime, 0, shown[-1].name, None) if shown else None


_Key = Callable[[FoundFolder], "tuple[float | str, str]"]


def _folder_order(sort: Sort) -> _Key:
    if sort.name == "name":
        return lambda folder: (folder.name.casefold(), folder.name)
    sign = 1.0 if sort.name == "oldest" else -1.0
    return lambda folder: (sign * folder.mtime, folder.name)


def _folders_after(ordered: Sequence[FoundFolder], after: Cursor, sort: Sort) -> list[FoundFolder]:
    """The folders after one, which may have changed or gone meanwhile."""
    place = next((number for number, folder in enumerate(ordered) if folder.name == after.name), None)
    if place is not None:
        return list(ordered[place + 1 :])
    key = _folder_order(sort)
    gone = key(FoundFolder(after.name, after.value))
    return [folder for folder in ordered if key(folder) > gone]
