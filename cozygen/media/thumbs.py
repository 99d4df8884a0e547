"""Thumbnails, made once and kept.

On disk they are kept by the content of the file that they show (`files.fingerprint`), so a file that is renamed or
moved keeps its thumbnails. In memory they are kept by the path, and used after a look at the file's status only: a
file that changes never shows an old thumbnail.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from cozygen.media.cache import DiskCache, MemoryCache, Usage
from cozygen.media.files import Version, fingerprint
from cozygen.media.hop import ThreadHop
from cozygen.media.kinds import media_kind
from cozygen.media.pool import Analysis, Clip, DecoderFailed, Encoding, Looks, MediaPool, Picture, Subject
from cozygen.media.sniff import NoPicture, Undecodable

_OVERHEAD = 1024  # bytes that an entry in memory takes beside its picture
_PLACEHOLDER_BYTES = 4 * 1024**2
_UNSETTLED_SECONDS = 10.0  # so long after its last change a file may still be on its way
_EDITION = 1  # raise it whenever what is made here comes to look different


@dataclass(frozen=True)
class Thumbnail:
    """An encoded picture, or a clip.

    `settled` is false when a placeholder stands for a file that may be readable soon: one that is perhaps still being
    written, or that a worker died of.
    """

    data: bytes
    content_type: str
    etag: str
    settled: bool = True


class _Identity(NamedTuple):
    """A state of a file, as precisely as its status tells."""

    version: Version
    inode: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> _Identity:
        return cls(Version.of(status), status.st_ino, status.st_ctime_ns)


_Place = tuple[str, int, Encoding]
_Key = tuple[_Place, _Identity, bool]
_Memory = MemoryCache[_Place, tuple[_Identity, Thumbnail]]


class ThumbnailStore:
    """Thumbnails of any size, kept in `folder` (`max_bytes` at most) and in memory (`memory_bytes` at most)."""

    def __init__(
        self, folder: Path, media: MediaPool, *, max_bytes: int = 2 * 1024**3, memory_bytes: int = 64 * 1024**2
    ) -> None:
        self._media = media
        self._disk = DiskCache(folder, max_bytes)
        self._memory_bytes = memory_bytes
        self._memory: _Memory = MemoryCache(memory_bytes)
        self._placeholders: MemoryCache[tuple[Subject, str, int, Encoding], bytes] = MemoryCache(_PLACEHOLDER_BYTES)
        self._making: dict[_Key, _Making] = {}
        self.off_loop = ThreadHop()
        """For looking at files on the way here."""
        self.on_looks: Callable[[Path, Version, Looks], None] | None = None
        """Called on the event loop with what a file looks like, whenever it is decoded for a thumbnail."""

    @staticmethod
    def etag(status: os.stat_result, *what: object) -> str:
        """The entity tag of what is made of a file with this status; a placeholder may have another one.

        `what` are the width and the encoding of a thumbnail, or what a clip, a strip or a waveform is called and the
        arguments of the method that makes it.
        """
        return _tag(Version.of(status), *what)

    async def get(
        self,
        path: Path,
        width: int,
        kind: Encoding = "jpeg",
        *,
        status: os.stat_result | None = None,
        background: bool = False,
    ) -> Thumbnail:
        """The thumbnail of the file at `path` to fit `width` x `width` pixels; a placeholder for what has no picture.

        `status` is that of the file, where it is known already. In the `background` it is made after what others wait
        for. Raises `FileNotFoundError`, `IsADirectoryError` and
        other `OSError`, and `MediaUnavailable`.
        """
        if status is None:
            status = await self.off_loop(path.stat)
        if not stat.S_ISREG(status.st_mode):
            code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.ENOENT
            raise OSError(code, os.strerror(code), str(path))
        known = self.known(path, width, kind, status)
        return known or await self._shared(path, (str(path), width, kind), _Identity.of(status), background)

    def known(self, path: Path, width: int, kind: Encoding, status: os.stat_result) -> Thumbnail | None:
        """As `get`, from memory alone."""
        entry = self._memory.get((str(path), width, kind))
        return entry[1] if entry is not None and entry[0] == _Identity.of(status) else None

    async def analyse(self, path: Path, width: int, kind: Encoding = "jpeg") -> Analysis:
        """What the file is and looks like, made in the background; its thumbnail is kept on the way.

        Raises as `MediaPool.analyse` does.
        """
        name, version = await asyncio.to_thread(fingerprint, path)
        analysis = await self._media.analyse(path, width, kind)
        picture = analysis.thumbnail
        if picture is not None and picture.version == version:
            await asyncio.to_thread(self._disk.write, _disk_name(name, _recipe(width, kind)), picture.data)
        return analysis

    async def clip(self, path: Path, box: int = 320) -> Thumbnail:
        """A silent clip of a few seconds that fits `box` x `box` pixels.

        This and the following methods raise as those of `MediaPool` do.
        """
        return await self._extra(path, f"clip {box}", lambda: self._media.clip(path, box))

    async def strip(self, path: Path, box: int = 160, count: int = 12, kind: Encoding = "jpeg") -> Thumbnail:
        """`count` frames of a film side by side, from beginning to end, each to fit `box` x `box` pixels."""
        recipe = f"strip {box} {count} {kind}"
        return await self._extra(path, recipe, lambda: self._media.strip(path, box, count, kind))

    async def waveform(self, path: Path, width: int = 640, height: int = 160, kind: Encoding = "jpeg") -> Thumbnail:
        """A picture of a sound."""
        recipe = f"waveform {width} {height} {kind}"
        return await self._extra(path, recipe, lambda: self._media.waveform(path, width, height, kind))

    async def _extra(self, path: Path, recipe: str, make: Callable[[], Awaitable[Picture | Clip]]) -> Thumbnail:
        data, version = await self._kept(path, recipe, make)
        return Thumbnail(data, _content_type(data), _tag(version, *recipe.split()))

    def usage(self) -> Usage:
        """How much is kept on disk. Blocking."""
        return self._disk.usage()

    def clear(self) -> int:
        """Forget every thumbnail: how many were on disk. Blocking, for any thread."""
        self._memory = MemoryCache(self._memory_bytes)
        return self._disk.clear()

    async def _shared(self, path: Path, place: _Place, identity: _Identity, background: bool) -> Thumbnail:
        """Make it, once for all who want it at the same time, and not at all when they all go away."""
        # Who waits does not join what is made in the background: asked again, the pool has it made sooner.
        key = place, identity, background and (place, identity, False) not in self._making
        making = self._making.get(key)
        if making is None:
            task = asyncio.create_task(self._make(path, place, identity, background))
            making = self._making[key] = _Making(task)
            making.task.add_done_callback(lambda task: self._made(key, task))
        making.waiters += 1
        try:
            return await asyncio.shield(making.task)
        finally:
            making.waiters -= 1
            if making.waiters == 0 and not making.task.done():
                self._forget(key, making.task)
                making.task.cancel()

    def _made(self, key: _Key, task: asyncio.Task[Thumbnail]) -> None:
        self._forget(key, task)
        if not task.cancelled():
            task.exception()  # there may be nobody left to look at it

    def _forget(self, key: _Key, task: asyncio.Task[Thumbnail]) -> None:
        making = self._making.get(key)
        if making is not None and making.task is task:
            del self._making[key]

    async def _make(self, path: Path, place: _Place, identity: _Identity, background: bool) -> Thumbnail:
        _, width, kind = place
        memory = self._memory  # `clear` exchanges it
        try:
            data, version = await self._kept(
                path, _recipe(width, kind), lambda: self._picture(path, width, kind, background)
            )
            made = Thumbnail(data, _content_type(data), _tag(version, width, kind))
        except NoPicture:
            version = identity.version
            made = await self._placeholder("audio", path, version, width, kind)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise
        except DecoderFailed:
            return await self._stand_in(path, identity.version, width, kind, settled=False)
        except (Undecodable, OSError):
            version = identity.version
            settled = time.time() - version.mtime_ns / 1e9 > _UNSETTLED_SECONDS
            made = await self._stand_in(path, version, width, kind, settled=settled)
        if version == identity.version:
            memory.put(place, (identity, made), len(made.data) + _OVERHEAD)
        return made

    async def _picture(self, path: Path, width: int, kind: Encoding, background: bool) -> Picture:
        if self.on_looks is None:
            return await self._media.picture(path, width, kind, background=background)
        made = await self._media.picture(path, width, kind, looks=True, background=background)
        if made.looks is not None:
            self.on_looks(path, made.version, made.looks)
        return made

    async def _kept(
        self, path: Path, recipe: str, make: Callable[[], Awaitable[Picture | Clip]]
    ) -> tuple[bytes, Version]:
        """From the disk, else made and kept there."""
        name, version, data = await asyncio.to_thread(self._look_up, path, recipe)
        if data is not None:
            return data, version
        made = await make()
        if made.version == version:
            await asyncio.to_thread(self._disk.write, name, made.data)
        return made.data, made.version

    def _look_up(self, path: Path, recipe: str) -> tuple[str, Version, bytes | None]:
        content, version = fingerprint(path)
        name = _disk_name(content, recipe)
        return name, version, self._disk.read(name)

    async def _stand_in(self, path: Path, version: Version, width: int, kind: Encoding, *, settled: bool) -> Thumbnail:
        """A placeholder for what should have been a picture; its tag is not that of the picture."""
        made = await self._placeholder(media_kind(path.name) or "file", path, version, width, kind)
        return replace(made, etag=_tag(version, width, kind, "x"), settled=settled)

    async def _placeholder(
        self, subject: Subject, path: Path, version: Version, width: int, kind: Encoding
    ) -> Thumbnail:
        label = path.suffix[1:7].lower()
        key = subject, label, width, kind
        data = self._placeholders.get(key)
        if data is None:
            data = await self._media.placeholder(subject, label, width, kind)
            self._placeholders.put(key, data, len(data) + _OVERHEAD)
        return Thumbnail(data, _content_type(data), _tag(version, width, kind))


@dataclass
class _Making:
    task: asyncio.Task[Thumbnail]
    waiters: int = 0


def _recipe(width: int, kind: Encoding) -> str:
    return f"{width} {kind}"


def _disk_name(content: str, recipe: str) -> str:
    return hashlib.blake2b(f"{_EDITION} {content} {recipe}".encode(), digest_size=16).hexdigest()


def _tag(version: Version, *rest: object) -> str:
    return f'W/"{"-".join((f"{version.mtime_ns:x}", f"{version.size:x}", *map(str, rest)))}"'


def _content_type(data: bytes) -> str:
    """By the first bytes: the encoder may have had to do with another format than was asked for."""
    if data[4:8] == b"ftyp":
        return "image/avif" if data[8:12] in (b"avif", b"avis") else "video/mp4"
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm"
    return "image/webp" if data.startswith(b"RIFF") else "image/jpeg"
