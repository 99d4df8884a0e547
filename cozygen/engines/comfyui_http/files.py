"""Files on a ComfyUI server.

ComfyUI's ``/view`` sends files with aiohttp, whose ETag is the file's time of change in nanoseconds and its size, so
that a file which we see on our own disk is recognised without its content.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Generic, TypeVar

import aiohttp

from cozygen.engines.base import EngineError
from cozygen.engines.comfyui_http.client import ComfyClient

_CHUNK = 2**20
_IDLE_SECONDS = 30.0
_REMEMBERED = 20_000
_GONE = (400, 403, 404)

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

    def forget(self, key: Any) -> None:
        """Forget an entry before its time."""
        self._entries.pop(key, None)

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


def slashes(subfolder: str) -> str:
    """A folder as we write it: a server on Windows separates it by backslashes."""
    return subfolder.replace("\\", "/").strip("/")
