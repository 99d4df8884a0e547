"""`cozygen dedupe`: which files are copies of each other or look alike, and what could be freed."""

from __future__ import annotations

import asyncio
import filecmp
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cozygen.app import build_galleries
from cozygen.gallery.alike import Group
from cozygen.gallery.catalogue import Scope
from cozygen.gallery.library import Row
from cozygen.gallery.looker import Looker
from cozygen.gallery.service import Gallery
from cozygen.gallery.trash import Doomed
from cozygen.media.pool import MediaPool
from cozygen.settings import Settings
from cozygen.storage.database import Database
from cozygen.storage.paths import PathError

_WAIT_SECONDS = 0.1
_AT_ONCE = 500
_UNITS = ("bytes", "kB", "MB", "GB", "TB")

Tell = Callable[[str, int, int], None]
"""Hears how far it is: what is done, how much of it, of how much."""


class NotThere(Exception):
    """The folder of the library is not there. The message is fit for people."""


@dataclass(frozen=True)
class FoundFile:
    """A file of a group. `path` is relative to the library; `size` in bytes, `mtime_ns` since the epoch.

    `copy_of`: the place in the group of the file with the same content that comes first, None for that one itself.
    `distance`: bits that differ from the first file, None where nobody can tell.
    """

    path: str
    size: int
    mtime_ns: int
    copy_of: int | None
    distance: int | None


@dataclass(frozen=True)
class FoundGroup:
    """Files that look the same, the best one first. Bytes as in `cozygen.gallery.alike.Group`."""

    files: list[FoundFile]
    size: int
    wasted: int
    spare: int

    @property
    def exact(self) -> bool:
        """Whether all have the same content."""
        return all(file.copy_of == 0 for file in self.files[1:])


