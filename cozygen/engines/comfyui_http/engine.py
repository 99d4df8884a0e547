"""Any ComfyUI server as our engine.

Prompts go in through ``POST /prompt``; one websocket tells what becomes of them. The socket is not to be relied on:
it breaks, the server forgets who is connected when an old connection ends late, and after a restart it knows
nothing. So every prompt of ours is compared with ``/queue`` and ``/history`` whenever the socket comes back, and from
time to time while it lives; what had been missed is told then. Whatever tells it first, an end is told once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from cozygen.engines.base import (
    Accepted,
    ConnectionEvent,
    EngineError,
    EngineEvent,
    EngineUnavailable,
    Event,
    Graph,
    Health,
    LocalFile,
    Outcome,
    OutputType,
    PreviewEvent,
    PromptRejected,
    Submission,
)
from cozygen.engines.comfyui_http import frames, history
from cozygen.engines.comfyui_http.catalogue import Catalogue
from cozygen.engines.comfyui_http.client import AnswerLost, BadStatus, ComfyClient, parse_json_aside, version_of
from cozygen.engines.comfyui_http.files import InputSender, OutputFetcher, ViewedFile, open_view
from cozygen.engines.comfyui_http.flights import Flight, Flights, Lane
from cozygen.engines.comfyui_http.refusals import check_graph, rejection
from cozygen.engines.comfyui_http.tasks import Tasks
from cozygen.storage.paths import PathError, Root

log = logging.getLogger(__name__)

_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IDS = uuid.UUID("6a0f6d44-3a0c-4d69-9c5e-5d0a2c3e7b51")
_OF_THE_RUNNING = ("executing", "progress", "progress_state", "cozygen_batch_ready", "cozygen_video_ready")
_WITH_FILES = ("executed", "cozygen_batch_ready", "cozygen_video_ready")
_PREVIEW_BACKLOG = 64
_STASH = 2000
_SCANNED_HISTORY = 200


class ComfyUIEngine:
    """The engine at `url`. Results are fetched into `output_dir`, inputs are taken from `input_dir`.

    Raises `ValueError` when `url` is no http(s) URL.
    """

    def __init__(
        self, url: str, *, output_dir: Path, input_dir: Path, temp_dir: Path, timing: Timing | None = None
    ) -> None:
        self._timing = timing or Timing()
        self._client = ComfyClient(url)
        self._client_id = uuid.uuid4().hex
        self._tasks = Tasks()
        self._roots: dict[OutputType, Root] = {
            "output": Root(output_dir),
            "input": Root(input_dir),
            "temp": Root(temp_dir),
        }
        self._catalogue = Catalogue(self._client, self._tasks)
        self._fetcher = OutputFetcher(self._client, self._roots["output"], self._tasks, wait=self._timing.hold)
        self._sender = InputSender(self._client, self._roots, self._fetcher)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._flights = Flights()
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._submits: dict[str, asyncio.Task[Accepted]] = {}
        self._abandoned: dict[str, float] = {}
        self._found_queued: set[str] = set()
        self._honours_ids: bool | None = None
        self._stash: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_STASH)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._epoch = 0
        self._told: bool | None = None
        self._settled = asyncio.Event()
        self._connect_now = asyncio.Event()
        self._nudge = asyncio.Event()
        self._checking = asyncio.Lock()
        self._service: list[asyncio.Task[None]] = []
        self._closed = False

    # Life

    async def start(self) -> None:
        """Begin to connect; see `Engine.start`."""
        if not self._service and not self._closed:
            self._service = [self._tasks.start(self._listen()), self._tasks.start(self._watch())]

    async def close(self) -> None:
        """Disconnect. What is queued on the server goes on there."""
        self._closed = True
        await self._tasks.close()
        await self._client.close()
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[Event]:
        """See `Engine.events`."""
        while True:
            event = await self._events.get()
            if event is None:
                self._events.put_nowait(None)
                return
            yield event

    def _publish(self, event: Event) -> None:
        if isinstance(event, PreviewEvent) and self._events.qsize() > _PREVIEW_BACKLOG:
            return  # the next one is better
        self._events.put_nowait(event)

    async def health(self) -> Health:
        """See `Engine.health`; never raises because the server is away."""
        shown = self._client.shown
        try:
            stats = await self._client.get_object("system_stats", seconds=5.0)
        except EngineError as error:
            return Health(ok=False, engine="comfyui", version="", url=shown, note=str(error))
        version = version_of(stats)
        if version is None:
            return Health(ok=False, engine="comfyui", version="", url=shown, note=f"{shown} is not a ComfyUI.")
        note = f"ComfyUI {version} on {_device(stats)} at {shown}."
        if self._service and self._socket is None:
            note += " Its event stream is not connected: progress comes late."
        return Health(ok=True, engine="comfyui", version=version, url=shown, note=note)

    # The socket

    # Events

    # Comparing with the server

    # Prompts

    async def submit(self, submission: Submission) -> Accepted:
        """See `Engine.submit`. Raises `EngineUnavailable` also when it is not known whether the prompt was queued; it
        is taken out again when it turns up."""
        prompt_id = submission.prompt_id
        task = self._submits.get(prompt_id)
        if task is None:
            # It goes on when the caller is gone, so that we always learn what became of the prompt.
            task = self._submits[prompt_id] = self._tasks.start(self._submit(submission))
            task.add_done_callback(lambda _: self._submitted(prompt_id))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and self._closed:
                raise EngineUnavailable("The studio is shutting down.") from None
            raise

    def _submitted(self, prompt_id: str) -> None:
        self._submits.pop(prompt_id, None)
        if not self._submits:
            self._stash.clear()

    async def _submit(self, submission: Submission) -> Accepted:
        await self._await_socket()
        already = await self._already_queued(submission)
        if already is not None:
            return already
        check_graph(submission.graph)
        graph = await self._sender.prepare(submission.graph)
        flight = self._take_off(submission.prompt_id, _remote_id(submission.prompt_id), submission.number)
        epoch = self._epoch if self._socket is not None else -1
        try:
            answer = await self._post(submission, graph, flight)
        except AnswerLost as error:
            answer = await self._after_doubt(flight, error)
        except BaseException:
            self._flights.remove(flight)
            raise
        self._landed(flight, answer, epoch)
        outputs = answer.get("outputs")
        if outputs is None:
            outputs = await self._outputs_of(submission, answer.get("node_errors"))
        number = answer.get("number")
        errors = answer.get("node_errors")
        return Accepted(
            submission.prompt_id,
            float(number) if isinstance(number, int | float) else submission.number,
            outputs,
            errors if isinstance(errors, dict) else {},
        )

    async def _already_queued(self, submission: Submission) -> Accepted | None:
        """The answer for a prompt that is queued or running, None for one that is to be queued."""
        prompt_id = submission.prompt_id
        tracked = self._flights.get(prompt_id)
        never_looked = self._epoch == 0
        if not (tracked or never_looked or prompt_id in self._abandoned or prompt_id in self._found_queued):
            return None
        self._abandoned.pop(prompt_id, None)
        item = _find(await self._queue(), prompt_id)
        if item is None:
            if tracked is not None:
                tracked.ended = True  # another one begins
                self._flights.remove(tracked)
            return None
        self._adopt(prompt_id, item)
        return Accepted(prompt_id, item.number, item.outputs)

    async def _post(self, submission: Submission, graph: Graph, flight: Flight) -> dict[str, Any]:
        body: dict[str, Any] = {
            "prompt": graph,
            "prompt_id": flight.remote_id,
            "client_id": self._client_id,
            "number": submission.number,
            "extra_data": {**submission.extra_data, history.MARKER: submission.prompt_id},
        }
        if submission.partial_execution_targets is not None:
            body["partial_execution_targets"] = submission.partial_execution_targets
        status, answer = await self._client.ask(
            "POST", self._client.url("prompt"), body=body, seconds=self._timing.submit
        )
        if status == 400 and isinstance(answer, dict) and answer.get("error"):
            raise PromptRejected(rejection(answer, graph))
        self._client.check(status, "/prompt")
        if not isinstance(answer, dict) or not isinstance(answer.get("prompt_id"), str):
            raise EngineError(f"{self._client.shown} did not answer /prompt as ComfyUI does. Is it a ComfyUI?")
        return answer

    async def _after_doubt(self, flight: Flight, error: AnswerLost) -> dict[str, Any]:
        """No answer came: find out whether the prompt was queued. Raises `error` when it does not seem so."""
        for pause in self._timing.doubt:
            await asyncio.sleep(pause)
            if flight.started or flight.ended:
                return {}
            try:
                item = _find(await self._queue(), flight.prompt_id)
                if item is not None:
                    return {"prompt_id": item.remote_id, "number": item.number, "outputs": item.outputs}
                if await self._history(flight.remote_id) is not None:
                    return {}
            except EngineError:
                continue
        self._flights.remove(flight)
        self._abandoned[flight.prompt_id] = time.monotonic() + self._timing.abandon
        self._nudge.set()
        raise error

    async def _outputs_of(self, submission: Submission, node_errors: Any) -> list[str]:
        """The output nodes that are going to run. ComfyUI does not tell; empty when it does not tell its nodes either.

        In its answer, `node_errors` names the outputs that are left out as ``dependent_outputs``.
        """
        classes = await self._catalogue.output_classes()
        errors = node_errors if isinstance(node_errors, dict) else {}
        left_out = set(errors)
        for entry in errors.values():
            dependent = entry.get("dependent_outputs") if isinstance(entry, dict) else None
            left_out.update(str(node) for node in (dependent if isinstance(dependent, list) else ()))
        wanted = submission.partial_execution_targets
        return [
            node_id
            for node_id, node in submission.graph.items()
            if isinstance(node, dict)
            and node.get("class_type") in classes
            and node_id not in left_out
            and (not wanted or node_id in wanted)
        ]

    async def cancel(self, prompt_id: str) -> bool:
        """See `Engine.cancel`."""
        under_way = self._submits.get(prompt_id)
        if under_way is not None:
            await asyncio.wait([under_way])
        for _ in range(3):
            item = _find(await self._queue(), prompt_id)
            if item is None:
                gone = self._flights.get(prompt_id)
                if gone is not None:
                    gone.cancelling = True  # whatever became of it, it is not to be queued again
                return False
            flight = self._adopt(prompt_id, item)
            flight.cancelling = True
            if item.running:
                await self._interrupt(item.remote_id)
                return True
            await self._delete(item.remote_id)
            if _find(await self._queue(), prompt_id) is None:
                entry = await self._history(item.remote_id)
                if entry is not None:
                    self._conclude(flight, entry)  # it has run in this very moment
                else:
                    self._end(flight, "execution_interrupted", history.interrupted(prompt_id))
                return True
        return True  # it began to run: the next look interrupts it

    async def lookup(self, prompt_ids: Sequence[str]) -> dict[str, Outcome]:
        """See `Engine.lookup`. Results are fetched on the way."""
        if not prompt_ids:
            return {}
        outcomes: dict[str, Outcome] = {}
        entries: dict[str, dict[str, Any]] = {}
        items = {item.marker or item.remote_id: item for item in await self._queue()}
        missing: list[str] = []
        for prompt_id in dict.fromkeys(prompt_ids):
            item = items.get(prompt_id) or items.get(_remote_id(prompt_id))
            if item is not None:
                self._adopt(prompt_id, item)
                outcomes[prompt_id] = Outcome("running" if item.running else "queued")
            else:
                missing.append(prompt_id)
        found = await asyncio.gather(*(self._history(self._remote_id_of(prompt_id)) for prompt_id in missing))
        entries.update((prompt_id, entry) for prompt_id, entry in zip(missing, found, strict=True) if entry is not None)
        if len(entries) < len(missing) and self._honours_ids is not True:
            for marker, entry in (await self._marked_history()).items():
                if marker in missing:
                    entries.setdefault(marker, entry)
        for prompt_id in missing:
            flight = self._flights.get(prompt_id)
            if flight is not None and flight.accepted and prompt_id in entries:
                self._conclude(flight, entries[prompt_id])
            elif flight is not None and flight.accepted:
                flight.ended = True  # the caller knows now that it is lost
                self._flights.remove(flight)
        outcomes.update(zip(entries, await asyncio.gather(*map(self._outcome, entries.items())), strict=True))
        self._nudge.set()
        return outcomes

    def _remote_id_of(self, prompt_id: str) -> str:
        flight = self._flights.get(prompt_id)
        return _remote_id(prompt_id) if flight is None else flight.remote_id

    async def _outcome(self, named: tuple[str, dict[str, Any]]) -> Outcome:
        prompt_id, entry = named
        fetching = self._fetching.get(prompt_id)
        if fetching is not None:
            await asyncio.wait([fetching])
        outcome = history.outcome_of(entry, prompt_id)
        outputs = {node: await self._fetcher.localise(shown) for node, shown in outcome.outputs.items()}
        return Outcome(outcome.state, outputs, outcome.error, outcome.messages, outcome.meta)

    async def _marked_history(self) -> dict[str, dict[str, Any]]:
        """The newest entries of the history that are ours, by our id: for servers that give ids of their own."""
        try:
            listed = await self._client.get_object("history", seconds=60.0, max_items=str(_SCANNED_HISTORY))
        except EngineUnavailable:
            raise
        except EngineError as error:
            log.warning("could not read the history of %s: %s", self._client.shown, error)
            return {}
        marked = {history.marker_of(e.get("prompt")): e for e in listed.values() if isinstance(e, dict)}
        return {marker: entry for marker, entry in marked.items() if marker is not None}

    # What the server has

    async def system_stats(self) -> dict[str, Any]:
        """See `Engine.system_stats`."""
        return await self._client.get_object("system_stats")

    async def features(self) -> dict[str, Any]:
        """See `Engine.features`; empty for a server that is too old to have any."""
        try:
            return await self._client.get_object("features")
        except BadStatus as error:
            if error.status == 404:
                return {}
            raise

    async def object_info(self, node_class: str | None = None) -> dict[str, Any]:
        """See `Engine.object_info`. Kept for half a minute; the answer is shared and must not be changed."""
        return await (self._catalogue.object_info() if node_class is None else self._catalogue.node_info(node_class))

    async def model_folders(self) -> list[str]:
        """See `Engine.model_folders`."""
        return await self._catalogue.model_folders()

    async def models(self, folder: str, *, refresh: bool = False) -> list[str] | None:
        """See `Engine.models`. ComfyUI itself notices changed folders."""
        if refresh:
            self._catalogue.forget()
        return await self._catalogue.models(folder)

    async def embeddings(self) -> list[str]:
        """See `Engine.embeddings`."""
        return await self._catalogue.embeddings()

    async def choices(self, kind: str, *, refresh: bool = False) -> list[str] | None:
        """See `Engine.choices`."""
        if refresh:
            self._catalogue.forget()
        return await self._catalogue.choices(kind)

    # Files

    async def upload(
        self, name: str, data: Path, *, subfolder: str = "", type: OutputType = "input", overwrite: bool = True
    ) -> None:
        """See `Engine.upload`. Nothing is sent when the server has the same file."""
        await self._sender.upload(data, name, subfolder, type, overwrite=overwrite)

    async def open_output(self, filename: str, subfolder: str, type: OutputType) -> LocalFile | ViewedFile | None:
        """See `Engine.open_output`: the file in our own folder, where results are fetched to, else the server's."""
        try:
            path = await asyncio.to_thread(self._roots[type].resolve_file, subfolder, filename)
        except PathError:
            return None
        if await asyncio.to_thread(path.is_file):
            return LocalFile(path)
        remote = self._fetcher.remote_name(subfolder, filename) if type == "output" else filename
        return await open_view(self._client, remote, subfolder, type)


def _remote_id(prompt_id: str) -> str:
    """The id that we give a prompt on the server: its own, or one made from it when that has no place in a path."""
    return prompt_id if _SAFE_ID.fullmatch(prompt_id) else str(uuid.uuid5(_IDS, prompt_id))


def _find(items: list[history.QueueItem], prompt_id: str) -> history.QueueItem | None:
    remote_id = _remote_id(prompt_id)
    return next((i for i in items if i.marker == prompt_id or (i.marker is None and i.remote_id == remote_id)), None)


def _device(stats: dict[str, Any]) -> str:
    first = next(iter(stats["devices"]), None)
    name = first.get("name") if isinstance(first, dict) else None
    return str(name).split(" : ")[0] if name else "an unknown device"
