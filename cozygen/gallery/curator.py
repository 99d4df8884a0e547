"""What people do with the files of the gallery: they mark them, put them into albums, and take it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from cozygen.gallery import marks, undo
from cozygen.gallery.marks import Album, Step
from cozygen.gallery.service import Chosen, Gallery, Item, Selection
from cozygen.storage.database import Database

_SOURCE = "output"
_COVERS = 50
"""Items of an album that are tried for its cover, should the first ones have gone."""


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
    missing: list[tuple[str, str]]
    token: str | None


@dataclass(frozen=True)
class AlbumView:
    """An album, how many of its files are there, and the one that stands for it."""

    album: Album
    count: int
    cover: Item | None


class Curator:
    """Notes of the files of a gallery."""

    def __init__(self, gallery: Gallery, database: Database) -> None:
        self._gallery = gallery
        self._db = database
        # Two that note something of the same file for the first time must not both make a mark for it.
        self._lock = asyncio.Lock()

    async def mark(self, user: str, selection: Selection, changes: Changes) -> Done:
        """Note something of files. Raises `NothingChosen`, and what `Gallery.choose` does."""

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            add = tuple(marks.spelling(connection, tag) for tag in changes.add_tags)
            remove = tuple(marks.spelling(connection, tag) for tag in changes.remove_tags)
            return Changes(changes.favorite, changes.rating, changes.hidden, add, remove).step(ids)

        chosen = await self._choose(selection)
        return await self._apply(user, chosen, step, new=changes.is_new)

    async def _choose(self, selection: Selection) -> Chosen:
        chosen = await self._gallery.choose(selection)
        if not chosen.rows and (chosen.missing or selection.files is not None):
            raise NothingChosen
        return chosen

    async def _apply(
        self, user: str, chosen: Chosen, step: Callable[[Connection, Sequence[int]], Step], *, new: bool
    ) -> Done:
        """Apply a step to the marks of files. With `new` those get one that have none."""
        async with self._lock:
            known = self._gallery.marks_of(chosen.rows)
            unmarked = [row for row, mark in zip(chosen.rows, known, strict=True) if not mark]
            identities = await self._gallery.identify(unmarked if new else [])

            def write(connection: Connection) -> tuple[Step, str | None, list[int]]:
                added = marks.create(connection, _SOURCE, identities)
                fresh = iter(added)
                ids = [mark or next(fresh, 0) for mark in known]
                inverse = marks.apply(connection, step(connection, [id for id in ids if id]))
                token = undo.push(connection, user, "notes", inverse) if inverse else None
                return inverse, token, added

            inverse, token, added = await self._db.write(write)
            files = dict(zip(added, (row.id for row in unmarked), strict=False))
            await self._show(inverse, files)
        return Done(len(chosen.rows), chosen.missing, token)

    async def _show(self, inverse: Step, files: dict[int, int] | None = None) -> None:
        """Have the gallery show what has changed, which is what the inverse is about."""
        files = files or {}

        def read(connection: Connection) -> tuple[list[marks.Mark], dict[int, str | None]]:
            albums: dict[int, str | None] = dict.fromkeys(marks.albums_of(inverse))
            albums.update((album.id, album.name) for album in marks.list_albums(connection) if album.id in albums)
            touched = [*marks.marks_of(inverse), *files]
            for album in inverse.get("drop", ()):
                touched += marks.album_marks(connection, album)
            return marks.load(connection, _SOURCE, list(dict.fromkeys(touched))), albums

        changed, albums = await self._db.read(read)
        await self._gallery.show_notes(changed, files, albums)

    # Albums

    async def albums(self) -> list[AlbumView]:
        """All albums, by name."""

        def read(connection: Connection) -> tuple[list[Album], dict[int, list[int]]]:
            return marks.list_albums(connection), marks.first_marks(connection, _COVERS)

        albums, first = await self._db.read(read)
        counts = self._gallery.album_counts()
        covers: dict[int, int] = {}
        for album in albums:
            wanted = [*([] if album.cover is None else [album.cover]), *first.get(album.id, ())]
            present = next((mark for mark in wanted if self._gallery.has_file(mark)), None)
            if present is not None:
                covers[album.id] = present
        items = await self._gallery.items_of_marks(list(covers.values()))
        return [AlbumView(album, counts.get(album.name, 0), items.get(covers.get(album.id, 0))) for album in albums]

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
        items = await self._gallery.items_of_marks(ordered)
        return album, [items[mark] for mark in ordered if mark in items]

    async def make_album(self, user: str, name: str, selection: Selection | None) -> tuple[int, Done]:
        """A new album, with files: its id. Raises `AlbumExists`, `NothingChosen`, and what `Gallery.choose` does."""
        chosen = Chosen([], []) if selection is None else await self._choose(selection)
        made: list[int] = []

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            id, description = marks.album_step(connection, name, ids)
            made.append(id)
            return description

        done = await self._apply(user, chosen, step, new=True)
        return made[-1], done

    async def edit_album(
        self, user: str, id: int, *, name: str | None = None, cover: tuple[str, str] | None = None
    ) -> str | None:
        """Rename an album, choose its cover. Raises `AlbumMissing`, `AlbumExists` and `NothingChosen`."""
        chosen = Chosen([], []) if cover is None else await self._choose(Selection([cover]))

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

        return (await self._apply(user, Chosen([], []), step, new=False)).token

    async def join(self, user: str, id: int, selection: Selection) -> Done:
        """Put files into an album, at its end. Raises `AlbumMissing`, and as `mark` does."""

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            marks.get_album(connection, id)
            return {"join": {str(id): [[mark, None] for mark in ids]}}

        return await self._apply(user, await self._choose(selection), step, new=True)

    async def leave(self, user: str, id: int, selection: Selection) -> Done:
        """Take files out of an album. Raises `AlbumMissing`, and as `mark` does."""

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            marks.get_album(connection, id)
            return {"leave": {str(id): list(ids)}}

        return await self._apply(user, await self._choose(selection), step, new=False)

    async def reorder(self, user: str, id: int, selection: Selection, before: tuple[str, str] | None) -> Done:
        """Put files of an album, in their order, before one of it, or at its end. Raises as `leave` does."""
        target = None
        if before is not None:
            target = next(iter(self._gallery.marks_of((await self._choose(Selection([before]))).rows)), None)

        def step(connection: Connection, ids: Sequence[int]) -> Step:
            marks.get_album(connection, id)
            order = marks.reorder(marks.album_marks(connection, id), ids, target)
            return {"places": {str(id): [[mark, place] for place, mark in enumerate(order)]}}

        return await self._apply(user, await self._choose(selection), step, new=False)

    async def note_of(self, place: tuple[str, str]) -> tuple[Item, list[Album]]:
        """A file with what is noted of it, and the albums that it is in. Raises `NothingChosen`."""
        chosen = await self._choose(Selection([place]))
        mark = self._gallery.marks_of(chosen.rows)[0]

        def read(connection: Connection) -> list[Album]:
            known = marks.load(connection, _SOURCE, [mark]) if mark else []
            members = {album for one in known for album in one.albums}
            return [album for album in marks.list_albums(connection) if album.id in members]

        return await self._gallery.item(chosen.rows[0]), await self._db.read(read)

    # Taking back

    async def kind_of(self, user: str, token: str) -> str:
        """What kind of step a token takes back. Raises `NothingToUndo`."""
        kind = await self._db.read(lambda connection: undo.kind_of(connection, user, token))
        if kind is None:
            raise NothingToUndo
        return kind

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
