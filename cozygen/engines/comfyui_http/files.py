"""Files between a ComfyUI server and our folders: results come here, inputs go there.

The server may have the same folders as we, or be another machine: each file is asked for. ComfyUI's ``/view`` sends
files with aiohttp, whose ETag is the file's time of change in nanoseconds and its size, so that a file which we see
on our own disk is recognised without its content.
"""

from __future__ import annotations

import asyncio
import filecmp
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

import aiohttp

from cozygen.engines.base import EngineError, Graph, OutputType
from cozygen.engines.comfyui_http.client import BadStatus, ComfyClient
from cozygen.engines.comfyui_http.tasks import Tasks
from cozygen.storage.paths import PathError, Root, fsync_directory

log = logging.getLogger(__name__)

FILE_LIMIT = 16 * 2**30
"""Largest result in bytes that is fetched."""

_CHUNK = 2**20
_IDLE_SECONDS = 30.0
_REMEMBERED = 20_000
_ATTEMPTS = 10
_RETRY_SECONDS = 15.0
_GONE = (400, 403, 404)
_NO_HEAD = (405, 501)
_KEPT_INPUTS = "cozygen"
_FILE_INPUTS = {
    "LoadImage": "image",
    "LoadImageMask": "image",
    "LoadImageOutput": "image",
    "LoadAudio": "audio",
    "LoadVideo": "file",
    "VHS_LoadVideo": "video",
    "CozyGenImageInput": "image_filename",
}
"""The inputs of nodes that name a file."""

T = TypeVar("T")


class Remembered(Generic[T]):
    """A map that forgets its oldest entries."""

    def __init__(self, limit: int = _REMEMBERED) -> None:
        self._limit = limit
        self._entries: OrderedDict[Any, T] = OrderedDict()

    def __setitem__(self, key: Any, value: T) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def get(self, key: Any) -> T | None:
        """The value, None when there is none or it is forgotten."""
        return self._entries.get(key)


class ViewedFile:
    """A file that ``/view`` streams; the connection is open until the context ends."""

    def __init__(self, response: aiohttp.ClientResponse, open_until: AsyncExitStack) -> None:
        self._response = response
        self._open_until = open_until

    @property
    def content_type(self) -> str:
        """The media type that the server gives it."""
        return self._response.content_type

    @property
    def length(self) -> int | None:
        """Size in bytes, None when the server does not tell."""
        return _length(self._response)

    @property
    def etag(self) -> str | None:
        """The server's mark of this version of the file."""
        return self._response.headers.get("ETag")

    def is_at(self, mark: str | None) -> bool:
        """Whether it is the very file of which `mark` is the `identity`: the server sees the same disk."""
        return mark is not None and mark == self.etag

    async def __aenter__(self) -> ViewedFile:
        return self

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        # What was not read to its end cannot be used for another request.
        if not self._response.content.at_eof():
            self._response.close()
        await self._open_until.__aexit__(kind, error, trace)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content. Raises `EngineError` when it breaks off."""
        async for chunk in self._response.content.iter_chunked(_CHUNK):
            yield chunk


def _length(response: aiohttp.ClientResponse) -> int | None:
    # A compressed answer tells the length of something else.
    return None if "Content-Encoding" in response.headers else response.content_length


async def open_view(
    client: ComfyClient, filename: str, subfolder: str, kind: str, *, method: str = "GET"
) -> ViewedFile | None:
    """One of the server's files, None when it has no such file. Raises `EngineError`."""
    stack = AsyncExitStack()
    address = client.url("view", filename=filename, subfolder=subfolder, type=kind)
    response = await stack.enter_async_context(client.request(method, address, seconds=None, idle=_IDLE_SECONDS))
    file = ViewedFile(response, stack)
    try:
        if response.status == 200:
            if response.content_type == "text/html":
                raise EngineError(f"{client.shown} answered with a web page instead of {filename}.")
            return file
        if response.status not in _GONE:
            client.check(response.status, "/view")
    except BaseException:
        response.close()
        await stack.aclose()
        raise
    await file.__aexit__(None, None, None)
    return None


