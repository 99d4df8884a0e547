"""Caches of made pictures: in memory, and on disk bounded by bytes. What was not used for longest goes first."""

from __future__ import annotations

import logging
import os
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from cozygen.storage.paths import atomic_write, sweep_temporaries

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_SUFFIX = ".pic"
_MAGIC = b"CGP1"
_KEEP = 0.9  # of the limit, after an eviction
_FRESH_SECONDS = 3600.0  # a use is noted again only so much later


class MemoryCache(Generic[K, V]):
    """Values up to `limit` bytes in all, by key."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, which counts as used."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value that takes `size` bytes; what is larger than the limit is not kept."""
        self.drop(key)
        if size > self._limit:
            return
        self._entries[key] = value, size
        self._size += size
        while self._size > self._limit:
            _, (_, gone) = self._entries.popitem(last=False)
            self._size -= gone

    def drop(self, key: K) -> None:
        """Forget a value."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= entry[1]


class _Entry(NamedTuple):
    used: float
    size: int
    path: Path


class Usage(NamedTuple):
    """How full a cache is, in bytes."""

    bytes: int
    files: int
    limit: int


class DiskCache:
    """Files of up to `limit` bytes in all below `folder`, by names of hexadecimal digits. Blocking, for any thread.

    It is disposable: what cannot be written is not cached, and what is damaged is removed. The time of a file's last
    change is that of its last use, give or take an hour.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        self._size: int | None = None  # not known until the first write
        self._complained = False

    def read(self, name: str) -> bytes | None:
        """What was written under `name`, None when it is not there any more."""
        path = self._path(name)
        try:
            with path.open("rb") as stream:
                data = stream.read()
                used = os.fstat(stream.fileno()).st_mtime
        except OSError:
            return None
        content = data[8:]
        if data[:4] != _MAGIC or zlib.crc32(content).to_bytes(4, "big") != data[4:8]:
            # A loss of power, for nothing is waited for when it is written.
            self._remove(_Entry(used, len(data), path))
            return None
        if abs(time.time() - used) > _FRESH_SECONDS:
            with suppress(OSError):
                os.utime(path)
        return content

    def write(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`, and make room for it."""
        data = _MAGIC + zlib.crc32(content).to_bytes(4, "big") + content
        if len(data) > self._limit:
            return
        path = self._path(name)
        try:
            try:
                atomic_write(path, data, durable=False)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(path, data, durable=False)
        except OSError as error:
            if not self._complained:
                log.warning("thumbnails cannot be kept in %s: %s", self._folder, error)
            self._complained = True
            return
        self._complained = False
        with self._lock:
            if self._size is None:
                self._size = sum(entry.size for entry in self._entries())
                self._sweep()
            else:
                self._size += len(data)
            if self._size > self._limit:
                self._evict()

    def usage(self) -> Usage:
        """How full it is."""
        sizes = [entry.size for entry in self._entries()]
        return Usage(sum(sizes), len(sizes), self._limit)

    def clear(self) -> int:
        """Remove everything: how many files there were."""
        with self._lock:
            removed = sum(_unlink(entry.path) for entry in self._entries())
            self._size = None
        return removed

    def _path(self, name: str) -> Path:
        # A folder with 100,000 files in it is slow on some systems.
        return self._folder / name[:2] / (name[2:] + _SUFFIX)

    def _entries(self) -> Iterator[_Entry]:
        for shard in self._shards():
            with suppress(OSError), os.scandir(shard) as files:
                for file in files:
                    with suppress(OSError):
                        if file.name.endswith(_SUFFIX):
                            status = file.stat(follow_symlinks=False)
                            yield _Entry(status.st_mtime, status.st_size, Path(file.path))

    def _shards(self) -> list[Path]:
        with suppress(OSError), os.scandir(self._folder) as folders:
            return [Path(folder.path) for folder in folders if folder.is_dir(follow_symlinks=False)]
        return []

    def _sweep(self) -> None:
        for shard in self._shards():
            sweep_temporaries(shard)

    def _evict(self) -> None:
        entries = sorted(self._entries())
        size = sum(entry.size for entry in entries)
        for entry in entries:
            if size <= self._limit * _KEEP:
                break
            _unlink(entry.path)
            size -= entry.size
        self._size = size

    def _remove(self, entry: _Entry) -> None:
        with self._lock:
            if _unlink(entry.path) and self._size is not None:
                self._size -= entry.size


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
