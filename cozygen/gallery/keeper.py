"""Which noted file is which: marks follow their files wherever these go.

A mark (`cozygen.gallery.marks`) knows the place and the content of its file. As long as the file is at its place, as it
was, it is that file. When it has gone from there, any other file of that content is, once one turns up: a file that
was moved or renamed by anybody, or restored. When another file has taken its place, its content is looked for first,
and the one at the place counts as an edited version meanwhile. Hashing is cheap that way: only files of exactly the
size that is looked for are read.

Everything here runs on the worker's thread but for what says otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cozygen.gallery import marks
from cozygen.gallery.attributes import Attributes, Noted
from cozygen.gallery.content import content_key
from cozygen.gallery.marks import Identity, Mark
from cozygen.gallery.worker import Steps

log = logging.getLogger(__name__)

T = TypeVar("T")

Submit = Callable[[Callable[[Connection], object]], Future[object]]
"""Runs something in a transaction of the database (`cozygen.storage.database.Database.submit`)."""

_AT_ONCE, _ROWS = 16, 500
_FEW = 64
_KEYS = 20_000


class Place(Protocol):
    """A file as the index has it."""

    @property
    def id(self) -> int: ...
    @property
    def subfolder(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def mtime_ns(self) -> int: ...


class Files(Protocol):
    """What the keeper has to know of a library."""

    name: str
    complete: bool
    attributes: Attributes

    def file_at(self, subfolder: str, filename: str) -> Place | None:
        """The file at a place."""

    def places(self, ids: Sequence[int]) -> Sequence[Place]:
        """Those of these files that exist."""

    def disk(self, relative: str) -> str:
        """The absolute path of a relative one."""

    def conceal(self) -> None:
        """Which files are hidden has changed."""


@dataclass
class Seeker:
    """A mark that looks for its content. `home`: the file that counts as its own meanwhile.

    `early`: so since the studio was started, thus nobody knows since when.
    """

    file: Identity
    home: int | None
    early: bool


class Keeper:
    """Puts marks to files, in `Attributes`. Without a database it has nothing to do."""

    def __init__(self, files: Files, submit: Submit | None) -> None:
        self._files = files
        self._submit = submit
        self.file_of: dict[int, int] = {}
        """Mark -> id of its file. May be read by any thread."""
        self.albums: dict[int, str] = {}
        """Album -> its name. May be read by any thread."""
        self.restless = False
        """Whether files have come that may be looked for."""
        self._seekers: dict[int, Seeker] = {}
        self._wanted: dict[tuple[str, str], int] = {}
        self._keys: dict[int, str] = {}

    def _ask(self, work: Callable[[Connection], T]) -> T:
        assert self._submit is not None
        found: T = self._submit(work).result()  # type: ignore[assignment]
        return found

    def _tell(self, work: Callable[[Connection], object]) -> None:
        """Have the database take note of something that it could do without."""
        assert self._submit is not None
        self._submit(work).add_done_callback(_log_failure)

    # From the start on

    def load(self) -> None:
        """Put all marks to the files that the index knows."""
        self.file_of.clear()
        self._seekers.clear()
        self._wanted.clear()
        if self._submit is None:
            return
        try:
            self.albums = {album.id: album.name for album in self._ask(marks.list_albums)}
            known = self._ask(lambda connection: marks.load(connection, self._files.name))
        except (SQLAlchemyError, RuntimeError) as error:
            log.warning("what was noted of files cannot be read: %s", error)
            return
        found: dict[int, Mark] = {}
        for mark in sorted(known, key=lambda mark: not mark.placed):
            place = self._files.file_at(mark.file.subfolder, mark.file.filename) if mark.placed else None
            if place is None or place.id in found:
                self._seekers[mark.id] = Seeker(mark.file, None, early=True)
                if mark.placed:
                    self._wanted[mark.file.subfolder, mark.file.filename] = mark.id
                continue
            found[place.id] = mark
            if (place.size, place.mtime_ns) != (mark.file.size, mark.file.mtime_ns):
                self._seekers[mark.id] = Seeker(mark.file, place.id, early=True)
        self._put(found)
        self.restless = bool(self._seekers)
        if known:
            self._files.conceal()

    def _put(self, found: Mapping[int, Mark]) -> None:
        """These files (by id) have these marks."""
        self.file_of.update((mark.id, file) for file, mark in found.items())
        self._files.attributes.note({file: self._noted(mark) for file, mark in found.items()})

    def _noted(self, mark: Mark) -> Noted:
        albums = [self.albums[album] for album in mark.albums if album in self.albums]
        return Noted(mark.id, mark.favorite, mark.rating, mark.hidden, mark.tags, albums)

    def _take(self, ids: Iterable[int]) -> None:
        """These marks have no files any more."""
        files = [self.file_of.pop(mark) for mark in ids if mark in self.file_of]
        self._files.attributes.note(dict.fromkeys(files, Noted()))

    # What happens to files

    def on_files(self, gone: Iterable[int], new: Sequence[tuple[int, str, str]], replaced: Mapping[int, int]) -> None:
        """Files have gone and come: `new` are ids with their places, `replaced` other contents at the same place.

        To be called while `Attributes` still knows the ones that have gone, and knows the new ones already.
        """
        if self._submit is None:
            return
        owners = self._files.attributes.frame.mark
        left: list[int] = []
        arrived: dict[int, int] = {}
        for file in gone:
            mark = int(owners[file]) if file < len(owners) else 0
            if not mark:
                continue
            if file in replaced:
                arrived[mark] = replaced[file]
            else:
                left.append(mark)
        for file, subfolder, filename in new:
            wanted = self._wanted.pop((subfolder, filename), None)
            if wanted is not None and wanted not in self.file_of:
                arrived[wanted] = file
        if left or arrived:
            self._follow(left, arrived)
        if self._seekers and new:
            self.restless = True

    def _follow(self, left: Sequence[int], arrived: Mapping[int, int]) -> None:
        """Marks whose files have left, and those (by mark) for which there is another file at the place."""
        known = self._load([*left, *arrived])
        self._take(mark.id for mark in known)
        places = {place.id: place for place in self._places(arrived.values())}
        found: dict[int, Mark] = {}
        for mark in known:
            before = self._seekers.pop(mark.id, None)
            place = places.get(arrived.get(mark.id, 0))
            if place is not None:
                found[place.id] = mark
            if place is None or (place.size, place.mtime_ns) != (mark.file.size, mark.file.mtime_ns):
                early = before is not None and before.early and place is not None
                self._seekers[mark.id] = Seeker(mark.file, None if place is None else place.id, early=early)
        self._put(found)
        if left:
            self._tell(lambda connection: marks.displace(connection, left))
        self.restless = True
        self._files.conceal()

    def _places(self, ids: Iterable[int]) -> Iterator[Place]:
        """Those of these files that exist."""
        wanted = list(ids)
        for start in range(0, len(wanted), _ROWS):
            yield from self._files.places(wanted[start : start + _ROWS])

    def settle(self) -> Steps[None]:
        """Look for the files of marks that have none, or one of another content. Reads files."""
        if not self.restless or not self._files.complete:
            return
        self.restless = False
        frame = self._files.attributes.frame
        sizes = np.array(list({seeker.file.size for seeker in self._seekers.values()}), np.int64)
        candidates = np.flatnonzero(np.isin(frame.size, sizes) & (frame.mark == 0)).tolist()
        by_content: dict[str, list[int]] = {}
        # Of several marks for one content, those that have no file at all go first.
        for mark in sorted(self._seekers, key=lambda mark: (self._seekers[mark].home is not None, mark)):
            by_content.setdefault(self._seekers[mark].file.content, []).append(mark)
        for start in range(0, len(candidates), _AT_ONCE):
            found: dict[int, Place] = {}
            for place in self._files.places(candidates[start : start + _AT_ONCE]):
                key = self._key(place)
                waiting = by_content.get(key) if key and not frame.mark[place.id] else None
                if waiting:
                    found[waiting.pop(0)] = place
            self._move({mark: place for mark, place in found.items() if mark in self._seekers})
            yield
        self._accept()

    @property
    def seeks_many(self) -> bool:
        """Whether `settle` may take longer than somebody would like to wait."""
        return len(self._seekers) > _FEW

    def _move(self, found: Mapping[int, Place]) -> None:
        """Marks have found their files."""
        if not found:
            return
        known = self._load(list(found))
        for mark in known:
            seeker = self._seekers.pop(mark.id)
            self._wanted.pop((seeker.file.subfolder, seeker.file.filename), None)
        self._take(mark.id for mark in known)
        self._put({found[mark.id].id: mark for mark in known})
        files = {mark.id: self._identity(found[mark.id], self._key(found[mark.id])) for mark in known}
        self._tell(lambda connection: marks.place(connection, files))
        if any(mark.hidden for mark in known):
            self._files.conceal()

    def _load(self, ids: Sequence[int]) -> list[Mark]:
        """Marks as the database has them; none when it does not answer."""
        try:
            return self._ask(lambda connection: marks.load(connection, self._files.name, ids))
        except (SQLAlchemyError, RuntimeError) as error:
            log.warning("what was noted of files cannot be read: %s", error)
            return []

    @staticmethod
    def _identity(place: Place, key: str) -> Identity:
        return Identity(place.subfolder, place.name, place.size, place.mtime_ns, key)

    def _key(self, place: Place) -> str:
        known = self._keys.get(place.id)
        if known is None:
            path = f"{place.subfolder}/{place.name}" if place.subfolder else place.name
            try:
                known = content_key(self._files.disk(path))
            except OSError:
                return ""
            if len(self._keys) >= _KEYS:
                self._keys.clear()
            self._keys[place.id] = known
        return known

    def _accept(self) -> None:
        """What was another content already when the studio was started, and is nowhere else, is taken for edited."""
        found: dict[int, Identity] = {}
        for mark, seeker in list(self._seekers.items()):
            if not seeker.early:
                continue
            seeker.early = False
            place = next(iter(self._files.places([seeker.home])), None) if seeker.home is not None else None
            key = self._key(place) if place is not None else ""
            if place is not None and key:
                del self._seekers[mark]
                found[mark] = self._identity(place, key)
        if found:
            self._tell(lambda connection: marks.place(connection, found))

    # What people do

    def refresh(
        self, changed: Sequence[Mark], files: Mapping[int, int], albums: Mapping[int, str | None]
    ) -> Steps[set[str]]:
        """Marks and albums (None: removed) have changed in the database; `files` are those of new marks.

        Returns the folders in which something looks different now.
        """
        self._rename_albums(albums)
        folders: set[str] = set()
        hidden = False
        for start in range(0, len(changed), _ROWS):
            part = changed[start : start + _ROWS]
            wanted = {mark.id: files.get(mark.id, self.file_of.get(mark.id, 0)) for mark in part}
            places = {place.id: place for place in self._places(wanted.values())}
            lost = [mark for mark in part if wanted[mark.id] not in places]
            self._take(mark.id for mark in lost)
            self._seekers.update((mark.id, Seeker(mark.file, None, early=False)) for mark in lost)
            self.restless |= bool(lost)
            found = {wanted[mark.id]: mark for mark in part if wanted[mark.id] in places}
            hidden |= any(mark.hidden or self._files.attributes.hides(file) for file, mark in found.items())
            self._put(found)
            folders.update(places[file].subfolder for file in found)
            yield
        if hidden:
            self._files.conceal()
        return folders

    def _rename_albums(self, albums: Mapping[int, str | None]) -> None:
        attributes = self._files.attributes
        labels = attributes.labels["album"]
        for album, name in albums.items():
            before = self.albums.get(album)
            if name == before:
                continue
            number = labels.find(before) if before is not None else None
            if name is None:
                self.albums.pop(album, None)
                if number is not None:
                    attributes.pairs["album"].drop_label(number)
            else:
                self.albums[album] = name
                if number is not None:
                    labels.rename(number, name)
            attributes.version += 1

    def carry(self, ids: Mapping[int, int]) -> None:
        """Files were given other ids (old -> new). To be called after `Attributes.carry`."""
        owners = self._files.attributes.frame.mark
        for old, new in ids.items():
            mark = int(owners[new])
            if mark:
                self.file_of[mark] = new
            if old in self._keys:
                self._keys[new] = self._keys.pop(old)
            seeker = self._seekers.get(mark)
            if seeker is not None and seeker.home == old:
                seeker.home = new

    def identify(self, place: Place) -> Identity:
        """What a file is told by. Blocking; any thread."""
        path = f"{place.subfolder}/{place.name}" if place.subfolder else place.name
        try:
            key = content_key(self._files.disk(path))
        except OSError:
            key = ""
        return self._identity(place, key)


def _log_failure(future: Future[object]) -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None:
        log.warning("could not note where a file is now: %s", error)
