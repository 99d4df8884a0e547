"""Telling those who look at a listing that it changed. Everything here runs on the event loop."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from cozygen.gallery.catalogue import Scope
from cozygen.gallery.library import Change

PAUSE = 0.1
"""Seconds after one piece of news in which further ones of the same folder are gathered into the next."""


class Subscription:
    """The changes that concern one listing. Several changes between two calls of `next` are one."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._arrived = asyncio.Event()
        self._mtime = 0.0
        self._told = 0.0

    def offer(self, change: Change) -> None:
        """Take note of a change that concerns the listing."""
        self._mtime = max(self._mtime, change.mtime)
        self._arrived.set()

    async def next(self, seconds: float) -> float | None:
        """The time of the newest change, in seconds since the epoch; None when there was none for so many `seconds`.

        No two values are the same, so that whoever compares them sees every change.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        if not self._arrived.is_set():
            return None
        self._arrived.clear()
        mtime, self._mtime = self._mtime, 0.0
        if mtime <= self._told:
            mtime = max(time.time(), math.nextafter(self._told, math.inf))
        self._told = mtime
        return mtime


class News:
    """Who wants to know of what."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    @contextmanager
    def subscribe(self, scope: Scope) -> Iterator[Subscription]:
        """Subscribe for the duration of the context."""
        subscription = Subscription(scope)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def publish(self, change: Change) -> None:
        """Tell those whom it concerns."""
        for subscription in self._subscriptions:
            if change.concerns(subscription.scope):
                subscription.offer(change)


class Announcer:
    """Calls `tell` for each folder that changed: at once, then at most every `PAUSE` seconds for the same folder."""

    def __init__(self, tell: Callable[[str, float], None]) -> None:
        self._tell = tell
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._waiting: dict[str, float] = {}

    def publish(self, subfolder: str, mtime: float) -> None:
        """Tell, now or soon, that a folder changed."""
        if subfolder in self._timers:
            self._waiting[subfolder] = max(mtime, self._waiting.get(subfolder, 0.0))
            return
        self._tell(subfolder, mtime)
        self._timers[subfolder] = asyncio.get_running_loop().call_later(PAUSE, self._flush, subfolder)

    def _flush(self, subfolder: str) -> None:
        del self._timers[subfolder]
        mtime = self._waiting.pop(subfolder, None)
        if mtime is not None:
            self.publish(subfolder, mtime)

    def close(self) -> None:
        """Tell nothing any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
