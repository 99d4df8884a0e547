"""Thumbnails made before anybody asks for them, in the background: first what somebody is about to look at."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cozygen.media.pool import Encoding, MediaUnavailable
from cozygen.media.thumbs import ThumbnailStore

log = logging.getLogger(__name__)

_AT_ONCE = 2
_MAX_CALLERS = 100
_MAX_NEW = 500


class Wanted(NamedTuple):
    """A thumbnail: of which file, to fit `width` x `width` pixels, and how encoded."""

    path: Path
    width: int
    kind: Encoding


class Ahead:
    """Makes thumbnails of what callers have on their screens, the last list first, then of what is new.

    A caller's list replaces the one before, and so cancels what is no longer wanted of that. Everything here runs on
    the event loop; the pictures are made by `thumbs`, after what others wait for.
    """

    def __init__(self, thumbs: ThumbnailStore) -> None:
        self._thumbs = thumbs
        self.usual: tuple[int, Encoding] = (384, "jpeg")
        """Width and encoding of the thumbnails that are asked for at present."""
        self._lists: OrderedDict[str, deque[Wanted]] = OrderedDict()  # the last caller last
        self._new: deque[Wanted] = deque(maxlen=_MAX_NEW)  # the newest last
        self._running: dict[asyncio.Task[None], tuple[str | None, Wanted]] = {}
        self._closed = False

    def want(self, caller: str, wanted: Iterable[Wanted]) -> int:
        """Make these, in their order, before anything that was asked for earlier: how many they are."""
        chosen = list(dict.fromkeys(wanted))
        running = {one for owner, one in self._running.values() if owner == caller}
        for task, (owner, one) in list(self._running.items()):
            if owner == caller and one not in chosen:
                task.cancel()
        self._lists.pop(caller, None)
        waiting = deque(one for one in chosen if one not in running)
        if waiting:
            self._lists[caller] = waiting
            if len(self._lists) > _MAX_CALLERS:
                self._lists.popitem(last=False)
        self._go_on()
        return len(chosen)

    def add(self, paths: Iterable[Path]) -> None:
        """Make the usual thumbnails of new files some time, the last first. Of very many, the first are left out."""
        for path in paths:
            one = Wanted(path, *self.usual)
            with suppress(ValueError):
                self._new.remove(one)
            self._new.append(one)
        self._go_on()

    async def close(self) -> None:
        """Make nothing any more."""
        self._closed = True
        self._lists.clear()
        self._new.clear()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _go_on(self) -> None:
        while not self._closed and len(self._running) < _AT_ONCE:
            chosen = self._next()
            if chosen is None:
                return
            task = asyncio.create_task(self._make(chosen[1]), name="thumbnail-ahead")
            self._running[task] = chosen
            task.add_done_callback(self._done)

    def _next(self) -> tuple[str | None, Wanted] | None:
        """What to make now, and for which caller."""
        if self._lists:
            caller = next(reversed(self._lists))
            waiting = self._lists[caller]
            one = waiting.popleft()
            if not waiting:
                del self._lists[caller]
            return caller, one
        return (None, self._new.pop()) if self._new else None

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._go_on()

    async def _make(self, wanted: Wanted) -> None:
        try:
            await self._thumbs.get(wanted.path, wanted.width, wanted.kind, background=True)
        except OSError:
            pass  # it has gone since
        except MediaUnavailable as error:
            log.debug("no thumbnail ahead of %s: %s", wanted.path, error)
        except Exception:
            log.exception("no thumbnail ahead of %s", wanted.path)