def identity(path: Path) -> str | None:
    """The ETag with which ComfyUI would send this very file; None when there is no file. Blocking."""
    try:
        status = path.stat()
    except OSError:
        return None
    return f'"{status.st_mtime_ns:x}-{status.st_size:x}"' if path.is_file() else None


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
        return self._remote_names.get((_slashes(subfolder), filename)) or filename

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
        folder = _slashes(key.subfolder)
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
        folder = _slashes(key.subfolder)
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
        folder = _slashes(key.subfolder)
        return {p.name for other, p in self._pending.items() if other != key and _slashes(other.subfolder) == folder}


def _slashes(subfolder: str) -> str:
    return subfolder.replace("\\", "/").strip("/")


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


@dataclass(frozen=True)
class Reference:
    """A file that a prompt names: ``<folder>/<file>``, ``<folder>/<file> [output]`` or ``output::<folder>::<file>``."""

    kind: OutputType
    subfolder: str
    filename: str
    colons: bool = False

    def renamed(self, filename: str) -> str:
        """How a prompt names the file `filename` in the same folder."""
        if self.colons:
            return f"output::{self.subfolder}::{filename}"
        return _join(self.subfolder, filename) + ("" if self.kind == "input" else f" [{self.kind}]")


def parse_reference(value: str) -> Reference:
    """The file that an input's value names."""
    if value.startswith("output::") and value.count("::") >= 2:
        _, subfolder, filename = value.split("::", 2)
        return Reference("output", _slashes(subfolder), filename, colons=True)
    kind: OutputType = "input"
    annotated: tuple[OutputType, ...] = ("input", "output", "temp")
    for name in annotated:
        if value.endswith(f"[{name}]"):
            kind, value = name, value[: -len(name) - 2].rstrip()
            break
    subfolder, _, filename = value.replace("\\", "/").rpartition("/")
    return Reference(kind, subfolder.strip("/"), filename)


