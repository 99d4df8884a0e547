"""Opening media files that nobody vouches for, and telling them apart without reading all of them."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO, NamedTuple

_WHOLE = 128 * 1024  # files up to so many bytes are read as a whole
_EDGE = 32 * 1024
_SAMPLE = 4 * 1024
_SAMPLES = 6


class Version(NamedTuple):
    """Which content a path had: `mtime_ns` (nanoseconds since the epoch) and `size` (bytes)."""

    mtime_ns: int
    size: int

    @classmethod
    def of(cls, status: os.stat_result) -> Version:
        """The version that `status` tells of."""
        return cls(status.st_mtime_ns, status.st_size)


def open_regular(path: Path | str) -> BinaryIO:
    """Open a regular file for reading; pipes and devices never make it wait.

    Raises `FileNotFoundError` for what is no regular file, and `OSError` as `os.open` does.
    """
    flags = os.O_RDONLY
    for name in ("O_CLOEXEC", "O_BINARY", "O_NONBLOCK", "O_NOCTTY", "O_NOFOLLOW"):
        flags |= getattr(os, name, 0)
    # Links have been judged before; one that is put there now is not followed.
    descriptor = os.open(os.path.realpath(path), flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def fingerprint(path: Path) -> tuple[str, Version]:
    """A name (32 hexadecimal digits) for the content of a file, which stays when the file is renamed, and its version.

    It is made of the size, the time of the last change and the content: all of a small file; of a large one the
    beginning, the end and samples in between. Blocking. Raises as `open_regular` does.
    """
    with open_regular(path) as stream:
        version = Version.of(os.fstat(stream.fileno()))
        digest = hashlib.blake2b(f"{version.mtime_ns} {version.size} ".encode(), digest_size=16)
        for offset, length in _places(version.size):
            stream.seek(offset)
            digest.update(stream.read(length))
    return digest.hexdigest(), version


def _places(size: int) -> list[tuple[int, int]]:
    if size <= _WHOLE:
        return [(0, size)]
    step = (size - 2 * _EDGE) // (_SAMPLES + 1)
    middle = [(_EDGE + step * (number + 1), _SAMPLE) for number in range(_SAMPLES)]
    return [(0, _EDGE), *middle, (size - _EDGE, _EDGE)]
