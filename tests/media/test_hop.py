from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from cozygen.media.hop import ThreadHop


async def test_results_and_errors_come_back() -> None:
    hop = ThreadHop()

    def fail() -> None:
        raise ValueError("no")

    async with asyncio.timeout(20):
        assert await hop(lambda: 7) == 7
        with pytest.raises(ValueError, match="no"):
            await hop(fail)
        results = await asyncio.gather(hop(lambda: 1), hop(fail), hop(lambda: 2), return_exceptions=True)
    assert (results[0], type(results[1]), results[2]) == (1, ValueError, 2)


async def test_the_work_is_done_elsewhere() -> None:
    assert await ThreadHop()(threading.get_ident) != threading.get_ident()


async def test_what_comes_meanwhile_is_one_batch() -> None:
    hop = ThreadHop()
    gate = threading.Event()
    first = asyncio.create_task(hop(lambda: gate.wait(20)))
    await asyncio.sleep(0)
    batches: set[int] = set()
    running: list[int] = []

    def work() -> None:
        running.append(1)
        batches.add(threading.get_ident())
        assert len(running) == 1, "one after the other"
        running.pop()

    rest = [asyncio.create_task(hop(work)) for _ in range(50)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *rest)
    assert len(batches) == 1


async def test_who_leaves_does_not_disturb_the_others() -> None:
    hop = ThreadHop()
    gate = threading.Event()
    tasks = [asyncio.create_task(hop(work)) for work in _works(gate)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    gate.set()
    assert await asyncio.gather(*tasks[1:]) == [1, 2]


def _works(gate: threading.Event) -> list[Callable[[], object]]:
    return [lambda: gate.wait(20), lambda: 1, lambda: 2]


async def test_a_batch_that_hangs_is_overtaken() -> None:
    hop = ThreadHop()
    gate = threading.Event()
    stuck = asyncio.create_task(hop(lambda: gate.wait(60)))
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(20):
            assert await asyncio.gather(*(hop(lambda: 3) for _ in range(3))) == [3, 3, 3]
        assert not stuck.done()
    finally:
        gate.set()
    assert await stuck


async def test_only_so_many_batches_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cozygen.media.hop._OVERTAKE_SECONDS", 0.01)
    hop = ThreadHop()
    gate = threading.Event()
    entered: list[int] = []

    def hang() -> None:
        entered.append(1)
        gate.wait(60)

    tasks = []
    async with asyncio.timeout(20):
        for number in range(8):
            tasks.append(asyncio.create_task(hop(hang)))
            while len(entered) < min(4, number + 1):
                await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert len(entered) == 4
    gate.set()
    async with asyncio.timeout(20):
        await asyncio.gather(*tasks)
    assert len(entered) == 8


async def test_idle_threads_end_and_others_take_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cozygen.media.hop._LINGER_SECONDS", 0.01)
    hop = ThreadHop()
    async with asyncio.timeout(20):
        for _ in range(3):
            thread = await hop(threading.current_thread)
            await asyncio.to_thread(thread.join)


async def test_two_batches_one_after_the_other_share_a_thread() -> None:
    hop = ThreadHop()
    async with asyncio.timeout(20):
        assert await hop(threading.current_thread) is await hop(threading.current_thread)
