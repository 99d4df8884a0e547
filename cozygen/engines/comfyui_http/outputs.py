"""Results come from a ComfyUI server into our output folder.

The server may have the same folder as we, or be another machine: each file is asked for.
"""

from __future__ import annotations

import asyncio
import filecmp
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlencode

from cozygen.engines.base import EngineError
from cozygen.engines.comfyui_http.client import BadStatus, ComfyClient
from cozygen.engines.comfyui_http.files import Remembered, ViewedFile, identity, open_view, slashes
from cozygen.engines.comfyui_http.tasks import Tasks
from cozygen.storage.paths import PathError, Root, fsync_directory

log = logging.getLogger(__name__)

FILE_LIMIT = 16 * 2**30
"""Largest result in bytes that is fetched."""

_ATTEMPTS = 10
_RETRY_SECONDS = 15.0


@dataclass(frozen=True)
class _Key:
    """A file in the server's output folder, as the server names it."""

    subfolder: str
    filename: str


@dataclass
class _Pending:
    """A file that is named already, but not here yet. `after`: when to try again (monotonic seconds)."""

    name: str
    attempts: int = 0
    after: float = 0.0


class _Lost(EngineError):
    """The server does not have a file that it named, or will not give it."""


class OutputFetcher:
    """Brings results into our output folder, so that the gallery has them and nothing is lost with the server.

    A file never replaces another one: where another file has the name already, the new one gets a free name.
    `wait`: how long a result is held back for its files, in seconds. `limit`: the largest file in bytes.
    """

    def __init__(self, client: ComfyClient, root: Root, tasks: Tasks, *, wait: float, limit: int = FILE_LIMIT) -> None:
        self._client = client
        self._root = root
        self._tasks = tasks
        self._wait = wait
        self._limit = limit
        self._slots = asyncio.Semaphore(3)
        self._running: dict[_Key, asyncio.Task[str]] = {}
        self._names_lock = threading.Lock()
        self._pending: dict[_Key, _Pending] = {}
        self._remote_names: Remembered[str] = Remembered()
        self._fetched: Remembered[tuple[str, str]] = Remembered()

    @property
    def unfinished(self) -> bool:
        """Whether files are still to be fetched."""
        return bool(self._pending)

    def remote_name(self, subfolder: str, filename: str) -> str:
        """What the server calls the file that we call `filename`."""
        return self._remote_names.get((slashes(subfolder), filename)) or filename

    async def localise(self, shown: Any) -> Any:
        """`shown` (what a node showed) with the names that its files have here, once they are here.

        A file that takes longer than `wait`, or that cannot be fetched now, gets the name that it is going to have,
        and is fetched in the background.
        """
        keys = dict.fromkeys(_Key(file.get("subfolder") or "", file["filename"]) for file in _output_files(shown))
        names = await asyncio.gather(*(self._name(key) for key in keys))
        changed = {key: name for key, name in zip(keys, names, strict=True) if name != key.filename}
        return _renamed(shown, changed) if changed else shown

    async def _name(self, key: _Key) -> str:
        task = self._start(key)
        try:
            # shield: the download goes on when the wait is over
            return await asyncio.wait_for(asyncio.shield(task), self._wait)
        except TimeoutError:
            log.warning("fetching %s takes long; it goes on in the background", key.filename)
        except (_Lost, PathError) as error:
            log.error("%s cannot be kept here: %s", key.filename, error)
            return key.filename
        except (EngineError, OSError) as error:
            log.warning("%s could not be fetched now: %s", key.filename, error)
        return await asyncio.to_thread(self._promise, key, task)

    def _start(self, key: _Key) -> asyncio.Task[str]:
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = self._tasks.start(self._fetch(key))
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    def retry(self) -> None:
        """Begin again to fetch what could not be fetched before."""
        now = time.monotonic()
        for key, pending in list(self._pending.items()):
            if key in self._running or pending.after > now:
                continue
            pending.attempts += 1
            pending.after = now + _RETRY_SECONDS * pending.attempts
            if pending.attempts > _ATTEMPTS:
                log.error("gave up fetching %s; it stays on the server", key.filename)
                del self._pending[key]
            else:
                self._start(key)

    async def _fetch(self, key: _Key) -> str:
        folder = slashes(key.subfolder)
        target = await asyncio.to_thread(self._root.resolve_file, folder, key.filename)
        async with self._slots:
            try:
                name = await self._download(key, target)
            except _Lost:
                self._pending.pop(key, None)
                raise
        self._pending.pop(key, None)
        if name != key.filename:
            self._remote_names[(folder, name)] = key.filename
        return name

    async def _download(self, key: _Key, target: Path) -> str:
        try:
            file = await open_view(self._client, key.filename, key.subfolder, "output")
        except BadStatus as error:
            raise _Lost(str(error)) from error
        if file is None:
            raise _Lost("the server does not have it")
        async with file:
            here = await asyncio.to_thread(self._here, key, target, file.etag)
            if here is not None:
                return here
            await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
            temporary = target.with_name(f".cozygen-{os.urandom(8).hex()}.tmp")
            try:
                await self._save(file, temporary)
                name = await asyncio.to_thread(self._place, temporary, target, key)
            finally:
                await asyncio.to_thread(temporary.unlink, missing_ok=True)
        if file.etag is not None:
            self._fetched[key] = (file.etag, name)
        return name

    def _here(self, key: _Key, target: Path, etag: str | None) -> str | None:
        """The name of the file if it need not be fetched: the server's folder is ours, or it has come before."""
        if key in self._pending or etag is None:
            return None
        if identity(target) == etag:
            return key.filename
        mark, name = self._fetched.get(key) or ("", "")
        return name if mark == etag and target.with_name(name).is_file() else None

    async def _save(self, file: ViewedFile, temporary: Path) -> None:
        if (file.length or 0) > self._limit:
            raise _Lost(f"it is larger than {self._limit} bytes")
        stream: BinaryIO = await asyncio.to_thread(temporary.open, "xb")
        try:
            size = 0
            async for chunk in file.chunks():
                size += len(chunk)
                if size > self._limit:
                    raise _Lost(f"it is larger than {self._limit} bytes")
                await asyncio.to_thread(stream.write, chunk)
            await asyncio.to_thread(_sync, stream)
        finally:
            await asyncio.to_thread(stream.close)

    def _place(self, temporary: Path, target: Path, key: _Key) -> str:
        """Give the finished file its name: the first that is free, or that has the same content already. Blocking."""
        with self._names_lock:
            pending = self._pending.get(key)
            taken = self._promised(key)
            for name in ([pending.name] if pending else []) + [n for n in _candidates(key.filename) if n not in taken]:
                candidate = target.with_name(name)
                if _link(temporary, candidate) or _equal(temporary, candidate):
                    fsync_directory(candidate.parent)
                    return name
        raise OSError(f"no free name for {key.filename}")

    def _promise(self, key: _Key, task: asyncio.Task[str]) -> str:
        """The name that a file gets which is not here yet. Blocking."""
        folder = slashes(key.subfolder)
        target = self._root.resolve_file(folder, key.filename)
        with self._names_lock:
            if key in self._pending:
                return self._pending[key].name
            if task.done() and not task.cancelled() and task.exception() is None:
                return task.result()  # it has come in this moment
            taken = self._promised(key)
            free = (n for n in _candidates(key.filename) if n not in taken and not os.path.lexists(target.with_name(n)))
            name = next(free)
            self._pending[key] = _Pending(name)
        self._remote_names[(folder, name)] = key.filename
        return name

    def _promised(self, key: _Key) -> set[str]:
        """Names in the folder of `key` that are kept for other files."""
        folder = slashes(key.subfolder)
        return {p.name for other, p in self._pending.items() if other != key and slashes(other.subfolder) == folder}


