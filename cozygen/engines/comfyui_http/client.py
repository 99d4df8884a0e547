"""HTTP to a ComfyUI server: addresses, time limits, size limits, and every failure as a plain sentence."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from cozygen.engines.base import EngineError, EngineUnavailable

JSON_LIMIT = 128 * 2**20
"""Largest JSON answer in bytes. ``/object_info`` of an install with thousands of nodes has some 30 MB."""

FRAME_LIMIT = 64 * 2**20
"""Largest websocket message in bytes."""

_PARSE_IN_THREAD = 128 * 1024
_CONNECT_SECONDS = 5.0
_HEARTBEAT_SECONDS = 60.0  # ComfyUI's loop may stand still for long while a model loads; half of it must do for a pong
_ANSWER_LOST = (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
_GATEWAY = (502, 503, 504)


class AnswerLost(EngineUnavailable):
    """The request was sent and no answer came: the server may have acted on it or not."""


class BadStatus(EngineError):
    """The server answered with an unexpected status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def parse_json(text: str | bytes) -> Any:
    """Parse JSON; ``NaN`` and ``Infinity``, which Python writes and no browser reads, become None.

    Raises `ValueError`.
    """
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None


async def parse_json_aside(text: str | bytes) -> Any:
    """`parse_json`, in a thread when it would hold the event loop. Raises `ValueError`."""
    if len(text) < _PARSE_IN_THREAD:
        return parse_json(text)
    return await asyncio.to_thread(parse_json, text)


