"""Short blocking calls off the event loop, many to one change of threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_OVERTAKE_SECONDS = 0.1
_MAX_BATCHES = 4


class ThreadHop:
    """Runs calls such as `os.stat` in a thread, those that come together as one batch.

    A change of threads costs more than the call itself. A batch that hangs (a network drive that went away) is
    overtaken by the next one after a moment.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._batches = 0
        self._gathering = True  # whether the next call starts a batch

    async def __call__(self, work: Callable[[], T]) -> T:
        """The result of `work`, or what it raises."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._gathering:
            self._start()
        return await future

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        batch, self._waiting = self._waiting, []
        self._batches += 1
        self._gathering = False
        timer = loop.call_later(_OVERTAKE_SECONDS, self._open)
        running = loop.run_in_executor(None, _run, [work for work, _ in batch])

        def deliver(done: asyncio.Future[list[tuple[Any, BaseException | None]]]) -> None:
            timer.cancel()
            self._batches -= 1
            self._settle(batch, done)
            self._open()

        running.add_done_callback(deliver)

    def _open(self) -> None:
        self._gathering = self._batches < _MAX_BATCHES
        if self._gathering and self._waiting:
            self._start()

    @staticmethod
    def _settle(
        batch: list[tuple[Callable[[], Any], asyncio.Future[Any]]],
        done: asyncio.Future[list[tuple[Any, BaseException | None]]],
    ) -> None:
        if done.cancelled():
            for _, future in batch:
                future.cancel()
            return
        for (_, future), (result, error) in zip(batch, done.result(), strict=True):
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _run(batch: list[Callable[[], Any]]) -> list[tuple[Any, BaseException | None]]:
    results: list[tuple[Any, BaseException | None]] = []
    for work in batch:
        try:
            results.append((work(), None))
        except Exception as error:
            results.append((None, error))
    return results
