"""The gallery: lists a library truthfully and quickly, tells what changes in it, deletes from it and restores."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cozygen.gallery import metadata
from cozygen.gallery.catalogue import Scope, Snapshot, within
from cozygen.gallery.details import Enriched, Read, Wire, careful, read_details
from cozygen.gallery.enricher import Enricher
from cozygen.gallery.index import UNREAD, IndexStore
from cozygen.gallery.library import Change, Library, Row, by_folder
from cozygen.gallery.metadata import FileMetadata
from cozygen.gallery.news import Announcer, News, Subscription
from cozygen.gallery.readers import Readers
from cozygen.gallery.scan import OWN_PREFIX, is_hidden, stamp_folder, wall_seconds
from cozygen.gallery.trash import Doomed, Outcome, Trash, Trashed
from cozygen.gallery.watcher import Watcher
from cozygen.gallery.worker import Priority, Steps, Worker
from cozygen.media.kinds import media_kind
from cozygen.storage.paths import Root

log = logging.getLogger(__name__)

T = TypeVar("T")

_VERIFIED = 500
"""Most files of a page whose state is compared with the disk before they are shown."""
_SMALL = 400
"""Up to so many files, all of a listing are compared, not only those of the page."""
_MANY_FOLDERS = 5000
"""With more folders than that, the watcher is relied upon for those that did not change lately."""
_PATIENCE = 4.0
"""Seconds that a request waits for a first scan before it shows what has been found until then."""
_ATTEMPTS = 4
_EVERYTHING = Scope("", recursive=True, show_hidden=True)
_HOUR = 3600.0
_OWN_FOLDERS = ("trash", "thumbnails", "temp")
"""What the studio keeps pictures of its own in, below the data folder, which may lie in the library."""
_STEADY_SECONDS = 60.0
_QUICKEST_SECONDS, _SLOWEST_SECONDS, _SHARE = 1.0, 30.0, 20.0


class FolderMissing(LookupError):
    """There is no such folder in the library."""


class FileMissing(LookupError):
    """There is no such file in the library."""


class Undeletable(Exception):
    """The disk refuses to give the file up. The message is fit for the one who asked."""


@dataclass(frozen=True)
class Request:
    """A page: `count` items from `start` on, or all of them with None."""

    scope: Scope
    start: int = 0
    count: int | None = None
    include_meta: bool = False
    cache_bust: str = ""


@dataclass(frozen=True)
class Item:
    """A folder or a file. `subfolder` is a file's folder, and a folder's own path.

    `mtime` in seconds since the epoch, `size` in bytes.
    """

    filename: str
    is_dir: bool
    subfolder: str
    mtime: float
    size: int = 0
    kind: int | None = None
    meta: Wire | None = None


@dataclass(frozen=True)
class Page:
    """A part of a listing. Not `complete`: the first scan of it is under way, and there may be more."""

    items: list[Item]
    total: int
    complete: bool


@dataclass(frozen=True)
class Progress:
    """How far the index is. `unread`: files whose metadata has not been read. `watching`: changes are told at once."""

    folders: int
    files: int
    unread: int
    complete: bool
    watching: bool


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
    """The gallery of one library.

    Nothing is opened or started before `start`. `on_change` is called on the event loop with a folder and the time of
    its newest change, at most every 0.1 s for one folder.
    """

    def __init__(
        self,
        root: Root,
        data_dir: Path,
        *,
        trash_days: int = 30,
        on_change: Callable[[str, float], None] = lambda subfolder, mtime: None,
        read: Read = read_details,
    ) -> None:
        self.root = root
        self.trash = Trash(data_dir / "trash", root, days=trash_days)
        self._store = IndexStore(data_dir / "index.db")
        excluded = _inside(root, (data_dir / name for name in _OWN_FOLDERS))
        self._library = Library("output", root, self._store, self._changed, excluded=excluded)
        self._read_details = careful(read)
        self._worker = Worker("gallery-index")
        self._watcher = Watcher(root.folder, self._heard, self._listening)
        self._news = News()
        self._announcer = Announcer(on_change)
        self._enricher = Enricher(self._library, self._worker, self._read_details, Readers())
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="gallery-read")
        self._ready: Future[None] = Future()
        self._seen = _Seen()
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
        self._worker.submit(Priority.BACKGROUND, self._first_scan())
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
        """Look for what changed while nobody looked."""
        library = self._library
        yield from library.rescan(library.stale(library.snapshot, _EVERYTHING), deep=True)
        library.complete = True
        self._enricher.wake()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    # Listing

    async def page(self, request: Request) -> Page:
        """A page of a listing, as the disk is now. Raises `FolderMissing`."""
        with self._enricher.paused():
            return await self._in_thread(lambda: self._page(request))

    def _page(self, request: Request) -> Page:
        self._ready.result()
        scope = request.scope
        if stamp_folder(str(self.root.folder)) is None:
            if scope.subfolder:
                raise FolderMissing(scope.subfolder)
            return Page([], 0, complete=True)
        try:
            return self._fresh_page(request)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self._worker.submit(Priority.REQUEST, self._recover(error)).result()
            return self._fresh_page(request)

    def _recover(self, error: sqlite3.Error) -> Steps[None]:
        self._library.recover(error)
        yield from self._library.rescan([""], deep=True)

    def _fresh_page(self, request: Request) -> Page:
        self._reconcile(request)
        for attempt in range(1, _ATTEMPTS + 1):
            snapshot = self._library.snapshot
            if request.scope.subfolder not in snapshot.tree.folders:
                raise FolderMissing(request.scope.subfolder)
            page = self._collect(snapshot, request, settle=attempt == _ATTEMPTS)
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
        if stale:
            self._rescan(stale, deep=scope.recursive)

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
        metas = self._metas(shown) if request.include_meta else {}
        items = folders[request.start : stop] + [_item(row, metas.get(row.id)) for row in shown]
        return Page(items, len(folders) + total_files, self._is_complete(snapshot, scope))

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
            with suppress(OSError):
                stamp = stamp_folder(self._library.disk(folder.path))
                if stamp is not None:
                    found.append((-stamp.mtime_ns, folder))
        found.sort(key=lambda entry: (entry[0], entry[1].name))
        return [Item(folder.name, True, folder.path, wall_seconds(-mtime)) for mtime, folder in found]

    def _metas(self, rows: Sequence[Row]) -> dict[int, Wire]:
        """The metadata of files; what was not read until now is read, and kept."""
        metas = {row.id: json.loads(row.wire) for row in rows if row.wire is not None}
        fresh = [
            Enriched(row.id, row.size, row.mtime_ns, self._read_details(Path(self._library.disk(row.path))))
            for row in rows
            if row.state == UNREAD
        ]
        if fresh:
            self._worker.submit(Priority.NEWS, self._library.enrich(fresh))
        metas.update({item.id: item.details.wire for item in fresh if item.details and item.details.wire})
        return {id: wire for id, wire in metas.items() if wire}

    async def progress(self) -> Progress:
        """How far the index is."""

        def look() -> Progress:
            self._ready.result()
            snapshot = self._library.snapshot
            return Progress(
                folders=len(snapshot.tree.folders),
                files=len(snapshot.columns),
                unread=self._library.count_unread(),
                complete=self._library.complete,
                watching=self._watcher.live,
            )

        return await self._in_thread(look)

    # One file

    async def details(self, subfolder: str, filename: str) -> FileMetadata | None:
        """The metadata embedded in a file; None when there is no such file, or it cannot be read.

        Raises `cozygen.storage.paths.PathError`.
        """

        def read() -> FileMetadata | None:
            path = self.root.resolve_file(subfolder, filename)
            if self._is_ours(self.root.relative(path)):
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
            if self._is_ours(folder) or not (os.path.islink(path) or os.path.isfile(path)):  # noqa: PTH113, PTH114 -- never raise
                raise FileMissing(filename)
            outcome = self._put([Doomed(path, folder, filename)])
            if outcome.errors:
                raise Undeletable(outcome.errors[0])
            if not outcome.done:
                raise FileMissing(filename)
            self._take_in([folder])
            return outcome.done[0]

        return await self._in_thread(delete)

    async def delete_all(self, subfolder: str, *, recursive: bool) -> Outcome:
        """Move the media files of a folder to the trash, but for hidden ones; folders stay, and so do other files.

        Links to folders are not followed. Raises `cozygen.storage.paths.PathError`, `FolderMissing`, `Undeletable`.
        """

        def delete() -> Outcome:
            folder = self.root.resolve(subfolder)
            relative = self.root.relative(folder)
            if self._is_ours(relative) or not os.path.isdir(folder):  # noqa: PTH112 -- never raises
                raise FolderMissing(subfolder)
            errors: list[str] = []
            found = _media_files(folder, relative, recursive=recursive, errors=errors)
            doomed = [item for item in found if not self._is_ours(item.subfolder)]
            outcome = self._put(doomed)
            outcome.errors.extend(errors)
            self._take_in({relative, *(item.subfolder for item in doomed)})
            return outcome

        return await self._in_thread(delete)

    def _is_ours(self, path: str) -> bool:
        """Whether a relative path leads to files that are the studio's own."""
        own = any(part.startswith(OWN_PREFIX) for part in path.split("/"))
        return own or any(within(path, folder) for folder in self._library.excluded)

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

    def _take_in(self, folders: Collection[str]) -> None:
        """Have the index catch up with what we did ourselves."""
        self._ready.result()
        paths = {"/".join(folder.split("/")[:depth]) for folder in folders for depth in range(folder.count("/") + 2)}
        self._rescan(paths)

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
        if scope.subfolder and stamp_folder(self._library.disk(scope.subfolder)) is None:
            raise FolderMissing(scope.subfolder)
        self._reconcile(Request(scope))

    def _changed(self, changes: Sequence[Change]) -> None:
        """From the worker's thread: something changed."""
        self._enricher.wake()
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
        if not library.complete or stamp_folder(str(self.root.folder)) is None:
            return
        snapshot = library.snapshot
        newest = library.rows(snapshot, snapshot.ids(_EVERYTHING, 0, _SMALL))
        names = by_folder(library.differing(row for row in newest if row is not None))
        stale = library.stale(snapshot, _EVERYTHING)
        if stale or names:
            self._worker.submit(Priority.NEWS, library.rescan(stale, deep=True, names=names)).result()

    async def _keep_trash(self) -> None:
        await asyncio.to_thread(self.trash.repair)
        while True:
            try:
                count = await asyncio.to_thread(self.trash.expire)
            except OSError as error:
                log.warning("could not remove old files from the trash: %s", error)
            else:
                if count:
                    log.info("removed %d files from the trash that were there for %d days", count, self.trash.days)
            await asyncio.sleep(_HOUR)


def _item(row: Row, meta: Wire | None) -> Item:
    return Item(row.name, False, row.subfolder, wall_seconds(row.mtime_ns), row.size, row.kind, meta)


def _inside(root: Root, folders: Iterable[Path]) -> frozenset[str]:
    """The relative paths of those `folders` that are below the root."""
    return frozenset(
        folder.relative_to(root.folder).as_posix() for folder in folders if folder.is_relative_to(root.folder)
    )


def _media_files(folder: Path, relative: str, *, recursive: bool, errors: list[str]) -> Iterable[Doomed]:
    """The media files of a folder that are not hidden. Folders that cannot be read are named in `errors`."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            errors.append(f"{relative or 'the folder'}: {error.strerror or error}")
        return
    for entry in entries:
        if is_hidden(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            if recursive:
                below = f"{relative}/{entry.name}" if relative else entry.name
                yield from _media_files(Path(entry.path), below, recursive=True, errors=errors)
        elif media_kind(entry.name) and (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
            yield Doomed(Path(entry.path), relative, entry.name)
