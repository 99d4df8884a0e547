"""Reading one folder from disk as the gallery sees it. Everything here blocks.

A folder's *stamp* changes whenever a name in it appears, disappears or is replaced. It is the folder's ctime where
that is the time of the last change (nobody can set it back, as `rsync --times` and `cp -a` do with the mtime), and
its mtime on Windows, where ctime is the time of creation.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cozygen.media.kinds import MediaKind, media_kind
from cozygen.storage.paths import BadName, check_name, is_temporary

KINDS: tuple[MediaKind, ...] = ("image", "video", "audio")
"""The kinds by the number that stands for each in the index."""

_CODES = {kind: code for code, kind in enumerate(KINDS)}

OWN_PREFIX = ".cozygen-"
"""Names of our own making in other people's folders (trash, temporary files): never shown, whatever is asked."""

_SIGNED_64 = (1 << 63) - 1


class Unreachable(OSError):
    """The disk does not answer: a drive that went away, a broken one, or one that we may not look at.

    What was known stays.
    """


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a folder looked like. Times in nanoseconds since the epoch."""

    changed_ns: int
    mtime_ns: int
    inode: int

    @property
    def coarse(self) -> bool:
        """Whether the file system keeps times so coarsely that two changes can look like one for seconds."""
        return self.changed_ns % 1_000_000 == 0


@dataclass(frozen=True, slots=True)
class FileStat:
    """What there is to know of a file without opening it. `kind` is an index of `KINDS`, `size` in bytes."""

    kind: int
    size: int
    mtime_ns: int
    inode: int


KnownFile = tuple[int, int, int, int]
"""A file of the index: id, size, mtime in ns, inode."""

Known = Mapping[str, KnownFile]
"""Files of the index by their names."""


@dataclass
class Reading:
    """The contents of a folder. A file that is None is as it was.

    `denied`: not all of it may be looked at. `leftovers`: there are temporary files or folders of ours in it.
    """

    stamp: Stamp
    files: dict[str, FileStat | None] = field(default_factory=dict)
    folders: dict[str, Stamp] = field(default_factory=dict)
    denied: bool = False
    leftovers: bool = False


def is_hidden(name: str) -> bool:
    """Whether a name is shown only on request."""
    return name.startswith(".")


def is_own(path: str) -> bool:
    """Whether a path, with either separator, leads to files of the studio's own in somebody's folder."""
    return any(part.lower().startswith(OWN_PREFIX) for part in path.replace("\\", "/").split("/"))


def wall_seconds(ns: int) -> float:
    """Nanoseconds as the float that `os.stat_result.st_mtime` has for them."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return seconds + 1e-9 * rest


def file_kind(name: str) -> int | None:
    """The number of the file's kind, None for what the gallery does not show."""
    kind = media_kind(name)
    return None if kind is None or name.startswith(OWN_PREFIX) else _CODES[kind]


def stamp_folder(path: Path | str) -> Stamp | None:
    """The folder's stamp, None when there is no such folder. Raises `Unreachable`."""
    try:
        status = os.stat(path)  # noqa: PTH116 -- called for every folder of a library; a Path costs more than the call
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        return Stamp(0, 0, 0)
    except ValueError:
        return None
    except OSError as error:
        raise Unreachable(error.errno, error.strerror, str(path)) from error
    return _stamp(status) if stat.S_ISDIR(status.st_mode) else None


def stat_file(path: Path | str, name: str, *, follow_symlinks: bool) -> FileStat | None:
    """A media file's state, None when it is gone or is none. Raises `Unreachable`."""
    kind = file_kind(name)
    if kind is None:
        return None
    try:
        status = os.stat(path, follow_symlinks=follow_symlinks)  # noqa: PTH116 -- as above
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        if _is_loop(error):
            return None
        raise Unreachable(error.errno, error.strerror, str(path)) from error
    return _file_stat(kind, status) if stat.S_ISREG(status.st_mode) else None


def read_folder(
    path: Path,
    *,
    follow_symlinks: bool,
    known: Known | None = None,
    trusted: bool = False,
    doubted: Collection[str] = (),
    ancestors: frozenset[int] = frozenset(),
) -> Reading | None:
    """What is in a folder, None when there is no such folder. Raises `Unreachable`.

    Names that no request could name (not Unicode, control characters, ...) are left out, and so are special files
    and, unless followed, symbolic links. `known` files that are as they were are given as None; when `trusted`, those
    that still have their inode count as such without a second look, but for the `doubted` ones. `ancestors` are
    inodes of the folders above, which a link must not lead back to.
    """
    stamp = stamp_folder(path)
    if stamp is None:
        return None
    reading = Reading(stamp)
    known, above = known or {}, ancestors | {stamp.inode}
    files = reading.files
    try:
        with os.scandir(path) as entries:
            for entry in entries:  # every file of a library passes here; for one that is as it was, little is done
                name = entry.name
                row = known.get(name)
                if row is None:
                    _take(reading, entry, follow_symlinks, above)
                elif (trusted and entry.inode() & _SIGNED_64 == row[3] and name not in doubted) or _is_same(
                    entry, row, follow_symlinks
                ):
                    files[name] = None
                else:
                    _take(reading, entry, follow_symlinks, above)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        reading.denied = True
    except OSError as error:
        raise Unreachable(error.errno, error.strerror, str(path)) from error
    return reading


def _is_same(entry: os.DirEntry[str], row: KnownFile, follow: bool) -> bool:
    """Whether a file is as it was."""
    try:
        status = entry.stat(follow_symlinks=follow)
    except OSError:
        return False
    return (
        status.st_mtime_ns == row[2]
        and status.st_size == row[1]
        and (status.st_ino or entry.inode()) & _SIGNED_64 == row[3]
        and stat.S_ISREG(status.st_mode)
    )


def _take(reading: Reading, entry: os.DirEntry[str], follow: bool, ancestors: frozenset[int]) -> None:
    name = entry.name
    if name.startswith(OWN_PREFIX):
        reading.leftovers |= is_temporary(name)
        return
    try:
        if entry.is_dir(follow_symlinks=follow):
            if _showable(name):
                found = _stamp(entry.stat(follow_symlinks=follow))
                if found.inode == 0 or found.inode not in ancestors or not entry.is_symlink():
                    reading.folders[name] = found
            return
        kind = file_kind(name)
        if kind is not None and entry.is_file(follow_symlinks=follow) and _showable(name):
            status = entry.stat(follow_symlinks=follow)
            inode = (status.st_ino or entry.inode()) & _SIGNED_64
            reading.files[name] = FileStat(kind, status.st_size, status.st_mtime_ns, inode)
    except PermissionError:
        # A link may lead where we must not look; of what is in the folder itself, the folder does not let us.
        reading.denied |= not entry.is_symlink()
    except OSError:
        return  # it vanished while we looked, or is a link to nowhere


def _showable(name: str) -> bool:
    try:
        check_name(name)
    except BadName:
        return False
    return True


def _is_loop(error: OSError) -> bool:
    return error.errno in (errno.ELOOP, errno.ENAMETOOLONG)


def _stamp(status: os.stat_result) -> Stamp:
    changed = status.st_mtime_ns if os.name == "nt" else status.st_ctime_ns
    return Stamp(changed, status.st_mtime_ns, status.st_ino & _SIGNED_64)


def _file_stat(kind: int, status: os.stat_result) -> FileStat:
    return FileStat(kind, status.st_size, status.st_mtime_ns, status.st_ino & _SIGNED_64)