class InputSender:
    """Sees to it that the server has the files of ours which prompts name."""

    def __init__(self, client: ComfyClient, roots: Mapping[OutputType, Root], outputs: OutputFetcher) -> None:
        self._client = client
        self._roots = roots
        self._outputs = outputs
        self._same: Remembered[tuple[str, str]] = Remembered()
        self._sent: Remembered[bool] = Remembered()

    async def prepare(self, graph: Graph) -> Graph:
        """`graph` with every file that it takes from our folders made available to the server.

        Where the server has another file of that name which is not from us, ours goes under another name, and the
        graph that is returned says so. Raises `EngineError`.
        """
        changed: Graph = {}
        for node_id, node in graph.items():
            name = _FILE_INPUTS.get(str(node.get("class_type"))) if isinstance(node, dict) else None
            inputs = node.get("inputs") if name else None
            value = inputs.get(name) if isinstance(inputs, dict) else None
            if not isinstance(value, str) or not value:
                continue
            there = await self._provide(parse_reference(value))
            if there is not None:
                changed[node_id] = {**node, "inputs": {**node["inputs"], name: there}}
        return {**graph, **changed} if changed else graph

    async def _provide(self, reference: Reference) -> str | None:
        """Make one file available: the name to use for it, None when that is the one given."""
        path = await asyncio.to_thread(self._local, reference)
        if path is None:
            return None  # not ours: the server knows it, or says that it does not
        try:
            return await self._provide_file(reference, path)
        except OSError as error:
            log.warning("%s cannot be read: %s", path, error)
            return None  # the server will say that it misses it

    async def _provide_file(self, reference: Reference, path: Path) -> str | None:
        kind, subfolder, filename = reference.kind, reference.subfolder, reference.filename
        if kind == "output":
            filename = self._outputs.remote_name(subfolder, filename)
        if await self._is_there(kind, subfolder, filename, path):
            return None if filename == reference.filename else reference.renamed(filename)
        if kind != "input":
            stored = await self._post(path, reference.filename, _KEPT_INPUTS, "input", overwrite=False)
            return _join(_KEPT_INPUTS, stored)
        ours = self._sent.get((kind, subfolder, filename)) is not None
        stored = await self._post(path, filename, subfolder, kind, overwrite=ours)
        return None if stored == filename else reference.renamed(stored)

    def _local(self, reference: Reference) -> Path | None:
        try:
            path = self._roots[reference.kind].resolve_file(reference.subfolder, reference.filename)
        except PathError:
            return None
        return path if path.is_file() else None

    async def _is_there(self, kind: OutputType, subfolder: str, filename: str, path: Path) -> bool:
        """Whether the server has this very content under this name."""
        mark = await asyncio.to_thread(identity, path)
        place = (kind, subfolder, filename)
        if mark is None:
            return False
        try:
            file = await open_view(self._client, filename, subfolder, kind, method="HEAD")
        except BadStatus as error:
            if error.status not in _NO_HEAD:
                raise
            return await self._compare(place, mark, path)
        if file is None:
            return False
        async with file:
            if file.is_at(mark) or (file.etag is not None and self._same.get(place) == (mark, file.etag)):
                return True
            size = (await asyncio.to_thread(path.stat)).st_size
            if file.length not in (size, None):
                return False
        return await self._compare(place, mark, path)

    async def _compare(self, place: tuple[OutputType, str, str], mark: str, path: Path) -> bool:
        kind, subfolder, filename = place
        file = await open_view(self._client, filename, subfolder, kind)
        if file is None:
            return False
        async with file:
            same = await _same_content(file, path)
            if same and file.etag is not None:
                self._same[place] = (mark, file.etag)
            return same

    async def upload(self, path: Path, name: str, subfolder: str, kind: OutputType, *, overwrite: bool) -> None:
        """Put a file of ours on the server, unless it has it. Raises `EngineError`, also when the server keeps another
        file of this name."""
        subfolder = _slashes(subfolder)
        try:
            if await self._is_there(kind, subfolder, name, path):
                return
            stored = await self._post(path, name, subfolder, kind, overwrite=overwrite)
        except OSError as error:
            raise EngineError(f"{path.name} cannot be read: {error.strerror}") from error
        if stored != name:
            raise EngineError(f"ComfyUI at {self._client.shown} has another file named {name} and kept both.")

    async def _post(self, path: Path, name: str, subfolder: str, kind: OutputType, *, overwrite: bool) -> str:
        """Upload; the name under which the server keeps it."""
        mark = await asyncio.to_thread(identity, path)
        async with _opened(path) as stream:
            form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
            form.add_field("type", kind)
            form.add_field("subfolder", subfolder)
            form.add_field("overwrite", "true" if overwrite else "false")
            form.add_field("image", stream, filename=name, content_type="application/octet-stream")
            answer = await self._client.send_form("upload", "image", form=form)
        stored = answer.get("name")
        if not isinstance(stored, str) or not stored:
            raise EngineError(f"{self._client.shown} did not confirm the upload of {name}.")
        place = (kind, subfolder, stored)
        self._sent[place] = True
        # What it is marked with tells next time, without its content, that it is still the same.
        with suppress(BadStatus):
            file = await open_view(self._client, stored, subfolder, kind, method="HEAD")
            if file is not None:
                async with file:
                    if mark is not None and file.etag is not None:
                        self._same[place] = (mark, file.etag)
        return stored


def _join(subfolder: str, filename: str) -> str:
    return f"{subfolder}/{filename}" if subfolder else filename


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[BinaryIO]:
    stream: BinaryIO = await asyncio.to_thread(path.open, "rb")
    try:
        yield stream
    finally:
        await asyncio.to_thread(stream.close)


async def _same_content(file: ViewedFile, path: Path) -> bool:
    async with _opened(path) as stream:
        async for chunk in file.chunks():
            if await asyncio.to_thread(stream.read, len(chunk)) != chunk:
                return False
        return not await asyncio.to_thread(stream.read, 1)
