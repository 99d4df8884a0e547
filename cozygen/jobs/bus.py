"""The stream of what happens, for any number of listeners, resumable by id."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Notice:
    """One event for the user interface: `name` (job, progress, preview, engine, ...) and its `data`.

    `data` is JSON, or for ``job`` a `JobNotice`, to which the web layer gives its form.
    `user` restricts it to one user's listeners; None is for everybody.
    """

    id: str
    name: str
    data: Any
    user: str | None = None


class Listener:
    """One subscriber's queue. A listener that falls too far behind is told to start over."""

    def __init__(self, user: str | None, limit: int) -> None:
        self.user = user
        self.overrun = False
        self._queue: asyncio.Queue[Notice] = asyncio.Queue(limit)

    def offer(self, notice: Notice) -> None:
        """Take a notice, or note that one was missed."""
        if notice.user is not None and self.user is not None and notice.user != self.user:
            return
        try:
            self._queue.put_nowait(notice)
        except asyncio.QueueFull:
            self.overrun = True

    async def next(self) -> Notice:
        """The next notice; waits for it."""
        return await self._queue.get()

    def restart(self) -> None:
        """Forget what is queued; the listener refetches everything anyway."""
        self.overrun = False
        while not self._queue.empty():
            self._queue.get_nowait()


class EventBus:
    """Publishes notices and keeps the latest for those who come back.

    Ids are ``<boot>-<n>``: an id from before a restart, or older than what is kept, cannot be resumed from.
    Progress and previews are not kept: whoever comes back wants the state, not the way to it.
    """

    def __init__(self, keep: int = 2000, listener_limit: int = 1000) -> None:
        self._boot = format(time.time_ns(), "x")
        self._count = 0
        self._kept: deque[tuple[int, Notice]] = deque(maxlen=keep)
        self._forgotten = 0
        self._listeners: set[Listener] = set()
        self._listener_limit = listener_limit

    def publish(self, name: str, data: Any, *, user: str | None = None, keep: bool = True) -> None:
        """Send a notice to every listener."""
        self._count += 1
        notice = Notice(f"{self._boot}-{self._count}", name, data, user)
        if keep:
            if len(self._kept) == self._kept.maxlen:
                self._forgotten = self._kept[0][0]
            self._kept.append((self._count, notice))
        for listener in self._listeners:
            listener.offer(notice)

    @property
    def last_id(self) -> str:
        """The id of the newest notice."""
        return f"{self._boot}-{self._count}"

    def since(self, last_id: str) -> list[Notice] | None:
        """The kept notices after `last_id`; None when some may have been forgotten."""
        boot, _, count = last_id.partition("-")
        if boot != self._boot or not count.isdecimal() or len(count) > 18:
            return None
        if int(count) < self._forgotten or int(count) > self._count:
            return None
        return [notice for number, notice in self._kept if number > int(count)]

    @asynccontextmanager
    async def listen(self, user: str | None = None) -> AsyncIterator[Listener]:
        """Subscribe for the duration of the context."""
        listener = Listener(user, self._listener_limit)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
