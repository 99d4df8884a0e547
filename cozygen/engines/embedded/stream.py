"""Events on their way to the one who listens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from cozygen.engines.base import Event, PreviewEvent

_MAX_EVENTS = 1000
_MAX_PREVIEWS = 4
_EVENTS_A_TURN = 16


class EventStream:
    """Passes events to one consumer, in order. One who falls behind slows the sender down; nothing is lost.

    Previews are an exception: the oldest gives way when several wait. While nobody listens, nothing is kept.
    """

    def __init__(self, limit: int = _MAX_EVENTS) -> None:
        self._limit = limit
        self._listener: _Listener | None = None

    async def put(self, event: Event) -> None:
        """Pass an event on; returns when there is room for it, or nobody listens any more."""
        while (listener := self._listener) is not None and len(listener.waiting) >= self._limit:
            if isinstance(event, PreviewEvent):
                return
            listener.room.clear()
            await listener.room.wait()
        self.put_now(event)
        if listener is not None and listener.count_turn():
            await asyncio.sleep(0)  # a burst of events must not hold up everybody else on the loop

    def put_now(self, event: Event) -> None:
        """Pass an event on without waiting for room: for the few that are no node's."""
        if self._listener is not None:
            self._listener.add(event)

    def listen(self) -> AsyncGenerator[Event, None]:
        """All events from this call on, until `close`. A former listener's events end."""
        self.close()
        listener = self._listener = _Listener()
        return self._events(listener)

    async def _events(self, listener: _Listener) -> AsyncGenerator[Event, None]:
        try:
            while True:
                while not listener.waiting and not listener.closed:
                    listener.news.clear()
                    await listener.news.wait()
                if listener.closed:
                    return
                event = listener.waiting.popleft()
                listener.room.set()
                if listener.count_turn():
                    await asyncio.sleep(0)
                yield event
        finally:
            listener.close()
            if self._listener is listener:
                self._listener = None

    def close(self) -> None:
        """End the stream of the one who listens, and let go whoever waits to send."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None


class _Listener:
    def __init__(self) -> None:
        self.waiting: deque[Event] = deque()
        self.news = asyncio.Event()
        self.room = asyncio.Event()
        self.closed = False
        self._turns = 0

    def add(self, event: Event) -> None:
        if isinstance(event, PreviewEvent):
            previews = [waiting for waiting in self.waiting if isinstance(waiting, PreviewEvent)]
            if len(previews) >= _MAX_PREVIEWS:
                self.waiting.remove(previews[0])
        self.waiting.append(event)
        self.news.set()

    def count_turn(self) -> bool:
        """Whether it is time to let others run."""
        self._turns = (self._turns + 1) % _EVENTS_A_TURN
        return self._turns == 0

    def close(self) -> None:
        self.closed = True
        self.news.set()
        self.room.set()