@dataclass
class Report:
    """What was found in a library. `unseen`: files that could not be looked at. `trashed` is None when not asked."""

    root: str
    distance: int
    files: int
    unseen: int
    groups: list[FoundGroup]
    trashed: list[str] | None = None
    errors: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all files in groups."""
        return sum(group.size for group in self.groups)

    @property
    def wasted(self) -> int:
        """Bytes that are freed when one file of each group is kept."""
        return sum(group.wasted for group in self.groups)

    @property
    def spare(self) -> int:
        """Bytes that are freed when one file of each content is kept."""
        return sum(group.spare for group in self.groups)

    @property
    def copies(self) -> list[tuple[FoundFile, FoundFile]]:
        """Each file that is a copy of a better one, with that one."""
        return [
            (file, group.files[file.copy_of])
            for group in self.groups
            for file in group.files
            if file.copy_of is not None
        ]

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "root": self.root,
            "distance": self.distance,
            "files": self.files,
            "unseen": self.unseen,
            "size": self.size,
            "wasted": self.wasted,
            "spare": self.spare,
            "groups": [
                {
                    "exact": group.exact,
                    "size": group.size,
                    "wasted": group.wasted,
                    "spare": group.spare,
                    "files": [
                        {
                            "path": file.path,
                            "size": file.size,
                            "mtime": file.mtime_ns / 1e9,
                            "copy_of": file.copy_of,
                            "distance": file.distance,
                        }
                        for file in group.files
                    ],
                }
                for group in self.groups
            ],
            "trashed": self.trashed,
            "errors": self.errors,
        }

    def as_text(self, most: int) -> Iterator[str]:
        """Lines for people, about `most` groups."""
        for number, group in enumerate(self.groups[:most], 1):
            kind = "the same" if group.exact else "alike"
            yield f"{number}. {len(group.files)} files, {kind}: {amount(group.size)}, {amount(group.wasted)} to spare"
            for file in group.files:
                yield f"   {_sign(file):8} {amount(file.size):>9}  {file.path}"
        if len(self.groups) > most:
            yield f"... and {len(self.groups) - most} groups more (--limit, or --json for all)"
        if not self.groups:
            yield f"No duplicates among {self.files} files."
        else:
            count = sum(len(group.files) for group in self.groups)
            yield f"{len(self.groups)} groups with {count} of {self.files} files: {amount(self.size)}."
            yield f"{amount(self.spare)} are freed without the {len(self.copies)} copies (--trash),"
            yield f"{amount(self.wasted)} when only one file of each group is kept."
        if self.unseen:
            yield f"{self.unseen} files could not be looked at."


def _sign(file: FoundFile) -> str:
    if file.copy_of is not None:
        return "copy"
    return "best" if not file.distance else f"{file.distance} bits"


def amount(size: float) -> str:
    """Bytes for people."""
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {_UNITS[-1]}"


@asynccontextmanager
async def opened(settings: Settings, name: str, tell: Tell) -> AsyncIterator[tuple[Gallery, Looker]]:
    """A library of which everything has been indexed and looked at. Raises `NotThere`, and as `Looker.work` does."""
    database = Database(settings.data_dir / "cozygen.db")
    await asyncio.to_thread(database.open)
    media = MediaPool()
    try:
        galleries = build_galleries(settings, database, names=[name])
        gallery, looker = galleries.get(name), Looker(galleries, media)
        try:
            await galleries.start()
            if not (await gallery.reach()).available:
                raise NotThere(f"{gallery.root.folder} is not there")
            await _until_seen(gallery, looker, tell)
            yield gallery, looker
        finally:
            await galleries.close()
    finally:
        await media.close()
        await asyncio.to_thread(database.close)


async def _until_seen(gallery: Gallery, looker: Looker, tell: Tell) -> None:
    while True:
        progress = await gallery.progress()
        tell("indexed", progress.files - progress.unread, progress.files)
        if progress.complete and not progress.unread:
            break
        await asyncio.sleep(_WAIT_SECONDS)
    while await looker.work(gallery, patient=False):
        progress = await gallery.progress()
        tell("looked at", progress.files - progress.unseen, progress.files)


async def survey(gallery: Gallery, looker: Looker, distance: int) -> Report:
    """Find the groups of a library."""
    grouping = await looker.groups(gallery, Scope("", recursive=True), distance)
    groups: list[FoundGroup] = []
    for start in range(0, len(grouping), _AT_ONCE):
        part = await looker.describe(gallery, grouping, range(start, min(start + _AT_ONCE, len(grouping))))
        rows = await looker.rows(gallery, [id for group in part for id in group.files])
        groups += [found for group in part if len((found := _found(group, rows)).files) > 1]
    progress = await gallery.progress()
    return Report(gallery.name, distance, progress.files, progress.unseen, groups)


def _found(group: Group, rows: dict[int, Row]) -> FoundGroup:
    """The group without those files that have gone meanwhile."""
    files: list[FoundFile] = []
    first: dict[int, int] = {}
    for id, copy, distance in zip(group.files, group.copies, group.distances, strict=True):
        row = rows.get(id)
        if row is None:
            continue
        copy_of = first.setdefault(copy, len(files))
        known = None if copy_of == len(files) else copy_of
        files.append(FoundFile(row.path, row.size, row.mtime_ns, known, distance))
    sizes = [file.size for file in files]
    spare = sum(file.size for file in files if file.copy_of is not None)
    return FoundGroup(files, sum(sizes), sum(sizes) - max(sizes, default=0), spare)


async def trash_copies(gallery: Gallery, report: Report) -> None:
    """Move each copy to the trash whose every byte is that of the better one, and say so in the report."""
    report.trashed = []
    copies = report.copies
    for start in range(0, len(copies), _AT_ONCE):
        doomed = await asyncio.to_thread(_doomed, gallery, copies[start : start + _AT_ONCE], report.errors)
        if not doomed:
            continue
        try:
            outcome = await asyncio.to_thread(gallery.trash.put, doomed)
        except OSError as error:
            report.errors.append(f"the trash cannot be written to: {error.strerror or error}")
            return
        finally:
            await gallery.take_in({one.subfolder for one in doomed})
        report.errors += outcome.errors
        report.trashed += [_joined(one.subfolder, one.filename) for one in outcome.done]


def _joined(subfolder: str, filename: str) -> str:
    return f"{subfolder}/{filename}" if subfolder else filename


def _doomed(gallery: Gallery, copies: list[tuple[FoundFile, FoundFile]], errors: list[str]) -> list[Doomed]:
    """Those of the copies that really are."""
    found = []
    for copy, better in copies:
        subfolder, _, filename = copy.path.rpartition("/")
        try:
            path = gallery.root.resolve_file(subfolder, filename)
            folder, _, name = better.path.rpartition("/")
            if _are_copies(gallery.root.resolve_file(folder, name), path):
                found.append(Doomed(path, subfolder, filename))
        except (OSError, PathError) as error:
            errors.append(f"{copy.path}: {error}")
    return found


def _are_copies(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes, but not the same place on the disk."""
    return not one.samefile(other) and filecmp.cmp(one, other, shallow=False)
