"""ComfyUI's websocket on our origin: who listens, and what each of them gets.

Format: JSON text frames ``{"type", "data"}``; binary previews as ``>I`` event type then, for type 1, ``>I`` image
type (1 JPEG, 2 PNG) and the picture; for type 4, ``>I`` length of a JSON header, the header, the picture.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from cozygen.engines.base import ConnectionEvent, EngineEvent, Event, PreviewEvent
from cozygen.jobs.service import JobRef

_PREVIEW_IMAGE = 1
_PREVIEW_IMAGE_WITH_METADATA = 4
_IMAGE_TYPES = {"image/jpeg": 1, "image/png": 2}
_QUEUE_LIMIT = 2000
_PREVIEW_BACKLOG = 8


@dataclass(eq=False)
class Socket:
    """One client's connection with its own outgoing queue, so that a slow client delays nobody."""

    response: web.WebSocketResponse
    client_id: str
    user: str
    features: dict[str, Any] = field(default_factory=dict)
    _queue: asyncio.Queue[str | bytes] = field(default_factory=lambda: asyncio.Queue(_QUEUE_LIMIT))

    def send(self, kind: str, data: Any) -> None:
        """Queue a JSON event; a client that does not read is disconnected."""
        self._put(json.dumps({"type": kind, "data": data}))

    def send_preview(self, event: PreviewEvent) -> None:
        """Queue a preview, unless the client is behind: the next one is better."""
        if self._queue.qsize() >= _PREVIEW_BACKLOG:
            return
        if self.features.get("supports_preview_metadata"):
            header = {
                "node_id": event.node_id,
                "prompt_id": event.prompt_id,
                "display_node_id": event.node_id,
                "parent_node_id": None,
                "real_node_id": event.node_id,
                **event.metadata,
                "image_type": event.mime,
            }
            encoded = json.dumps(header).encode()
            self._put(struct.pack(">II", _PREVIEW_IMAGE_WITH_METADATA, len(encoded)) + encoded + event.data)
        else:
            self._put(struct.pack(">II", _PREVIEW_IMAGE, _IMAGE_TYPES.get(event.mime, 1)) + event.data)

    def _put(self, frame: str | bytes) -> None:
        try:
            self._queue.put_nowait(frame)
        except asyncio.QueueFull:
            # Losing an event would leave the client waiting for ever; a closed socket makes it come back.
            asyncio.get_running_loop().create_task(self.response.close(code=1013, message=b"too slow"))

    async def pump(self) -> None:
        """Send what is queued until the connection ends."""
        while not self.response.closed:
            frame = await self._queue.get()
            if isinstance(frame, str):
                await self.response.send_str(frame)
            else:
                await self.response.send_bytes(frame)


class SocketHub:
    """All connected clients. An event of a prompt goes to the sockets of the client that queued it; one of a prompt
    without a client goes to every socket of the user who queued it; what concerns no prompt goes to all."""

    def __init__(self) -> None:
        self._sockets: set[Socket] = set()
        self._executing: dict[tuple[str, str], dict[str, Any]] = {}

    def add(self, socket: Socket) -> None:
        """A client has come; one that comes back learns which node of its prompt runs."""
        self._sockets.add(socket)
        executing = self._executing.get((socket.user, socket.client_id))
        if executing is not None:
            socket.send("executing", executing)

    def remove(self, socket: Socket) -> None:
        """A client has gone."""
        self._sockets.discard(socket)

    async def close(self) -> None:
        """Close every connection (1001, going away)."""
        sockets = list(self._sockets)
        await asyncio.gather(
            *(socket.response.close(code=1001, message=b"server shutdown") for socket in sockets),
            return_exceptions=True,
        )

    def on_event(self, event: Event, ref: JobRef | None) -> None:
        """Pass an engine's event on to those whom it concerns."""
        match event:
            case EngineEvent():
                if event.prompt_id is not None and ref is None:
                    return  # a prompt that somebody queued past us
                self._remember(event, ref)
                for socket in self._audience(ref):
                    socket.send(event.type, dict(event.data))
            case PreviewEvent():
                if ref is not None:
                    for socket in self._audience(ref):
                        socket.send_preview(event)
            case ConnectionEvent():
                return

    def _remember(self, event: EngineEvent, ref: JobRef | None) -> None:
        if ref is None or ref.client_id is None:
            return
        if event.type == "executing" and event.data.get("node") is not None:
            self._executing[ref.user, ref.client_id] = dict(event.data)
        elif event.type in ("execution_success", "execution_error", "execution_interrupted"):
            self._executing.pop((ref.user, ref.client_id), None)

    def _audience(self, ref: JobRef | None) -> Iterable[Socket]:
        if ref is None:
            return list(self._sockets)
        if ref.client_id is None:
            return [socket for socket in self._sockets if socket.user == ref.user]
        return [s for s in self._sockets if s.client_id == ref.client_id and s.user == ref.user]
