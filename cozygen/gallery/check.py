"""Comparing the index with the disk, without changing either."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from cozygen.gallery.catalogue import within
from cozygen.gallery.index import VERSION
from cozygen.gallery.marks import OUTPUT
from cozygen.gallery.scan import Reading, Unreachable, read_folder
from cozygen.storage.paths import Root


class NoIndex(Exception):
    """There is no index, or none that this program can read. The message is fit for people."""


@dataclass
class Findings:
    """What differs: relative paths. `unread`: files whose metadata the index has not read; `texts`: those it finds."""

    folders: int = 0
    files: int = 0
    unread: int = 0
    texts: int = 0
    missing: list[str] = field(default_factory=list)
    """On disk, not in the index."""
    gone: list[str] = field(default_factory=list)
    """In the index, not on disk."""
    changed: list[str] = field(default_factory=list)
    """Of another size or time than the index has."""
    unreachable: list[str] = field(default_factory=list)
    """Folders that cannot be read."""
    damage: str = ""
    """What SQLite says about a damaged index."""

    @property
    def agree(self) -> bool:
        """Whether the index is what is on disk, and all of it has been read."""
        unlike = self.missing or self.gone or self.changed or self.unreachable or self.damage
        return not unlike and not self.unread and self.texts >= self.files


def check(
    index: Path,
    root: Root,
    excluded: frozenset[str] = frozenset(),
    tell: Callable[[int], None] = lambda folders: None,
    *,
    name: str = OUTPUT,
) -> Findings:
    """Compare the index of a library with its folder. Blocking. `tell` hears of each folder that was looked at.

    Raises `NoIndex`.
    """
    if not index.exists():
        raise NoIndex(f"there is no index at {index}; `cozygen index` makes one")
    try:
        with closing(sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != VERSION:
                raise NoIndex("the index is of another version of the program; `cozygen index` makes a new one")
            return _compare(connection, root, excluded, tell, name)
    except sqlite3.DatabaseError as error:
        raise NoIndex(f"the index cannot be read: {error}; the studio makes a new one at its next start") from None


def _compare(
    connection: sqlite3.Connection, root: Root, excluded: frozenset[str], tell: Callable[[int], None], name: str
) -> Findings:
    found = Findings()
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    found.damage = "" if problem == "ok" else str(problem)
    found.unread = connection.execute("SELECT count(*) FROM files WHERE state = 0").fetchone()[0]
    found.texts = connection.execute("SELECT count(*) FROM texts_docsize").fetchone()[0]
    known = dict(
        connection.execute(
            "SELECT d.path, d.id FROM folders d JOIN roots r ON r.id = d.root WHERE r.name = ? AND r.path = ?",
            (name, str(root.folder)),
        )
    )
    if not known or _is_there(connection, root, name):
        folders = _folders(root, excluded, found)
    else:
        found.unreachable.append("")
        folders = iter(())
    for path, reading in folders:
        found.folders += 1
        tell(found.folders)
        rows = _rows(connection, known.pop(path, None))
        if reading.denied and (rows or any(within(below, path) for below in known)):
            found.unreachable.append(path)
            continue
        prefix = f"{path}/" if path else ""
        for name, state in _states(reading).items():
            found.files += 1
            before = rows.pop(name, None)
            if before is None:
                found.missing.append(prefix + name)
            elif before != state:
                found.changed.append(prefix + name)
        found.gone += [prefix + name for name in rows]
    for path, id in known.items():
        if not any(within(path, lost) for lost in found.unreachable):
            found.gone += [f"{path}/{name}" if path else name for name in _rows(connection, id)]
    return found


def _is_there(connection: sqlite3.Connection, root: Root, name: str) -> bool:
    """Whether the library's folder is there, and no empty one in the place of a drive that has gone."""
    try:
        device = root.folder.stat().st_dev
        with os.scandir(root.folder) as entries:
            empty = next(entries, None) is None
    except OSError:
        return False
    known = connection.execute("SELECT device FROM roots WHERE name = ?", (name,)).fetchone()[0]
    return not empty or known in (0, device)


def _rows(connection: sqlite3.Connection, folder: int | None) -> dict[str, tuple[int, int]]:
    """The size and time of the files of a folder, by their names."""
    rows = connection.execute("SELECT name, size, mtime_ns FROM files WHERE folder = ?", (folder,))
    return {name: (size, mtime_ns) for name, size, mtime_ns in rows}


def _states(reading: Reading) -> dict[str, tuple[int, int]]:
    """The size and time of the media files of a folder on disk."""
    return {name: (state.size, state.mtime_ns) for name, state in reading.files.items() if state is not None}


def _folders(root: Root, excluded: frozenset[str], found: Findings) -> Iterator[tuple[str, Reading]]:
    """Each folder on disk."""
    pending: list[tuple[str, frozenset[int]]] = [("", frozenset())]
    while pending:
        path, above = pending.pop()
        target = root.folder.joinpath(*path.split("/")) if path else root.folder
        try:
            reading = read_folder(target, follow_symlinks=root.follow_symlinks, ancestors=above)
        except Unreachable:
            found.unreachable.append(path)
            continue
        if reading is None:
            if not os.path.isdir(target):  # noqa: PTH112 -- never raises
                continue
            found.unreachable.append(path)
            continue
        for name in reading.folders:
            below = f"{path}/{name}" if path else name
            if below not in excluded:
                pending.append((below, above | {reading.stamp.inode}))
        yield path, reading
