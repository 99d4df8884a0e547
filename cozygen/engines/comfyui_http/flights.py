"""The prompts that we have given to a server and that have not ended."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cozygen.engines.base import EngineEvent
from cozygen.engines.comfyui_http.tasks import Tasks

log = logging.getLogger(__name__)


class Lane:
    """Passes one prompt's events on, in order, each after its files have come.

    Every prompt has its own: a long film on its way holds up the end of its own prompt and nothing else.
    """

    def __init__(
        self,
        publish: Callable[[EngineEvent], None],
        localise: Callable[[EngineEvent], Awaitable[EngineEvent]],
        tasks: Tasks,
    ) -> None:
        self._publish = publish
        self._localise = localise
        self._tasks = tasks
        self._waiting: deque[EngineEvent] = deque()
        self._drain: asyncio.Task[None] | None = None

    def put(self, event: EngineEvent, *, has_files: bool) -> asyncio.Task[None] | None:
        """Pass an event on: at once, or when those before it have been. The work that this begins, if any."""
        if self._drain is None and not has_files:
            self._publish(event)
            return None
        self._waiting.append(event)
        if self._drain is not None:
            return None
        self._drain = self._tasks.start(self._pass_on())
        return self._drain

    @property
    def busy(self) -> bool:
        """Whether events wait for files."""
        return self._drain is not None

    async def _pass_on(self) -> None:
        try:
            while self._waiting:
                self._publish(await self._localise(self._waiting.popleft()))
        finally:
            self._drain = None


@dataclass(eq=False)
class Flight:
    """One prompt on its way.

    `remote_id`: the server's id of it, which older servers choose themselves. `epoch`: the connection during which
    the server was last known to have it. `adopted`: queued by an earlier run of ours, so that the server sends its
    events to nobody. `finishing`: the server has said that no node runs any more. `missed`: how many looks in a row
    have not found it in the queue. `shown`: the nodes whose output has been told.
    """

    prompt_id: str
    remote_id: str
    number: float
    lane: Lane
    accepted: bool = False
    adopted: bool = False
    started: bool = False
    ended: bool = False
    cancelling: bool = False
    finishing: bool = False
    epoch: int = -1
    missed: int = 0
    shown: set[str] = field(default_factory=set)


class Flights:
    """All of them, by either id."""

    def __init__(self) -> None:
        self._ours: dict[str, Flight] = {}
        self._remote: dict[str, Flight] = {}
        self.running: Flight | None = None

    def __iter__(self) -> Iterator[Flight]:
        return iter(sorted(self._ours.values(), key=lambda flight: flight.number))

    def __len__(self) -> int:
        return len(self._ours)

    def add(self, flight: Flight) -> None:
        """A prompt takes off."""
        self._ours[flight.prompt_id] = flight
        self._remote[flight.remote_id] = flight

    def rename(self, flight: Flight, remote_id: str) -> None:
        """The server calls the prompt something else."""
        self._remote.pop(flight.remote_id, None)
        flight.remote_id = remote_id
        self._remote[remote_id] = flight

    def remove(self, flight: Flight) -> None:
        """A prompt has landed, or is lost."""
        if self._ours.get(flight.prompt_id) is flight:
            del self._ours[flight.prompt_id]
        if self._remote.get(flight.remote_id) is flight:
            del self._remote[flight.remote_id]
        if self.running is flight:
            self.running = None

    def get(self, prompt_id: str) -> Flight | None:
        """By our id."""
        return self._ours.get(prompt_id)

    def by_remote_id(self, remote_id: Any) -> Flight | None:
        """By the server's id."""
        return self._remote.get(remote_id) if isinstance(remote_id, str) else None
