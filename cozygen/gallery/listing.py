"""Reading folders of pictures from disk. Everything here blocks."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A folder or a file. `mtime` is in seconds since the epoch, `size` in bytes (0 for a folder)."""

    name: str
    is_dir: bool
    size: int
    mtime: float


def inputs(folder: Path, extensions: Collection[str]) -> list[Entry] | None:
    """The folders and the files with one of `extensions` (no dot, lower case), folders first, by name without case.

    None when there is no such folder. Hidden names are left out.
    """
    entries = []
    try:
        with os.scandir(folder) as found:
            for item in found:
                entry = _entry(item)
                if entry is None or entry.name.startswith("."):
                    continue
                if entry.is_dir or entry.name.rpartition(".")[2].lower() in extensions:
                    entries.append(entry)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return sorted(entries, key=lambda entry: (not entry.is_dir, entry.name.lower(), entry.name))


def _entry(item: os.DirEntry[str]) -> Entry | None:
    """An entry that JSON can carry; None for what vanished, or has a name that is not text."""
    try:
        item.name.encode()
        is_dir = item.is_dir(follow_symlinks=False)
        stat = item.stat(follow_symlinks=False)
    except (OSError, UnicodeEncodeError):
        return None
    if not is_dir and not item.is_file(follow_symlinks=False):
        return None
    return Entry(item.name, is_dir, 0 if is_dir else stat.st_size, stat.st_mtime)
