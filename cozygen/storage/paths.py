"""Names and paths that come from outside, and writing files so that a crash leaves the old or the new one.

Every path that a request names goes through a `Root`. It is decided in three steps: the text is split into names
(both separators are understood), each name is checked, and the folders that exist are walked to see that no symbolic
link among them leads out. Text is taken literally: ``%2e%2e`` is a name with percent signs, not a parent folder.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NAME_MAX = 255
"""Longest name: bytes of UTF-8, and on Windows UTF-16 units, which are never more than the bytes."""

PATH_MAX = 32_767 if os.name == "nt" else 1024 if sys.platform == "darwin" else 4096
"""Longest absolute path in bytes, with its closing NUL."""

_COPYING_SECONDS = 86_400.0
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WINDOWS_FORBIDDEN = re.compile(r'[<>:"|?*]')
_WINDOWS_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])[ ]*(\..*)?", re.IGNORECASE)
# Characters that are letters or marks to Unicode and yet draw nothing (Default_Ignorable_Code_Point, less category Cf).
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_TEMPORARY = re.compile(r"\.cozygen-[0-9a-f]{16}\.tmp")
_EXTENSION_MAX = 16


class PathError(ValueError):
    """A path or name that cannot be used. The message is fit for the one who sent it."""


class PathOutside(PathError):
    """The path leaves its root."""


class BadName(PathError):
    """The path has a name in it that no file may have."""


def check_name(name: str, *, windows: bool = os.name == "nt") -> None:
    """Check that `name` can be the name of one file or folder.

    Raises `BadName` for an empty name, ``.`` and ``..``, separators, a drive letter, control characters, what has no
    UTF-8 form (lone surrogates, such as Python makes of undecodable names on disk) and more than `NAME_MAX` bytes.
    With `windows` also for what that system reads as something else: device names, alternate streams, wildcards,
    and names that end in a dot or a space.
    """
    if name in ("", ".", ".."):
        raise BadName("a name is empty or made of dots")
    if "/" in name or "\\" in name or _DRIVE.match(name):
        raise BadName("a name has a separator or a drive letter in it")
    _check_characters(name, windows)


def _check_characters(name: str, windows: bool) -> None:
    if _CONTROL.search(name):
        raise BadName("a name has control characters in it")
    try:
        size = max(len(name.encode()), len(os.fsencode(name)))
    except UnicodeEncodeError:
        raise BadName("a name is not valid Unicode") from None
    if size > NAME_MAX:
        raise BadName(f"a name is longer than {NAME_MAX} bytes")
    if windows and (_WINDOWS_FORBIDDEN.search(name) or name[-1] in ". " or _WINDOWS_DEVICE.fullmatch(name)):
        raise BadName("a name means something else to Windows")


@dataclass(frozen=True)
class Root:
    """A folder that paths from outside are confined to.

    `folder` is absolute; it may be a symbolic link itself and need not exist. Without `follow_symlinks` a link below
    it may lead to another place in the root, never out of it. `windows` chooses the naming rules.
    """

    folder: Path
    follow_symlinks: bool = False
    windows: bool = os.name == "nt"

    def __post_init__(self) -> None:
        if not self.folder.is_absolute():
            raise ValueError(f"a root must be absolute: {self.folder}")

    def resolve(self, relative: str) -> Path:
        """The file or folder at `relative`, which need not exist; the root for an empty string.

        Raises `PathOutside` or `BadName`, nothing else.
        """
        return self._confine(self._split(relative))

    def resolve_file(self, subfolder: str, filename: str) -> Path:
        """The file `filename`, a single name, in the folder at `subfolder`. Raises as `resolve` does."""
        check_name(filename, windows=self.windows)
        return self._confine([*self._split(subfolder), filename])

    def find(self, relative: str) -> tuple[Path, os.stat_result]:
        """As `resolve`, of what exists, with its status (of what a link leads to).

        Raises as `resolve` does, and `OSError` as `Path.stat` does.
        """
        parts = self._split(relative)
        path = self._joined(parts)
        status = None if self.follow_symlinks else self._check_links(parts)
        return path, path.stat() if status is None else status

    def relative(self, path: Path) -> str:
        """`path` as text that `resolve` takes back, separated by ``/``; empty for the root.

        Raises `PathOutside` when it is not below the root, and `BadName` when a name in it cannot be sent.
        """
        for base in (self.folder, Path(os.path.realpath(self.folder))):
            if path.is_relative_to(base):
                parts = path.relative_to(base).parts
                break
        else:
            raise PathOutside("the path is not in this folder")
        if ".." in parts:
            raise PathOutside("the path leaves its folder")
        for part in parts:
            check_name(part, windows=self.windows)
        return "/".join(parts)

    def open_file(self, path: Path) -> int:
        """Open the file at `path` (as `resolve` gave it) for reading: a file descriptor that the caller closes.

        The check of `resolve` is repeated on what was opened, so that a link put in the way in the meantime
        leads nowhere. Raises `PathOutside`, and `OSError` as `os.open` does; `FileNotFoundError` also for what is
        no regular file (opening a pipe never waits).
        """
        target = path
        if not self.follow_symlinks:
            self._confine(self._split(self.relative(path)))
            target = Path(os.path.realpath(path))
        flags = os.O_RDONLY
        for name in ("O_CLOEXEC", "O_BINARY", "O_NONBLOCK", "O_NOCTTY"):
            flags |= getattr(os, name, 0)
        if not self.follow_symlinks:
            flags |= getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(target, flags)
        except OSError as error:
            if error.errno == errno.ELOOP and not self.follow_symlinks:
                raise PathOutside("a link was put in the way") from None
            raise
        try:
            self._verify_open(descriptor, target)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _split(self, relative: str) -> list[str]:
        """The names in `relative`, with ``.`` and ``..`` worked out."""
        if "\0" in relative:
            raise PathOutside("the path has a NUL in it")
        if len(relative) > PATH_MAX:
            raise BadName("the path is too long")
        parts: list[str] = []
        text = relative.replace("\\", "/")
        if text.startswith("/"):
            raise PathOutside("the path is absolute")
        for part in text.split("/"):
            if part in ("", "."):
                continue
            # Windows drops dots and spaces at a name's end, which makes `.. ` and `...` parents too.
            if part == ".." or (self.windows and not part.rstrip(". ")):
                if not parts or part != "..":
                    raise PathOutside("the path leaves its folder")
                parts.pop()
                continue
            if _DRIVE.match(part):
                raise PathOutside("the path has a drive letter")
            _check_characters(part, self.windows)
            parts.append(part)
        return parts

    def _confine(self, parts: list[str]) -> Path:
        path = self._joined(parts)
        if not self.follow_symlinks:
            self._check_links(parts)
        return path

    def _joined(self, parts: list[str]) -> Path:
        path = self.folder.joinpath(*parts)
        if len(os.fsencode(path)) >= PATH_MAX:
            raise BadName("the path is too long")
        return path

    def _check_links(self, parts: list[str]) -> os.stat_result | None:
        """The status of the last part, None where that is a link. Raises `PathOutside` for a link that leads out."""
        prefix = os.fspath(self.folder)
        status = None
        for part in parts:
            prefix = os.path.join(prefix, part)  # noqa: PTH118 -- this is done for every picture of a page
            try:
                status = os.lstat(prefix)
            except (OSError, ValueError):
                return None  # nothing there, or nothing that we may see: nothing that leads anywhere
            # Junctions on Windows are no symbolic links, but have a reparse tag.
            if stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", None):
                if not _is_within(_real(prefix), os.path.realpath(self.folder)):
                    raise PathOutside("a link leads out of the folder")
                status = None
        return status

    def _verify_open(self, descriptor: int, target: Path) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", str(target))
        if self.follow_symlinks:
            return
        opened = _path_of(descriptor)
        if opened is not None:
            # Both as the system spells them: on macOS the letters' case may differ from that of the root as given.
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                inside = _is_within(opened, _path_of(folder) or os.path.realpath(self.folder))
            finally:
                os.close(folder)
        else:
            # The system does not tell what was opened: look whether the place still holds it.
            inside = _is_within(os.path.realpath(target), os.path.realpath(self.folder)) and os.path.samestat(
                status, target.stat()
            )
        if not inside:
            raise PathOutside("the file was exchanged for one out of the folder")


def _real(path: str) -> str:
    """The real path, also of a link whose target is missing. Raises `PathOutside` for links that run in circles."""
    try:
        return os.path.realpath(path, strict=True)
    except OSError as error:
        if error.errno == errno.ELOOP or getattr(error, "winerror", 0) == 1921:  # ERROR_CANT_RESOLVE_FILENAME
            raise PathOutside("a link leads to itself") from None
        return os.path.realpath(path)


def _is_within(path: str, folder: str) -> bool:
    """Whether the real path `path` is the real path `folder` or below it."""
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def _path_of(descriptor: int) -> str | None:
    """The real path of an open file, None where the system does not tell."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):
            return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(PATH_MAX)).rstrip(b"\0"))
    with suppress(OSError):
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 -- the text itself, not a path made of it
    return None


