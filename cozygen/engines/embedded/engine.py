"""The embedded engine: a queue of prompts, and two processes of its own that check them and render them.

The *desk* checks prompts and describes nodes, the *renderer* renders; each has its own interpreter, so that neither a
render at full load nor a slow disk holds up the studio, and so that a crash ends one prompt and nothing else.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import logging
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cozygen
from cozygen.engines.base import (
    Accepted,
    ConnectionEvent,
    EngineError,
    EngineEvent,
    EngineUnavailable,
    Event,
    Health,
    LocalFile,
    Outcome,
    OutputType,
    PreviewEvent,
    PromptRejected,
    Submission,
)
from cozygen.engines.embedded import machine, models
from cozygen.engines.embedded.process import EngineProcess, ProcessDied, ProcessSlot
from cozygen.engines.embedded.stream import EventStream
from cozygen.storage.paths import PathError, Root, atomic_write

log = logging.getLogger(__name__)

NOTE = (
    "This is CozyGen's built-in engine: it renders on the processor with a procedural painter, "
    "which is not a diffusion model. Connect a ComfyUI server for generated images."
)

_MAX_REMEMBERED = 1000
_MAX_PROMPT_BYTES = 32 * 2**20
_LARGE_JSON = 64 * 2**10
_DESK_SECONDS = 60.0
_COPY_CHUNK = 2**20
_ENDINGS = {"execution_success": "done", "execution_error": "failed", "execution_interrupted": "cancelled"}
_MESSAGES = ("execution_start", "execution_cached", *_ENDINGS)
_HELP = "Try a smaller size, fewer frames or a smaller batch; the studio and the other prompts go on."


@dataclass(eq=False)
class _Job:
    """A prompt that has been accepted and has not ended."""

    prompt_id: str
    number: float
    accepted: Accepted
    graph: bytes
    extra_data: bytes
    running: bool = False
    node_id: str | None = None
    node_type: str | None = None
    executed: dict[str, None] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)
    ending: dict[str, Any] | None = None
    state: str = "queued"
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def learn(self, event: str, data: dict[str, Any]) -> None:
        """Take in an event of this prompt."""
        if event in _MESSAGES:
            self.messages.append([event, data])
        if event in _ENDINGS:
            self.state, self.ending = _ENDINGS[event], data
        elif event == "executing":
            if self.node_id is not None:
                self.executed[self.node_id] = None
            self.node_id = data.get("node")
        elif event == "executed" and isinstance(data.get("output"), dict):
            self.outputs[str(data["node"])] = data["output"]

    def outcome(self) -> Outcome:
        """How it stands."""
        meta = {
            node_id: {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
            for node_id in self.outputs
        }
        state = self.state if self.ending is not None or not self.running else "running"
        return Outcome(
            state=state,  # type: ignore[arg-type]
            outputs=dict(self.outputs),
            error=self.ending if state == "failed" else None,
            messages=list(self.messages),
            meta=meta,
        )


@dataclass(eq=False)
class _Entry:
    """A prompt that is being checked."""

    task: asyncio.Task[Accepted]
    fate: Literal["queue", "cancel", "withdraw"] = "queue"


class EmbeddedEngine:
    """Renders prompts on this machine's processor, without ComfyUI. The folders are absolute.

    `models_dir` holds the model folders whose names forms offer. `extra_modules` are further modules of node classes.
    A node that does not react to a cancellation for `cancel_seconds` is ended with its process.
    """

    def __init__(
        self,
        input_dir: Path,
        output_dir: Path,
        temp_dir: Path,
        models_dir: Path | None = None,
        *,
        extra_modules: Sequence[str] = (),
        follow_symlinks: bool = False,
        max_upload_size: int = 512 * 2**20,
        cancel_seconds: float = 10.0,
    ) -> None:
        self._folders: dict[OutputType, Path] = {"input": input_dir, "output": output_dir, "temp": temp_dir}
        self._roots = {kind: Root(folder, follow_symlinks=follow_symlinks) for kind, folder in self._folders.items()}
        self._models_dir = models_dir
        self._extra_modules = list(extra_modules)
        self._max_upload_size = max_upload_size
        self._cancel_seconds = cancel_seconds
        self._stream = EventStream()
        self._desk = ProcessSlot(lambda: self._start_process("desk", renders=False))
        self._renderer = ProcessSlot(lambda: self._start_process("renderer", renders=True))
        self._tasks: list[asyncio.Task[None]] = []
        self._open = False
        self._fault: str | None = None
        self._arrivals = itertools.count()
        self._heap: list[tuple[float, int, _Job]] = []
        self._jobs: dict[str, _Job] = {}
        self._entering: dict[str, _Entry] = {}
        self._ended: OrderedDict[str, Outcome] = OrderedDict()
        self._work = asyncio.Event()
        self._current: _Job | None = None

    # Life

    async def start(self) -> None:
        """Begin work in the background; returns at once."""
        if self._open:
            return
        self._open = True
        self._tasks = [
            asyncio.create_task(self._warm_up(), name="embedded-warm-up"),
            asyncio.create_task(self._render_loop(), name="embedded-render"),
        ]

    async def close(self) -> None:
        """Stop within a few seconds. Prompts that have not ended are forgotten without a word."""
        self._open = False
        self._stream.close()
        entering = [entry.task for entry in self._entering.values()]
        for task in (*self._tasks, *entering):
            task.cancel()
        await asyncio.gather(self._desk.discard(), self._renderer.discard())
        await asyncio.gather(*self._tasks, *entering, return_exceptions=True)
        self._tasks.clear()
        self._heap.clear()
        self._jobs.clear()
        self._entering.clear()
        self._current = None

    async def _warm_up(self) -> None:
        """Have both processes ready before they are needed, one after the other: a small machine has other work."""
        for slot in (self._desk, self._renderer):
            with suppress(EngineUnavailable):  # told when it is needed
                await slot.get()

    async def _start_process(self, name: str, *, renders: bool) -> EngineProcess:
        folders = {kind: str(folder) for kind, folder in self._folders.items()}
        config = {"folders": folders, "modules": self._extra_modules, "renders": renders}
        try:
            started = await EngineProcess.start(name, config, self._on_message)
        except EngineUnavailable as error:
            log.error("%s", error)
            self._set_fault(str(error))
            raise
        self._set_fault(None)
        return started

    def _set_fault(self, fault: str | None) -> None:
        before, self._fault = self._fault, fault
        if (before is None) != (fault is None):
            self._stream.put_now(ConnectionEvent(fault is None, fault or "The built-in engine runs again."))

    def _require_open(self) -> None:
        if not self._open:
            raise EngineUnavailable("The built-in engine is not running.")

    # What it is

    async def health(self) -> Health:
        """Whether its processes can be started."""
        note = NOTE if self._fault is None else f"The built-in engine does not run. {self._fault}"
        return Health(ok=self._fault is None, engine="embedded", version=cozygen.__version__, url=None, note=note)

    async def system_stats(self) -> dict[str, Any]:
        """ComfyUI's ``/system_stats``; the only device is the processor."""
        return await asyncio.to_thread(machine.system_stats)

    async def features(self) -> dict[str, Any]:
        """ComfyUI's ``/features``."""
        return {"supports_preview_metadata": True, "max_upload_size": self._max_upload_size}

    async def object_info(self, node_class: str | None = None) -> dict[str, Any]:
        """ComfyUI's ``/object_info``, lists of files as they are now. Raises `EngineUnavailable` or `EngineError`."""
        (answer,) = await self._ask_desk("object_info", _dump({"class": node_class}))
        info: dict[str, Any] = await _parse(answer)
        return info

    async def model_folders(self) -> list[str]:
        """The names under ``/models``."""
        return models.folder_names()

    async def models(self, folder: str, *, refresh: bool = False) -> list[str] | None:
        """The files of one model folder, always as they are now; None when there is no such folder."""
        return await asyncio.to_thread(models.list_models, self._models_dir, folder)

    async def embeddings(self) -> list[str]:
        """The embeddings' names, without extension."""
        return await asyncio.to_thread(models.list_embeddings, self._models_dir)

    async def choices(self, kind: str, *, refresh: bool = False) -> list[str] | None:
        """Names of samplers, schedulers or models, always as they are now; None for an unknown kind."""
        return await asyncio.to_thread(models.list_choices, self._models_dir, kind)

    async def _ask_desk(self, op: str, *parts: bytes) -> list[bytes]:
        """Raises `EngineUnavailable`, or `EngineError` when the desk cannot answer this."""
        for attempt in (1, 2):
            self._require_open()
            desk = await self._desk.get()
            try:
                return await desk.request(op, *parts, seconds=_DESK_SECONDS)
            except TimeoutError:
                await self._desk.discard(grace=0)
                raise EngineError(f"The built-in engine did not answer within {_DESK_SECONDS:.0f} seconds.") from None
            except ProcessDied as death:
                log.error("the desk process %s", death)
                if attempt == 2:  # the first may have been the fault of an earlier request
                    raise EngineError(f"The process that checks prompts {death}.") from None
        raise AssertionError("unreachable")

    # Prompts

    async def submit(self, submission: Submission) -> Accepted:
        """Check and queue a prompt. Raises `PromptRejected`, `EngineUnavailable` or `EngineError`."""
        self._require_open()
        known = self._jobs.get(submission.prompt_id)
        if known is not None:
            return known.accepted
        while (entry := self._entering.get(submission.prompt_id)) is not None and entry.fate != "queue":
            await asyncio.wait({entry.task})  # it was taken back, and now comes again
        if entry is None:
            entry = _Entry(asyncio.create_task(self._enter(submission), name="embedded-check"))
            self._entering[submission.prompt_id] = entry
            entry.task.add_done_callback(lambda task: self._entered(submission.prompt_id, task))
        try:
            return await asyncio.shield(entry.task)
        except asyncio.CancelledError:
            if entry.task.cancelled():
                raise EngineUnavailable("The built-in engine is stopping.") from None
            raise

    def _entered(self, prompt_id: str, task: asyncio.Task[Accepted]) -> None:
        self._entering.pop(prompt_id, None)
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits for it any more

    async def _enter(self, submission: Submission) -> Accepted:
        if math.isnan(submission.number):
            raise _refusal("The number of the prompt is none.", "number")
        graph, extra_data = await asyncio.to_thread(_encode, submission)
        meta = _dump({"targets": submission.partial_execution_targets})
        answer, converted = await self._ask_desk("validate", meta, graph)
        verdict = await _parse(answer)
        if "rejected" in verdict:
            raise PromptRejected(verdict["rejected"], verdict["status"])
        prompt_id = submission.prompt_id
        accepted = Accepted(prompt_id, submission.number, verdict["outputs"], verdict["node_errors"])
        job = _Job(prompt_id, submission.number, accepted, converted, extra_data)
        self._ended.pop(prompt_id, None)
        fate = self._entering[prompt_id].fate
        if fate == "cancel":
            self._interrupt(job)
        if fate != "queue":
            return accepted
        self._jobs[prompt_id] = job
        heapq.heappush(self._heap, (job.number, next(self._arrivals), job))
        self._work.set()
        self._tell_status()
        return accepted

    async def cancel(self, prompt_id: str) -> bool:
        """Remove a waiting prompt or interrupt the running one. False when it is neither."""
        entry = self._entering.get(prompt_id)
        if entry is not None and prompt_id not in self._jobs:
            entry.fate = "cancel"
            return True
        job = self._jobs.get(prompt_id)
        if job is None or job.ending is not None:
            return False
        job.cancelled.set()
        if not job.running:
            self._interrupt(job)
        return True

    async def withdraw(self, prompt_id: str) -> bool:
        """Take a prompt that still waits out of the queue, without an event of its own. False when it does not."""
        entry = self._entering.get(prompt_id)
        if entry is not None and prompt_id not in self._jobs:
            entry.fate = "withdraw"
            return True
        job = self._jobs.get(prompt_id)
        if job is None or job.running or job.ending is not None:
            return False
        del self._jobs[prompt_id]
        self._tell_status()
        return True

    async def lookup(self, prompt_ids: Sequence[str]) -> dict[str, Outcome]:
        """What is known of these prompts since the start; of ended ones the last thousand are."""
        found = {}
        for prompt_id in prompt_ids:
            if prompt_id in self._jobs:
                found[prompt_id] = self._jobs[prompt_id].outcome()
            elif prompt_id in self._entering:
                found[prompt_id] = Outcome("queued")
            elif prompt_id in self._ended:
                found[prompt_id] = self._ended[prompt_id]
        return found

    def events(self) -> AsyncIterator[Event]:
        """All events from this call on, in order, until `close`. One consumer."""
        return self._stream.listen()

    # Rendering

    async def _render_loop(self) -> None:
        while True:
            job = await self._next()
            try:
                await self._render(job)
            except Exception as error:
                log.exception("prompt %s could not be rendered", job.prompt_id)
                self._fail(job, "EngineError", f"The built-in engine failed: {error}")
            self._finish(job)

    async def _next(self) -> _Job:
        """The waiting prompt with the lowest number, of those the oldest."""
        while True:
            while self._heap:
                job = heapq.heappop(self._heap)[2]
                if self._jobs.get(job.prompt_id) is job and job.ending is None:
                    job.running = True
                    self._current = job
                    return job
            self._work.clear()
            await self._work.wait()

    async def _render(self, job: _Job) -> None:
        self._tell_status()
        try:
            renderer = await self._renderer.get()
        except EngineUnavailable as error:
            self._fail(job, "EngineUnavailable", str(error))
            return
        if job.cancelled.is_set():
            self._interrupt(job)
            return
        try:
            await self._run_on(renderer, job)
        except ProcessDied as death:
            if job.node_id is not None and job.ending is None:
                job.node_type = (await _parse(job.graph))[job.node_id]["class_type"]
            if job.ending is None and job.cancelled.is_set():
                self._interrupt(job)
            elif job.ending is None:
                log.error("the renderer %s", death)
                where = "" if job.node_id is None else f" while it ran node {job.node_id} ({job.node_type})"
                self._fail(job, "RendererDied", f"The rendering process {death}{where}. {_HELP}")
            self._tasks[:] = [task for task in self._tasks if not task.done()]
            self._tasks.append(asyncio.create_task(self._warm_up(), name="embedded-warm-up"))

    async def _run_on(self, renderer: EngineProcess, job: _Job) -> None:
        """Let the renderer run a prompt to its end. Raises `ProcessDied`, also when it had to be ended."""
        meta = {"prompt_id": job.prompt_id, "outputs": job.accepted.outputs_to_execute}
        run = asyncio.create_task(renderer.request("run", _dump(meta), job.graph, job.extra_data))
        cancelling = asyncio.create_task(job.cancelled.wait())
        try:
            await asyncio.wait({run, cancelling}, return_when=asyncio.FIRST_COMPLETED)
            if not run.done():
                with suppress(ProcessDied, TimeoutError):
                    async with asyncio.timeout(self._cancel_seconds):
                        await renderer.notify("cancel", _dump({"prompt_id": job.prompt_id}))
                        await asyncio.wait({run})
            if not run.done():
                log.warning("node %s did not react to the cancellation; its process is ended", job.node_id)
                await self._renderer.discard(grace=0)
            await run
        finally:
            for task in (run, cancelling):
                task.cancel()
            await asyncio.gather(run, cancelling, return_exceptions=True)

    async def _on_message(self, header: dict[str, Any], parts: list[bytes]) -> None:
        """An event or a preview of the renderer."""
        job = self._current
        if job is None:
            return
        data = await _parse(parts[0])
        if header.get("preview") is True:
            node_id = str(data["node_id"])
            metadata = {
                "node_id": node_id,
                "prompt_id": job.prompt_id,
                "display_node_id": node_id,
                "parent_node_id": None,
                "real_node_id": node_id,
            }
            await self._stream.put(PreviewEvent(job.prompt_id, node_id, "image/jpeg", parts[1], metadata))
        else:
            event = str(header["event"])
            job.learn(event, data)
            await self._stream.put(EngineEvent(event, data, job.prompt_id))

    def _tell(self, job: _Job, event: str, data: dict[str, Any]) -> None:
        job.learn(event, data)
        self._stream.put_now(EngineEvent(event, data, job.prompt_id))

    def _tell_status(self) -> None:
        remaining = sum(job.ending is None for job in self._jobs.values())
        data = {"status": {"exec_info": {"queue_remaining": remaining}}}
        self._stream.put_now(EngineEvent("status", data))

    def _whereabouts(self, job: _Job) -> dict[str, Any]:
        return {
            "prompt_id": job.prompt_id,
            "node_id": job.node_id,
            "node_type": job.node_type,
            "executed": list(job.executed),
            "timestamp": int(time.time() * 1000),
        }

    def _fail(self, job: _Job, kind: str, message: str) -> None:
        """End a prompt that the renderer can no longer end."""
        if job.ending is None:
            data = {
                **self._whereabouts(job),
                "exception_message": message,
                "exception_type": kind,
                "traceback": [],
                "current_inputs": {},
                "current_outputs": list(job.outputs),
            }
            self._tell(job, "execution_error", data)

    def _interrupt(self, job: _Job) -> None:
        """End a prompt as cancelled without the renderer; one that waits leaves the queue."""
        self._tell(job, "execution_interrupted", self._whereabouts(job))
        if not job.running:
            self._finish(job)

    def _finish(self, job: _Job) -> None:
        """The prompt has ended: remember it, and tell in ComfyUI's order."""
        if job.ending is None:
            self._fail(job, "EngineError", "The rendering process did not say how the prompt ended.")
        if self._current is job:
            self._current = None
        self._jobs.pop(job.prompt_id, None)
        self._ended[job.prompt_id] = job.outcome()
        while len(self._ended) > _MAX_REMEMBERED:
            self._ended.popitem(last=False)
        self._tell_status()
        self._tell(job, "executing", {"node": None, "prompt_id": job.prompt_id})

    # Files

    async def upload(
        self, name: str, data: Path, *, subfolder: str = "", type: OutputType = "input", overwrite: bool = True
    ) -> None:
        """Copy a file to where prompts find it, unless it is there. Raises `EngineError`."""
        try:
            target = self._roots[type].resolve_file(subfolder, name)
            await asyncio.to_thread(_copy, data, target, overwrite)
        except (PathError, OSError) as error:
            raise EngineError(f"{name} could not be stored: {error}") from None

    async def open_output(self, filename: str, subfolder: str, type: OutputType) -> LocalFile | None:
        """A file in one of the folders, None when there is none or the name leads out."""

        def find() -> LocalFile | None:
            try:
                path = self._roots[type].resolve_file(subfolder, filename)
                return LocalFile(path) if path.is_file() else None
            except (PathError, OSError):
                return None

        return await asyncio.to_thread(find)


