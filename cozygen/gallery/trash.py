"""Deleted files, kept until they are restored, purged or too old.

A trash folder has two folders. ``info/<batch>.json`` says what was deleted together, when, and from where;
``files/<batch>.<n>`` is the n-th of those files. The record is on disk before a file is moved, and a file is in the
trash if, and only if, it is in ``files``: whenever the power goes, each file is whole and either at its old place or
here, with a record that tells where it belongs.

A move must stay on one file system to be sudden, so there are two trash folders: one in the data folder, and
``.cozygen-trash`` in the library itself, for a library on another disk.
"""

from __future__ import annotations

import errno
import filecmp
import json
import logging
import os
import re
import stat
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cozygen.gallery.files import copy_file, free_names, put_at
from cozygen.gallery.scan import OWN_PREFIX
from cozygen.storage.paths import PathError, Root, atomic_write, sweep_temporaries

log = logging.getLogger(__name__)

TRASH_NAME = f"{OWN_PREFIX}trash"
_ID = re.compile(r"([0-9a-f]{32})\.(\d{1,6})")
_BATCH = 1000
_DAY = 86_400.0


@dataclass(frozen=True)
class Trashed:
    """A file in the trash. `size` in bytes, times in seconds since the epoch."""

    id: str
    subfolder: str
    filename: str
    size: int
    mtime: float
    deleted_at: float


@dataclass(frozen=True)
class Doomed:
    """A file to be deleted: its path, and the path as the library says it."""

    path: Path
    subfolder: str
    filename: str


@dataclass
class Outcome:
    """What became of a request for several files. `errors` are sentences."""

    done: list[Trashed]
    errors: list[str]