def sanitise_filename(name: str, *, max_bytes: int = 200) -> str:
    """A harmless name that resembles `name`, of at most `max_bytes` (32 or more) bytes of UTF-8.

    Of a path, only the last name counts. Letters of any script (NFC), digits and ``.-_()`` stay; spaces and other
    characters become ``_``; control, zero-width and bidirectional characters vanish. The extension is kept. The
    result is never empty, never starts or ends with a dot, is no device name on Windows, and sanitising it again
    changes nothing. Raises `ValueError` when `max_bytes` is too small.
    """
    if max_bytes < 2 * _EXTENSION_MAX:
        raise ValueError(f"max_bytes must be at least {2 * _EXTENSION_MAX}")
    last = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    text = unicodedata.normalize("NFC", "".join(map(_harmless, _INVISIBLE.sub("", last))))
    stem, dot, extension = re.sub(r"\.{2,}", ".", text).rstrip(".").rpartition(".")
    if not dot or len(extension.encode()) > _EXTENSION_MAX:
        stem, extension = stem + dot + extension, ""
    suffix = f".{extension}" if extension else ""
    room = max_bytes - len(suffix.encode())
    stem = _shorten(stem.strip(".") or "file", room)
    if _WINDOWS_DEVICE.fullmatch(stem + suffix):
        stem = _shorten("_" + stem, room)
    return stem + suffix


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "LMN" or character in ".-_()":
        return character
    if category[0] == "C" and not character.isspace():
        return ""
    return "_"


