"""What is in a folder tree, kept true: the index, its picture in memory, and how changes on disk get into both.

Every request asks `stale` which folders look different from what the index has seen, has those scanned again, and
only then reads. One thread (see `cozygen.gallery.worker`) calls everything that changes something.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cozygen.gallery import details
from cozygen.gallery.attributes import Attributes
from cozygen.gallery.catalogue import Columns, Folder, NewFile, Scope, Snapshot, Tree, hidden_below, within
from cozygen.gallery.index import UNREAD, UNREADABLE, IndexStore, transaction
from cozygen.gallery.keeper import Keeper, Submit
from cozygen.gallery.scan import (
    OWN_PREFIX,
    FileStat,
    Known,
    KnownFile,
    Reading,
    Stamp,
    Unreachable,
    is_hidden,
    read_folder,
    stamp_folder,
    stat_file,
    wall_seconds,
)
from cozygen.gallery.worker import Steps
from cozygen.storage.paths import Root, sweep_temporaries

log = logging.getLogger(__name__)

_UNKNOWN = Stamp(-1, -1, -1)
_SLICE_FILES = 2000
_SLICE_SECONDS = 0.03
_TRUST_FROM = 4096
"""Files in a folder from which on only those are looked at whose name stands for another inode than before."""
_FEW_TIES = 200
_LOAD_ROWS, _SLICE_TEXTS, _SLICE_DETAILS, _SPARE_TEXTS = 5000, 200, 400, 50_000
_ROW = "f.id, f.folder, f.name, f.kind, f.size, f.mtime_ns, f.state"
_FINE_SLACK, _COARSE_SLACK, _SKEW = 0.1, 2.5, 10.0

Names = Mapping[str, set[str]]
"""Folder -> files in it that may have changed without the folder having changed."""


@dataclass(frozen=True)
class Change:
    """Files or folders in `subfolder` appeared, changed or vanished. `mtime` in seconds since the epoch.

    `hidden`: all of them have hidden names.
    """

    subfolder: str
    mtime: float
    hidden: bool

    def concerns(self, scope: Scope) -> bool:
        """Whether a listing of `scope` may look different now."""
        if self.subfolder != scope.subfolder and not (scope.recursive and within(self.subfolder, scope.subfolder)):
            return False
        return scope.show_hidden or not (self.hidden or hidden_below(self.subfolder, scope.subfolder))


@dataclass(frozen=True, slots=True)
class Row:
    """A file as the index has it. `wire` is its metadata for a listing, as JSON; `placeholder` its thumbhash."""

    id: int
    subfolder: str
    name: str
    kind: int
    size: int
    mtime_ns: int
    state: int
    wire: str | None = None
    placeholder: bytes | None = None

    @property
    def path(self) -> str:
        """The path relative to the root."""
        return f"{self.subfolder}/{self.name}" if self.subfolder else self.name


@dataclass(frozen=True, slots=True)
class Carried:
    """A file that was moved to `name` in `subfolder`, where it is as `state` says."""

    row: Row
    subfolder: str
    name: str
    state: FileStat


@dataclass
class _Batch:
    """What one slice changes."""

    gone: set[int] = field(default_factory=set)
    new: dict[int, NewFile] = field(default_factory=dict)
    replaced: dict[int, int] = field(default_factory=dict)
    """Files that have gone, and those of another content that are there instead."""
    tree_changed: bool = False
    news: dict[str, tuple[int, bool]] = field(default_factory=dict)
    weight: int = 0

    def note(self, folder: str, mtime_ns: int, hidden: bool) -> None:
        """Somebody may want to know that something in `folder` changed."""
        before = self.news.get(folder, (0, True))
        self.news[folder] = max(before[0], mtime_ns), before[1] and hidden


class Library:
    """One root of the gallery."""

    def __init__(
        self,
        name: str,
        root: Root,
        store: IndexStore,
        on_change: Callable[[Sequence[Change]], None] = lambda _: None,
        *,
        excluded: frozenset[str] = frozenset(),
        database: Submit | None = None,
    ) -> None:
        self.name = name
        self.root = root
        self.store = store
        self.snapshot = Snapshot(Tree({}), Columns())
        self.complete = False
        """Whether every folder has been scanned at least once."""
        self.attributes = Attributes()
        self.keeper = Keeper(self, database)
        self._concealed: NDArray[np.bool_] | None = None
        self._tree = self.snapshot.tree
        self._base = str(root.folder)
        self._on_change = on_change
        self.away = False
        """Whether the folder has gone with the drive that it was on: what is known of it is kept."""
        self.leftovers: set[str] = set()
        """Folders in which there are temporary files of ours, perhaps from before a crash."""
        self.excluded = excluded
        """Folders (relative paths) that are no part of the library."""
        self._root_id = self._device = 0
        self._new = True  # nothing was known when we began: what is found at first is no news
        self._next_file = 1
        self._folders: dict[str, Folder] = {}
        self._children: dict[str, set[str]] = {}

    def disk(self, relative: str) -> str:
        """The absolute path of a relative one."""
        return f"{self._base}{os.sep}{relative}" if relative else self._base

    # Reading; any thread

    def stale(self, snapshot: Snapshot, scope: Scope, *, limit: int | None = None) -> list[str]:
        """The folders of `scope` that have to be scanned before it can be listed.

        With `limit`, of more folders than that only those which changed last are looked at.
        """
        if scope.recursive:
            folders = snapshot.tree.below(scope.subfolder)
            if not scope.show_hidden:
                folders = [folder for folder in folders if not hidden_below(folder.path, scope.subfolder)]
        else:
            folders = [folder for folder in (snapshot.tree.folders.get(scope.subfolder),) if folder]
        if limit is not None and len(folders) > limit:
            unsure = [folder for folder in folders if not (folder.settled and folder.scanned)]
            folders.sort(key=lambda folder: folder.stamp.changed_ns, reverse=True)
            folders = unsure + folders[:limit]
        return [folder.path for folder in folders if not self._is_current(folder)]

    def _is_current(self, folder: Folder) -> bool:
        try:
            return folder.settled and folder.scanned and stamp_folder(self.disk(folder.path)) == folder.stamp
        except Unreachable:
            return True  # what is known is all there is to show until the disk comes back

    def rows(self, snapshot: Snapshot, ids: Sequence[int]) -> list[Row | None]:
        """The files with `ids`, None for those that are gone."""
        if not ids:
            return []
        by_id: dict[int, Row] = {}
        folders = snapshot.tree.by_id
        with self.store.reader() as connection:
            for start in range(0, len(ids), 500):
                part = ids[start : start + 500]
                found = connection.execute(
                    f"SELECT {_ROW}, m.wire, l.thumbhash"
                    " FROM files f LEFT JOIN meta m ON m.file = f.id LEFT JOIN looks l ON l.file = f.id"
                    f" WHERE f.id IN ({','.join('?' * len(part))})",
                    part,
                ).fetchall()  # one after the other, they would keep the event loop waiting: each lets go too briefly
                for id, folder, *rest in found:
                    if folder in folders:
                        by_id[id] = Row(id, folders[folder].path, *rest)
        return [by_id.get(id) for id in ids]

    def differing(self, rows: Iterable[Row]) -> dict[Row, FileStat | None]:
        """Of `rows`, the files that are not on disk as the index has them, and how they are; None when gone."""
        found: dict[Row, FileStat | None] = {}
        for row in rows:
            try:
                state = stat_file(self.disk(row.path), row.name, follow_symlinks=self.root.follow_symlinks)
            except Unreachable:
                continue
            if state is None or (state.mtime_ns, state.size) != (row.mtime_ns, row.size):
                found[row] = state
        return found

    def ids_at(self, snapshot: Snapshot, places: Iterable[tuple[str, str]]) -> list[int | None]:
        """The ids of the files at (subfolder, filename), None where the index has none."""
        folders, found = snapshot.tree.folders, []
        with self.store.reader() as connection:
            for subfolder, filename in places:
                folder = folders.get(subfolder)
                row = (
                    folder
                    and connection.execute(
                        "SELECT id FROM files WHERE folder = ? AND name = ?", (folder.id, filename)
                    ).fetchone()
                )
                found.append(row[0] if row else None)
        return found

    def name_of(self, file: int) -> str | None:
        """The name of a file, None when it is gone."""
        with self.store.reader() as connection:
            row = connection.execute("SELECT name FROM files WHERE id = ?", (file,)).fetchone()
        return None if row is None else str(row[0])

    def unread(self, snapshot: Snapshot, limit: int) -> list[Row]:
        """Some files whose metadata has not been read, the newest first."""
        with self.store.reader() as connection:
            ids = [
                id
                for (id,) in connection.execute(
                    "SELECT id FROM files WHERE state = 0 ORDER BY mtime_ns DESC LIMIT ?", (limit,)
                )
            ]
        return [row for row in self.rows(snapshot, ids) if row is not None]

    def count_unread(self) -> int:
        """How many files there are whose metadata has not been read."""
        with self.store.reader() as connection:
            return int(connection.execute("SELECT count(*) FROM files WHERE state = 0").fetchone()[0])

    # Changing; the worker's thread only

    def load(self) -> None:
        """Take up what the index has."""
        connection = self.store.writer
        self._root_id = self._register()
        now = time.monotonic()
        self._folders = {
            path: Folder(id, path, Stamp(changed, mtime, inode), bool(settled), now, bool(scanned))
            for id, path, changed, mtime, inode, settled, scanned in connection.execute(
                "SELECT id, path, changed_ns, mtime_ns, inode, settled, scanned FROM folders WHERE root = ?",
                (self._root_id,),
            )
        }
        self._children = {}
        for path in self._folders:
            if path:
                self._children.setdefault(path.rpartition("/")[0], set()).add(path)
        if "" not in self._folders:
            self._add_folder("")
        self._new = not self._folders[""].scanned
        sequence = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'files'").fetchone()
        self._next_file = sequence[0] + 1 if sequence else 1
        self._tree = Tree(dict(self._folders))
        self.attributes = Attributes()
        self._load_sizes()
        columns = self._load_columns()
        self.keeper.load()
        self._concealed = self.attributes.hidden()
        self.snapshot = Snapshot(self._tree, columns, self._concealed)

    def _load_sizes(self) -> None:
        """Have the attributes know which files there are."""
        self.attributes.reserve(self._next_file)
        table = np.fromiter(
            self.store.writer.execute(
                "SELECT f.id, f.size FROM files f JOIN folders d ON d.id = f.folder WHERE d.root = ?", (self._root_id,)
            ),
            dtype=[("id", "i8"), ("size", "i8")],
        )
        self.attributes.frame.size[table["id"]] = table["size"]

    def load_attributes(self) -> Steps[None]:
        """Take up what the index knows of the files' metadata, a slice at a time."""
        attributes, connection = self.attributes, self.store.writer
        while attributes is self.attributes:
            rows = connection.execute(details.LOAD, (attributes.reach, _LOAD_ROWS)).fetchall()
            if not rows:
                break
            attributes.describe(rows)
            attributes.reach = rows[-1][0]
            yield
        attributes.loaded = True
        yield from self._mend_texts()

    def _mend_texts(self) -> Steps[None]:
        """Index all texts again when too many of them are of files that have gone, or some are missing."""
        connection = self.store.writer
        texts = connection.execute("SELECT count(*) FROM texts_docsize").fetchone()[0]
        files = connection.execute("SELECT count(*) FROM files WHERE state != 0").fetchone()[0]
        if files <= texts <= 2 * files + _SPARE_TEXTS:
            return
        connection.execute("INSERT INTO texts (texts) VALUES ('delete-all')")
        reach = 0
        while True:
            rows = connection.execute(
                "SELECT f.id, f.name, m.positive, m.negative, m.models, m.loras FROM files f"
                " LEFT JOIN meta m ON m.file = f.id WHERE f.state != 0 AND f.id > ? AND NOT EXISTS"
                " (SELECT 1 FROM texts_docsize d WHERE d.id = f.id) ORDER BY f.id LIMIT ?",
                (reach, _SLICE_TEXTS),
            ).fetchall()
            if not rows:
                return
            with transaction(connection):
                details.add_texts(
                    connection, [(id, name, None if texts[2] is None else texts) for id, name, *texts in rows]
                )
            reach = rows[-1][0]
            yield

    def _register(self) -> int:
        """The number of our root in the index; a root of this name at another place is forgotten."""
        connection = self.store.writer
        row = connection.execute("SELECT id, path, device FROM roots WHERE name = ?", (self.name,)).fetchone()
        self._device = 0
        if row is not None and row[1] == self._base:
            self._device = int(row[2])
            return int(row[0])
        connection.execute("BEGIN")
        if row is not None:
            files = "SELECT f.id FROM files f JOIN folders d ON d.id = f.folder WHERE d.root = ?"
            connection.execute(f"DELETE FROM meta WHERE file IN ({files})", (row[0],))
            connection.execute("DELETE FROM files WHERE folder IN (SELECT id FROM folders WHERE root = ?)", (row[0],))
            connection.execute("DELETE FROM folders WHERE root = ?", (row[0],))
            connection.execute("DELETE FROM roots WHERE id = ?", (row[0],))
        cursor = connection.execute("INSERT INTO roots (name, path) VALUES (?, ?)", (self.name, self._base))
        connection.execute("COMMIT")
        return int(cursor.lastrowid or 0)

    def _load_columns(self) -> Columns:
        rows = self.store.writer.execute(
            "SELECT -f.mtime_ns, f.id, f.folder, f.kind, substr(f.name, 1, 1) = '.'"
            " FROM files f JOIN folders d ON d.id = f.folder WHERE d.root = ? ORDER BY f.mtime_ns DESC, f.name",
            (self._root_id,),
        )
        kinds = [("key", "i8"), ("id", "i8"), ("folder", "i4"), ("kind", "i1"), ("hidden", "?")]
        table = np.fromiter(rows, dtype=kinds)
        return Columns(*(np.ascontiguousarray(table[name]) for name, _ in kinds))

    def recover(self, error: sqlite3.Error) -> None:
        """Begin with an empty index after one that failed; in memory when the disk takes no more."""
        full = isinstance(error, sqlite3.OperationalError)
        log.warning("the gallery's index failed (%s) and is built again%s", error, " in memory" if full else "")
        self.store.start_over(in_memory=full)
        self.load()

    def rescan(
        self, paths: Iterable[str], *, deep: bool = False, thorough: bool = False, names: Names | None = None
    ) -> Steps[None]:
        """Bring the index up to date for the folders at `paths`, a slice at a time.

        `deep`: also the folders in them that were never scanned. `thorough`: look at every file, also where the
        folder looks the same. `names`: look at these files in any case.
        """
        names = names or {}
        pending = deque(sorted({*paths, *names}, key=lambda path: (path.count("/") + bool(path), path)))
        recovered = False
        while pending:
            batch = _Batch()
            try:
                self._slice(batch, pending, deep=deep, thorough=thorough, names=names)
            except sqlite3.Error as error:
                if recovered:
                    raise
                recovered = True
                self.recover(error)
                pending, deep = deque([""]), True
            yield
        if self.keeper.restless and not self.keeper.seeks_many:
            yield from self.keeper.settle()

    # For the keeper; the worker's thread only

    def file_at(self, subfolder: str, filename: str) -> Row | None:
        """The file at a place, None when the index has none there."""
        folder = self._folders.get(subfolder)
        if folder is None:
            return None
        found = self.store.writer.execute(
            f"SELECT {_ROW} FROM files f WHERE f.folder = ? AND f.name = ?", (folder.id, filename)
        ).fetchone()
        return None if found is None else Row(found[0], subfolder, *found[2:])

    def places(self, ids: Sequence[int]) -> list[Row]:
        """Those of these files that exist."""
        folders = self._tree.by_id
        found = self.store.writer.execute(f"SELECT {_ROW} FROM files f WHERE f.id IN ({','.join('?' * len(ids))})", ids)
        return [Row(id, folders[folder].path, *rest) for id, folder, *rest in found if folder in folders]

    def conceal(self) -> None:
        """Which files are hidden has changed: from now on listings are without them."""
        self._concealed = self.attributes.hidden()
        before = self.snapshot
        self.snapshot = Snapshot(before.tree, before.columns, self._concealed)

    # What the studio moves itself

    def carry(self, moved: Sequence[Carried]) -> None:
        """Files that were moved, on disk, to other places: what is known of them goes with them."""
        batch, ids = _Batch(), {}
        with transaction(self.store.writer):
            for one in moved:
                folder = self._known_folder(batch, one.subfolder)
                taken = self.file_at(one.subfolder, one.name)
                if taken is not None and taken.id != one.row.id:
                    self._delete_files(batch, [taken.id])
                ids[one.row.id] = self._carry_row(one, folder)
        self._publish(batch)
        self._publish_carried(moved, {old: new for old, new in ids.items() if old != new})

    def _known_folder(self, batch: _Batch, path: str) -> Folder:
        """The folder at a path; one that has just been made becomes known."""
        for depth in range(path.count("/") + 2):
            part = "/".join(path.split("/")[:depth])
            if part not in self._folders:
                self._add_folder(part)
                batch.tree_changed = True
        return self._folders[path]

    def _carry_row(self, moved: Carried, folder: Folder) -> int:
        """The row's id from now on: another one when the name is, since the texts that are found go by it."""
        writer, row = self.store.writer, moved.row
        id = row.id
        if moved.name != row.name:
            id = self._next_file
            self._next_file += 1
        writer.execute(
            "UPDATE files SET id = ?, folder = ?, name = ?, inode = ?, mtime_ns = ? WHERE id = ?",
            (id, folder.id, moved.name, moved.state.inode, moved.state.mtime_ns, row.id),
        )
        if id != row.id:
            writer.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'files'", (id,))
            writer.execute("UPDATE meta SET file = ? WHERE file = ?", (id, row.id))
            texts = writer.execute(
                "SELECT positive, negative, models, loras FROM meta WHERE file = ?", (id,)
            ).fetchone()
            if writer.execute("SELECT state FROM files WHERE id = ?", (id,)).fetchone()[0] != UNREAD:
                details.add_texts(writer, [(id, moved.name, texts)])
        return id

    def _publish_carried(self, moved: Sequence[Carried], ids: Mapping[int, int]) -> None:
        self.attributes.carry(ids)
        self.keeper.carry(ids)
        self.attributes.version += 1
        before, now = self.snapshot, time.time_ns()
        new = [
            NewFile(
                ids.get(one.row.id, one.row.id),
                self._folders[one.subfolder].id,
                one.name,
                one.row.kind,
                one.state.mtime_ns,
                one.row.size,
            )
            for one in moved
        ]
        columns = before.columns.without(one.row.id for one in moved).including(new, self._name_of)
        if self._concealed is not None:
            self._concealed = self.attributes.hidden()
        self.snapshot = Snapshot(self._tree, columns, self._concealed)
        told = _Batch()
        for one in moved:
            told.note(one.row.subfolder, now, is_hidden(one.row.name))
            told.note(one.subfolder, now, is_hidden(one.name))
        self._announce(told)

    def carry_folder(self, before: str, after: str) -> None:
        """A folder was moved, on disk, to another place."""
        batch = _Batch()
        with transaction(self.store.writer):
            if after in self._folders:
                self._remove_folder(batch, after)
            self._known_folder(batch, after.rpartition("/")[0])
            below = [path for path in self._folders if within(path, before)]
            for path in below:
                folder = self._folders.pop(path)
                moved = after + path[len(before) :]
                self.store.writer.execute("UPDATE folders SET path = ? WHERE id = ?", (moved, folder.id))
                self._folders[moved] = replace(folder, path=moved)
        self._children = {}
        for path in self._folders:
            if path:
                self._children.setdefault(path.rpartition("/")[0], set()).add(path)
        batch.tree_changed = True
        for path in (before, after):
            parent, _, name = path.rpartition("/")
            batch.note(parent, time.time_ns(), is_hidden(name))
            batch.note(path, time.time_ns(), False)
        self._publish(batch)

    def locate(self, paths: Iterable[str]) -> tuple[set[str], dict[str, set[str]]]:
        """Absolute paths (of the real root) at which something happened, as folders to scan and files to look at."""
        base = os.path.realpath(self._base)
        folders: set[str] = set()
        names: dict[str, set[str]] = {}
        for path in paths:
            relative = path[len(base) :].lstrip(os.sep).replace(os.sep, "/")
            if not path.startswith(base) or not _is_text(relative) or f"/{OWN_PREFIX}" in f"/{relative}":
                continue
            if relative in self._folders:
                folders.add(relative)
            parent, _, name = relative.rpartition("/")
            while parent not in self._folders:
                parent, name = parent.rpartition("/")[0], ""
            folders.add(parent)
            names.setdefault(parent, set()).add(name)
        return folders, names

    def _slice(self, batch: _Batch, pending: deque[str], *, deep: bool, thorough: bool, names: Names) -> None:
        connection = self.store.writer
        connection.execute("BEGIN")
        try:
            started = time.perf_counter()
            while pending:
                path = pending.popleft()
                self._refresh(batch, path, thorough=thorough, names=names.get(path, set()))
                if deep:
                    pending.extend(
                        child for child in sorted(self._children.get(path, ())) if not self._folders[child].scanned
                    )
                if batch.weight >= _SLICE_FILES or time.perf_counter() - started > _SLICE_SECONDS:
                    break
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self.load()
            raise
        self._publish(batch)

    def _publish(self, batch: _Batch) -> None:
        new = list(batch.new.values())
        if batch.tree_changed:
            self._tree = Tree(dict(self._folders))
        self._tell_of_files(batch, new)
        before = self.snapshot
        columns = before.columns.without(batch.gone)
        if len(new) > _FEW_TIES and columns.ties(new) > _FEW_TIES:
            columns = self._load_columns()
        else:
            columns = columns.including(new, self._name_of)
        if self._tree is not before.tree or columns is not before.columns:
            self.snapshot = Snapshot(self._tree, columns, self._concealed)
        self._announce(batch)

    def _announce(self, batch: _Batch) -> None:
        if batch.news:
            self._on_change(
                [Change(path, wall_seconds(mtime_ns), hidden) for path, (mtime_ns, hidden) in batch.news.items()]
            )

    def _tell_of_files(self, batch: _Batch, new: Sequence[NewFile]) -> None:
        """Have the attributes and the keeper follow."""
        self.attributes.admit((file.id, file.size) for file in new)
        folders = self._tree.by_id
        arrived = [(file.id, folders[file.folder].path, file.name) for file in new if file.folder in folders]
        self.keeper.on_files(batch.gone, arrived, batch.replaced)
        self.attributes.forget(batch.gone)

    def _name_of(self, file: int) -> str:
        return str(self.store.writer.execute("SELECT name FROM files WHERE id = ?", (file,)).fetchone()[0])

    def _refresh(self, batch: _Batch, path: str, *, thorough: bool, names: set[str]) -> None:
        folder = self._folders.get(path)
        if folder is None:
            return  # gone meanwhile, or its parent has not been scanned, which finds it
        if not thorough and self._is_current(folder):
            self.away &= bool(path)  # the drive is back, just as it was
            self._touch(batch, folder, names)
            return
        wall, now = time.time_ns(), time.monotonic()
        known = self._known(folder)
        reading = self._read(path, known, trusted=not thorough and len(known) >= _TRUST_FROM, doubted=names)
        if isinstance(reading, Unreachable) or self._has_left(path, reading):
            return  # a drive that went away may come back: what was known of it is kept
        batch.weight += 20 + (len(reading.files) if reading else 0)
        if reading is None:
            self._remove_folder(batch, path)
            return
        quiet = self._new and not self.complete and not folder.scanned
        if not reading.denied:
            self._take_files(batch, folder, known, reading, quiet=quiet)
            self._take_folders(batch, folder, reading, quiet=quiet)
            self._touch(batch, folder, {name for name in names if reading.files.get(name, reading) is None})
            (self.leftovers.add if reading.leftovers else self.leftovers.discard)(path)
        seen = folder.seen if folder.scanned and folder.stamp == reading.stamp else now
        self._save_folder(
            batch,
            replace(
                folder, stamp=reading.stamp, seen=seen, scanned=True, settled=_settled(reading.stamp, seen, wall, now)
            ),
        )

    def _has_left(self, path: str, reading: Reading | None) -> bool:
        """Whether it is the drive that has gone, and not just what is at `path`.

        Where a drive was there may be nothing, or an empty folder of the disk below.
        """
        if path:
            return reading is None and (self.is_elsewhere() or self._is_there(path))
        device = _device(self._base)
        empty = reading is None or not (reading.files or reading.folders or reading.denied)
        self.away = empty and self.is_elsewhere() and (len(self._folders) > 1 or len(self.snapshot.columns) > 0)
        if not empty and device is not None and device != self._device:
            self._device = device
            self.store.writer.execute("UPDATE roots SET device = ? WHERE id = ?", (device, self._root_id))
        return self.away or reading is None

    def is_elsewhere(self) -> bool:
        """Whether the folder, or the drive that it was on, is not there. Blocking; any thread."""
        device = _device(self._base)
        return device is None or self._device not in (0, device)

    def _is_there(self, path: str) -> bool:
        """Whether a folder can be found after all: a drive came back while we looked."""
        try:
            return stamp_folder(self.disk(path)) is not None
        except Unreachable:
            return True

    def _read(
        self, path: str, known: Known, *, trusted: bool, doubted: Collection[str]
    ) -> Reading | Unreachable | None:
        follow = self.root.follow_symlinks
        try:
            return read_folder(
                Path(self.disk(path)),
                follow_symlinks=follow,
                known=known,
                trusted=trusted,
                doubted=doubted,
                ancestors=self._ancestors(path) if follow else frozenset(),
            )
        except Unreachable as error:
            log.debug("cannot look into %s: %s", path or "the root", error)
            return error

    def _ancestors(self, path: str) -> frozenset[int]:
        inodes = set()
        while True:
            folder = self._folders.get(path)
            if folder is not None:
                inodes.add(folder.stamp.inode)
            if not path:
                return frozenset(inodes)
            path = path.rpartition("/")[0]

    def _known(self, folder: Folder) -> dict[str, KnownFile]:
        """The files of a folder: name -> (id, size, mtime in ns, inode)."""
        rows = self.store.writer.execute(
            "SELECT name, id, size, mtime_ns, inode FROM files WHERE folder = ?", (folder.id,)
        )
        return {name: (id, size, mtime_ns, inode) for name, id, size, mtime_ns, inode in rows}

    def _touch(self, batch: _Batch, folder: Folder, names: set[str]) -> None:
        """Look at single files of a folder that has not changed."""
        connection = self.store.writer
        for name in names:
            row = connection.execute(
                "SELECT id, size, mtime_ns, inode, state FROM files WHERE folder = ? AND name = ?", (folder.id, name)
            ).fetchone()
            if row is None:
                continue
            path = self.disk(f"{folder.path}/{name}" if folder.path else name)
            try:
                state = stat_file(path, name, follow_symlinks=self.root.follow_symlinks)
            except Unreachable:
                continue
            if state is None:
                self._delete_files(batch, [row[0]])
                batch.note(folder.path, time.time_ns(), is_hidden(name))
            elif row[1:4] != (state.size, state.mtime_ns, state.inode) or (row[4] == UNREADABLE and _opens(path)):
                self._change_file(batch, folder, row[0], name, state)

    def retry(self) -> Steps[None]:
        """Have files read again that could not be read, and can be opened now: a drive came back, or rights did."""
        rows = self.store.writer.execute("SELECT id, folder, name FROM files WHERE state = ?", (UNREADABLE,)).fetchall()
        for start in range(0, len(rows), _SLICE_TEXTS):
            batch = _Batch()
            with transaction(self.store.writer):
                for id, number, name in rows[start : start + _SLICE_TEXTS]:
                    folder = self._tree.by_id.get(number)
                    if folder is not None:
                        self._retry_file(batch, folder, id, name)
            self._publish(batch)
            yield

    def _retry_file(self, batch: _Batch, folder: Folder, id: int, name: str) -> None:
        path = self.disk(f"{folder.path}/{name}" if folder.path else name)
        try:
            state = stat_file(path, name, follow_symlinks=self.root.follow_symlinks)
        except Unreachable:
            return
        if state is not None and _opens(path):
            self._change_file(batch, folder, id, name, state)

    def sweep(self) -> None:
        """Remove temporary files and folders of ours that a crash left. Blocking; any thread."""
        for path in list(self.leftovers):
            sweep_temporaries(Path(self.disk(path)))

    def _take_files(
        self,
        batch: _Batch,
        folder: Folder,
        known: dict[str, KnownFile],
        reading: Reading,
        *,
        quiet: bool,
    ) -> None:
        added: list[tuple[str, FileStat]] = []
        gone = {name: row for name, row in known.items() if name not in reading.files}
        for name, state in [(name, state) for name, state in reading.files.items() if state is not None]:
            row = known.get(name)
            if row is None:
                added.append((name, state))
            elif row[1:] != (state.size, state.mtime_ns, state.inode):
                self._change_file(batch, folder, row[0], name, state)
        self._add_files(batch, folder, added)
        self._delete_files(batch, [row[0] for row in gone.values()])
        if not quiet:
            for name, state in added:
                batch.note(folder.path, max(state.mtime_ns, reading.stamp.mtime_ns), is_hidden(name))
            for name in gone:
                batch.note(folder.path, reading.stamp.mtime_ns, is_hidden(name))

    def _add_files(self, batch: _Batch, folder: Folder, added: list[tuple[str, FileStat]]) -> None:
        rows = []
        for name, state in added:
            id = self._next_file
            self._next_file += 1
            rows.append((id, folder.id, name, state.kind, state.size, state.mtime_ns, state.inode))
            batch.new[id] = NewFile(id, folder.id, name, state.kind, state.mtime_ns, state.size)
        self.store.writer.executemany(
            "INSERT INTO files (id, folder, name, kind, size, mtime_ns, inode) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
        )

    def _change_file(self, batch: _Batch, folder: Folder, id: int, name: str, state: FileStat) -> None:
        self._delete_files(batch, [id])
        replaced = self._next_file
        self._add_files(batch, folder, [(name, state)])
        # What was replaced by this one may have replaced another within this batch.
        first = next((old for old, new in batch.replaced.items() if new == id), id)
        batch.replaced[first] = replaced
        batch.note(folder.path, state.mtime_ns, is_hidden(name))

    def _delete_files(self, batch: _Batch, ids: list[int]) -> None:
        connection = self.store.writer
        connection.executemany("DELETE FROM files WHERE id = ?", ((id,) for id in ids))
        connection.executemany("DELETE FROM meta WHERE file = ?", ((id,) for id in ids))
        for id in ids:
            batch.new.pop(id, None)
        batch.gone.update(ids)

    def _take_folders(self, batch: _Batch, folder: Folder, reading: Reading, *, quiet: bool) -> None:
        prefix = f"{folder.path}/" if folder.path else ""
        present = {prefix + name for name in reading.folders} - self.excluded
        known = set(self._children.get(folder.path, ()))
        for path in sorted(known - present):
            self._remove_folder(batch, path)
        for path in sorted(present - known):
            self._add_folder(path)
            batch.tree_changed = True
            if not quiet:
                batch.note(folder.path, reading.stamp.mtime_ns, is_hidden(path.rpartition("/")[2]))

    def _add_folder(self, path: str) -> None:
        cursor = self.store.writer.execute(
            "INSERT INTO folders (root, path, changed_ns, mtime_ns, inode, settled, scanned)"
            " VALUES (?, ?, -1, -1, -1, 0, 0)",
            (self._root_id, path),
        )
        self._folders[path] = Folder(int(cursor.lastrowid or 0), path, _UNKNOWN, False, 0.0, scanned=False)
        if path:
            self._children.setdefault(path.rpartition("/")[0], set()).add(path)

    def _save_folder(self, batch: _Batch, folder: Folder) -> None:
        if folder == self._folders[folder.path]:
            return
        stamp = folder.stamp
        # One with leftovers in it is to be looked at again by the next start, which sweeps them when they are older.
        settled = folder.settled and folder.path not in self.leftovers
        self.store.writer.execute(
            "UPDATE folders SET changed_ns = ?, mtime_ns = ?, inode = ?, settled = ?, scanned = ? WHERE id = ?",
            (stamp.changed_ns, stamp.mtime_ns, stamp.inode, settled, folder.scanned, folder.id),
        )
        self._folders[folder.path] = folder
        batch.tree_changed = True

    def _remove_folder(self, batch: _Batch, path: str) -> None:
        """Forget a folder that is gone, with all below it."""
        connection = self.store.writer
        now = time.time_ns()
        doomed = [path]
        for one in doomed:
            doomed.extend(self._children.pop(one, ()))
        for one in doomed:
            folder = self._folders.pop(one)
            self.leftovers.discard(one)
            ids = [id for (id,) in connection.execute("SELECT id FROM files WHERE folder = ?", (folder.id,))]
            self._delete_files(batch, ids)
            connection.execute("DELETE FROM folders WHERE id = ?", (folder.id,))
            batch.note(one, now, False)
        parent, _, name = path.rpartition("/")
        self._children.get(parent, set()).discard(path)
        batch.tree_changed = True
        batch.note(parent, now, is_hidden(name))

    def enrich(self, found: Sequence[details.Enriched]) -> Steps[None]:
        """Write metadata that was read into the index."""
        connection = self.store.writer
        if any(item.details is None for item in found) and self.is_elsewhere():
            found = [item for item in found if item.details is not None]  # it is the drive that cannot be read
        for start in range(0, len(found), _SLICE_DETAILS):
            with transaction(connection):
                rows = details.store(connection, found[start : start + _SLICE_DETAILS])
            attributes = self.attributes
            attributes.describe([row for row in rows if attributes.loaded or row[0] <= attributes.reach])
            yield


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _device(path: str) -> int | None:
    """The number of the disk that a folder is on, None when it is not there."""
    try:
        return os.stat(path).st_dev  # noqa: PTH116 -- a str
    except OSError:
        return None


def _opens(path: str) -> bool:
    """Whether we may read a file."""
    return os.access(path, os.R_OK)


def by_folder(rows: Iterable[Row]) -> dict[str, set[str]]:
    """The names of files by their folders."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.subfolder, set()).add(row.name)
    return found


def _settled(stamp: Stamp, seen: float, wall_ns: int, now: float) -> bool:
    """Whether a change after the moment `now` is sure to alter the stamp.

    Two changes within one tick of the file system's clock look the same. The tick of this stamp is over when the stamp
    has been standing for longer than that, by our own clock; or when it is so old that no wrong clock explains it.
    """
    slack = _COARSE_SLACK if stamp.coarse else _FINE_SLACK
    return now - seen > slack or wall_ns - stamp.changed_ns > (slack + _SKEW) * 1e9
