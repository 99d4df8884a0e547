"""The gallery: lists a library truthfully and quickly, tells what changes in it, deletes from it and restores."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cozygen.gallery import metadata
from cozygen.gallery.alike import count_unseen
from cozygen.gallery.attributes import Measures, Notes
from cozygen.gallery.catalogue import Scope, Snapshot, within
from cozygen.gallery.complete import Completions, complete
from cozygen.gallery.details import Enriched, Read, Wire, careful, read_details
from cozygen.gallery.enricher import Enricher
from cozygen.gallery.finder import Find, Finder, FoundFolder
from cozygen.gallery.index import UNREAD, IndexStore
from cozygen.gallery.library import Carried, Change, Library, Row, by_folder
from cozygen.gallery.marks import OUTPUT, Identity, Mark
from cozygen.gallery.metadata import FileMetadata
from cozygen.gallery.news import Announcer, News, Subscription
from cozygen.gallery.ordering import Cursor, Sort
from cozygen.gallery.query import Everything, Node
from cozygen.gallery.readers import Readers
from cozygen.gallery.scan import OWN_PREFIX, Unreachable, is_hidden, is_own, stamp_folder, wall_seconds
from cozygen.gallery.search import Counted, values_of
from cozygen.gallery.timeline import Timeline, timeline_of
from cozygen.gallery.trash import Doomed, Outcome, Trash, Trashed
from cozygen.gallery.watcher import Watcher
from cozygen.gallery.worker import Priority, Steps, Worker
from cozygen.media.kinds import media_kind
from cozygen.storage.database import Database
from cozygen.storage.paths import Root

log = logging.getLogger(__name__)

T = TypeVar("T")

_VERIFIED = 500
"""Most files of a page whose state is compared with the disk before they are shown."""
_SMALL = 400
"""Up to so many files, all of a listing are compared, not only those of the page."""
_MANY_FOLDERS = 5000
"""With more folders than that, the watcher is relied upon for those that did not change lately."""
MAX_CHOSEN = 100_000
"""Most files that are dealt with at once."""
_READ_AT_ONCE = 64
"""Up to so many new files are read before a search is answered."""
_PATIENCE = 4.0
"""Seconds that a request waits for a first scan before it shows what has been found until then."""
_REACH_SECONDS = 4.0
"""Seconds after which a disk that has not answered counts as not there."""
_ATTEMPTS = 4
_EVERYTHING = Scope("", recursive=True, show_hidden=True)
_ANY = Everything()
_MOVED_AT_ONCE = 50
_HOUR = 3600.0
_OWN_FOLDERS = ("trash", "thumbnails", "temp")
"""What the studio keeps pictures of its own in, below the data folder, which may lie in the library."""
_STEADY_SECONDS = 60.0
_FLOOD = 1000
"""So much news at once that some may have been lost: the system keeps only so many (16,384 by default on Linux)."""
_QUICKEST_SECONDS, _SLOWEST_SECONDS, _SHARE = 1.0, 30.0, 20.0


class FolderMissing(LookupError):
    """There is no such folder in the library."""


class FileMissing(LookupError):
    """There is no such file in the library."""


class TooMany(Exception):
    """More files are chosen than can be dealt with at once. The message is fit for the one who asked."""


class Undeletable(Exception):
    """The disk refuses to give the file up. The message is fit for the one who asked."""


@dataclass(frozen=True)
class Request:
    """A page: `count` items from `start` on, or all of them with None; with `find`, of what that finds."""

    scope: Scope
    start: int = 0
    count: int | None = None
    include_meta: bool = False
    cache_bust: str = ""
    find: Find | None = None


@dataclass(frozen=True)
class Item:
    """A folder or a file of the library `root`. `subfolder` is a file's folder, and a folder's own path.

    `mtime` in seconds since the epoch, `size` in bytes.
    """

    filename: str
    is_dir: bool
    subfolder: str
    mtime: float
    size: int = 0
    kind: int | None = None
    meta: Wire | None = None
    notes: Notes | None = None
    measures: Measures | None = None
    root: str = OUTPUT
    placeholder: bytes | None = None


@dataclass(frozen=True)
class Page:
    """A part of a listing. Not `complete`: the first scan of it is under way, and there may be more.

    `next` (where to go on) and `facets` are there when something was looked for.
    """

    items: list[Item]
    total: int
    complete: bool
    next: Cursor | None = None
    facets: dict[str, Counted] | None = None


@dataclass(frozen=True)
class Selection:
    """Files: those at (subfolder, filename), or with None those of `scope` for which a condition holds."""

    files: Sequence[tuple[str, str]] | None
    scope: Scope = _EVERYTHING
    node: Node = _ANY


@dataclass(frozen=True)
class Chosen:
    """The files of a selection, and the places at which there is none.

    `each` has what is at each of the places of the selection, in their order; it is empty for a search.
    """

    rows: list[Row]
    missing: list[tuple[str, str]]
    each: list[Row | None] = field(default_factory=list)


@dataclass(frozen=True)
class Progress:
    """How far the index is. `unread`: files whose metadata has not been read, `unseen`: that have not been looked at.

    `watching`: changes are told at once.
    """

    folders: int
    files: int
    unread: int
    unseen: int
    complete: bool
    watching: bool


@dataclass(frozen=True)
class Reach:
    """Whether the library's folder is there, and whether files in it can be moved and deleted."""

    available: bool
    writable: bool


