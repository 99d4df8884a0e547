"""Looks at every file once, when there is nothing else to do, so that similar ones can be found.

What was decoded for a thumbnail anyway is taken note of on the way. The rest is decoded in the background, the newest
files first, one at a time for each worker that can be spared; it rests while somebody waits for the gallery or for a
thumbnail, and while a library is being indexed. What was found is kept by the index: after a restart it goes on.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cozygen.gallery import alike
from cozygen.gallery.alike import Grouping, Keyed, Seen
from cozygen.gallery.catalogue import Scope
from cozygen.gallery.content import content_key
from cozygen.gallery.library import Library, Row
from cozygen.gallery.roots import Galleries
from cozygen.gallery.service import FolderMissing, Gallery
from cozygen.media.files import Version
from cozygen.media.kinds import media_kind
from cozygen.media.pool import DecoderFailed, Looks, MediaPool, MediaUnavailable
from cozygen.media.sniff import Undecodable
from cozygen.storage.paths import PathError

log = logging.getLogger(__name__)

_BOX = 384
_SEEN_AT_ONCE, _KEYED_AT_ONCE = 32, 256
_IDLE_SECONDS = 1.0
_STEP_BACK_SECONDS = 0.2
_LATER_SECONDS = 300.0
_FRESH_SECONDS = 60.0
"""So long after its last change a file that cannot be decoded may not be whole yet."""
_NOTES_SECONDS = 0.5
_MANY_NOTES, _MANY_LATER = 1000, 10_000
_REMEMBERED = 4


class NothingToSee(Exception):
    """The file has no picture, or it cannot be decoded."""


class Looker:
    """Looks at the files of all libraries, and finds those that look the same."""

    def __init__(self, galleries: Galleries, media: MediaPool) -> None:
        self._galleries = galleries
        self._media = media
        self._notes: list[tuple[Path, Version, Looks]] = []
        self._later: dict[tuple[str, int], float] = {}
        self._finished: dict[str, tuple[int, int, int]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._groupings: OrderedDict[tuple[str, Scope, int, bool], tuple[tuple[int, int, int], Grouping]]
        self._groupings = OrderedDict()
        self._grouping = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._turn = asyncio.Lock()  # one library at a time: a worker is to be spared

    # Life

    def start(self) -> None:
        """Begin to look, in tasks of the event loop."""
        self._tasks = [asyncio.create_task(self._follow(gallery), name="gallery-looks") for gallery in self._galleries]
        self._tasks.append(asyncio.create_task(self._take_notes(), name="gallery-looks-notes"))

    async def close(self) -> None:
        """Stop looking. To be called before the galleries and the workers are closed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _follow(self, gallery: Gallery) -> None:
        while True:
            try:
                async with self._turn:
                    more = await self.work(gallery)
            except (sqlite3.Error, OSError, MediaUnavailable) as error:
                log.info("looking at files has to wait: %s", error)
                more = False
            if not more:
                await asyncio.sleep(_IDLE_SECONDS)

    async def work(self, gallery: Gallery, *, patient: bool = True) -> bool:
        """Look at some files: whether there may be more. `patient`: when nobody waits for anything.

        Raises `sqlite3.Error`, `OSError` and `MediaUnavailable`.
        """
        if patient and gallery.is_busy:
            return False
        library = await self._library(gallery)
        unread, complete = await gallery.consult(lambda library: library.count_unread(), fresh=False)
        if patient and (unread or not complete):
            return False
        state = _state(library)
        if self._finished.get(gallery.name) == state:
            return False

        later = self._postponed(gallery)
        rows = await asyncio.to_thread(alike.unseen, library, _SEEN_AT_ONCE, later.__contains__)
        if rows:
            await self._see_all(gallery, library, rows, patient=patient)
            return True
        rows = await asyncio.to_thread(alike.unkeyed, library, _KEYED_AT_ONCE, later.__contains__)
        if rows:
            await self._key_all(gallery, library, rows, patient=patient)
        elif not later:
            self._finished[gallery.name] = state
        return bool(rows)

    def _postponed(self, gallery: Gallery) -> set[int]:
        """The files of a library that could not be looked at lately."""
        now = time.monotonic()
        self._later = {key: until for key, until in self._later.items() if until > now}
        return {id for name, id in self._later if name == gallery.name}

    async def _library(self, gallery: Gallery, *, fresh: bool = False) -> Library:
        """What the gallery knows, with what it knows of looks."""
        library, _ = await gallery.consult(lambda library: library, fresh=fresh)
        if not library.attributes.looks:
            async with self._loading:
                if not library.attributes.looks:
                    await gallery.amend(alike.load)
        return library

    # Looking

    async def _see_all(self, gallery: Gallery, library: Library, rows: Sequence[Row], *, patient: bool) -> None:
        found: list[Seen] = []
        waiting = list(reversed(rows))

        async def see_some() -> None:
            while waiting:
                await self._until_spare(gallery, patient=patient)
                if waiting:
                    found.extend(await self._see_quietly(gallery, library, waiting.pop()))

        lookers = [asyncio.create_task(see_some()) for _ in range(max(1, self._media.spare))]
        try:
            await asyncio.gather(*lookers)
        finally:
            for task in lookers:
                task.cancel()
            if found:
                await gallery.amend(lambda library: alike.store_seen(library, found))

    async def _until_spare(self, gallery: Gallery, *, patient: bool) -> None:
        while patient and (gallery.is_busy or not self._media.spare):  # noqa: ASYNC110 -- nobody says when that ends
            await asyncio.sleep(_STEP_BACK_SECONDS)

    async def _see_quietly(self, gallery: Gallery, library: Library, row: Row) -> list[Seen]:
        """What there is to see; nothing when that cannot be said now. Raises `MediaUnavailable`."""
        try:
            seen = await self._see(library, row, background=True)
            if (seen.size, seen.mtime_ns) == (row.size, row.mtime_ns):
                return [seen]
            self._postpone(gallery, row)  # it has changed: the index will have another file in its place
        except (DecoderFailed, OSError) as error:
            log.debug("cannot look at %s: %s", row.path, error)
            self._postpone(gallery, row)
        except Undecodable:
            if time.time() - row.mtime_ns / 1e9 > _FRESH_SECONDS:
                return [Seen(row.id, row.size, row.mtime_ns, None)]
            self._postpone(gallery, row)
        return []

    def _postpone(self, gallery: Gallery, row: Row) -> None:
        if len(self._later) >= _MANY_LATER:
            self._later.clear()
        self._later[gallery.name, row.id] = time.monotonic() + _LATER_SECONDS

    async def _see(self, library: Library, row: Row, *, background: bool) -> Seen:
        found = await self._media.analyse(Path(library.disk(row.path)), _BOX, None, background=background)
        return Seen(row.id, found.probe.version.size, found.probe.version.mtime_ns, found.looks)

    async def _key_all(self, gallery: Gallery, library: Library, rows: Sequence[Row], *, patient: bool) -> None:
        found: list[Keyed] = []
        for row in rows:
            await self._until_spare(gallery, patient=patient)
            try:
                key = await asyncio.to_thread(content_key, library.disk(row.path))
            except OSError as error:
                log.debug("cannot read %s: %s", row.path, error)
                self._postpone(gallery, row)
                continue
            found.append(Keyed(row.id, row.size, row.mtime_ns, key))
        await gallery.amend(lambda library: alike.store_keys(library, found))

    # What was seen on the way

    def note(self, path: Path, version: Version, looks: Looks) -> None:
        """A file was decoded for something else. To be called on the event loop."""
        if len(self._notes) < _MANY_NOTES:  # what is forgotten is looked at later
            self._notes.append((path, version, looks))

    async def _take_notes(self) -> None:
        while True:
            await asyncio.sleep(_NOTES_SECONDS)
            notes, self._notes = self._notes, []
            if notes:
                for gallery in self._galleries:
                    with suppress(sqlite3.Error, OSError):
                        await self._store_notes(gallery, notes)

    async def _store_notes(self, gallery: Gallery, notes: Sequence[tuple[Path, Version, Looks]]) -> None:
        """Keep those that are about files of a library."""

        def locate(library: Library) -> list[Seen]:
            places: list[tuple[str, str]] = []
            about: list[tuple[Version, Looks]] = []
            for path, version, looks in notes:
                with suppress(PathError, ValueError):
                    subfolder, _, name = gallery.root.relative(path).rpartition("/")
                    places.append((subfolder, name))
                    about.append((version, looks))
            ids = library.ids_at(library.snapshot, places)
            return [
                Seen(id, version.size, version.mtime_ns, looks)
                for id, (version, looks) in zip(ids, about, strict=True)
                if id is not None and alike.sight_of(library, id) == alike.UNSEEN
            ]

        found, _ = await gallery.consult(locate, fresh=False)
        if found:
            await gallery.amend(lambda library: alike.store_seen(library, found))

    # Finding

    async def similar(self, gallery: Gallery, row: Row, scope: Scope, count: int, most: int) -> list[tuple[Row, int]]:
        """The files of `scope` that look most like one, and in how many bits (0..64) of their hashes they differ.

        Raises `NothingToSee`, `OSError` and `MediaUnavailable`.
        """
        library = await self._library(gallery, fresh=True)
        if alike.sight_of(library, row.id) == alike.UNSEEN:
            await self._see_now(gallery, library, row)
        if alike.sight_of(library, row.id) != alike.SEEN:
            raise NothingToSee(row.path)

        def find() -> list[tuple[Row, int]]:
            found = alike.similar(library, scope, row.id, count, most)
            rows = library.rows(library.snapshot, [id for id, _ in found])
            return [(one, far) for one, (_, far) in zip(rows, found, strict=True) if one is not None]

        return await asyncio.to_thread(find)

    async def _see_now(self, gallery: Gallery, library: Library, row: Row) -> None:
        if media_kind(row.name) == "audio":
            raise NothingToSee(row.path)
        try:
            seen = await self._see(library, row, background=False)
        except Undecodable as error:
            raise NothingToSee(row.path) from error
        await gallery.amend(lambda library: alike.store_seen(library, [seen]))

    async def groups(self, gallery: Gallery, scope: Scope, distance: int, *, exact: bool = False) -> Grouping:
        """Files that look the same (`cozygen.gallery.alike.find_groups`), as far as they have been looked at.

        Raises `FolderMissing`.
        """
        library = await self._library(gallery, fresh=True)
        if scope.subfolder not in library.snapshot.tree.folders:
            raise FolderMissing(scope.subfolder)
        key = gallery.name, scope, distance, exact
        async with self._grouping:
            state = _state(library)
            known = self._groupings.get(key)
            if known is None or known[0] != state:
                found = await asyncio.to_thread(alike.find_groups, library, scope, distance, exact=exact)
                known = state, found
            self._groupings[key] = known
            self._groupings.move_to_end(key)
            if len(self._groupings) > _REMEMBERED:
                self._groupings.popitem(last=False)
        return known[1]

    async def describe(self, gallery: Gallery, grouping: Grouping, numbers: Sequence[int]) -> list[alike.Group]:
        """Some of the groups."""
        library = await self._library(gallery)
        return await asyncio.to_thread(lambda: [grouping.group(number, library) for number in numbers])

    async def rows(self, gallery: Gallery, ids: Sequence[int]) -> dict[int, Row]:
        """Files by their ids, without those that are gone, from the disk too."""

        def look(library: Library) -> dict[int, Row]:
            rows = [row for row in library.rows(library.snapshot, ids) if row is not None]
            differing = library.differing(rows)
            return {row.id: row for row in rows if row not in differing}

        return (await gallery.consult(look, fresh=False))[0]


def _state(library: Library) -> tuple[int, int, int]:
    """Another value whenever files come or go, or more is known of their looks."""
    return library.snapshot.serial, library.attributes.looks, id(library.attributes)
