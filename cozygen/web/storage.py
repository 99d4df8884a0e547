"""Where the studio keeps things, and how much room they take and have."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.services import Services, in_thread

section = Section("Storage", "Folders and caches of the studio.")


FolderName = Literal["output", "input", "workflows", "data", "library"]


class FolderView(Model):
    """A folder that the studio works with. `free` and `total` are those of its disk, in bytes, where there is one."""

    name: FolderName
    library: str | None = None
    path: str
    exists: bool
    writable: bool
    free: int | None = None
    total: int | None = None


class CacheView(Model):
    """What can be made again, in bytes. `limit` is kept to."""

    name: Literal["thumbnails", "index"]
    bytes: int
    files: int
    limit: int | None = None


class StorageView(Model):
    """Folders and caches."""

    folders: list[FolderView]
    caches: list[CacheView]


@section.route("GET", "/cozygen/api/storage", response=StorageView)
async def storage(call: Call[NoQuery, NoBody]) -> StorageView:
    """Where things are kept, and how much room there is."""
    return await in_thread(lambda: _look(call.services))


def _look(services: Services) -> StorageView:
    settings, thumbs = services.settings, services.thumbs.usage()
    indexes = [_size(file) for file in _index_files(settings.data_dir)]
    return StorageView(
        folders=[
            _folder("output", settings.outputs),
            _folder("input", settings.inputs),
            _folder("workflows", settings.workflows),
            _folder("data", settings.data_dir),
            *(_folder("library", path, library) for library, path in sorted(settings.library_dirs.items())),
        ],
        caches=[
            CacheView(name="thumbnails", bytes=thumbs.bytes, files=thumbs.files, limit=thumbs.limit),
            CacheView(name="index", bytes=sum(indexes), files=len(indexes)),
        ],
    )


def _folder(name: FolderName, path: Path, library: str | None = None) -> FolderView:
    writable = os.access(path, os.W_OK)
    view = FolderView(name=name, library=library, path=str(path), exists=path.is_dir(), writable=writable)
    with suppress(OSError):
        usage = shutil.disk_usage(path)
        view.free, view.total = usage.free, usage.total
    return view


def _index_files(data: Path) -> Iterator[Path]:
    """The databases of the galleries, which are built again when they are missing."""
    # With what SQLite lays beside them.
    yield from (file for file in data.glob("index*.db*") if file.is_file())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
