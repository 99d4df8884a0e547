from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from cozygen.gallery.worker import Priority, Steps, Worker


class Gate:
    """Holds a job up until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        self.open.wait(10)


def steps(log: list[str], name: str, count: int, gate: Gate | None = None) -> Steps[str]:
    if gate is not None:
        gate()
    for number in range(count):
        log.append(f"{name}{number}")
        yield
    return name


def test_the_urgent_goes_between_two_slices_of_the_rest() -> None:
    worker, gate = Worker("test"), Gate()
    log: list[str] = []
    worker.start()
    slow = worker.submit(Priority.BACKGROUND, steps(log, "slow", 3, gate))
    assert gate.reached.wait(10)
    news = worker.submit(Priority.NEWS, steps(log, "news", 1))
    urgent = worker.submit(Priority.REQUEST, steps(log, "urgent", 2))
    gate.open.set()
    assert [future.result(10) for future in (slow, news, urgent)] == ["slow", "news", "urgent"]
    assert log == ["slow0", "urgent0", "urgent1", "news0", "slow1", "slow2"]
    worker.stop()


def test_equals_are_served_in_turn_of_arrival() -> None:
    worker, gate = Worker("test"), Gate()
    log: list[str] = []
    worker.start()
    first = worker.submit(Priority.NEWS, steps(log, "a", 2, gate))
    assert gate.reached.wait(10)
    second = worker.submit(Priority.NEWS, steps(log, "b", 2))
    gate.open.set()
    first.result(10)
    second.result(10)
    assert log == ["a0", "a1", "b0", "b1"]
    worker.stop()


def test_a_failure_is_the_submitters() -> None:
    def fail() -> Steps[None]:
        yield
        raise ValueError("no")

    worker = Worker("test")
    worker.start()
    with pytest.raises(ValueError, match="no"):
        worker.submit(Priority.NEWS, fail()).result(10)
    assert worker.submit(Priority.NEWS, steps([], "next", 1)).result(10) == "next"
    worker.stop()


def test_stopping_cancels_what_waits() -> None:
    begun, closed = threading.Event(), threading.Event()

    def endless() -> Steps[None]:
        try:
            while True:
                begun.set()
                yield
        finally:
            closed.set()

    worker = Worker("test")
    worker.start()
    future = worker.submit(Priority.BACKGROUND, endless())
    assert begun.wait(10)
    worker.stop()
    assert closed.wait(10)
    with pytest.raises(CancelledError):
        future.result(10)
    with pytest.raises(CancelledError):
        worker.submit(Priority.REQUEST, endless()).result(10)


def test_it_can_be_stopped_before_it_was_started() -> None:
    Worker("test").stop()
