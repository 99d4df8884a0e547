"""What people do with the files of the gallery: they mark them, put them into albums, and take it back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from cozygen.gallery import marks, undo
from cozygen.gallery.marks import Album, Step
from cozygen.gallery.roots import Galleries, Gathered, Place, Wanted
from cozygen.gallery.service import Item
from cozygen.storage.database import Database

_COVERS = 50
"""Items of an album that are tried for its cover, should the first ones have gone."""
_PATIENCE = 4.0
"""Seconds that somebody waits for all libraries to show a change; one on a disk that has gone may never do."""


class NothingToUndo(LookupError):
    """There is no such step: it was taken back already, is too old, or somebody else's."""


class CannotUndo(Exception):
    """The step cannot be taken back as things are now. The message is fit for the one who asked."""


class NothingChosen(LookupError):
    """None of the files that were named is there."""


@dataclass(frozen=True)
class Changes:
    """What to note of files; None leaves it as it is."""

    favorite: bool | None = None
    rating: int | None = None
    hidden: bool | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether it says anything of files of which nothing was noted."""
        return bool(self.favorite or self.rating or self.hidden or self.add_tags)

    def step(self, ids: Sequence[int]) -> Step:
        """The same for marks."""
        values = {"favorite": self.favorite, "rating": self.rating, "hidden": self.hidden}
        return {
            "set": {name: [[id, value] for id in ids] for name, value in values.items() if value is not None},
            "tag": {tag: list(ids) for tag in self.add_tags},
            "untag": {tag: list(ids) for tag in self.remove_tags},
        }


@dataclass(frozen=True)
class Done:
    """What was done: to how many files, where there was none, and what takes it back (None: nothing changed)."""

    count: int
    missing: list[Place]
    token: str | None


@dataclass(frozen=True)
class AlbumView:
    """An album, how many of its files are there, and the one that stands for it."""

    album: Album
    count: int
    cover: Item | None


class Curator:
    """Notes of the files of all libraries."""

    def __init__(self, galleries: Galleries, database: Database) -> None:
        self._galleries = galleries
        self._db = database
        self._showing: set[asyncio.Task[None]] = set()
        # Two that note something of the same file for the first time must not both make a mark for it.
        self._lock = asyncio.Lock()

    async def mark(self, user: str, wanted: Wanted, changes: Changes) -> Done:
        """Note something of files. Raises `NothingChosen`, and what `Galleries.choose` does."""

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            add = tuple(marks.spelling(connection, tag) for tag in changes.add_tags)
            remove = tuple(marks.spelling(connection, tag) for tag in changes.remove_tags)
            return Changes(changes.favorite, changes.rating, changes.hidden, add, remove).step(ids)

        return await self._apply(user, await self._choose(wanted), step, new=changes.is_new)

    async def _choose(self, wanted: Wanted) -> Gathered:
        chosen = await self._galleries.choose(wanted)
        if not chosen.files and isinstance(wanted, Sequence):
            raise NothingChosen
        return chosen

    async def _apply(
        self, user: str, chosen: Gathered, step: Callable[[Connection, Sequence[int]], Step], *, new: bool
    ) -> Done:
        """Apply a step to the marks of files. With `new` those get one that have none."""
        async with self._lock:
            known = _marks_of(chosen)
            unmarked = [
                (gallery, [number for number in numbers if not known[number]])
                for gallery, numbers in chosen.by_gallery()
                if new
            ]
            identities = [
                await gallery.identify([chosen.files[number].row for number in numbers])
                for gallery, numbers in unmarked
            ]

            def write(connection: Connection) -> tuple[Step, str | None, dict[str, dict[int, int]]]:
                ids, fresh = list(known), dict[str, dict[int, int]]()
                for (gallery, numbers), files in zip(unmarked, identities, strict=True):
                    made = marks.create(connection, gallery.name, files)
                    for number, mark in zip(numbers, made, strict=True):
                        ids[number] = mark
                        fresh.setdefault(gallery.name, {})[mark] = chosen.files[number].row.id
                inverse = marks.apply(connection, step(connection, [id for id in ids if id]))
                token = undo.push(connection, user, "notes", inverse) if inverse else None
                return inverse, token, fresh

            inverse, token, fresh = await self._db.write(write)
            await self._show(inverse, fresh)
        return Done(len(chosen.files), chosen.missing, token)

    async def _show(self, inverse: Step, fresh: Mapping[str, Mapping[int, int]] | None = None) -> None:
        """Have the galleries show what has changed, which is what the inverse is about.

        `fresh`: of each library, the new marks with the ids of their files.
        """
        fresh = fresh or {}

        def read(connection: Connection) -> tuple[dict[str, list[marks.Mark]], dict[int, str | None]]:
            albums: dict[int, str | None] = dict.fromkeys(marks.albums_of(inverse))
            albums.update((album.id, album.name) for album in marks.list_albums(connection) if album.id in albums)
            touched = [*marks.marks_of(inverse), *(mark for files in fresh.values() for mark in files)]
            for album in inverse.get("drop", ()):
                touched += marks.album_marks(connection, album)
            ids = list(dict.fromkeys(touched))
            return {name: marks.load(connection, name, ids) for name in self._galleries.names}, albums

        changed, albums = await self._db.read(read)
        showing = [
            asyncio.create_task(gallery.show_notes(changed[gallery.name], fresh.get(gallery.name, {}), albums))
            for gallery in self._galleries
            if changed[gallery.name] or albums
        ]
        if not showing:
            return
        self._showing.update(showing)
        for task in showing:
            task.add_done_callback(self._showing.discard)
        done, _ = await asyncio.wait(showing, timeout=_PATIENCE)
        for task in done:
            task.result()

    # Albums

    async def albums(self) -> list[AlbumView]:
        """All albums, by name."""

        def read(connection: Connection) -> tuple[list[Album], dict[int, list[int]]]:
            return marks.list_albums(connection), marks.first_marks(connection, _COVERS)

        albums, first = await self._db.read(read)
        counts = Counter[str]()
        for gallery in self._galleries:
            counts.update(gallery.album_counts())
        covers: dict[int, int] = {}
        for album in albums:
            wanted = [*([] if album.cover is None else [album.cover]), *first.get(album.id, ())]
            present = next((mark for mark in wanted if self._has_file(mark)), None)
            if present is not None:
                covers[album.id] = present
        items = await self._items_of_marks(list(covers.values()))
        return [AlbumView(album, counts[album.name], items.get(covers.get(album.id, 0))) for album in albums]

    def _has_file(self, mark: int) -> bool:
        return any(gallery.has_file(mark) for gallery in self._galleries)

    async def _items_of_marks(self, ids: Sequence[int]) -> dict[int, Item]:
        """The files of marks, wherever they are, without those that are gone."""
        found: dict[int, Item] = {}
        for gallery in self._galleries:
            mine = [mark for mark in ids if gallery.has_file(mark)]
            if mine:
                found.update(await gallery.items_of_marks(mine))
        return found

    async def album(self, id: int) -> AlbumView:
        """One album. Raises `AlbumMissing`."""
        found = next((view for view in await self.albums() if view.album.id == id), None)
        if found is None:
            raise marks.AlbumMissing(id)
        return found

    async def album_items(self, id: int) -> tuple[Album, list[Item]]:
        """An album and its files, in its order. Raises `AlbumMissing`."""

        def read(connection: Connection) -> tuple[Album, list[int]]:
            return marks.get_album(connection, id), marks.album_marks(connection, id)

        album, ordered = await self._db.read(read)
        items = await self._items_of_marks(ordered)
        return album, [items[mark] for mark in ordered if mark in items]

    async def make_album(self, user: str, name: str, wanted: Wanted | None) -> tuple[int, Done]:
        """A new album, with files: its id. Raises `AlbumExists`, `NothingChosen`, and what `Galleries.choose` does."""
        chosen = Gathered() if wanted is None else await self._choose(wanted)
        made: list[int] = []

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            id, description = marks.album_step(connection, name, ids)
            made.append(id)
            return description

        done = await self._apply(user, chosen, step, new=True)
        return made[-1], done

    async def edit_album(
        self, user: str, id: int, *, name: str | None = None, cover: Place | None = None
    ) -> str | None:
        """Rename an album, choose its cover. Raises `AlbumMissing`, `AlbumExists` and `NothingChosen`."""
        chosen = Gathered() if cover is None else await self._choose([cover])

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            values: dict[str, object] = {} if name is None else {"name": name}
            if cover is not None:
                members = set(marks.album_marks(connection, id))
                if not ids or ids[0] not in members:
                    raise NothingChosen
                values["cover"] = ids[0]
            return {"edit": [[id, values]]}

        return (await self._apply(user, chosen, step, new=False)).token

    async def drop_album(self, user: str, id: int) -> str | None:
        """Remove an album; its files stay. Raises `AlbumMissing`."""

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            marks.get_album(connection, id)
            return {"drop": [id]}

        return (await self._apply(user, Gathered(), step, new=False)).token

    async def join(self, user: str, id: int, wanted: Wanted) -> Done:
        """Put files into an album, at its end. Raises `AlbumMissing`, and as `mark` does."""

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            marks.get_album(connection, id)
            return {"join": {str(id): [[mark, None] for mark in ids]}}

        return await self._apply(user, await self._choose(wanted), step, new=True)

    async def leave(self, user: str, id: int, wanted: Wanted) -> Done:
        """Take files out of an album. Raises `AlbumMissing`, and as `mark` does."""

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            marks.get_album(connection, id)
            return {"leave": {str(id): list(ids)}}

        return await self._apply(user, await self._choose(wanted), step, new=False)

    async def reorder(self, user: str, id: int, wanted: Wanted, before: Place | None) -> Done:
        """Put files of an album, in their order, before one of it, or at its end. Raises as `leave` does."""
        target = None
        if before is not None:
            target = _marks_of(await self._choose([before]))[0]

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            marks.get_album(connection, id)
            order = marks.reorder(marks.album_marks(connection, id), ids, target)
            return {"places": {str(id): [[mark, place] for place, mark in enumerate(order)]}}

        return await self._apply(user, await self._choose(wanted), step, new=False)

    async def note_of(self, place: Place) -> tuple[Item, list[Album]]:
        """A file with what is noted of it, and the albums that it is in. Raises `NothingChosen`."""
        chosen = await self._choose([place])
        gallery, row, mark = chosen.files[0].gallery, chosen.files[0].row, _marks_of(chosen)[0]

        def read(connection: Connection) -> list[Album]:
            known = marks.load(connection, gallery.name, [mark]) if mark else []
            members = {album for one in known for album in one.albums}
            return [album for album in marks.list_albums(connection) if album.id in members]

        return await gallery.item(row), await self._db.read(read)

    async def tidy(self) -> None:
        """Forget the marks that say nothing, once nothing can be taken back any more that was done to them."""
        await self._db.write(lambda connection: marks.tidy(connection, time.time() - undo.KEPT_SECONDS))

    # Taking back

    async def step(self, user: str, token: str) -> undo.Step:
        """The step that a token takes back. Raises `NothingToUndo`."""
        step = await self._db.read(lambda connection: undo.find(connection, user, token))
        if step is None:
            raise NothingToUndo
        return step

    async def undo(self, user: str, token: str) -> str | None:
        """Take notes back: the token that makes them again. Raises `NothingToUndo` and `CannotUndo`."""
        async with self._lock:

            def write(connection: Connection) -> tuple[Step, str | None]:
                step = undo.take(connection, user, token)
                if step is None or step.kind != "notes":
                    raise NothingToUndo
                inverse = marks.apply(connection, step.data)
                return inverse, undo.push(connection, user, "notes", inverse) if inverse else None

            try:
                inverse, again = await self._db.write(write)
            except marks.AlbumExists as error:
                raise CannotUndo(f"There is another album called {error} now.") from None
            except marks.AlbumMissing:
                raise CannotUndo("The album is no longer there.") from None
            await self._show(inverse)
        return again


def _marks_of(chosen: Gathered) -> list[int]:
    """The number of what is noted of each file, 0 for nothing."""
    found = [0] * len(chosen.files)
    for gallery, numbers in chosen.by_gallery():
        known = gallery.marks_of(chosen.files[number].row for number in numbers)
        for number, mark in zip(numbers, known, strict=True):
            found[number] = mark
    return found
