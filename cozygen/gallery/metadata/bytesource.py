"""Reading a file piecemeal: a large first gulp, then only the places that matter."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

HEAD = 64 * 1024
"""Bytes read at once from the start. The texts of most generated pictures lie within."""

_WINDOW = 2048  # bytes read where a few are asked for
_MAX_READS = 100_000
_MAX_BYTES = 96 * 1024 * 1024

# Without O_NONBLOCK, opening a pipe that lies in a media folder would wait for a writer for ever.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


class Damaged(Exception):
    """The file is cut short or contradicts its own format; the message says where."""


class ByteSource:
    """Random access to `size` bytes through ``read(offset, length)``, which gives fewer bytes at the end only.

    What a hostile file can make a reader do is bounded here: after 100,000 reads or 96 MiB the file counts as damaged.
    """

    __slots__ = ("_bytes_left", "_head", "_read", "_reads_left", "_start", "_window", "size")

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self.size = size
        self._read = read
        self._head = read(0, min(HEAD, size))
        self._window = b""
        self._reads_left = _MAX_READS
        self._bytes_left = _MAX_BYTES
        self._start = 0

    @property
    def head(self) -> bytes:
        """The first `HEAD` bytes, fewer in a small file."""
        return self._head

    def at(self, offset: int, length: int) -> bytes:
        """The `length` bytes at `offset`. Raises `Damaged` where the file does not have them."""
        data = self.some(offset, length)
        if len(data) != length:
            raise Damaged(f"cut short at byte {self.size}")
        return data

    def some(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`, fewer at the end of the file. Raises `Damaged` when the file has been
        read too often."""
        self._reads_left -= 1
        if self._reads_left < 0 or self._bytes_left < 0:
            raise Damaged("too many parts")
        end = offset + length
        if end <= len(self._head):
            return self._head[offset:end]
        if self._start <= offset and end <= self._start + len(self._window):
            return self._window[offset - self._start : end - self._start]
        if offset >= self.size or length <= 0:
            return b""
        length = min(length, self.size - offset)
        self._bytes_left -= length
        if length > _WINDOW // 2:
            return self._read(offset, length)
        self._window, self._start = self._read(offset, _WINDOW), offset
        return self._window[:length]


def over_bytes(data: bytes) -> ByteSource:
    """A source over bytes in memory."""
    return ByteSource(lambda offset, length: data[offset : offset + length], len(data))


@contextmanager
def opened(file: str | os.PathLike[str] | int | BinaryIO) -> Iterator[ByteSource]:
    """A source over a path, a file descriptor or a seekable binary stream; only what was opened here is closed.

    A stream's position changes, a descriptor's does not where the system has `pread`. Raises `OSError`, for a path
    or descriptor that is no regular file too.
    """
    if isinstance(file, int):
        yield _over_descriptor(file)
    elif isinstance(file, str | os.PathLike):
        descriptor = os.open(Path(file) if isinstance(file, str) else file, _FLAGS)
        try:
            yield _over_descriptor(descriptor)
        finally:
            os.close(descriptor)
    else:
        yield _over_stream(file)


def _over_descriptor(descriptor: int) -> ByteSource:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if hasattr(os, "pread"):
        return ByteSource(lambda offset, length: os.pread(descriptor, length, offset), status.st_size)

    def read(offset: int, length: int) -> bytes:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)

    return ByteSource(read, status.st_size)


def _over_stream(stream: BinaryIO) -> ByteSource:
    def read(offset: int, length: int) -> bytes:
        stream.seek(offset)
        return stream.read(length)

    return ByteSource(read, stream.seek(0, os.SEEK_END))
