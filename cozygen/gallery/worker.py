"""One thread that does a library's writing, a slice at a time, what people wait for first."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Generator
from concurrent.futures import Future
from enum import IntEnum
from typing import Any, TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""A job that can be interrupted at each ``yield``; what it returns is its result."""


class Priority(IntEnum):
    """What goes first: a person who waits, then news from the watcher, then everything else."""

    REQUEST = 0
    NEWS = 1
    BACKGROUND = 2


class Worker:
    """Runs jobs on a thread of its own. A more urgent job gets its turn between two slices of another."""

    def __init__(self, name: str) -> None:
        self._heap: list[tuple[Priority, int, Steps[Any], Future[Any]]] = []
        self._count = itertools.count()
        self._condition = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, priority: Priority, job: Steps[T]) -> Future[T]:
        """Queue a job. Its future is cancelled when the worker is stopped before it is done."""
        future: Future[T] = Future()
        with self._condition:
            if self._stopped:
                future.cancel()
                return future
            heapq.heappush(self._heap, (priority, next(self._count), job, future))
            self._condition.notify()
        return future

    def stop(self) -> None:
        """Finish the slice that runs, cancel the rest. Blocking."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._condition:
                while not self._heap and not self._stopped:
                    self._condition.wait()
                if self._stopped:
                    jobs, self._heap = self._heap, []
                    break
                entry = heapq.heappop(self._heap)
            if self._step(entry[2], entry[3]):
                with self._condition:
                    heapq.heappush(self._heap, entry)
        for _, _, job, future in jobs:
            job.close()
            future.cancel()

    @staticmethod
    def _step(job: Steps[Any], future: Future[Any]) -> bool:
        """Run one slice; whether there is more to do."""
        if future.cancelled():
            job.close()
            return False
        try:
            next(job)
        except StopIteration as end:
            _settle(future, end.value, None)
            return False
        except BaseException as error:
            _settle(future, None, error)
            return False
        return True


def _settle(future: Future[Any], value: Any, error: BaseException | None) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
