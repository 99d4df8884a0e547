"""An engine with its real processes, and all that it says: for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from cozygen.engines.base import EngineEvent, Event, Outcome, Submission
from cozygen.engines.embedded.engine import EmbeddedEngine

MODULE = "tests.engines.embedded.little_nodes"
ROOT = Path(__file__).parents[3]


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def showing(source: dict[str, Any], label: str = "") -> dict[str, Any]:
    return {"1": source, "2": node("Show", value=["1", 0], label=label)}


class Studio:
    """An engine, and everything that it says."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self.engine = engine
        self.seen: list[Event] = []
        self._news = asyncio.Condition()
        self._follower = asyncio.create_task(self._follow(engine.events()))

    async def _follow(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            async with self._news:
                self.seen.append(event)
                self._news.notify_all()

    async def until(self, wanted: Callable[[Event], bool]) -> Event:
        async with asyncio.timeout(120), self._news:
            await self._news.wait_for(lambda: any(wanted(event) for event in self.seen))
        return next(event for event in self.seen if wanted(event))

    async def event(self, name: str, prompt_id: str | None, **data: Any) -> EngineEvent:
        """Wait for an event and give it."""
        found = await self.until(
            lambda event: (
                isinstance(event, EngineEvent)
                and (event.type, event.prompt_id) == (name, prompt_id)
                and all(event.data[key] == value for key, value in data.items())
            )
        )
        assert isinstance(found, EngineEvent)
        return found

    async def end(self, prompt_id: str) -> Outcome:
        """Wait until a prompt is over for good."""
        await self.event("executing", prompt_id, node=None)
        return (await self.engine.lookup([prompt_id]))[prompt_id]

    async def submit(self, prompt_id: str, graph: Any, number: float = 0, **options: Any) -> None:
        await self.engine.submit(Submission(prompt_id, graph, number, **options))

    def of(self, prompt_id: str) -> list[str]:
        """The names of a prompt's JSON events, less those on progress."""
        return [
            event.type
            for event in self.seen
            if isinstance(event, EngineEvent) and event.prompt_id == prompt_id and "progress" not in event.type
        ]

    async def close(self) -> None:
        await self.engine.close()
        async with asyncio.timeout(60):
            await self._follower


MakeStudio = Callable[..., Awaitable[Studio]]
