"""Writing results: ComfyUI's names, and never half a file.

A result is written to a hidden temporary file in its folder, made durable, and then given its name in one step that
fails when the name is taken. Concurrent saves thus never overwrite each other, and a cancelled or killed one leaves
at worst a hidden file (``.cozygen-<16 hex digits>.tmp``).
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cozygen.nodes.host import Directory, host
from cozygen.nodes.locate import FileRefused, confined, shown, split

_NAME_MAX = 255  # bytes
_DEFAULT_STEM = "ComfyUI"
_DATE = re.compile(r"%date:([^%]*)%")
_DATE_PART = re.compile(r"yyyy|yy|MM?|dd?|hh?|mm?|ss?")
_DIGITS = re.compile(r"[0-9]{1,18}")
_NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EINVAL}


def expand(prefix: str, width: int, height: int, now: time.struct_time | None = None) -> str:
    """A file name prefix with its variables filled in.

    ``%width%``, ``%height%`` (pixels), ``%year%``, ``%month%``, ``%day%``, ``%hour%``, ``%minute%``, ``%second%``, as
    in ComfyUI; ``%date:FORMAT%`` with yyyy, yy, M, MM, d, dd, h, hh, m, mm, s, ss, as in its web app, and ``%date%``
    for yyyy-MM-dd. Anything else stays.
    """
    now = now or time.localtime()
    values = {
        "width": str(width),
        "height": str(height),
        "year": str(now.tm_year),
        "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}",
        "hour": f"{now.tm_hour:02}",
        "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
        "date": _formatted("yyyy-MM-dd", now),
    }
    for name, value in values.items():
        prefix = prefix.replace(f"%{name}%", value)
    return _DATE.sub(lambda match: _formatted(match[1], now), prefix)


def _formatted(pattern: str, now: time.struct_time) -> str:
    parts = {"M": now.tm_mon, "d": now.tm_mday, "h": now.tm_hour, "m": now.tm_min, "s": now.tm_sec}

    def value(match: re.Match[str]) -> str:
        part = match[0]
        return str(now.tm_year)[-len(part) :] if part[0] == "y" else str(parts[part[0]]).zfill(len(part))

    return _DATE_PART.sub(value, pattern)


@dataclass
class Series:
    """Results that one node saves side by side: ``<stem>_<counter>_.<extension>`` in one folder.

    `subfolder` is relative, separated by ``/``. The counter goes on from the highest in the folder.
    """

    kind: Directory
    folder: Path
    subfolder: str
    stem: str
    _counter: int = field(default=0)

    def save(self, extension: str, write: Callable[[Path], None], batch_number: int = 0) -> dict[str, str]:
        """Have `write` fill a file (it gets a temporary path), and publish it: ComfyUI's description of the file.

        ``%batch_num%`` in the stem becomes `batch_number`. Raises `FileRefused` when the disk refuses, and whatever
        `write` raises; then nothing is left behind.
        """
        temporary = self.folder / f".cozygen-{os.urandom(8).hex()}.tmp"
        try:
            try:
                write(temporary)
                if self.kind != "temp":
                    _sync(temporary)
                name = self._publish(temporary, extension, batch_number)
            finally:
                with suppress(OSError):
                    temporary.unlink()
            if self.kind != "temp":
                _sync(self.folder)
        except OSError as error:
            raise FileRefused(f"The result cannot be saved: {_reason(error)}.") from error
        return {"filename": name, "subfolder": self.subfolder, "type": self.kind}

    def _publish(self, temporary: Path, extension: str, batch_number: int) -> str:
        if self._counter == 0:
            self._counter = _next_counter(self.folder, self.stem)
        stem = self.stem.replace("%batch_num%", str(batch_number))
        while True:
            name = f"{stem}_{self._counter:05}_.{extension}"
            self._counter += 1
            try:
                _name_exclusively(temporary, self.folder / name)
            except FileExistsError:
                continue
            return name


def series(kind: Directory, prefix: str, width: int, height: int) -> Series:
    """Where results of `width` x `height` pixels with this prefix go; the folder is made.

    A prefix may have folders in it. Raises `FileRefused` when it leads out of the folder for `kind`, or cannot be a
    file's name.
    """
    parts: list[str] = []
    for part in split(expand(prefix, width, height)):
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise FileRefused(f"Saving outside the {kind} folder is not allowed: {shown(prefix)}.")
    *folders, stem = parts or [_DEFAULT_STEM]
    if max(len(os.fsencode(name)) for name in [*folders, f"{stem}_00000_.webp"]) > _NAME_MAX:
        raise FileRefused(f"The file name prefix {shown(prefix)} is too long.")
    folder = confined(host().directory(kind), folders)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileRefused(f"The folder {shown('/'.join(folders))} cannot be made: {_reason(error)}.") from error
    return Series(kind, folder, "/".join(folders), stem)


def _reason(error: OSError) -> str:
    return error.strerror or "the system gives no reason"


def _next_counter(folder: Path, stem: str) -> int:
    """One more than the highest counter after `stem`, whatever the extension; 1 when there is none."""
    start = os.path.normcase(stem) + "_"
    highest = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if os.path.normcase(entry.name).startswith(start):
                digits = entry.name[len(stem) + 1 :].split("_", 1)[0]
                if _DIGITS.fullmatch(digits):
                    highest = max(highest, int(digits))
    return highest + 1


def _name_exclusively(temporary: Path, target: Path) -> None:
    """Give the file its name. Raises `FileExistsError` when the name is taken."""
    if os.name == "nt":
        temporary.rename(target)  # which replaces nothing on this system
        return
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without links: take the name with an empty file first.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        temporary.replace(target)


def _sync(path: Path) -> None:
    """Make a file or, where the system can, a folder durable."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(descriptor)
