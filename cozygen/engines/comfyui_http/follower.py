"""Following our prompts on a ComfyUI server, from the moment they are queued to their end.

One websocket tells what becomes of them. It is not to be relied on: it breaks, the server forgets who is connected
when an old connection ends late, and after a restart it knows nothing. So every prompt of ours is compared with
``/queue`` and ``/history`` whenever the socket comes back, and from time to time while it lives; what had been missed
is told then. Whatever tells it first, an end is told once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from cozygen.engines.base import ConnectionEvent, EngineError, EngineEvent, Event, PreviewEvent
from cozygen.engines.comfyui_http import frames, history
from cozygen.engines.comfyui_http.client import ComfyClient, parse_json_aside
from cozygen.engines.comfyui_http.files import Remembered
from cozygen.engines.comfyui_http.flights import Flight, Flights, Lane
from cozygen.engines.comfyui_http.outputs import OutputFetcher
from cozygen.engines.comfyui_http.tasks import Tasks

log = logging.getLogger(__name__)

_OF_THE_RUNNING = ("executing", "progress", "progress_state", "cozygen_batch_ready", "cozygen_video_ready")
_WITH_FILES = ("executed", "cozygen_batch_ready", "cozygen_video_ready")
_OF_A_BEGUN = ("execution_cached", "executing", "executed", "progress", "progress_state")
_PREVIEW_BACKLOG = 64
_STASH = 2000


@dataclass(frozen=True)
class Timing:
    """Spans in seconds."""

    check: float = 15.0
    """Between looks at the queue while all seems well."""
    check_soon: float = 2.0
    """The same while something is awaited or the socket is away."""
    retry_first: float = 0.5
    retry_most: float = 15.0
    """Between attempts to connect: doubled from the first to the most, and varied."""
    settle: float = 3.0
    """How long a prompt waits for the socket, so as not to miss its first events."""
    doubt: tuple[float, ...] = (0.0, 0.5, 1.5, 3.0, 5.0)
    """Pauses before looks for a prompt that may have been queued."""
    submit: float = 60.0
    """For the server to validate a prompt."""
    hold: float = 60.0
    """How long a result is held back for its files."""
    abandon: float = 900.0
    """How long a prompt that was given up is watched for."""


class Follower:
    """Knows which prompts of ours are on the server, and tells what becomes of them through `events`.

    `on_connect` is called whenever the socket has come (back): the server may be another one then.
    """

    def __init__(
        self,
        client: ComfyClient,
        fetcher: OutputFetcher,
        tasks: Tasks,
        timing: Timing,
        on_connect: Callable[[], None],
    ) -> None:
        self.client_id = uuid.uuid4().hex
        self.flights = Flights()
        self.fetching: dict[str, asyncio.Task[None]] = {}
        self.ended: Remembered[tuple[str, dict[str, Any]]] = Remembered()
        self.honours_ids: bool | None = None
        self.epoch = 0
        self._client = client
        self._fetcher = fetcher
        self._tasks = tasks
        self._timing = timing
        self._on_connect = on_connect
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._abandoned: dict[str, float] = {}
        self._found_queued: set[str] = set()
        self._stash: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_STASH)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._told: bool | None = None
        self._settled = asyncio.Event()
        self._connect_now = asyncio.Event()
        self._nudge = asyncio.Event()
        self._checking = asyncio.Lock()
        self._started = False

    def start(self) -> None:
        """Begin to listen."""
        if not self._started:
            self._started = True
            self._tasks.start(self._listen())
            self._tasks.start(self._watch())

    @property
    def deaf(self) -> bool:
        """Whether events are wanted and cannot come."""
        return self._started and self._socket is None

    async def events(self) -> AsyncIterator[Event]:
        """Everything that happens, until `finish`."""
        while True:
            event = await self._events.get()
            if event is None:
                self._events.put_nowait(None)
                return
            yield event

    def finish(self) -> None:
        """Nothing more is going to happen."""
        self._events.put_nowait(None)

    def nudge(self) -> None:
        """Things have changed that may call for a look at the queue."""
        self._nudge.set()

    def _publish(self, event: Event) -> None:
        if isinstance(event, PreviewEvent) and self._events.qsize() > _PREVIEW_BACKLOG:
            return  # the next one is better
        self._events.put_nowait(event)

    # The socket

    async def _listen(self) -> None:
        delay = self._timing.retry_first
        while True:
            began = time.monotonic()
            try:
                async with self._client.websocket(self.client_id) as socket:
                    await self._converse(socket)
                message = f"The connection to ComfyUI at {self._client.shown} was lost. Trying again."
            except EngineError as error:
                message = str(error)
            except Exception:
                log.exception("listening to ComfyUI failed")
                message = f"Listening to ComfyUI at {self._client.shown} failed. Trying again."
            self._settled.set()
            self._tell(False, message)
            if time.monotonic() - began > self._timing.retry_most:
                delay = self._timing.retry_first
            self._connect_now.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._connect_now.wait(), delay * random.uniform(0.7, 1.3))
            delay = min(2 * delay, self._timing.retry_most)

    async def await_socket(self) -> None:
        """Wait until the socket is there or cannot be had, so that a prompt's first events are not missed."""
        if self._started and self._socket is None:
            self._settled.clear()
            self._connect_now.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), self._timing.settle)

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            await socket.send_str(frames.HELLO)
        self._socket = socket
        self.epoch += 1
        self._settled.set()
        self._on_connect()
        greeting = self._tasks.start(self._catch_up())
        try:
            async for message in socket:
                try:
                    await self._receive(message)
                except Exception:
                    log.exception("an event of ComfyUI could not be processed")
        finally:
            self._socket = None
            greeting.cancel()

    async def _receive(self, message: aiohttp.WSMessage) -> None:
        if message.type is aiohttp.WSMsgType.BINARY:
            picture = frames.parse_picture(message.data)
            if picture is not None:
                self._take_picture(picture)
        elif message.type is aiohttp.WSMsgType.TEXT:
            try:
                event = frames.parse_event(await parse_json_aside(message.data))
            except ValueError:
                return
            if event is not None:
                self._take(*event)

    async def _catch_up(self) -> None:
        """After each connect: tell what was missed, then that the engine is there."""
        try:
            await self._check()
        except EngineError as error:
            log.warning("could not compare with the queue of %s: %s", self._client.shown, error)
        self._tell(True, f"Connected to ComfyUI at {self._client.shown}.")
        self._fetcher.retry()
        self._nudge.set()

    def _tell(self, connected: bool, message: str) -> None:
        if self._told is not connected:
            self._told = connected
            log.info("%s", message)
            self._publish(ConnectionEvent(connected, message))
        self._nudge.set()

    async def _watch(self) -> None:
        """Look after the prompts in case the socket does not tell."""
        looked = time.monotonic()
        while True:
            self._nudge.clear()
            pause = self._pause()
            if pause is None:
                await self._nudge.wait()
                looked = time.monotonic()
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, looked + pause - time.monotonic())):
                    await self._nudge.wait()
                continue  # things have changed: think about the pause again
            looked = time.monotonic()
            try:
                self._fetcher.retry()
                await self._check()
            except EngineError as error:
                log.debug("no look at the queue: %s", error)
            except Exception:
                log.exception("the look at the queue failed")

    def _pause(self) -> float | None:
        flights = list(self.flights)
        if not (flights or self._abandoned or self._fetcher.unfinished):
            return None
        waits = any(f.adopted or f.cancelling or f.finishing or f.missed for f in flights)
        return self._timing.check_soon if waits or self._socket is None else self._timing.check

    # What the server has of ours

    async def queue(self) -> list[history.QueueItem]:
        """What runs and waits on the server, whoever queued it."""
        return history.parse_queue(await self._client.get_object("queue"))

    async def entry_of(self, remote_id: str) -> dict[str, Any] | None:
        """The server's account of an ended prompt."""
        found = (await self._client.get_object("history", remote_id)).get(remote_id)
        return found if isinstance(found, dict) else None

    async def interrupt(self, remote_id: str) -> None:
        """Stop a running prompt. Servers that do not know of ids stop whatever runs: look at the queue before."""
        await self._client.post("interrupt", body={"prompt_id": remote_id})

    async def delete(self, remote_id: str) -> None:
        """Take a waiting prompt out; nothing happens when it does not wait."""
        await self._client.post("queue", body={"delete": [remote_id]})

    async def withdraw(self, prompt_id: str) -> bool:
        """Take a prompt that still waits out, and tell nothing of it. False when it runs or is not there."""
        async with self._checking:  # which would tell that it is gone
            item = history.find_item(await self.queue(), prompt_id)
            if item is None or item.running:
                return False
            await self.delete(item.remote_id)
            began = history.find_item(await self.queue(), prompt_id) or await self.entry_of(item.remote_id)
            flight = self.flights.get(prompt_id)
            if flight is not None and not began:
                self.drop(flight)
            return not began

    def may_be_queued(self, prompt_id: str) -> bool:
        """Whether the server may have a prompt that is about to be queued."""
        never_looked = self.epoch == 0
        tracked = self.flights.get(prompt_id) is not None
        return never_looked or tracked or prompt_id in self._abandoned or prompt_id in self._found_queued

    def take_off(self, prompt_id: str, number: float) -> Flight:
        """A prompt is about to be queued. Its events are told from now on, as those of a new one."""
        before = self.flights.get(prompt_id)
        if before is not None:
            self.drop(before)
        self.ended.forget(prompt_id)
        self._abandoned.pop(prompt_id, None)
        flight = self._new_flight(prompt_id, history.remote_id_of(prompt_id), number)
        flight.epoch = self._present
        return flight

    def _new_flight(self, prompt_id: str, remote_id: str, number: float) -> Flight:
        flight = Flight(prompt_id, remote_id, number, Lane(self._publish, self._localise, self._tasks))
        self.flights.add(flight)
        return flight

    @property
    def _present(self) -> int:
        """The connection that is open, -1 for none."""
        return -1 if self._socket is None else self.epoch

    def landed(self, flight: Flight, remote_id: str) -> None:
        """The server has the prompt, and calls it `remote_id`. Events may have come before it said so."""
        self.honours_ids = remote_id == history.remote_id_of(flight.prompt_id)
        flight.accepted = True
        if not self.honours_ids and not flight.ended:
            self.flights.rename(flight, remote_id)
            for kind, data in list(self._stash):
                if data.get("prompt_id") == remote_id and not flight.ended:
                    self._take_for(flight, kind, data)
        if not self._expecting:
            self._stash.clear()
        self._nudge.set()

    @property
    def _expecting(self) -> bool:
        """Whether a prompt is on its way whose id on the server is not known yet."""
        return self.honours_ids is not True and any(not flight.accepted for flight in self.flights)

    def adopt(self, prompt_id: str, item: history.QueueItem) -> Flight | None:
        """Follow a prompt that is on the server already; None when its end has been told: the item is out of date."""
        flight = self.flights.get(prompt_id)
        if flight is None:
            if self.ended.get(prompt_id) is not None:
                return None
            flight = self._new_flight(prompt_id, item.remote_id, item.number)
            flight.adopted = True
        flight.accepted = True
        flight.epoch, flight.missed = self._present, 0
        if item.running:
            self._begin(flight)
        self._nudge.set()
        return flight

    def drop(self, flight: Flight) -> None:
        """Forget a prompt; nothing more is told of it."""
        flight.ended = True
        self.flights.remove(flight)

    def abandon(self, flight: Flight) -> None:
        """Give a prompt up that does not seem to have been queued; should it turn up, it is taken out."""
        self.drop(flight)
        self._abandoned[flight.prompt_id] = time.monotonic() + self._timing.abandon
        self._nudge.set()

    # Events

    def _take(self, kind: str, data: dict[str, Any]) -> None:
        """One JSON event of the server."""
        if kind == "feature_flags":
            return
        if kind == "status":
            # `sid` is our own client id: whoever we pass it to would take it for theirs
            self._publish(EngineEvent(kind, {key: value for key, value in data.items() if key != "sid"}))
            return
        if data.get("prompt_id") is None:
            if kind not in _OF_THE_RUNNING:
                self._publish(EngineEvent(kind, data))
            elif self.flights.running is not None:
                self._take_for(self.flights.running, kind, data)
            return
        flight = self.flights.by_remote_id(data["prompt_id"])
        if flight is not None:
            self._take_for(flight, kind, data)
        elif self._expecting:
            self._stash.append((kind, data))  # perhaps of a prompt whose id the server is about to tell us

    def _take_for(self, flight: Flight, kind: str, data: dict[str, Any]) -> None:
        if "prompt_id" in data:
            data = {**data, "prompt_id": flight.prompt_id}
        match kind:
            case "execution_start":
                self._begin(flight, data)
                return
            case "execution_error" if data.get("exception_type") == "ExecutionBlocked":
                # A node that asks for its consumers to be left out; the prompt goes on.
                log.warning("%s: %s", flight.prompt_id, data.get("exception_message"))
                return
            case _ if kind in history.ENDS:
                self.end(flight, kind, data)
                return
            case "executing" if data.get("node") is None:
                # Told together with the end. Old servers have no other event for a good one: the history knows.
                flight.finishing = True
                self._nudge.set()
                return
            case "executed":
                flight.shown.add(str(data.get("node")))
        if kind in _OF_A_BEGUN:
            self._begin(flight)
        self._put(flight, kind, data)

    def _begin(self, flight: Flight, data: dict[str, Any] | None = None) -> None:
        if not flight.started:
            flight.started = True
            data = data or {"prompt_id": flight.prompt_id, "timestamp": history.now()}
            self._put(flight, "execution_start", data)
        self.flights.running = flight

    def end(self, flight: Flight, kind: str, data: dict[str, Any]) -> None:
        """Tell how a prompt ended, unless that has been told."""
        if flight.ended:
            return
        self.drop(flight)
        self.ended[flight.prompt_id] = (kind, data)
        self._put(flight, kind, data)
        if flight.started:
            self._put(flight, "executing", {"node": None, "prompt_id": flight.prompt_id})
        self._nudge.set()

    def _put(self, flight: Flight, kind: str, data: dict[str, Any]) -> None:
        event = EngineEvent(kind, data, flight.prompt_id)
        work = flight.lane.put(event, has_files=kind in _WITH_FILES)
        if work is not None:
            self.fetching[flight.prompt_id] = work
            work.add_done_callback(lambda _: self._fetched(flight.prompt_id, work))

    def _fetched(self, prompt_id: str, work: asyncio.Task[None]) -> None:
        if self.fetching.get(prompt_id) is work:
            del self.fetching[prompt_id]
        self._nudge.set()  # there may be files that are still to come

    async def _localise(self, event: EngineEvent) -> EngineEvent:
        """The event with its files here, under the names that they have here."""
        if event.type not in _WITH_FILES:
            return event
        try:
            if event.type != "executed":
                return EngineEvent(event.type, await self._fetcher.localise(event.data), event.prompt_id)
            shown = await self._fetcher.localise(event.data.get("output"))
            return EngineEvent(event.type, {**event.data, "output": shown}, event.prompt_id)
        except Exception:
            log.exception("could not fetch the files of %s", event.prompt_id)
            return event

    def _take_picture(self, picture: frames.Picture) -> None:
        flight = self.flights.running
        if "prompt_id" in picture.metadata:
            flight = self.flights.by_remote_id(picture.metadata["prompt_id"])
        if flight is None or flight.lane.busy:
            return
        self._begin(flight)
        node = picture.metadata.get("node_id")
        metadata = {**picture.metadata, "prompt_id": flight.prompt_id} if picture.metadata else {}
        node_id = None if node is None else str(node)
        self._publish(PreviewEvent(flight.prompt_id, node_id, picture.mime, picture.data, metadata))

    # Comparing

    async def _check(self) -> None:
        """Compare every prompt of ours with what the server says, and tell what the socket has not."""
        async with self._checking:
            flights = [flight for flight in self.flights if flight.accepted]
            epoch = self.epoch
            # The queue first: a prompt goes from there into the history at one stroke, so that it is in one of both.
            items = await self.queue()
            if self._socket is None:
                self._connect_now.set()  # it answers
            self._found_queued = {item.marker or item.remote_id for item in items}
            await self._drop_abandoned(items)
            queued = {item.remote_id: item for item in items}
            for flight in flights:
                item = queued.get(flight.remote_id)
                if item is None:
                    await self._check_absent(flight, epoch)
                elif not flight.ended:
                    flight.epoch, flight.missed = epoch, 0
                    if item.running:
                        self._begin(flight)
                    if item.running and flight.cancelling:
                        # An interrupt that comes before the first node is forgotten by ComfyUI.
                        await self.interrupt(flight.remote_id)

    async def _check_absent(self, flight: Flight, epoch: int) -> None:
        entry = await self.entry_of(flight.remote_id)
        if flight.ended:
            return
        flight.missed += 1
        connected = flight.epoch == epoch == self._present
        expected = flight.adopted or flight.finishing  # that the socket does not tell the end
        if connected and flight.missed < 2 and not expected:
            return  # its last events may be on their way
        if entry is not None:
            self.conclude(flight, entry)
            if connected and not expected and self._socket is not None:
                log.warning("ComfyUI does not send its events to us any more; connecting anew")
                await self._socket.close()
        elif connected or flight.cancelling:
            # The server was there all the time: somebody has taken the prompt out of its queue.
            self.end(flight, "execution_interrupted", history.interrupted(flight.prompt_id))
        else:
            log.warning("ComfyUI has lost %s", flight.prompt_id)
            self.drop(flight)
            self._put(flight, "cozygen_lost", {"prompt_id": flight.prompt_id})

    def conclude(self, flight: Flight, entry: dict[str, Any]) -> None:
        """Tell from the history what the socket has not told."""
        for kind, data in history.events_of(entry, flight.prompt_id):
            if kind == "execution_cached" and flight.shown:
                continue
            if kind != "executed" or data["node"] not in flight.shown:
                self._take_for(flight, kind, data)

    async def _drop_abandoned(self, items: list[history.QueueItem]) -> None:
        """Take out prompts that have been queued after all when they had been given up."""
        now = time.monotonic()
        self._abandoned = {name: until for name, until in self._abandoned.items() if until > now}
        for item in items:
            if (item.marker or item.remote_id) in self._abandoned:
                log.warning("taking %s, which was given up, out of ComfyUI's queue", item.marker)
                await (self.interrupt(item.remote_id) if item.running else self.delete(item.remote_id))
