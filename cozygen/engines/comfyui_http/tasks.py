"""Work in the background that ends with its owner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from cozygen.engines.base import EngineError, PromptRejected

log = logging.getLogger(__name__)
T = TypeVar("T")


class Tasks:
    """Running tasks. A failure is logged, unless it is one that somebody who waits for the task is told."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin `work`; it goes on when the one who waits for it is cancelled."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, EngineError | PromptRejected | OSError):
            log.error("work in the background failed", exc_info=error)

    async def close(self) -> None:
        """Cancel everything and wait for it to end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
