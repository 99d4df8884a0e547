"""What people note of files: favourite, rating, hidden, tags, albums. In the studio's database.

A *mark* stands for one file, known by the place where it was seen last and by its content (see
`cozygen.gallery.keeper`). Functions take a connection, so that callers decide what is one transaction.

Changes are *steps* in JSON, each with an inverse of the same form:

``{"set": {"favorite" | "rating" | "hidden": [[mark, value], ...]}, "tag": {tag: [marks]}, "untag": {tag: [marks]},
"join": {album: [[mark, place or null], ...]}, "leave": {album: [marks]}, "make": [album rows], "drop": [albums],
"edit": [[album, {"name" | "cover": value}], ...], "places": {album: [[mark, place], ...]}}``
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    true,
    union_all,
    update,
)

from cozygen.gallery import moves
from cozygen.storage.tables import album_items, albums, mark_tags, marks, outputs

T = TypeVar("T")

Step = dict[str, Any]

OUTPUT = "output"
"""The library that renders are kept in: the prompts of its files are known (`cozygen.storage.tables.outputs`)."""

MAX_RATING = 5
_AT_ONCE = 400


class AlbumExists(Exception):
    """There is an album of that name."""


class AlbumMissing(LookupError):
    """There is no such album."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file is told by: its place, and its content."""

    subfolder: str
    filename: str
    size: int
    mtime_ns: int
    content: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What is noted of a file. Not `placed`: it has left that place. `albums` are their ids."""

    id: int
    file: Identity
    placed: bool
    favorite: bool
    rating: int
    hidden: bool
    tags: tuple[str, ...]
    albums: tuple[int, ...]

    @property
    def says_something(self) -> bool:
        """Whether anything is noted at all."""
        return bool(self.favorite or self.rating or self.hidden or self.tags or self.albums)


@dataclass(frozen=True, slots=True)
class Album:
    """An album. `cover` is a mark. Times in seconds since the epoch."""

    id: int
    name: str
    cover: int | None
    created_at: float
    updated_at: float


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def load(connection: Connection, source: str, ids: Sequence[int] | None = None) -> list[Mark]:
    """The marks of a library: those with `ids`, or all that say something."""
    if ids is None:
        return [mark for mark in _load(connection, source, None) if mark.says_something]
    return [mark for part in _parts(ids) for mark in _load(connection, source, part)]


def _load(connection: Connection, source: str, ids: Sequence[int] | None) -> list[Mark]:
    chosen = select(marks).where(marks.c.source == source)
    tagged, joined = select(mark_tags), select(album_items.c.mark, album_items.c.album)
    if ids is not None:
        chosen = chosen.where(marks.c.id.in_(ids))
        tagged = tagged.where(mark_tags.c.mark.in_(ids))
        joined = joined.where(album_items.c.mark.in_(ids))
    tags: dict[int, list[str]] = {}
    for row in connection.execute(tagged.order_by(mark_tags.c.tag)):
        tags.setdefault(row.mark, []).append(row.tag)
    members: dict[int, list[int]] = {}
    for row in connection.execute(joined.order_by(album_items.c.album)):
        members.setdefault(row.mark, []).append(row.album)
    return [
        Mark(
            row.id,
            Identity(row.subfolder, row.filename, row.size, row.mtime_ns, row.content),
            row.placed,
            row.favorite,
            row.rating,
            row.hidden,
            tuple(tags.get(row.id, ())),
            tuple(members.get(row.id, ())),
        )
        for row in connection.execute(chosen)
    ]


def create(connection: Connection, source: str, files: Sequence[Identity]) -> list[int]:
    """New marks that say nothing yet, in the order of `files`: their ids."""
    first = _next_id(connection, "marks")
    rows = [
        {
            "id": first + number,
            "source": source,
            "subfolder": file.subfolder,
            "filename": file.filename,
            "placed": True,
            "size": file.size,
            "mtime_ns": file.mtime_ns,
            "content": file.content,
            "favorite": False,
            "rating": 0,
            "hidden": False,
            "updated_at": time.time(),
        }
        for number, file in enumerate(files)
    ]
    if rows:
        connection.execute(insert(marks), rows)
    return [first + number for number in range(len(files))]


def place(connection: Connection, files: Mapping[int, Identity]) -> None:
    """The files of these marks are there now."""
    for mark, file in files.items():
        connection.execute(
            update(marks)
            .where(marks.c.id == mark)
            .values(
                subfolder=file.subfolder,
                filename=file.filename,
                placed=True,
                size=file.size,
                mtime_ns=file.mtime_ns,
                content=file.content,
            )
        )


def displace(connection: Connection, ids: Sequence[int]) -> None:
    """The files of these marks have left their places."""
    for part in _parts(ids):
        connection.execute(update(marks).where(marks.c.id.in_(part)).values(placed=False))


Moved = tuple[tuple[str, str], tuple[str, str]]
"""Of a file: (subfolder, filename) before and after."""


def follow(connection: Connection, source: str, moved: Sequence[Moved]) -> None:
    """Files were moved: what is known of their old places is known of the new ones. So are their prompts."""
    for (subfolder, filename), (to_subfolder, to_filename) in moved:
        here = (marks.c.source == source) & (marks.c.subfolder == subfolder) & (marks.c.filename == filename)
        connection.execute(
            update(marks).where(here, marks.c.placed.is_(True)).values(subfolder=to_subfolder, filename=to_filename)
        )
        if source != OUTPUT:
            continue
        old = (outputs.c.subfolder == subfolder) & (outputs.c.filename == filename)
        new = (outputs.c.subfolder == to_subfolder) & (outputs.c.filename == to_filename)
        if connection.execute(select(outputs.c.prompt_id).where(old)).first() is not None:
            connection.execute(delete(outputs).where(new))
            connection.execute(update(outputs).where(old).values(subfolder=to_subfolder, filename=to_filename))
    moves.note(connection, source, moved)


def follow_folder(connection: Connection, source: str, before: str, after: str) -> None:
    """A folder was moved or renamed."""
    moves.note_folder(connection, source, before, after)
    _move_below(connection, marks, before, after, marks.c.source == source)
    if source != OUTPUT:
        return
    moving = outputs.alias()
    there = literal(before) + func.substr(outputs.c.subfolder, len(after) + 1)
    old = select(moving.c.prompt_id).where(moving.c.subfolder == there, moving.c.filename == outputs.c.filename)
    connection.execute(delete(outputs).where(_is_below(outputs.c.subfolder, after), old.exists()))
    _move_below(connection, outputs, before, after, true())


def _move_below(connection: Connection, table: Table, before: str, after: str, mine: ColumnElement[bool]) -> None:
    column = table.c.subfolder
    values = {"subfolder": literal(after) + func.substr(column, len(before) + 1)}
    connection.execute(update(table).where(_is_below(column, before), mine).values(values))


def _is_below(column: Column[Any], folder: str) -> ColumnElement[bool]:
    return (column == folder) | (func.substr(column, 1, len(folder) + 1) == f"{folder}/")


def copy_notes(connection: Connection, source: str, copies: Sequence[tuple[int, Identity]]) -> list[Mark]:
    """Copies of files get what is noted of these, but for the albums: (mark, copy) pairs. Returns the new marks."""
    known = {mark.id: mark for mark in load(connection, source, [mark for mark, _ in copies])}
    pairs = [(known[mark], file) for mark, file in copies if mark in known]
    ids = create(connection, source, [file for _, file in pairs])
    for id, (mark, _) in zip(ids, pairs, strict=True):
        values = {"favorite": mark.favorite, "rating": mark.rating, "hidden": mark.hidden}
        connection.execute(update(marks).where(marks.c.id == id).values(values))
        for tag in mark.tags:
            connection.execute(insert(mark_tags).values(mark=id, tag=tag))
    return load(connection, source, ids)


def tidy(connection: Connection, before: float) -> None:
    """Remove marks that say nothing and have not been changed since `before` (seconds since the epoch)."""
    used = union_all(select(mark_tags.c.mark), select(album_items.c.mark))
    connection.execute(
        delete(marks).where(
            marks.c.updated_at < before,
            marks.c.favorite.is_(False),
            marks.c.hidden.is_(False),
            marks.c.rating == 0,
            marks.c.id.not_in(used),
        )
    )


# Steps


def apply(connection: Connection, step: Step) -> Step:
    """Do what `step` says, as far as it is not so already: the step that takes it back.

    Raises `AlbumExists` for a name that is taken and `AlbumMissing`.
    """
    inverse: Step = {}
    for field, pairs in step.get("set", {}).items():
        changed = _set(connection, field, pairs)
        if changed:
            inverse.setdefault("set", {})[field] = changed
    for tag, ids in step.get("untag", {}).items():
        _keep(inverse, "tag", tag, _untag(connection, tag, ids))
    for tag, ids in step.get("tag", {}).items():
        _keep(inverse, "untag", tag, _tag(connection, tag, ids))
    _apply_to_albums(connection, step, inverse)
    touched = marks_of(step)
    for part in _parts(touched):
        connection.execute(update(marks).where(marks.c.id.in_(part)).values(updated_at=time.time()))
    return inverse


def _keep(inverse: Step, what: str, key: str, values: list[Any]) -> None:
    if values:
        inverse.setdefault(what, {})[key] = values


def marks_of(step: Step) -> list[int]:
    """The marks that a step is about, without those that are in an album as a whole."""
    found: dict[int, None] = {}
    for pairs in step.get("set", {}).values():
        found.update(dict.fromkeys(mark for mark, _ in pairs))
    for what in ("tag", "untag", "leave"):
        for ids in step.get(what, {}).values():
            found.update(dict.fromkeys(ids))
    for pairs in step.get("join", {}).values():
        found.update(dict.fromkeys(mark for mark, _ in pairs))
    return list(found)


def albums_of(step: Step) -> list[int]:
    """The albums that a step is about."""
    found = [int(album) for what in ("join", "leave", "places") for album in step.get(what, {})]
    found += [row["id"] for row in step.get("make", ())]
    found += [*step.get("drop", ()), *(album for album, _ in step.get("edit", ()))]
    return list(dict.fromkeys(found))


def _set(connection: Connection, field: str, pairs: Sequence[Sequence[Any]]) -> list[list[Any]]:
    column: Column[Any] = marks.c[field]
    before: list[list[Any]] = []
    by_value: dict[Any, list[int]] = {}
    wanted: dict[int, Any] = {mark: value for mark, value in pairs}  # noqa: C416 -- pairs may be lists
    for part in _parts(list(wanted)):
        for mark, value in connection.execute(select(marks.c.id, column).where(marks.c.id.in_(part))):
            if value != wanted[mark]:
                before.append([mark, value])
                by_value.setdefault(wanted[mark], []).append(mark)
    for value, ids in by_value.items():
        for part in _parts(ids):
            connection.execute(update(marks).where(marks.c.id.in_(part)).values({field: value}))
    return before


def _tag(connection: Connection, tag: str, ids: Sequence[int]) -> list[int]:
    """Give marks a tag: those that did not have it. Another spelling of the same tag counts as that tag."""
    folded = tag.casefold()
    have = {
        row.mark
        for part in _parts(ids)
        for row in connection.execute(select(mark_tags).where(mark_tags.c.mark.in_(part)))
        if row.tag.casefold() == folded
    }
    known = _existing(connection, ids)
    new = [id for id in dict.fromkeys(ids) if id not in have and id in known]
    if new:
        connection.execute(insert(mark_tags), [{"mark": id, "tag": tag} for id in new])
    return new


def _existing(connection: Connection, ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for part in _parts(ids):
        found.update(connection.execute(select(marks.c.id).where(marks.c.id.in_(part))).scalars())
    return found


def _untag(connection: Connection, tag: str, ids: Sequence[int]) -> list[int]:
    gone: list[int] = []
    for part in _parts(ids):
        mine = mark_tags.c.mark.in_(part) & (mark_tags.c.tag == tag)
        gone += connection.execute(select(mark_tags.c.mark).where(mine)).scalars().all()
        connection.execute(delete(mark_tags).where(mine))
    return gone


def spelling(connection: Connection, tag: str) -> str:
    """The tag as it was spelled the first time, whatever case it has now."""
    rows = connection.execute(
        select(mark_tags.c.tag).where(func.lower(mark_tags.c.tag) == tag.lower()).distinct().limit(20)
    ).scalars()
    return next((known for known in rows if known.casefold() == tag.casefold()), tag)


# Albums


def list_albums(connection: Connection) -> list[Album]:
    """All albums, by name."""
    rows = connection.execute(select(albums).order_by(albums.c.folded))
    return [Album(row.id, row.name, row.cover, row.created_at, row.updated_at) for row in rows]


def get_album(connection: Connection, id: int) -> Album:
    """An album. Raises `AlbumMissing`."""
    row = connection.execute(select(albums).where(albums.c.id == id)).first()
    if row is None:
        raise AlbumMissing(id)
    return Album(row.id, row.name, row.cover, row.created_at, row.updated_at)


def album_marks(connection: Connection, id: int) -> list[int]:
    """The marks in an album, in its order."""
    ordered = select(album_items.c.mark).where(album_items.c.album == id).order_by(album_items.c.place)
    return list(connection.execute(ordered).scalars())


def first_marks(connection: Connection, count: int) -> dict[int, list[int]]:
    """The first `count` marks of each album."""
    number = func.row_number().over(partition_by=album_items.c.album, order_by=album_items.c.place)
    ranked = select(album_items.c.album, album_items.c.mark, number.label("number")).subquery()
    found: dict[int, list[int]] = {}
    rows = connection.execute(select(ranked).where(ranked.c.number <= count).order_by(ranked.c.number))
    for row in rows:
        found.setdefault(row.album, []).append(row.mark)
    return found


def album_step(connection: Connection, name: str, ids: Sequence[int]) -> tuple[int, Step]:
    """The step that makes an album with these marks, and the id that it will have."""
    id, now = _next_id(connection, "albums"), time.time()
    items = [[mark, place] for place, mark in enumerate(dict.fromkeys(ids))]
    row: dict[str, Any] = {"id": id, "name": name, "cover": None, "created_at": now, "updated_at": now, "items": items}
    return id, {"make": [row]}


def _next_id(connection: Connection, table: str) -> int:
    """An id that was never used: a step may still name that of a row that was removed."""
    sequence = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    return (connection.execute(sequence, {"name": table}).scalar() or 0) + 1


def _apply_to_albums(connection: Connection, step: Step, inverse: Step) -> None:
    for album in step.get("drop", ()):
        row = _drop(connection, album)
        if row is not None:
            inverse.setdefault("make", []).append(row)
    for row in step.get("make", ()):
        _make(connection, row)
        inverse.setdefault("drop", []).append(row["id"])
    for album, values in step.get("edit", ()):
        before = _edit(connection, album, values)
        if before:
            inverse.setdefault("edit", []).append([album, before])
    for album, ids in step.get("leave", {}).items():
        _keep(inverse, "join", album, _leave(connection, int(album), ids))
    for album, pairs in step.get("join", {}).items():
        _keep(inverse, "leave", album, _join(connection, int(album), pairs))
    for album, pairs in step.get("places", {}).items():
        _keep(inverse, "places", album, _place(connection, int(album), pairs))
    for album in albums_of(step):
        connection.execute(update(albums).where(albums.c.id == album).values(updated_at=time.time()))


def _drop(connection: Connection, album: int) -> dict[str, Any] | None:
    row = connection.execute(select(albums).where(albums.c.id == album)).mappings().first()
    if row is None:
        return None
    items = connection.execute(select(album_items.c.mark, album_items.c.place).where(album_items.c.album == album))
    found = {**row, "items": [[mark, place] for mark, place in items]}
    del found["folded"]
    connection.execute(delete(album_items).where(album_items.c.album == album))
    connection.execute(delete(albums).where(albums.c.id == album))
    return found


def _make(connection: Connection, row: Mapping[str, Any]) -> None:
    values = {key: value for key, value in row.items() if key != "items"}
    name = _free_name(connection, values["name"], None)
    connection.execute(insert(albums).values({**values, "folded": name.casefold()}))
    _join(connection, row["id"], row["items"])


def _free_name(connection: Connection, name: str, album: int | None) -> str:
    taken = connection.execute(select(albums.c.id).where(albums.c.folded == name.casefold())).scalar()
    if taken is not None and taken != album:
        raise AlbumExists(name)
    return name


def _edit(connection: Connection, album: int, values: Mapping[str, Any]) -> dict[str, Any]:
    known = get_album(connection, album)
    before: dict[str, Any] = {}
    changed: dict[str, Any] = {}
    for field in ("name", "cover"):
        if field in values and values[field] != getattr(known, field):
            before[field], changed[field] = getattr(known, field), values[field]
    if "name" in changed:
        changed["folded"] = _free_name(connection, changed["name"], album).casefold()
    if changed:
        connection.execute(update(albums).where(albums.c.id == album).values(changed))
    return before


def _leave(connection: Connection, album: int, ids: Sequence[int]) -> list[list[int]]:
    gone: list[list[int]] = []
    for part in _parts(ids):
        mine = (album_items.c.album == album) & album_items.c.mark.in_(part)
        rows = connection.execute(select(album_items.c.mark, album_items.c.place).where(mine))
        gone += [[mark, place] for mark, place in rows]
        connection.execute(delete(album_items).where(mine))
    return gone


def _join(connection: Connection, album: int, pairs: Sequence[Sequence[Any]]) -> list[int]:
    get_album(connection, album)
    known = set(album_marks(connection, album))
    existing = _existing(connection, [mark for mark, _ in pairs])
    last = connection.execute(select(func.max(album_items.c.place)).where(album_items.c.album == album)).scalar()
    after = 0 if last is None else last + 1
    new: dict[int, int] = {}
    for mark, wanted in pairs:
        if mark in existing and mark not in known and mark not in new:
            new[mark] = after if wanted is None else wanted
            after += wanted is None
    if new:
        connection.execute(
            insert(album_items), [{"album": album, "mark": mark, "place": place} for mark, place in new.items()]
        )
    return list(new)


def _place(connection: Connection, album: int, pairs: Sequence[Sequence[int]]) -> list[list[int]]:
    get_album(connection, album)
    rows = connection.execute(select(album_items.c.mark, album_items.c.place).where(album_items.c.album == album))
    known: dict[int, int] = {row.mark: row.place for row in rows}
    before = []
    for mark, wanted in pairs:
        if mark in known and known[mark] != wanted:
            before.append([mark, known[mark]])
            mine = (album_items.c.album == album) & (album_items.c.mark == mark)
            connection.execute(update(album_items).where(mine).values(place=wanted))
    return before


def reorder(order: Sequence[int], moved: Iterable[int], before: int | None) -> list[int]:
    """`order` with `moved`, in their order, put before one of the others, at the end for None."""
    wanted = [mark for mark in dict.fromkeys(moved) if mark in set(order)]
    rest = [mark for mark in order if mark not in set(wanted)]
    at = rest.index(before) if before is not None and before in rest else len(rest)
    return [*rest[:at], *wanted, *rest[at:]]
