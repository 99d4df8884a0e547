"""Short blocking calls off the event loop, many to one change of threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_OVERTAKE_SECONDS = 0.1
_MAX_BATCHES = 4
_LINGER_SECONDS = 1.0

_Result = tuple[asyncio.Future[Any], Any, BaseException | None]


@dataclass(frozen=True)
class _Batch:
    loop: asyncio.AbstractEventLoop
    calls: list[tuple[Callable[[], Any], asyncio.Future[Any]]]
    deliver: Callable[[list[_Result]], None]


class ThreadHop:
    """Runs calls such as `os.stat` in a thread, those that come together as one batch.

    A change of threads costs more than the call itself, and asyncio's own executor more than the change. A batch that
    hangs (a network drive that went away) is overtaken by the next one after a moment. The threads end when there was
    nothing to do for a while, and with the program.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._batches = 0
        self._gathering = True  # whether the next call starts a batch
        self._queue: SimpleQueue[_Batch] = SimpleQueue()
        self._threads = 0
        self._lock = threading.Lock()  # that no thread ends just when there is work for it

    async def __call__(self, work: Callable[[], T]) -> T:
        """The result of `work`, or what it raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, future))
        if self._gathering:
            self._gathering = False
            loop.call_soon(self._start)  # after others who call right now
        return await future

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        calls, self._waiting = self._waiting, []
        self._batches += 1
        timer = loop.call_later(_OVERTAKE_SECONDS, self._open)

        def deliver(results: list[_Result]) -> None:
            timer.cancel()
            self._batches -= 1
            self._open()
            _settle(results)

        with self._lock:
            self._queue.put(_Batch(loop, calls, deliver))
            if self._threads < self._batches:
                self._threads += 1
                threading.Thread(target=self._serve, name="hop", daemon=True).start()

    def _open(self) -> None:
        self._gathering = self._batches < _MAX_BATCHES
        if self._gathering and self._waiting:
            self._gathering = False
            self._start()

    def _serve(self) -> None:
        while True:
            try:
                batch = self._queue.get(timeout=_LINGER_SECONDS)
            except Empty:
                with self._lock:
                    if self._queue.empty():
                        self._threads -= 1
                        return
                continue
            results = [_run(work, future) for work, future in batch.calls]
            with suppress(RuntimeError):  # the loop has ended
                batch.loop.call_soon_threadsafe(batch.deliver, results)


def _run(work: Callable[[], Any], future: asyncio.Future[Any]) -> _Result:
    try:
        return future, work(), None
    except Exception as error:
        return future, None, error


def _settle(results: list[_Result]) -> None:
    for future, result, error in results:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
