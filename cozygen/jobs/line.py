"""The waiting line: held back, let go, and put into another order.

The engine has a queue of its own. What changes in ours is stored, and the engine's is made to follow: a prompt is
withdrawn and, with its new number, submitted again. A crash in between leaves a waiting job that the engine does not
know, which is what recovery looks for anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cozygen.engines.base import Engine
from cozygen.jobs import store
from cozygen.jobs.order import renumber
from cozygen.storage.database import Database


class NotWaitingError(Exception):
    """The job runs already, or is over."""


class WaitingLine:
    """Controls the order of waiting jobs. `resubmit` gives a waiting job to the engine; `tell` says that it changed."""

    def __init__(
        self, database: Database, engine: Engine, resubmit: Callable[[str], Awaitable[None]], tell: Callable[[], None]
    ) -> None:
        self._db = database
        self._engine = engine
        self._resubmit = resubmit
        self._tell = tell
        self._lock = asyncio.Lock()
        self.paused = False

    async def load(self) -> None:
        """Take up the state of an earlier run."""
        self.paused = await self._db.read(store.paused)

    async def pause(self) -> None:
        """Hold back what waits; what runs goes on. Raises `EngineUnavailable`: it follows when the engine is back."""
        async with self._lock:
            await self._set(True)
            for job_id, _ in await self._db.read(store.line):
                await self._engine.withdraw(job_id)

    async def resume(self) -> None:
        """Let go what waits, in its order. Raises `EngineUnavailable`: then it goes when the engine is back."""
        async with self._lock:
            await self._set(False)
            for job_id, _ in await self._db.read(store.line):
                await self._resubmit(job_id)

    async def _set(self, paused: bool) -> None:
        await self._db.write(lambda connection: store.set_paused(connection, paused))
        self.paused = paused
        self._tell()

    async def settle(self, job_id: str) -> None:
        """A prompt was accepted: withdraw it again if the line has been paused in the meantime."""
        if self.paused:
            async with self._lock:
                if self.paused:
                    await self._engine.withdraw(job_id)

    async def move(self, job_id: str, place: int) -> None:
        """Move a job to a place in the line (0 = next). Raises `NotWaitingError` and `EngineUnavailable`."""
        async with self._lock:
            line = await self._db.read(store.line)
            if all(other != job_id for other, _ in line):
                raise NotWaitingError(job_id)
            await self._apply(renumber(line, job_id, place))

    async def place_of(self, job_id: str) -> int:
        """The place of a job in the line (0 = next). Raises `NotWaitingError`."""
        for place, (other, _) in enumerate(await self._db.read(store.line)):
            if other == job_id:
                return place
        raise NotWaitingError(job_id)

    async def _apply(self, numbers: dict[str, float]) -> None:
        withdrawn = []
        if not self.paused:
            for job_id in numbers:
                if not await self._engine.withdraw(job_id):
                    break
                withdrawn.append(job_id)
        moved = list(numbers) if self.paused else withdrawn
        await self._db.write(
            lambda connection: store.set_numbers(connection, {job_id: numbers[job_id] for job_id in moved})
        )
        for job_id in withdrawn:
            await self._resubmit(job_id)
        self._tell()
        if len(moved) < len(numbers):
            raise NotWaitingError(next(job_id for job_id in numbers if job_id not in moved))
