"""Small JSON documents, one file each: aliases, workflow types, presets.

``<name>.json`` is the document, for people to read and edit too; ``<name>.json.bak`` is the last value that was
written here, which takes over when the document turns out damaged; ``.<name>.lock`` keeps writers apart.
"""

from __future__ import annotations

import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from cozygen.storage import jsons
from cozygen.storage.jsons import Json
from cozygen.storage.paths import BadName, atomic_write, sweep_temporaries

MAX_BYTES = 16 * 1024 * 1024
"""Largest document, as UTF-8."""

_SETTLE = 0.2  # seconds in which a text editor, which does not replace files but rewrites them, finishes saving
_READABLE = 256 * 1024  # characters up to which a document is indented

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class DocumentError(Exception):
    """A document could not be read or written."""


class DocumentInvalid(DocumentError, ValueError):
    """The value to be stored is no JSON (NaN counts as none) or too large. What is stored is untouched."""


class DocumentBusy(DocumentError):
    """Another writer held the document for too long."""


class DocumentUnavailable(DocumentError):
    """The disk refuses to give or take the document; the cause is an `OSError`."""


class DocumentStore:
    """Documents in `folder`, which is made when first needed. All methods block; threads and processes may share it.

    Names match ``[a-z0-9][a-z0-9_-]*`` (at most 64 characters); others raise `BadName`.

    Readers never wait: they see the value before or after an update. A document that is damaged (a half-made edit, a
    bad disk) is never lost: it is kept as ``<name>.corrupt-<UTC time>``, which is logged and listed by `set_aside`,
    and the last value that was written here takes its place, or none where nothing was.
    """

    def __init__(self, folder: Path, *, lock_timeout: float = 30.0) -> None:
        self.folder = folder
        self._lock_timeout = lock_timeout
        self._locks: dict[str, threading.Lock] = {}
        self._swept = False

    def read(self, name: str, default: Json = None) -> Json:
        """The document, or `default` where there is none. Raises `DocumentUnavailable` and `DocumentBusy`."""
        path = self._path(name)
        try:
            return _load(path, default)
        except _Damaged:
            with self._writing(name):
                return self._recover(name, default)

    def update(self, name: str, change: Callable[[Json], Json], *, default: Json = None) -> Json:
        """Replace the document by what `change` makes of it; returns the new value as it was stored.

        `change` gets its own copy (of `default` where there is no document), which it may alter and return. Nobody
        else writes meanwhile, so it must be quick, and must not come back to the same document. What it raises
        passes through and nothing is stored. Raises `DocumentInvalid`, `DocumentBusy`, `DocumentUnavailable`.
        """
        path = self._path(name)
        with self._writing(name):
            fallback = jsons.loads(_encode(default))
            try:
                current = _load(path, fallback)
            except _Damaged:
                current = self._recover(name, fallback)
            data = _encode(change(current))
            try:
                atomic_write(path, data)
                atomic_write(self._backup(name), data)
            except OSError as error:
                raise DocumentUnavailable(f"cannot write {path}: {error.strerror}") from error
        return jsons.loads(data)

    def replace(self, name: str, value: Json) -> Json:
        """Store `value` whatever was there; returns it as stored. Raises as `update` does."""
        return self.update(name, lambda _: value)

    def set_aside(self) -> list[Path]:
        """The damaged documents that were kept, oldest first."""
        return sorted(self.folder.glob("*.corrupt-*"), key=lambda path: path.name.rpartition("-")[2])

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise BadName(f"not the name of a document: {name[:80]!r}")
        return self.folder / f"{name}.json"

    def _backup(self, name: str) -> Path:
        return self.folder / f"{name}.json.bak"

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Hold the document against writers of this process (quick and fair) and of others."""
        deadline = time.monotonic() + self._lock_timeout
        lock = self._locks.setdefault(name, threading.Lock())
        if not lock.acquire(timeout=self._lock_timeout):
            raise DocumentBusy(f"{name} is being written")
        try:
            file_lock = filelock.FileLock(self.folder / f".{name}.lock")
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                file_lock.acquire(timeout=max(0.0, deadline - time.monotonic()), poll_interval=0.005)
            except filelock.Timeout:
                raise DocumentBusy(f"{name} is being written by another program") from None
            except OSError as error:
                raise DocumentUnavailable(f"cannot lock {name} in {self.folder}: {error.strerror}") from error
            try:
                if not self._swept:
                    sweep_temporaries(self.folder)
                    self._swept = True
                yield
            finally:
                file_lock.release()
        finally:
            lock.release()

    def _recover(self, name: str, default: Json) -> Json:
        """Under the lock: keep the damaged document under another name and put the last good value in its place."""
        path, backup = self._path(name), self._backup(name)
        reason = ""
        for pause in (0.0, _SETTLE):
            time.sleep(pause)
            try:
                return _load(path, default)  # another reader has put it right, or an editor finished saving
            except _Damaged as damage:
                reason = str(damage)
        try:
            value = _load(backup, default)
            good = backup.exists()
        except _Damaged:
            value, good = default, False
        try:
            kept = self._keep(path, name)
            if good:
                atomic_write(path, _encode(value))
            else:
                path.unlink()
        except OSError as error:
            raise DocumentUnavailable(f"{path} is damaged and cannot be set aside: {error.strerror}") from error
        after = "the last value written here is back in force" if good else "there was no earlier value to go back to"
        _log.error("The document %s was damaged (%s). It is kept as %s; %s.", path, reason, kept.name, after)
        return value

    def _keep(self, path: Path, name: str) -> Path:
        """Give the damaged file a second name. The first stays until it is replaced, so that a crash loses nothing."""
        now = time.time()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
        kept = self.folder / f"{name}.corrupt-{stamp}"
        try:
            kept.hardlink_to(path)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, kept)
        return kept


class _Damaged(Exception):
    """The file holds no document."""


def _load(path: Path, default: Json) -> Json:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return default
    except OSError as error:
        raise DocumentUnavailable(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise _Damaged(f"larger than {MAX_BYTES} bytes")
    try:
        return jsons.loads(data)
    except (ValueError, RecursionError) as error:
        raise _Damaged(str(error)) from None


def _encode(value: Json) -> bytes:
    try:
        text = jsons.dumps(value, ascii_only=False)
        if len(text) <= _READABLE:
            text = jsons.dumps(value, ascii_only=False, indent=1) + "\n"
        try:
            data = text.encode()
        except UnicodeEncodeError:  # lone surrogates, which JSON can only write escaped
            data = jsons.dumps(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentInvalid(f"not storable as JSON: {error}") from None
    if len(data) > MAX_BYTES:
        raise DocumentInvalid(f"larger than {MAX_BYTES} bytes")
    return data