@dataclass
class _Seen:
    """The values of ``cache_bust`` that were answered already."""

    limit: int = 256
    values: OrderedDict[tuple[str, Scope], None] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_new(self, value: str, scope: Scope) -> bool:
        """Whether this value was never given for this listing (as far as we remember)."""
        with self.lock:
            known = (value, scope) in self.values
            self.values[(value, scope)] = None
            if len(self.values) > self.limit:
                self.values.popitem(last=False)
        return not known


class Gallery:
    """The gallery of one library, which has a `name`. Its folder need not be there, and may come back at any time.

    Nothing is opened or started before `start`. `on_change` is called on the event loop with a folder and the time of
    its newest change, at most every 0.1 s for one folder.
    """

    def __init__(
        self,
        root: Root,
        data_dir: Path,
        *,
        name: str = OUTPUT,
        trash_days: int = 30,
        on_change: Callable[[str, float], None] = lambda subfolder, mtime: None,
        read: Read = read_details,
        database: Database | None = None,
    ) -> None:
        self.name = name
        self.root = root
        self.trash = Trash(trash_folder(data_dir, name), root, days=trash_days)
        self._store = IndexStore(index_file(data_dir, name))
        excluded = own_folders(root, data_dir)
        self._library = Library(
            name,
            root,
            self._store,
            self._changed,
            excluded=excluded,
            database=database.submit if database is not None else None,
        )
        self._finder = Finder(self._library)
        self._read_details = careful(read)
        self._worker = Worker("gallery-index")
        self._watcher = Watcher(root.folder, self._heard, self._listening)
        self._news = News()
        self._announcer = Announcer(on_change)
        self._enricher = Enricher(self._library, self._worker, self._read_details, Readers())
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="gallery-read")
        self._ready: Future[None] = Future()
        self._scanning: Future[None] = Future()
        self._seen = _Seen()
        self._counted: dict[str, tuple[tuple[int, int], list[tuple[str, int]]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._look = asyncio.Event()
        self._hearing = threading.Lock()
        self._paths: set[str] = set()
        self._closing = threading.Event()

    # Life

    async def start(self) -> None:
        """Open the index and begin to follow the library. Returns at once: requests wait for what they need."""
        self._loop = asyncio.get_running_loop()
        self._worker.start()
        self._ready = self._worker.submit(Priority.REQUEST, self._open())
        self._scanning = self._worker.submit(Priority.BACKGROUND, self._first_scan())
        self._watcher.start()
        self._tasks = [
            asyncio.create_task(self._patrol(), name="gallery-patrol"),
            asyncio.create_task(self._keep_trash(), name="gallery-trash"),
        ]

    async def close(self) -> None:
        """Stop everything."""
        self._closing.set()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._announcer.close()
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self._watcher.stop()
        self._enricher.stop()
        self._worker.stop()
        self._readers.shutdown(cancel_futures=True)
        self._store.close()

    def _open(self) -> Steps[None]:
        self._store.open()
        self._library.load()
        self._enricher.start()
        return
        yield

    def _first_scan(self) -> Steps[None]:
        """Look for what changed while nobody looked. A folder that is not there is looked for again, see `_patrol`."""
        library = self._library
        yield from library.rescan(library.stale(library.snapshot, _EVERYTHING), deep=True)
        library.complete = library.snapshot.tree.folders[""].scanned
        self._enricher.wake()
        yield from library.keeper.settle()
        yield from library.load_attributes()
        yield from library.retry()
        library.sweep()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def off_loop(self, work: Callable[[], T]) -> T:
        """Run what touches the library's disk on its own threads: one that hangs keeps no other library waiting."""
        return await self._in_thread(work)

    # Listing

    async def page(self, request: Request) -> Page:
        """A page of a listing, as the disk is now. Raises `FolderMissing`."""
        with self._enricher.paused():
            return await self._in_thread(lambda: self._page(request))

    def _page(self, request: Request) -> Page:
        self._ready.result()
        scope = request.scope
        if self._is_absent():
            return self._page_of_nothing(scope)
        try:
            return self._fresh_page(request)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self._worker.submit(Priority.REQUEST, self._recover(error)).result()
            return self._fresh_page(request)

    def _is_absent(self) -> bool:
        """Whether the library's folder is not there. A disk that does not answer says nothing of it."""
        try:
            return stamp_folder(str(self.root.folder)) is None
        except Unreachable:
            return False

    def _page_of_nothing(self, scope: Scope) -> Page:
        """What there is to show while the library's folder is not there: there is more when it had files."""
        if scope.subfolder:
            raise FolderMissing(scope.subfolder)
        return Page([], 0, complete=len(self._library.snapshot.columns) == 0)

    def _recover(self, error: sqlite3.Error) -> Steps[None]:
        self._library.recover(error)
        yield from self._library.rescan([""], deep=True)

    def _fresh_page(self, request: Request) -> Page:
        self._reconcile(request)
        if self._library.away:
            return self._page_of_nothing(request.scope)
        for attempt in range(1, _ATTEMPTS + 1):
            snapshot = self._library.snapshot
            if request.scope.subfolder not in snapshot.tree.folders:
                raise FolderMissing(request.scope.subfolder)
            collect = self._collect if request.find is None else self._collect_found
            page = collect(snapshot, request, settle=attempt == _ATTEMPTS)
            if page is not None:
                return page
        raise AssertionError("the last attempt takes what there is")

    def _reconcile(self, request: Request) -> None:
        """Bring the index up to date for what is asked."""
        library, scope = self._library, request.scope
        snapshot = library.snapshot
        if scope.subfolder not in snapshot.tree.folders:
            parts = scope.subfolder.split("/")
            self._rescan(["/".join(parts[:depth]) for depth in range(len(parts) + 1)])
            snapshot = library.snapshot
            if scope.subfolder not in snapshot.tree.folders:
                raise FolderMissing(scope.subfolder)
        if request.cache_bust and self._seen.is_new(request.cache_bust, scope):
            folders = (
                snapshot.tree.below(scope.subfolder) if scope.recursive else [snapshot.tree.folders[scope.subfolder]]
            )
            self._rescan([folder.path for folder in folders], deep=scope.recursive, thorough=True)
            return
        stale = library.stale(snapshot, scope, limit=_MANY_FOLDERS if self._watcher.live else None)
        if stale or library.away:
            # The folder above all first: when the drive has gone, nothing below it has been deleted.
            self._rescan(["", *stale], deep=scope.recursive)

    def _rescan(
        self,
        paths: Iterable[str],
        *,
        deep: bool = False,
        thorough: bool = False,
        names: dict[str, set[str]] | None = None,
    ) -> None:
        job = self._library.rescan(paths, deep=deep, thorough=thorough, names=names)
        future = self._worker.submit(Priority.REQUEST, job)
        if self._library.complete or thorough:
            future.result()
        else:
            with suppress(TimeoutError):
                future.result(_PATIENCE)

    def _collect(self, snapshot: Snapshot, request: Request, *, settle: bool) -> Page | None:
        """The page as the index has it; None when the disk has something else, which is then taken in.

        With `settle` what is still there is shown in any case: files may change faster than we look.
        """
        scope = request.scope
        folders = [] if scope.recursive else self._folders(snapshot, scope)
        total_files = len(snapshot.places(scope))
        stop = None if request.count is None else request.start + request.count
        first = max(0, request.start - len(folders))
        last = None if stop is None else max(0, stop - len(folders))
        small = total_files <= _SMALL
        ids = snapshot.ids(scope, 0, None) if small else snapshot.ids(scope, first, last)
        rows = self._library.rows(snapshot, ids)
        found = [row for row in rows if row is not None]
        differing = self._library.differing(found[: max(_VERIFIED, _SMALL)])
        if differing and not settle:
            self._rescan((), names=by_folder(differing))
            return None
        if len(found) < len(rows) and not settle:
            return None
        paged = found[first:last] if small else found
        shown = [row for row in paged if row not in differing or differing[row] is not None]
        items = folders[request.start : stop] + self._items(shown, request)
        return Page(items, len(folders) + total_files, self._is_complete(snapshot, scope))

    def _items(self, rows: Sequence[Row], request: Request) -> list[Item]:
        metas = self._metas(rows) if request.include_meta else {}
        ids = [row.id for row in rows]
        notes = self._library.attributes.notes(ids)
        measures = self._library.attributes.measures(ids) if request.find is not None else {}
        return [
            Item(
                row.name,
                False,
                row.subfolder,
                wall_seconds(row.mtime_ns),
                row.size,
                row.kind,
                metas.get(row.id),
                notes.get(row.id),
                measures.get(row.id),
                self.name,
                row.placeholder,
            )
            for row in rows
        ]

    def _collect_found(self, snapshot: Snapshot, request: Request, *, settle: bool) -> Page | None:
        """The same as `_collect`, of what is looked for."""
        find, scope = request.find, request.scope
        assert find is not None
        informed = not find.needs_details or self._inform(snapshot)
        snapshot = self._library.snapshot
        listed = [] if scope.recursive or not isinstance(find.node, Everything) else self._folders(snapshot, scope)
        folders = [FoundFolder(item.subfolder, item.mtime) for item in listed]
        matches = self._finder.matches(snapshot, scope, find, folders, request.start, request.count)
        found = [row for row in matches.rows if row is not None]
        differing = self._library.differing(found[:_VERIFIED])
        if differing and not settle:
            self._rescan((), names=by_folder(differing))
            return None
        if len(found) < len(matches.rows) and not settle:
            return None
        shown = [row for row in found if row not in differing or differing[row] is not None]
        items = [Item(folder.name, True, folder.path, folder.mtime, root=self.name) for folder in matches.folders]
        complete = informed and self._is_complete(snapshot, scope)
        return Page(items + self._items(shown, request), matches.total, complete, matches.next, matches.facets)

    def _inform(self, snapshot: Snapshot) -> bool:
        """Have the metadata of all files at hand, as far as that is soon done: whether it is all of them."""
        library = self._library
        with suppress(TimeoutError):
            if not library.attributes.loaded:
                self._worker.submit(Priority.REQUEST, library.load_attributes()).result(_PATIENCE)
            unread = library.unread(snapshot, _READ_AT_ONCE + 1)
            if 0 < len(unread) <= _READ_AT_ONCE:
                self._worker.submit(Priority.REQUEST, library.enrich(self._read(unread))).result(_PATIENCE)
                return library.attributes.loaded
            return library.attributes.loaded and not unread
        return False

    def _read(self, rows: Iterable[Row]) -> list[Enriched]:
        return [
            Enriched(row.id, row.size, row.mtime_ns, self._read_details(Path(self._library.disk(row.path))))
            for row in rows
        ]

    def _is_complete(self, snapshot: Snapshot, scope: Scope) -> bool:
        """Whether all that the listing is about has been scanned."""
        if self._library.complete or not scope.recursive:
            return True
        return all(folder.scanned for folder in snapshot.tree.below(scope.subfolder))

    def _folders(self, snapshot: Snapshot, scope: Scope) -> list[Item]:
        """The folders in a folder, with their times as they are now, in display order."""
        found = []
        for folder in snapshot.tree.children.get(scope.subfolder, ()):
            if is_hidden(folder.name) and not scope.show_hidden:
                continue
            try:
                stamp = stamp_folder(self._library.disk(folder.path))
            except Unreachable:
                stamp = folder.stamp
            if stamp is not None:
                found.append((-stamp.mtime_ns, folder))
        found.sort(key=lambda entry: (entry[0], entry[1].name))
        return [Item(folder.name, True, folder.path, wall_seconds(-mtime), root=self.name) for mtime, folder in found]

    def _metas(self, rows: Sequence[Row]) -> dict[int, Wire]:
        """The metadata of files; what was not read until now is read, and kept."""
        metas = {row.id: json.loads(row.wire) for row in rows if row.wire is not None}
        fresh = self._read(row for row in rows if row.state == UNREAD)
        if fresh:
            self._worker.submit(Priority.NEWS, self._library.enrich(fresh))
        metas.update({item.id: item.details.wire for item in fresh if item.details and item.details.wire})
        return {id: wire for id, wire in metas.items() if wire}

    async def timeline(self, scope: Scope, node: Node) -> tuple[Timeline, bool]:
        """How what is found is spread over time, and whether it is all there is. Raises `FolderMissing`."""

        def count() -> tuple[Timeline, bool]:
            self._ready.result()
            library = self._library
            if self._is_absent():
                if scope.subfolder:
                    raise FolderMissing(scope.subfolder)
                return Timeline("day", [], 0, None), True
            self._reconcile(Request(scope))
            informed = isinstance(node, Everything) or self._inform(library.snapshot)
            snapshot = library.snapshot
            found = self._finder.searcher.find(snapshot, scope, node)
            return timeline_of(found, library.attributes), informed and self._is_complete(snapshot, scope)

        with self._enricher.paused():
            return await self._in_thread(count)

    # Choosing

    async def choose(self, selection: Selection) -> Chosen:
        """The files that are meant. Raises `cozygen.storage.paths.PathError`, `FolderMissing` and `TooMany`."""
        with self._enricher.paused():
            return await self._in_thread(lambda: self._choose(selection))

    def _choose(self, selection: Selection) -> Chosen:
        self._ready.result()
        if selection.files is None:
            return self._choose_found(selection)
        paths = [self.root.relative(self.root.resolve_file(*place)) for place in selection.files]
        split = [path.rpartition("/") for path in paths]
        places = list(dict.fromkeys((subfolder, filename) for subfolder, _, filename in split))
        ids = self._library.ids_at(self._library.snapshot, places)
        unknown = {subfolder for (subfolder, _), id in zip(places, ids, strict=True) if id is None}
        if unknown:
            self._take_in({subfolder for subfolder in unknown if not self.is_own(subfolder)})
            ids = self._library.ids_at(self._library.snapshot, places)
        rows = self._library.rows(self._library.snapshot, [id for id in ids if id is not None])
        present = {(row.subfolder, row.name): row for row in rows if row is not None}
        each = [present.get((subfolder, filename)) for subfolder, _, filename in split]
        return Chosen(list(present.values()), [place for place in places if place not in present], each)

    def _choose_found(self, selection: Selection) -> Chosen:
        scope = selection.scope
        self._reconcile(Request(scope))
        if scope.subfolder not in self._library.snapshot.tree.folders:
            raise FolderMissing(scope.subfolder)
        self._inform(self._library.snapshot)
        snapshot = self._library.snapshot
        ids = self._finder.ids(snapshot, scope, selection.node)
        if len(ids) > MAX_CHOSEN:
            raise TooMany(f"{len(ids)} files are chosen, more than {MAX_CHOSEN}")
        return Chosen([row for row in self._library.rows(snapshot, ids) if row is not None], [])

    # What people note of files

    def marks_of(self, rows: Iterable[Row]) -> list[int]:
        """The number of what is noted of each file, 0 for nothing."""
        owners = self._library.attributes.frame.mark
        return [int(owners[row.id]) if row.id < len(owners) else 0 for row in rows]

    async def identify(self, rows: Sequence[Row]) -> list[Identity]:
        """What files are told by, wherever they go."""
        keeper = self._library.keeper
        return await self._in_thread(lambda: [keeper.identify(row) for row in rows])

    async def show_notes(
        self, changed: Sequence[Mark], files: Mapping[int, int], albums: Mapping[int, str | None]
    ) -> None:
        """Marks and albums have changed in the database; `files` are the ids of those that are new."""

        def show() -> Steps[None]:
            folders = yield from self._library.keeper.refresh(changed, files, albums)
            now = time.time()
            self._changed([Change(folder, now, False) for folder in folders])

        await asyncio.wrap_future(self._worker.submit(Priority.REQUEST, show()))

    def has_file(self, mark: int) -> bool:
        """Whether the file of a mark is there."""
        return mark in self._library.keeper.file_of

    def album_counts(self) -> dict[str, int]:
        """How many files each album has, by its name."""
        return dict(self._library.attributes.counts("album"))

    async def complete(self, text: str, at: int) -> Completions:
        """What could come next in a search that is being typed."""
        return await self._in_thread(lambda: complete(text, at, self._values))

    def _values(self, key: str) -> list[tuple[str, int]]:
        attributes, snapshot = self._library.attributes, self._library.snapshot
        state = snapshot.serial, attributes.version
        known = self._counted.get(key)
        if known is None or known[0] != state:
            found = self._finder.searcher.find(snapshot, _EVERYTHING, _ANY)
            counts = [
                (str(value), count) for value, count in values_of(key, found, snapshot, attributes) if value != ""
            ]
            known = self._counted[key] = state, counts
        return known[1]

    async def items_of_marks(self, marks: Sequence[int]) -> dict[int, Item]:
        """The files of marks, without those that are gone."""

        def collect() -> dict[int, Item]:
            known = self._library.keeper.file_of
            files = {known[mark]: mark for mark in marks if mark in known}
            rows = [row for row in self._library.rows(self._library.snapshot, list(files)) if row is not None]
            return {files[row.id]: item for row, item in zip(rows, self._items(rows, _MEASURED), strict=True)}

        return await self._in_thread(collect)

    async def item(self, row: Row) -> Item:
        """A file as a listing shows it."""
        return (await self.items([row]))[0]

    async def items(self, rows: Sequence[Row]) -> list[Item]:
        """Files as a listing shows them."""
        return await self._in_thread(lambda: self._items(rows, _MEASURED))

    async def consult(self, work: Callable[[Library], T], *, fresh: bool = True) -> tuple[T, bool]:
        """What `work` finds in the index, and whether all is in it already; `fresh`: brought up to date before.

        It runs off the event loop, and must not change anything.
        """

        def look() -> tuple[T, bool]:
            self._ready.result()
            if not fresh:
                return work(self._library), self._library.complete
            if not self._is_absent():
                self._reconcile(Request(_EVERYTHING))
            informed = self._inform(self._library.snapshot)
            return work(self._library), informed and self._library.complete

        with self._enricher.paused():
            return await self._in_thread(look)

    async def amend(self, work: Callable[[Library], Steps[T]]) -> T:
        """Have `work` change what the index knows of files, a slice at a time, when there is nothing else to do.

        Raises `asyncio.CancelledError` when the gallery is closed before it is done.
        """
        return await asyncio.wrap_future(self._worker.submit(Priority.BACKGROUND, work(self._library)))

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for the gallery, or it has not been opened or looked through."""
        return not self._ready.done() or not self._library.complete or self._enricher.paused_now

    async def progress(self) -> Progress:
        """How far the index is."""

        def look() -> Progress:
            self._ready.result()
            return self._progress()

        return await self._in_thread(look)

    async def progress_now(self) -> Progress:
        """How far the index is, without waiting for the disk: nothing is known while it is being opened."""
        if not self._ready.done():
            return Progress(folders=0, files=0, unread=0, unseen=0, complete=False, watching=False)
        return await asyncio.to_thread(self._progress)

    def _progress(self) -> Progress:
        # Asked first: a scan that ends in between would have its files counted neither as to come nor as unread.
        complete = self._library.complete
        snapshot = self._library.snapshot
        return Progress(
            folders=len(snapshot.tree.folders),
            files=len(snapshot.columns),
            unread=self._library.count_unread(),
            unseen=count_unseen(self._library),
            complete=complete,
            watching=self._watcher.live,
        )

    async def reach(self) -> Reach:
        """Whether the library's folder is there, and can be written to. A disk that does not answer soon is not."""
        folder = self.root.folder

        def look() -> Reach:
            present = os.path.isdir(folder) and not self._library.away  # noqa: PTH112 -- never raises
            return Reach(present, present and os.access(folder, os.W_OK | os.X_OK))

        with suppress(TimeoutError):
            async with asyncio.timeout(_REACH_SECONDS):
                return await self._in_thread(look)
        return Reach(available=False, writable=False)

    # One file

    async def details(self, subfolder: str, filename: str) -> FileMetadata | None:
        """The metadata embedded in a file; None when there is no such file, or it cannot be read.

        Raises `cozygen.storage.paths.PathError`.
        """

        def read() -> FileMetadata | None:
            path = self.root.resolve_file(subfolder, filename)
            if self.is_own(self.root.relative(path)):
                return None
            try:
                return metadata.read(path) if os.path.isfile(path) else None  # noqa: PTH113 -- never raises
            except OSError:
                return None

        return await self._in_thread(read)

    # Deleting

    async def delete(self, subfolder: str, filename: str) -> Trashed:
        """Move a file to the trash. Links are removed, not what they lead to.

        Raises `cozygen.storage.paths.PathError`, `FileMissing`, and `Undeletable`.
        """

        def delete() -> Trashed:
            path = self.root.resolve_file(subfolder, filename)
            folder = self.root.relative(path.parent)
            if self.is_own(folder) or not (os.path.islink(path) or os.path.isfile(path)):  # noqa: PTH113, PTH114 -- never raise
                raise FileMissing(filename)
            outcome = self._put([Doomed(path, folder, filename)])
            if outcome.errors:
                raise Undeletable(outcome.errors[0])
            if not outcome.done:
                raise FileMissing(filename)
            self._take_in([folder])
            return outcome.done[0]

        return await self._in_thread(delete)

    async def delete_all(self, subfolder: str, *, recursive: bool, hidden: bool = False) -> Outcome:
        """Move the media files of a folder to the trash; folders stay, and so do other files, and without `hidden`
        those of hidden names.

        Links to folders are not followed. Raises `cozygen.storage.paths.PathError`, `FolderMissing`, `Undeletable`.
        """

        def delete() -> Outcome:
            folder = self.root.resolve(subfolder)
            relative = self.root.relative(folder)
            if self.is_own(relative) or not os.path.isdir(folder):  # noqa: PTH112 -- never raises
                raise FolderMissing(subfolder)
            errors: list[str] = []
            found = _media_files(folder, relative, recursive=recursive, hidden=hidden, errors=errors)
            doomed = [item for item in found if not self.is_own(item.subfolder)]
            outcome = self._put(doomed)
            outcome.errors.extend(errors)
            self._take_in({relative, *(item.subfolder for item in doomed)})
            return outcome

        return await self._in_thread(delete)

    def is_own(self, path: str) -> bool:
        """Whether a relative path leads to files that are the studio's own."""
        return is_own(path) or any(within(path, folder) for folder in self._library.excluded)

    def _put(self, doomed: Sequence[Doomed]) -> Outcome:
        try:
            return self.trash.put(doomed)
        except OSError as error:
            raise Undeletable(f"The trash cannot be written to: {error.strerror or error}") from None

    async def restore(self, ids: Collection[str]) -> Outcome:
        """Put files back from the trash, under another name where theirs is taken."""

        def restore() -> Outcome:
            outcome = self.trash.restore(ids)
            self._take_in({item.subfolder for item in outcome.done})
            return outcome

        return await self._in_thread(restore)

    async def take_in(self, folders: Collection[str]) -> None:
        """Have the index catch up with what was done in folders."""
        await self._in_thread(lambda: self._take_in(folders))

    def _take_in(self, folders: Collection[str]) -> None:
        """Have the index catch up with what we did ourselves."""
        self._ready.result()
        paths = {"/".join(folder.split("/")[:depth]) for folder in folders for depth in range(folder.count("/") + 2)}
        self._rescan(paths)

    # Moving

    async def relocate(self, moves: Callable[[], Iterator[Carried | str]]) -> tuple[list[Carried], list[str]]:
        """Carry out moves of files, one at each step of `moves`: those that were made, and what went wrong.

        Nobody looks at the disk meanwhile, so that files are never taken for new ones.
        """
        return await self._relocate(moves, self._library.carry)

    async def relocate_folders(
        self, moves: Callable[[], Iterator[tuple[str, str] | str]]
    ) -> tuple[list[tuple[str, str]], list[str]]:
        """The same with folders: paths before and after."""

        def carry(moved: Sequence[tuple[str, str]]) -> None:
            for before, after in moved:
                self._library.carry_folder(before, after)

        return await self._relocate(moves, carry)

    async def _relocate(
        self, moves: Callable[[], Iterator[T | str]], carry: Callable[[Sequence[T]], None]
    ) -> tuple[list[T], list[str]]:
        def work() -> Steps[tuple[list[T], list[str]]]:
            moved: list[T] = []
            errors: list[str] = []
            steps = moves()
            while part := list(itertools.islice(steps, _MOVED_AT_ONCE)):
                done = [one for one in part if not isinstance(one, str)]
                moved += done
                errors += [one for one in part if isinstance(one, str)]
                try:
                    carry(done)
                except sqlite3.Error as error:
                    log.warning("the index did not follow a move: %s", error)
                    self._library.load()
                yield
            return moved, errors

        return await asyncio.wrap_future(self._worker.submit(Priority.REQUEST, work()))

    # News

    @asynccontextmanager
    async def subscribe(self, scope: Scope) -> AsyncIterator[Subscription]:
        """Hear of the changes that concern a listing. Raises `FolderMissing`."""
        await self._in_thread(lambda: self._get_to_know(scope))
        with self._news.subscribe(scope) as subscription:
            yield subscription

    def _get_to_know(self, scope: Scope) -> None:
        """Take in what is there, so that what happens from now on is news."""
        self._ready.result()
        with suppress(Unreachable):
            if scope.subfolder and stamp_folder(self._library.disk(scope.subfolder)) is None:
                raise FolderMissing(scope.subfolder)
        self._reconcile(Request(scope))

    def _changed(self, changes: Sequence[Change]) -> None:
        """From the worker's thread: something changed."""
        self._enricher.wake()
        if self._library.keeper.restless:
            self._worker.submit(Priority.NEWS, self._library.keeper.settle())
        if self._loop is not None and not self._closing.is_set():
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._tell, list(changes))

    def _tell(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._news.publish(change)
            self._announcer.publish(change.subfolder, change.mtime)

    def _heard(self, paths: Collection[str]) -> None:
        """From the watcher's thread: something happened at these paths."""
        with self._hearing:
            waiting = bool(self._paths)
            self._paths.update(paths)
        if not waiting:
            self._worker.submit(Priority.NEWS, self._look_at_paths())
        if len(paths) >= _FLOOD:
            self._listening()

    def _listening(self) -> None:
        """From the watcher's thread: it has begun to hear; what happened before has to be looked for."""
        if self._loop is not None and not self._closing.is_set():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._look.set)

    def _look_at_paths(self) -> Steps[None]:
        with self._hearing:
            paths, self._paths = self._paths, set()
        folders, names = self._library.locate(paths)
        yield from self._library.rescan(folders, deep=True, names=names)

    async def _patrol(self) -> None:
        """Look around from time to time: often where the system tells nothing, to find what it missed elsewhere."""
        await asyncio.wrap_future(self._ready)
        while True:
            started = time.monotonic()
            try:
                await self._in_thread(self._look_around)
            except (sqlite3.Error, OSError, CancelledError) as error:
                log.warning("could not look through the library: %s", error)
            cost = time.monotonic() - started
            quick = max(_QUICKEST_SECONDS, min(_SLOWEST_SECONDS, cost * _SHARE))
            with suppress(TimeoutError):
                async with asyncio.timeout(_STEADY_SECONDS if self._watcher.live else quick):
                    await self._look.wait()
            self._look.clear()

    def _look_around(self) -> None:
        library = self._library
        if self._is_absent():
            return
        if not library.complete:
            if self._scanning.done():
                self._scanning = self._worker.submit(Priority.BACKGROUND, self._first_scan())
            return
        snapshot = library.snapshot
        newest = library.rows(snapshot, snapshot.ids(_EVERYTHING, 0, _SMALL))
        names = by_folder(library.differing(row for row in newest if row is not None))
        stale = library.stale(snapshot, _EVERYTHING)
        if stale or names or library.away:
            self._worker.submit(Priority.NEWS, library.rescan(["", *stale], deep=True, names=names)).result()

    async def _keep_trash(self) -> None:
        await self._in_thread(self.trash.repair)
        while True:
            try:
                count = await self._in_thread(self.trash.expire)
            except OSError as error:
                log.warning("could not remove old files from the trash: %s", error)
            else:
                if count:
                    log.info("removed %d files from the trash that were there for %d days", count, self.trash.days)
            await self._in_thread(self._library.sweep)
            await asyncio.sleep(_HOUR)


_MEASURED = Request(_EVERYTHING, find=Find(_ANY, Sort()))
"""A request for items with all that is known of them."""


def index_file(data_dir: Path, name: str) -> Path:
    """Where the index of a library is kept."""
    return data_dir / ("index.db" if name == OUTPUT else f"index-{name}.db")


def trash_folder(data_dir: Path, name: str) -> Path:
    """Where files that were deleted from a library are kept, if it is on the same disk."""
    return data_dir / "trash" if name == OUTPUT else data_dir / "trash" / f"of-{name}"


def own_folders(root: Root, data_dir: Path) -> frozenset[str]:
    """The relative paths of those folders in the library that the studio keeps pictures of its own in."""
    folders = (data_dir / name for name in _OWN_FOLDERS)
    return frozenset(
        folder.relative_to(root.folder).as_posix() for folder in folders if folder.is_relative_to(root.folder)
    )


def _media_files(folder: Path, relative: str, *, recursive: bool, hidden: bool, errors: list[str]) -> Iterable[Doomed]:
    """The media files of a folder, with `hidden` also those of hidden names.

    Folders that cannot be read are named in `errors`.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            errors.append(f"{relative or 'the folder'}: {error.strerror or error}")
        return
    for entry in entries:
        if (is_hidden(entry.name) and not hidden) or entry.name.startswith(OWN_PREFIX):
            continue
        if entry.is_dir(follow_symlinks=False):
            if recursive:
                below = f"{relative}/{entry.name}" if relative else entry.name
                yield from _media_files(Path(entry.path), below, recursive=True, hidden=hidden, errors=errors)
        elif media_kind(entry.name) and (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
            yield Doomed(Path(entry.path), relative, entry.name)