def _refusal(message: str, details: str) -> PromptRejected:
    error = {"type": "invalid_prompt", "message": message, "details": details, "extra_info": {}}
    return PromptRejected({"error": error, "node_errors": {}})


def _encode(submission: Submission) -> tuple[bytes, bytes]:
    """The graph and the extra data as JSON. Raises `PromptRejected` for what has none."""
    graph: Any = submission.graph
    if isinstance(graph, dict):
        # ComfyUI leaves its own notes on changes in the prompts that it writes into files, with NaN in them.
        graph = {key: _without_notes(node) for key, node in graph.items()}
    encoded = []
    for what, value in (("prompt", graph), ("extra data", submission.extra_data)):
        try:
            encoded.append(json.dumps(value, allow_nan=False).encode())
        except (ValueError, TypeError, RecursionError) as error:
            raise _refusal(f"The {what} is not JSON.", str(error)[:200]) from None
    if sum(map(len, encoded)) > _MAX_PROMPT_BYTES:
        raise _refusal("The prompt is too large.", f"It has more than {_MAX_PROMPT_BYTES} bytes.")
    return encoded[0], encoded[1]


def _without_notes(node: Any) -> Any:
    if isinstance(node, dict) and "is_changed" in node:
        return {key: value for key, value in node.items() if key != "is_changed"}
    return node


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


async def _parse(data: bytes) -> Any:
    """Decode JSON; much of it in a thread."""
    return json.loads(data) if len(data) < _LARGE_JSON else await asyncio.to_thread(json.loads, data)


def _copy(source: Path, target: Path, overwrite: bool) -> None:
    """Raises `OSError`."""
    if target.exists():
        if target.samefile(source):
            return
        if not overwrite:
            raise FileExistsError("a file of this name exists")
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(target, _chunks(source))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_COPY_CHUNK):
            yield chunk