def _shorten(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore").rstrip(".")


def atomic_write(path: Path, data: bytes | Iterable[bytes], *, mode: int = 0o666, durable: bool = True) -> None:
    """Write `data` to `path` so that at every instant there is the old file or the whole new one. Blocking.

    `mode` is the new file's (less the umask). Without `durable` nothing is waited for: a loss of power may leave an
    empty file, a crash of the program still not. Raises `OSError`, and whatever iterating over `data` raises; then
    the old file is untouched. The folder must exist.
    """
    temporary = path.with_name(f".cozygen-{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    for name in ("O_CLOEXEC", "O_BINARY", "O_NOFOLLOW"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(temporary, flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for chunk in (data,) if isinstance(data, bytes) else data:
                stream.write(chunk)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        _replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        fsync_directory(path.parent)


def _replace(source: Path, target: Path) -> None:
    for pause in _pauses():
        try:
            source.replace(target)
            return
        except PermissionError:
            if pause is None:
                raise
            time.sleep(pause)


def _pauses() -> Iterator[float | None]:
    """Seconds to wait between attempts, closing with None. Windows refuses to replace a file while it is read."""
    if os.name == "nt":
        yield from (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
    yield None


def fsync_directory(folder: Path) -> None:
    """Make the names in `folder` durable. Does nothing on Windows, which has no such call. Raises `OSError`."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(descriptor)


def is_temporary(name: str) -> bool:
    """Whether a name is one of those that `atomic_write` gives what is not whole yet."""
    return _TEMPORARY.fullmatch(name) is not None


def sweep_temporaries(folder: Path, *, older_than: float = 3600.0) -> int:
    """Remove what `atomic_write` left in `folder` when it was killed, at least `older_than` seconds ago: how many.

    So are folders of such names, a day later: one that is large is long being copied.
    """
    removed = 0
    limit = time.time() - older_than
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not is_temporary(entry.name):
                continue
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    # Its mtime may have been set to that of the folder which it is being made a copy of.
                    if max(status.st_mtime, status.st_ctime) <= limit - _COPYING_SECONDS:
                        shutil.rmtree(entry.path)
                        removed += 1
                elif status.st_mtime <= limit:
                    Path(entry.path).unlink()
                    removed += 1
    return removed
