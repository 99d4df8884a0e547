"""One stream of everything that happens: as Server-Sent Events or over a websocket, resumable by the last id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web
from pydantic import Field

from cozygen.jobs.bus import Listener, Notice
from cozygen.jobs.service import JobNotice, JobService, health_json
from cozygen.web.api import Call, Model, NoBody, Section
from cozygen.web.errors import ApiError
from cozygen.web.health import EngineState
from cozygen.web.jobs import job_view
from cozygen.web.services import Services

section = Section(
    "Events",
    "What happens, as it happens: `hello` (the engine; after every connect), `job`, `progress`, `preview`, `queue`, "
    "`gallery`, `workflows`, `engine`, `tags`, `aliases`, `state`; `reset` when events were missed and everything is "
    "to be read anew.",
)

_KEEP_ALIVE_SECONDS = 15.0


class EventsQuery(Model):
    """Where to go on."""

    last_id: str | None = Field(None, max_length=100, description="as the header Last-Event-ID, which wins")


@dataclass(frozen=True)
class _Told:
    """One event on its way to a client; None as `name` is a sign of life."""

    id: str | None
    name: str | None
    data: Any = None


@section.route("GET", "/cozygen/api/events", query=EventsQuery, media_type="text/event-stream")
async def events(call: Call[EventsQuery, NoBody]) -> web.StreamResponse:
    """Server-Sent Events. Resumable by ``Last-Event-ID``."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    )
    await response.prepare(call.request)
    last_id = call.request.headers.get("Last-Event-ID") or call.query.last_id
    async with aclosing(_tell(call.services, call.user, last_id)) as stream:
        with suppress(ConnectionResetError):  # the listener has gone, which is how every stream ends
            async for told in stream:
                await response.write(_as_sse(told))
    return response


@section.route(
    "GET",
    "/cozygen/api/events/ws",
    query=EventsQuery,
    status=101,
    errors={400: "Not a websocket handshake", 426: "Not a websocket handshake"},
)
async def events_socket(call: Call[EventsQuery, NoBody]) -> web.WebSocketResponse:
    """The same over a websocket: JSON text frames ``{"id", "event", "data"}``. What the client sends is ignored."""
    response = web.WebSocketResponse(heartbeat=25.0, max_msg_size=64 * 1024)
    if not response.can_prepare(call.request).ok:
        raise ApiError(400, "not a websocket", "This address speaks the websocket protocol only.")
    await response.prepare(call.request)
    telling = asyncio.create_task(_pump(response, _tell(call.services, call.user, call.query.last_id)))
    try:
        async for message in response:
            if message.type is WSMsgType.ERROR:
                break
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await telling
    return response


async def _pump(response: web.WebSocketResponse, stream: AsyncIterator[_Told]) -> None:
    async for told in stream:
        if told.name is not None:
            await response.send_str(json.dumps({"id": told.id, "event": told.name, "data": told.data}))
    await response.close(code=1001, message=b"server shutdown")


async def _tell(services: Services, user: str, last_id: str | None) -> AsyncGenerator[_Told, None]:
    """Everything for one listener, until the studio closes."""
    async with services.bus.listen(user) as listener:
        missed = services.bus.since(last_id) if last_id else []
        health = services.jobs.health or await services.jobs.refresh_health()
        hello = {"engine": EngineState.model_validate(health_json(health)).model_dump()}
        # The id of the hello is where to go on from, unless events from before are about to be told.
        yield _Told(None if missed else services.bus.last_id, "hello", hello)
        if missed is None:
            yield _Told(services.bus.last_id, "reset", {})
        for notice in missed or []:
            if notice.user in (None, user):
                yield _told(notice, services.jobs)
        async with aclosing(_live(services, listener)) as stream:
            async for told in stream:
                yield told


async def _live(services: Services, listener: Listener) -> AsyncGenerator[_Told, None]:
    closing = asyncio.create_task(services.closing.wait())
    try:
        while not closing.done():
            upcoming = asyncio.create_task(listener.next())
            await asyncio.wait({upcoming, closing}, timeout=_KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if listener.overrun:
                listener.restart()
                yield _Told(services.bus.last_id, "reset", {})
            if upcoming.done():
                yield _told(upcoming.result(), services.jobs)
            else:
                upcoming.cancel()
                yield _Told(None, None)
    finally:
        closing.cancel()


def _told(notice: Notice, jobs: JobService) -> _Told:
    data = notice.data
    if isinstance(data, JobNotice):
        data = job_view(data.job, data.position, jobs).model_dump()
    return _Told(notice.id, notice.name, data)


def _as_sse(told: _Told) -> bytes:
    if told.name is None:
        return b": keep-alive\n\n"
    prefix = f"id: {told.id}\n" if told.id else ""
    return f"{prefix}event: {told.name}\ndata: {json.dumps(told.data)}\n\n".encode()
