"""Taking files away: many as one ZIP that is made while it is sent, each with its metadata or without."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import time
import zipfile
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cozygen.gallery.roots import Picked
from cozygen.gallery.strip import CannotStrip, Plan, Source, plan
from cozygen.storage.paths import PathError, Root

TICKET_SECONDS = 600.0
"""For so long a download can be fetched."""
ERRORS_NAME = "not included.txt"
_MOST_TICKETS = 256
_CHUNK = 256 * 1024
_UNSAFE = re.compile(r'[<>:"|?*\\\x00-\x1f]')


@dataclass(frozen=True)
class Ticket:
    """Files that can be fetched: by whom, until when (`time.monotonic`), and whether without metadata."""

    token: str
    user: str
    until: float
    files: Sequence[Picked]
    strip: bool


class Downloads:
    """What can be fetched at the moment."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tickets: dict[str, Ticket] = {}
        self._clock = clock

    def offer(self, user: str, files: Sequence[Picked], *, strip: bool) -> Ticket:
        """Have files fetched by `get`."""
        now = self._clock()
        for token in [token for token, ticket in self._tickets.items() if ticket.until < now]:
            del self._tickets[token]
        while len(self._tickets) >= _MOST_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        ticket = Ticket(secrets.token_urlsafe(18), user, now + TICKET_SECONDS, files, strip)
        self._tickets[ticket.token] = ticket
        return ticket

    def get(self, user: str, token: str) -> Ticket | None:
        """The files that the user may fetch, None when there is nothing of that name, or no longer."""
        ticket = self._tickets.get(token)
        return ticket if ticket is not None and ticket.user == user and ticket.until >= self._clock() else None


class _Buffer:
    """What a ZIP is written to: it goes on from there."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        """Take data."""
        self._parts.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """There is nothing to wait for."""

    def take(self) -> bytes:
        """What has come since the last time."""
        data = b"".join(self._parts)
        self._parts, self.size = [], 0
        return data


def archive(files: Sequence[Picked], *, strip: bool) -> Generator[bytes, None, None]:
    """A ZIP of files, a part at a time; nothing is compressed, since pictures and films are. Blocking.

    With `strip` they are without metadata. What cannot be read, or cannot be stripped, is named in a text file.
    """
    buffer, errors, paths = _Buffer(), [], shown_paths(files)
    target: Any = buffer
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as zipped:
        for file, shown, name in zip(files, paths, names_in_archive(paths), strict=True):
            row = file.row
            try:
                with opened(file.gallery.root, row.path, strip=strip) as (size, parts):
                    info = zipfile.ZipInfo(name, _moment(row.mtime_ns))
                    info.external_attr = 0o644 << 16
                    info.file_size = size
                    with zipped.open(info, "w", force_zip64=True) as entry:
                        for part in parts:
                            entry.write(part)
                            if buffer.size >= _CHUNK:
                                yield buffer.take()
            except (OSError, PathError, CannotStrip) as error:
                errors.append(f"{shown}: {getattr(error, 'strerror', None) or error}")
        if errors:
            zipped.writestr(zipfile.ZipInfo(ERRORS_NAME, _moment(time.time_ns())), "\r\n".join([*errors, ""]))
    yield buffer.take()


@contextmanager
def opened(root: Root, relative: str, *, strip: bool) -> Generator[tuple[int, Iterable[bytes]], None, None]:
    """A file's size and its bytes, a part at a time. Raises `OSError`, `PathError` and `CannotStrip`."""
    descriptor = root.open_file(root.resolve(relative))
    try:
        size = os.fstat(descriptor).st_size

        def read(offset: int, length: int) -> bytes:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, length)

        made = plan(Source(read, size)) if strip else Plan([(0, size)] if size else [])
        yield made.size, made.send(read)
    finally:
        os.close(descriptor)


def _moment(mtime_ns: int) -> tuple[int, int, int, int, int, int]:
    """A time as ZIP keeps it: local, 1980 to 2107."""
    seconds = max(315_619_200.0, min(4_354_732_800.0, mtime_ns / 1e9))
    year, month, day, hour, minute, second, *_ = time.localtime(seconds)
    return max(1980, min(2107, year)), month, day, hour, minute, second


def shown_paths(files: Sequence[Picked]) -> list[str]:
    """The paths of files; those of several libraries begin with the name of theirs."""
    several = len({file.gallery.name for file in files}) > 1
    return [f"{file.gallery.name}/{file.row.path}" if several else file.row.path for file in files]


def names_in_archive(paths: Sequence[str]) -> list[str]:
    """Names for files that any system can unpack: relative to the folder that all are in, no two the same."""
    folders = [path.split("/")[:-1] for path in paths]
    common = list(itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False)))
    found: list[str] = []
    taken = {ERRORS_NAME.casefold()}
    for path in paths:
        parts = [_safe(part) for part in path.split("/")[len(common) :]]
        stem, dot, suffix = parts[-1].rpartition(".")
        name, number = "/".join(parts), 1
        while name.casefold() in taken:
            number += 1
            last = f"{stem} ({number}){dot}{suffix}" if stem else f"{suffix} ({number})"
            name = "/".join([*parts[:-1], last])
        taken.add(name.casefold())
        found.append(name)
    return found


def _safe(part: str) -> str:
    cleaned = _UNSAFE.sub("_", part).rstrip(". ")
    return cleaned or "_"