class Trash:
    """The trash of one library. All methods block; they may be called from several threads.

    `days`: how long files are kept; 0 keeps them until they are purged.
    """

    def __init__(self, folder: Path, root: Root, *, days: int) -> None:
        self.root = root
        self.days = days
        self._folders = (folder, root.folder / TRASH_NAME)
        self._lock = threading.Lock()

    def put(self, doomed: Sequence[Doomed]) -> Outcome:
        """Move files here. A file that is gone already is neither done nor an error. Links are moved, not followed.

        Raises `OSError` when the trash cannot be written to; files that were moved until then are in it.
        """
        outcome = Outcome([], [])
        for start in range(0, len(doomed), _BATCH):
            part = doomed[start : start + _BATCH]
            self._put_batch(self._place(part[0].path), part, outcome)
        return outcome

    def _place(self, path: Path) -> Path:
        """The trash folder on the disk of `path`, else the first."""
        for folder in self._folders:
            with suppress(OSError):
                folder.joinpath("info").mkdir(parents=True, exist_ok=True)
                folder.joinpath("files").mkdir(exist_ok=True)
                if folder.stat().st_dev == path.lstat().st_dev:
                    return folder
        self._folders[0].joinpath("info").mkdir(parents=True, exist_ok=True)
        self._folders[0].joinpath("files").mkdir(exist_ok=True)
        return self._folders[0]

    def _put_batch(self, folder: Path, doomed: Sequence[Doomed], outcome: Outcome) -> None:
        batch, now = uuid.uuid4().hex, time.time()
        entries: list[tuple[Doomed, Trashed]] = []
        for item in doomed:
            try:
                status = item.path.lstat()
            except OSError as error:
                _report(outcome, item, error)
                continue
            id = f"{batch}.{len(entries)}"
            entries.append((item, Trashed(id, item.subfolder, item.filename, status.st_size, status.st_mtime, now)))
        if not entries:
            return
        record = folder / "info" / f"{batch}.json"
        with self._lock:
            atomic_write(record, _encode(now, [trashed for _, trashed in entries]))
            moved = 0
            for item, trashed in entries:
                try:
                    _move(item.path, folder / "files" / trashed.id)
                except OSError as error:
                    _report(outcome, item, error)
                    continue
                outcome.done.append(trashed)
                moved += 1
            if not moved:
                record.unlink(missing_ok=True)

    def items(self) -> list[Trashed]:
        """What is in the trash, the latest first."""
        found = [trashed for _, trashed in self._all()]
        return sorted(found, key=lambda item: (-item.deleted_at, item.subfolder, item.filename))

    def latest(self, subfolder: str, filename: str) -> Trashed | None:
        """The file that was deleted last from this place."""
        return next((item for item in self.items() if (item.subfolder, item.filename) == (subfolder, filename)), None)

    def restore(self, ids: Collection[str]) -> Outcome:
        """Put files back, under another name where theirs is taken. `done` tells where each of them is now."""
        outcome = Outcome([], [])
        with self._lock:
            for folder, trashed in [entry for entry in self._all() if entry[1].id in ids]:
                try:
                    outcome.done.append(self._restore(folder, trashed))
                except (OSError, PathError) as error:
                    outcome.errors.append(f"{_shown(trashed.subfolder, trashed.filename)}: {_reason(error)}")
            self._tidy()
        return outcome

    def _restore(self, folder: Path, trashed: Trashed) -> Trashed:
        payload = folder / "files" / trashed.id
        target = self.root.resolve_file(trashed.subfolder, trashed.filename)
        target.parent.mkdir(parents=True, exist_ok=True)
        for candidate in free_names(target):
            try:
                put_at(payload, candidate)
            except FileExistsError:
                continue
            return Trashed(
                trashed.id, trashed.subfolder, candidate.name, trashed.size, trashed.mtime, trashed.deleted_at
            )
        raise FileExistsError(errno.EEXIST, "too many files of this name", str(target))

    def purge(self, ids: Collection[str] | None = None) -> int:
        """Remove files for good (all with None): how many."""
        return self._purge(lambda trashed: ids is None or trashed.id in ids)

    def expire(self, *, now: float | None = None) -> int:
        """Remove what has been here for longer than `days`: how many files."""
        if not self.days:
            return 0
        limit = (time.time() if now is None else now) - self.days * _DAY
        return self._purge(lambda trashed: trashed.deleted_at < limit)

    def _purge(self, wanted: Callable[[Trashed], bool]) -> int:
        count = 0
        with self._lock:
            for folder, trashed in list(self._all()):
                if wanted(trashed):
                    try:
                        folder.joinpath("files", trashed.id).unlink()
                        count += 1
                    except FileNotFoundError:
                        continue
                    except OSError as error:
                        log.warning("%s stays in the trash: %s", _shown(trashed.subfolder, trashed.filename), error)
            self._tidy()
        return count

    def repair(self) -> None:
        """Finish what a crash interrupted: a file that is in the library still, or again, and half-made copies."""
        with self._lock:
            for folder, trashed in list(self._all()):
                payload = folder / "files" / trashed.id
                with suppress(OSError, PathError):
                    if self._is_in_library(payload, self.root.resolve_file(trashed.subfolder, trashed.filename)):
                        payload.unlink()
            for folder in self._folders:
                with suppress(OSError):
                    for leftover in folder.joinpath("files").glob("*.part"):
                        leftover.unlink(missing_ok=True)
                sweep_temporaries(folder / "info", older_than=0.0)
            self._tidy()

    @staticmethod
    def _is_in_library(payload: Path, place: Path) -> bool:
        """Whether a file of the trash is at its place in the library too, or at one of those beside it.

        On one disk it is the same file by two names. From another one it was copied, with its times.
        """
        ours = payload.lstat()
        for candidate in free_names(place):
            try:
                found = candidate.lstat()
            except FileNotFoundError:
                return False
            if os.path.samestat(ours, found):
                return True
            alike = (found.st_mode, found.st_size, found.st_mtime_ns) == (ours.st_mode, ours.st_size, ours.st_mtime_ns)
            if not alike or found.st_dev == ours.st_dev or not stat.S_ISREG(ours.st_mode):
                continue
            if filecmp.cmp(payload, candidate, shallow=False):
                return True
        return False

    def _tidy(self) -> None:
        """Remove the records of which no file is left."""
        for folder in self._folders:
            try:
                present = {name.partition(".")[0] for name in os.listdir(folder / "files")}  # noqa: PTH208 -- as below
            except OSError:
                continue  # a disk that does not tell what is there must not cost us the records of it
            for name in _names(folder / "info"):
                if name.endswith(".json") and name.removesuffix(".json") not in present:
                    with suppress(OSError):
                        folder.joinpath("info", name).unlink()

    def _all(self) -> Iterator[tuple[Path, Trashed]]:
        for folder in self._folders:
            present = set(_names(folder / "files"))
            for batch in sorted({name.partition(".")[0] for name in present}):
                for trashed in _decode(folder / "info" / f"{batch}.json", batch):
                    if trashed.id in present:
                        yield folder, trashed


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 -- names are all that is wanted
    except OSError:
        return []


def _encode(deleted_at: float, entries: Iterable[Trashed]) -> bytes:
    files = [{"subfolder": e.subfolder, "filename": e.filename, "size": e.size, "mtime": e.mtime} for e in entries]
    return json.dumps({"version": 1, "deleted_at": deleted_at, "files": files}).encode()


def _decode(path: Path, batch: str) -> list[Trashed]:
    """The entries of a record; none when it is damaged (the disk's work: it was written whole)."""
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        at = float(record["deleted_at"])
        return [
            Trashed(f"{batch}.{n}", str(e["subfolder"]), str(e["filename"]), int(e["size"]), float(e["mtime"]), at)
            for n, e in enumerate(record["files"])
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("a record of the trash cannot be read: %s: %s", path, error)
        return []


def _move(source: Path, target: Path) -> None:
    """Move a file to a place that is free, by a copy when it is on another disk."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_file(source, target.with_name(target.name + ".part"), target)
        source.unlink()


def _report(outcome: Outcome, item: Doomed, error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        outcome.errors.append(f"{_shown(item.subfolder, item.filename)}: {_reason(error)}")


def _shown(subfolder: str, filename: str) -> str:
    return f"{subfolder}/{filename}" if subfolder else filename


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def valid_id(text: str) -> bool:
    """Whether `text` can be the id of a file in the trash."""
    return _ID.fullmatch(text) is not None