class ComfyClient:
    """The server at one URL, which may have a path prefix and ``user:password@``. Raises `ValueError` for a bad URL.

    Methods raise `EngineUnavailable` when no answer comes (`AnswerLost` when the request may have been acted on) and
    `EngineError` for an answer that is not ComfyUI's. Redirects are not followed: they would drop a posted prompt.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = URL(url.strip())
        except ValueError:
            parsed = URL()
        if parsed.scheme not in ("http", "https") or not parsed.host:
            # The text is not repeated: it may hold a password.
            raise ValueError("the engine's address must be an http(s) URL with a host")
        self._headers = {}
        if parsed.user:
            secret = base64.b64encode(f"{parsed.user}:{parsed.password or ''}".encode()).decode()
            self._headers["Authorization"] = f"Basic {secret}"
        clean = parsed.with_user(None).with_query(None).with_fragment(None)
        self.shown = str(clean).rstrip("/")
        """The URL without its password, for people."""
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def _open_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise EngineUnavailable("The engine has been shut down.")
        if self._session is None:
            # Idle connections go before the server drops them, so that no prompt is posted into a dead one.
            connector = aiohttp.TCPConnector(limit=32, keepalive_timeout=10.0)
            self._session = aiohttp.ClientSession(connector=connector, headers=self._headers)
        return self._session

    async def close(self) -> None:
        """Drop every connection, for good."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def url(self, *segments: str, **query: str) -> URL:
        """The address of a path, each segment taken literally (a slash in it is no separator)."""
        path = "".join("/" + quote(segment, safe="") for segment in segments)
        address = URL(self.shown + path, encoded=True)
        return address.with_query(query) if query else address

    @asynccontextmanager
    async def request(
        self,
        method: str,
        address: URL,
        *,
        json_body: Any = None,
        data: Any = None,
        seconds: float | None,
        idle: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; its answer, whatever the status, but no redirect.

        `seconds` is for all of it; `idle` for each wait for more data. Failures while the answer is read
        inside of the context are told in plain sentences too.
        """
        limits = aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS, sock_read=idle)
        headers = {}
        if json_body is not None:
            data = await asyncio.to_thread(lambda: json.dumps(json_body).encode())
            headers["Content-Type"] = "application/json"
        try:
            async with self._open_session().request(
                method, address, data=data, headers=headers, timeout=limits, allow_redirects=False
            ) as response:
                if 300 <= response.status < 400 and response.status != 304:
                    target = response.headers.get("Location", "elsewhere")
                    raise EngineError(f"{self.shown} redirects to {target}. Use the address it leads to as the engine.")
                yield response
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise self.explain(error, seconds or idle) from error

    def explain(self, error: BaseException, seconds: float | None = None) -> EngineError:
        """A failed exchange in plain words."""
        match error:
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                return EngineUnavailable(f"The secure connection to {self.shown} failed: {error}")
            case aiohttp.ClientConnectorDNSError():
                return EngineUnavailable(f"There is no host of the name in {self.shown}. Mend the engine's URL.")
            case aiohttp.ClientConnectorError():
                reason = os.strerror(error.errno).lower() if error.errno else "no connection"
                return EngineUnavailable(
                    f"No ComfyUI answers at {self.shown} ({reason}). Start it there, or choose another engine."
                )
            case aiohttp.ConnectionTimeoutError():
                return EngineUnavailable(f"{self.shown} cannot be reached: it did not take the connection in time.")
            case aiohttp.WSServerHandshakeError():
                return self._refused_socket(error.status)
            case TimeoutError():
                span = f" within {seconds:g} s" if seconds else " in time"
                return AnswerLost(f"ComfyUI at {self.shown} did not answer{span}.")
            case aiohttp.InvalidURL():
                return EngineError(f"{self.shown} is not a usable address.")
            case _ if isinstance(error, _ANSWER_LOST) or not isinstance(error, aiohttp.ClientError):
                return AnswerLost(f"The connection to ComfyUI at {self.shown} broke before the answer had come.")
            case _:
                return EngineError(f"{self.shown} did not answer as ComfyUI does ({type(error).__name__}).")

    def _refused_socket(self, status: int) -> EngineError:
        if status in (401, 403):
            return self._no_access(status)
        return EngineUnavailable(
            f"{self.shown} offers no websocket (it answered {status}). "
            "Is it a ComfyUI, and does a proxy let /ws through?"
        )

    def _no_access(self, status: int) -> EngineError:
        return BadStatus(
            f"{self.shown} refuses access ({status}). If it wants a name and password, put them into the engine's URL.",
            status,
        )

    async def read(self, response: aiohttp.ClientResponse, limit: int = JSON_LIMIT) -> bytes:
        """The body of an answer. Raises `EngineError` above `limit` bytes."""
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_chunked(2**16):
            size += len(chunk)
            if size > limit:
                raise EngineError(f"ComfyUI at {self.shown} answered with more than {limit // 2**20} MB of JSON.")
            chunks.append(chunk)
        return b"".join(chunks)

    async def ask(self, method: str, address: URL, *, body: Any = None, seconds: float = 20.0) -> tuple[int, Any]:
        """One exchange of JSON: the status and the parsed answer (None when it is not JSON)."""
        async with self.request(method, address, json_body=body, seconds=seconds) as response:
            raw = await self.read(response)
            try:
                return response.status, await parse_json_aside(raw)
            except ValueError:
                return response.status, None

    async def get(self, *segments: str, seconds: float = 20.0, **query: str) -> Any:
        """The JSON at a path. Raises `BadStatus` unless the status is 200."""
        status, parsed = await self.ask("GET", self.url(*segments, **query), seconds=seconds)
        self.check(status, "/" + "/".join(segments))
        if parsed is None:
            raise EngineError(f"{self.shown} did not answer /{'/'.join(segments)} with JSON. Is it a ComfyUI?")
        return parsed

    async def get_object(self, *segments: str, seconds: float = 20.0, **query: str) -> dict[str, Any]:
        """The JSON object at a path; anything else is an `EngineError`."""
        parsed = await self.get(*segments, seconds=seconds, **query)
        if not isinstance(parsed, dict):
            raise EngineError(f"{self.shown} did not answer /{'/'.join(segments)} as ComfyUI does. Is it a ComfyUI?")
        return parsed

    async def post(self, *segments: str, body: Mapping[str, Any], seconds: float = 20.0) -> None:
        """Post JSON to a path whose answer has no content. Raises `BadStatus` unless the status is 200."""
        status, _ = await self.ask("POST", self.url(*segments), body=body, seconds=seconds)
        self.check(status, "/" + "/".join(segments))

    async def send_form(self, *segments: str, form: aiohttp.FormData) -> dict[str, Any]:
        """Post a form, however long it takes to send; the JSON object of the answer (empty when it is none)."""
        async with self.request("POST", self.url(*segments), data=form, seconds=None, idle=60.0) as response:
            self.check(response.status, "/" + "/".join(segments))
            try:
                parsed = await parse_json_aside(await self.read(response))
            except ValueError:
                parsed = None
        return parsed if isinstance(parsed, dict) else {}

    def check(self, status: int, path: str) -> None:
        """Raise what a status means, unless it is 200."""
        if status == 200:
            return
        if status in (401, 403):
            raise self._no_access(status)
        if status in _GATEWAY:
            raise AnswerLost(f"The server in front of ComfyUI at {self.shown} answered {status}: ComfyUI may be down.")
        if status == 413:
            raise BadStatus(
                f"ComfyUI at {self.shown} takes no upload of this size (see its --max-upload-size).", status
            )
        if status >= 500:
            raise BadStatus(f"ComfyUI at {self.shown} failed at {path} ({status}). Its log says why.", status)
        raise BadStatus(f"ComfyUI at {self.shown} answered {path} with {status}.", status)

    @asynccontextmanager
    async def websocket(self, client_id: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """The event stream of one client. Failures to connect are told as those of `request`."""
        try:
            async with asyncio.timeout(2 * _CONNECT_SECONDS):
                socket = await self._open_session().ws_connect(
                    self.url("ws", clientId=client_id),
                    heartbeat=_HEARTBEAT_SECONDS,
                    max_msg_size=FRAME_LIMIT,
                    timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self.explain(error, 2 * _CONNECT_SECONDS) from error
        try:
            yield socket
        finally:
            await socket.close()


async def probe(url: str) -> str | None:
    """The version of the ComfyUI at `url` (``unknown`` for one too old to say), None when none answers within 1 s."""
    try:
        client = ComfyClient(url)
    except ValueError:
        return None
    try:
        async with asyncio.timeout(1.0):
            return version_of(await client.get_object("system_stats", seconds=1.0))
    except (EngineError, TimeoutError):
        return None
    finally:
        await client.close()


def version_of(stats: dict[str, Any]) -> str | None:
    """The version in an answer of ``/system_stats``; None when it is not one of ComfyUI's."""
    system = stats.get("system")
    if not isinstance(system, dict) or not isinstance(stats.get("devices"), list):
        return None
    version = system.get("comfyui_version")
    return version if isinstance(version, str) and version else "unknown"
