"""Where a file comes from, and what was made from it.

Two things tell. What the studio rendered itself is in its database: which files a job made, and which ones it started
from, with their content as it was then (`record`). What was made elsewhere says so in the graph that is embedded in
it; the index keeps the names that those graphs have (its table `sources`), so that they are looked up and never
searched for.

A name is not a file: files are moved, copied into the input folder to be used, and names are used again. So names lead
through the log of moves (`cozygen.gallery.moves`), copies are told by their content, and a name whose content is known
to have been another one does not count.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import math
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from sqlalchemy import Connection, and_, delete, insert, or_, select
from sqlalchemy.exc import SQLAlchemyError

from cozygen.gallery.content import content_key
from cozygen.gallery.library import Library, Row
from cozygen.gallery.marks import OUTPUT
from cozygen.gallery.metadata.sources import Source, sources
from cozygen.gallery.moves import Stay, path_now, stays
from cozygen.gallery.roots import INPUT, Galleries
from cozygen.gallery.service import Gallery, Item
from cozygen.storage.database import Database, storable
from cozygen.storage.paths import PathError, Root
from cozygen.storage.tables import job_inputs, outputs

log = logging.getLogger(__name__)

T = TypeVar("T")

_COMPARED = 200
"""Files of one size whose content is compared."""
_AT_ONCE = 400
MAX_SIBLINGS = 500
"""Most files that were made together with one that are shown."""


class Content(NamedTuple):
    """What a file is told by: bytes, and `cozygen.gallery.content.content_key`, empty where it cannot be read."""

    size: int
    key: str


@dataclass(frozen=True)
class Ingredient:
    """A file that a render started from.

    `path` is where it is now, relative to the folder of its `source`. It `exists` there as it was used; with `replaced`
    there is another file at its place. `item` is the file of a gallery that it is a copy of, or the file itself.
    """

    source: Source
    path: str
    exists: bool
    replaced: bool
    item: Item | None


@dataclass(frozen=True)
class Derived:
    """A page of the files that were made from one, newest first. Not `complete`: there may be more of them."""

    items: list[Item]
    total: int
    complete: bool


@dataclass
class _Uses:
    """What the database knows of the uses of a file.

    `made`: (subfolder, filename) of what was made from it, and `not_made` of what was made from another file of its
    name. `names`: (folder, path) under which it was used.
    """

    stays: list[Stay]
    made: set[tuple[str, str]] = field(default_factory=set)
    not_made: set[tuple[str, str]] = field(default_factory=set)
    names: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, order=True)
class _Hit:
    """A file that was found; the newest sorts first."""

    key: int
    name: str
    id: int


class Lineage:
    """Follows files back and forth. `temp` is the folder of previews, which has no gallery."""

    def __init__(self, galleries: Galleries, temp: Root, database: Database) -> None:
        self._galleries = galleries
        self._roots: Mapping[str, Root] = {
            "output": galleries.output.root,
            "input": galleries.get(INPUT).root,
            "temp": temp,
        }
        self._db = database

    # Taking note

    async def record(self, prompt_id: str, graph: Mapping[str, Any]) -> None:
        """Take note of the files that a prompt starts from, as they are now. Never raises."""
        try:
            rows = await asyncio.to_thread(self._rows, prompt_id, graph)
            if rows:
                await self._db.write(lambda connection: _store(connection, prompt_id, rows))
        except (SQLAlchemyError, OSError, RuntimeError) as error:
            log.warning("could not note what a render starts from: %s", error)

    def _rows(self, prompt_id: str, graph: Mapping[str, Any]) -> list[dict[str, Any]]:
        found = []
        known: dict[tuple[str, str], Content] = {}
        for source in sources(graph):
            place = source.folder, source.path
            if place not in known:
                known[place] = self._content(*place) or Content(-1, "")
            found.append(
                {
                    "prompt_id": prompt_id,
                    "node_id": storable(source.node),
                    "input": source.input,
                    "folder": source.folder,
                    "path": source.path,
                    "size": known[place].size,
                    "content": known[place].key,
                }
            )
        return found

    def _content(self, folder: str, path: str) -> Content | None:
        """The content of the file at a place, None when there is none that may be read. Blocking."""
        try:
            found, status = self._roots[folder].find(path)
        except (PathError, OSError):
            return None
        return _content_of(found, status.st_size) if stat.S_ISREG(status.st_mode) else None

    # Back

    async def prompt_of(self, subfolder: str, filename: str) -> str | None:
        """The id of the prompt that made a file of the output folder, where that is known."""
        query = select(outputs.c.prompt_id).where(outputs.c.subfolder == subfolder, outputs.c.filename == filename)
        row = await self._db.read(lambda connection: connection.execute(query).first())
        return None if row is None else str(row.prompt_id)

    async def ingredients(self, graph: Mapping[str, Any], at: float, prompt_id: str | None) -> list[Ingredient]:
        """The files that a graph started from which was rendered at that time (seconds since the epoch)."""
        found = await asyncio.to_thread(sources, graph)
        if not found:
            return []

        def read(connection: Connection) -> tuple[dict[tuple[str, str], Content], dict[Source, list[str]]]:
            known = {} if prompt_id is None else _recorded(connection, prompt_id)
            # Times of files change when they are copied: where it is not by its time, it may be by its name alone.
            moved = {
                source: [path_now(connection, source.folder, source.path, moment) for moment in (at, -math.inf)]
                for source in found
            }
            return known, moved

        known, moved = await self._db.read(read)
        result = []
        seen: dict[tuple[str, str, Content | None], Ingredient] = {}
        for source in found:
            used = known.get((source.node, source.input))
            key = source.folder, source.path, used
            if key not in seen:
                seen[key] = await self._ingredient(source, moved[source], used)
            same = seen[key]
            result.append(Ingredient(source, same.path, same.exists, same.replaced, same.item))
        return result

    async def _ingredient(self, source: Source, paths: Sequence[str], used: Content | None) -> Ingredient:
        def look() -> tuple[str, Content | None]:
            found = ((path, self._content(source.folder, path)) for path in dict.fromkeys(paths))
            return next(((path, content) for path, content in found if content is not None), (paths[0], None))

        path, now = await asyncio.to_thread(look)
        replaced = now is not None and used is not None and bool(used.key) and now != used
        exists = now is not None and not replaced
        content = used if used is not None and used.key else now
        if source.folder == OUTPUT:
            if exists:
                return Ingredient(source, path, True, False, await self._item_at(self._galleries.output, path))
            row = await self._alike(self._galleries.output, content)
            if row is not None:  # somebody else moved it
                item = await self._galleries.output.item(row)
                return Ingredient(source, row.path, True, False, item)
        for gallery in (self._galleries.output, self._galleries.get(INPUT)):
            row = await self._alike(gallery, content)
            if row is not None:
                return Ingredient(source, path, exists, replaced, await gallery.item(row))
        return Ingredient(source, path, exists, replaced, None)

    @staticmethod
    async def _item_at(gallery: Gallery, path: str) -> Item | None:
        subfolder, _, filename = path.rpartition("/")

        def look(library: Library) -> list[Row]:
            ids = library.ids_at(library.snapshot, [(subfolder, filename)])
            return _rows_of([id for id in ids if id is not None], library)

        rows, _ = await gallery.consult(look)
        return await gallery.item(rows[0]) if rows else None

    @staticmethod
    async def _alike(gallery: Gallery, content: Content | None) -> Row | None:
        """The oldest file of a gallery that has this content."""
        if content is None or not content.key:
            return None
        found, _ = await gallery.consult(lambda library: next(_same(library, content), None))
        return found

    async def siblings(self, prompt_ids: Sequence[str], but: Row) -> list[Item]:
        """The other files that these prompts made, in the order of the prompts, `MAX_SIBLINGS` at most."""
        places = await self._db.read(lambda connection: list(_made(connection, prompt_ids)))
        gallery = self._galleries.output

        def look(library: Library) -> list[Row]:
            ids = library.ids_at(library.snapshot, places)
            return _rows_of([id for id in ids if id is not None and id != but.id][:MAX_SIBLINGS], library)

        rows, _ = await gallery.consult(look)
        return await gallery.items(rows)

    # Forth

    async def derived(self, gallery: Gallery, row: Row, start: int, count: int | None) -> Derived:
        """A page of the files that were made from one."""
        identity = (await gallery.identify([row]))[0]
        content = Content(identity.size, identity.content)
        uses = await self._db.read(lambda connection: _uses(connection, gallery.name, row.path, content))
        names = await asyncio.to_thread(lambda: list(self._named(gallery.name, uses.stays)))
        names += [_Name(*name, -math.inf, math.inf) for name in await self._still_meant(gallery, uses, content)]
        hits: list[list[tuple[_Hit, Gallery]]] = []
        complete = True
        for other in self._galleries:
            but = row.id if other is gallery else 0
            own = uses if other.name == OUTPUT else _Uses([])
            found, informed = await other.consult(partial(_users, names, own, but))
            hits.append([(hit, other) for hit in found])
            complete &= informed
        merged = list(heapq.merge(*hits, key=lambda hit: hit[0]))
        page = merged[start : None if count is None else start + count]
        return Derived(await self._items(page), len(merged), complete)

    def _named(self, root: str, found: Iterable[Stay]) -> Iterator[_Name]:
        """The names that a file has had itself; those of further libraries stand in no graph. Blocking."""
        if root not in (OUTPUT, INPUT):
            return
        for stay in found:
            # Times of files change when they are copied: they only matter where another file has the name now.
            left_free = stay.until < math.inf and self._content(root, stay.path) is None
            yield _Name(root, stay.path, stay.since, math.inf if left_free else stay.until)

    async def _still_meant(self, gallery: Gallery, uses: _Uses, content: Content) -> list[tuple[str, str]]:
        """Names that stand for the file, beside those that it has had itself: of its copies among the inputs, and those
        under which it was used, unless there is another file of that name now."""
        mine = {stay.path for stay in uses.stays}
        names = {name for name in uses.names if name[0] != gallery.name or name[1] not in mine}

        def check() -> set[tuple[str, str]]:
            return {name for name in names if self._content(*name) in (None, content)}

        meant = await asyncio.to_thread(check)
        if gallery.name != INPUT and content.key:
            copies, _ = await self._galleries.get(INPUT).consult(lambda library: list(_same(library, content)))
            meant.update((INPUT, copy.path) for copy in copies)
        return sorted(meant)

    async def _items(self, page: Sequence[tuple[_Hit, Gallery]]) -> list[Item]:
        by_gallery: dict[str, list[int]] = {}
        for hit, gallery in page:
            by_gallery.setdefault(gallery.name, []).append(hit.id)
        items: dict[tuple[str, int], Item] = {}
        for name, ids in by_gallery.items():
            gallery = self._galleries.get(name)
            found, _ = await gallery.consult(partial(_rows_of, ids), fresh=False)
            for row, item in zip(found, await gallery.items(found), strict=True):
                items[name, row.id] = item
        wanted = [(gallery.name, hit.id) for hit, gallery in page]
        return [items[key] for key in wanted if key in items]


class _Name(NamedTuple):
    """A name in graphs that stood for a file from one time to another."""

    folder: str
    path: str
    since: float
    until: float


def _content_of(path: Path, size: int) -> Content:
    try:
        return Content(size, content_key(path))
    except OSError:
        return Content(size, "")


def _same(library: Library, content: Content) -> Iterator[Row]:
    """The files of a library with that content, the oldest first."""
    sizes = library.attributes.frame.size
    ids = np.flatnonzero(sizes == content.size)[:_COMPARED].tolist()
    rows = [row for row in library.rows(library.snapshot, ids) if row is not None]
    for row in sorted(rows, key=lambda row: (row.mtime_ns, row.id)):
        if _content_of(Path(library.disk(row.path)), row.size) == content:
            yield row


def _rows_of(ids: Sequence[int], library: Library) -> list[Row]:
    return [row for row in library.rows(library.snapshot, ids) if row is not None]


def _users(names: Sequence[_Name], own: _Uses, but: int, library: Library) -> list[_Hit]:
    """The files whose graphs have one of these names, and what our own jobs made, newest first."""
    snapshot = library.snapshot
    found = {id for id in library.ids_at(snapshot, sorted(own.made)) if id is not None}
    others = {id for id in library.ids_at(snapshot, sorted(own.not_made - own.made)) if id is not None}
    with library.store.reader() as connection:
        for name in names:
            rows = connection.execute(
                "SELECT s.file, f.mtime_ns FROM sources s JOIN files f ON f.id = s.file"
                " WHERE s.path = ? AND s.folder = ?",
                (name.path, name.folder),
            ).fetchall()
            found.update(id for id, mtime_ns in rows if name.since <= mtime_ns / 1e9 < name.until and id not in others)
        found.discard(but)
        hits: list[_Hit] = []
        ids = sorted(found)
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            query = f"SELECT id, mtime_ns, name FROM files WHERE id IN ({','.join('?' * len(part))})"
            hits.extend(_Hit(-mtime_ns, name, id) for id, mtime_ns, name in connection.execute(query, part).fetchall())
    return sorted(hits)


# In the database


def _store(connection: Connection, prompt_id: str, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(delete(job_inputs).where(job_inputs.c.prompt_id == prompt_id))
    connection.execute(insert(job_inputs), list(rows))


def _recorded(connection: Connection, prompt_id: str) -> dict[tuple[str, str], Content]:
    """What a prompt started from: (node, input) -> the content that it had then."""
    rows = connection.execute(select(job_inputs).where(job_inputs.c.prompt_id == prompt_id))
    return {(row.node_id, row.input): Content(row.size, row.content) for row in rows}


def _made(connection: Connection, prompt_ids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What these prompts made: (subfolder, filename), in the order of the prompts."""
    ids = list(dict.fromkeys(prompt_ids))
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        query = select(outputs).where(outputs.c.prompt_id.in_(part)).order_by(outputs.c.created_at, outputs.c.filename)
        order = {id: number for number, id in enumerate(part)}
        for row in sorted(connection.execute(query), key=lambda row: order[row.prompt_id]):
            yield row.subfolder, row.filename


def _uses(connection: Connection, root: str, path: str, content: Content) -> _Uses:
    """What is known of the uses of a file of a library."""
    uses = _Uses(stays(connection, root, path))
    paths = [stay.path for stay in uses.stays]
    mine = and_(job_inputs.c.folder == root, job_inputs.c.path.in_(paths))
    table = job_inputs
    query = select(table.c.prompt_id, table.c.folder, table.c.path, table.c.size, table.c.content)
    alike = and_(table.c.content == content.key, table.c.size == content.size) if content.key else mine
    used, others = set(), set()
    for row in connection.execute(query.where(or_(alike, mine))):
        if row.content == content.key and row.size == content.size and content.key:
            used.add(row.prompt_id)
            uses.names.add((row.folder, row.path))
        elif row.content and content.key:
            others.add(row.prompt_id)
    uses.made.update(_made(connection, sorted(used)))
    uses.not_made.update(_made(connection, sorted(others - used)))
    return uses
