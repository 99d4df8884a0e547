"""Moving and copying files so that nothing is ever lost or overwritten. Everything here blocks."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cozygen.gallery.scan import OWN_PREFIX
from cozygen.storage.paths import fsync_directory


def put_at(source: Path, target: Path) -> None:
    """Move a file to another place. Links are moved, not followed. Raises `FileExistsError` when that is taken.

    At every moment the whole file is at one of the two places or at both.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "taken", str(target)) from None
        if error.errno == errno.EXDEV:
            copy_at(source, target)
            fsync_directory(target.parent)
        elif error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise
        else:  # a file system without hard links
            source.rename(target)
            return
    source.unlink()


def copy_at(source: Path, target: Path) -> None:
    """Copy a file with its times. Raises `FileExistsError` when the place is taken."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "taken", str(target))
    temporary = temporary_beside(target)
    try:
        copy_file(source, temporary_beside(target), temporary)
        put_at(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(target: Path) -> Path:
    """A name in the same folder that the gallery does not show."""
    return target.with_name(f"{OWN_PREFIX}{uuid.uuid4().hex[:16]}.tmp")


def copy_file(source: Path, temporary: Path, target: Path) -> None:
    """Copy a file by way of a temporary one. What is at the target is replaced."""
    try:
        shutil.copy2(source, temporary, follow_symlinks=False)
        if not temporary.is_symlink():
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
        temporary.rename(target)
        fsync_directory(target.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def put_folder_at(source: Path, target: Path) -> None:
    """Move a folder to another place on the same disk. Raises `FileExistsError` when that is taken."""
    if os.name == "nt":
        source.rename(target)
        return
    # A folder may be renamed to the place of an empty one, so that ours keeps the place free until then.
    target.mkdir()
    try:
        source.rename(target)
    except OSError:
        with suppress(OSError):
            target.rmdir()
        raise


def copy_folder_at(source: Path, target: Path) -> None:
    """Copy a folder with all in it, links as links, but for what is the studio's own. Raises `FileExistsError`."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "taken", str(target))
    temporary = temporary_beside(target)
    try:
        shutil.copytree(source, temporary, symlinks=True, ignore=shutil.ignore_patterns(f"{OWN_PREFIX}*"))
        put_folder_at(temporary, target)
    finally:
        if temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)


def free_names(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """The place itself, then others beside it with a number: ``fox (2).png``."""
    yield target
    stem, suffix = (target.name, "") if folder else (target.stem, target.suffix)
    for number in range(2, 1000):
        yield target.with_name(f"{stem} ({number}){suffix}")