def _candidates(filename: str) -> Iterator[str]:
    stem, extension = os.path.splitext(filename)  # noqa: PTH122 -- a name, no path of this machine
    yield filename
    for count in range(1, 10_000):
        yield f"{stem} ({count}){extension}"


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _link(source: Path, target: Path) -> bool:
    """Give `source` the name `target`, unless something has it."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            return False
        source.rename(target)
    return True


def _equal(one: Path, other: Path) -> bool:
    try:
        return other.is_file() and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _is_output(entry: Any) -> bool:
    """Whether an entry of what a node shows names a file in the output folder."""
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("filename"), str)
        and entry["filename"] != ""
        and isinstance(entry.get("subfolder") or "", str)
        and entry.get("type", "output") == "output"
    )


def _output_files(shown: Any) -> Iterator[dict[str, Any]]:
    """The entries in a node's output, or in one of our nodes' messages, that name a file in the output folder."""
    if not isinstance(shown, Mapping):
        return
    for value in (shown, *shown.values()):
        yield from (entry for entry in (value if isinstance(value, list) else (value,)) if _is_output(entry))


def _renamed(shown: Mapping[str, Any], names: Mapping[_Key, str]) -> dict[str, Any]:
    def rename(entry: Any) -> Any:
        name = names.get(_Key(entry.get("subfolder") or "", entry["filename"])) if _is_output(entry) else None
        return entry if name is None else {key: _with_name(value, key, name) for key, value in entry.items()}

    top: dict[str, Any] = rename(dict(shown))
    return {
        key: [rename(entry) for entry in value] if isinstance(value, list) else rename(value)
        for key, value in top.items()
    }


def _with_name(value: Any, key: str, name: str) -> Any:
    """A field of an entry: its file name, and the name in ``/view?…`` addresses, become `name`."""
    if key == "filename":
        return name
    if isinstance(value, str) and value.startswith(("/view?", "/api/view?")):
        path, _, query = value.partition("?")
        return path + "?" + urlencode([(k, name if k == "filename" else v) for k, v in parse_qsl(query, True)])
    return value
