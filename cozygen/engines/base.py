"""What every engine offers, and nothing of how: everything above this module is ignorant of which engine runs.

The vocabulary is ComfyUI's own: a *prompt* is an API-format graph ``{node id: {"class_type", "inputs", "_meta"?}}``,
events carry the names and payloads of ComfyUI's websocket (``execution_start``, ``execution_cached``, ``executing``,
``progress``, ``progress_state``, ``executed``, ``execution_success``, ``execution_error``, ``execution_interrupted``,
and whatever custom events a node sends). Rejections carry the body that ComfyUI's ``POST /prompt`` answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

Graph = dict[str, dict[str, Any]]
OutputType = Literal["output", "input", "temp"]


class EngineError(Exception):
    """The engine failed for a reason of its own, not the prompt's."""


class EngineUnavailable(EngineError):
    """The engine cannot be reached or is not running; the message says what was tried and what to do."""


class PromptRejected(Exception):
    """The engine refused a prompt. `body` is ComfyUI's answer: ``{"error": {...}, "node_errors": {...}}``."""

    def __init__(self, body: dict[str, Any], status: int = 400) -> None:
        error = body.get("error")
        super().__init__(error.get("message", "") if isinstance(error, dict) else str(error))
        self.body = body
        self.status = status


@dataclass(frozen=True)
class Submission:
    """One prompt on its way to an engine. Lower `number` runs first (ComfyUI's queue number)."""

    prompt_id: str
    graph: Graph
    number: float
    extra_data: dict[str, Any] = field(default_factory=dict)
    client_id: str | None = None
    partial_execution_targets: list[str] | None = None


@dataclass(frozen=True)
class Accepted:
    """The engine took the prompt. `outputs_to_execute` are node ids; `node_errors` those of skipped outputs."""

    prompt_id: str
    number: float
    outputs_to_execute: list[str]
    node_errors: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EngineEvent:
    """One JSON event in ComfyUI's words. `prompt_id` is None for what concerns no single prompt."""

    type: str
    data: Mapping[str, Any]
    prompt_id: str | None = None


@dataclass(frozen=True)
class PreviewEvent:
    """A preview picture of the running prompt; `mime` is ``image/jpeg`` or ``image/png``."""

    prompt_id: str
    node_id: str | None
    mime: str
    data: bytes
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ConnectionEvent:
    """The engine came within reach (`connected`) or was lost; `message` is for people."""

    connected: bool
    message: str


Event = EngineEvent | PreviewEvent | ConnectionEvent


@dataclass(frozen=True)
class Outcome:
    """How a prompt that the engine knows stands, for catching up after a restart or a lost connection.

    `outputs` is ComfyUI's history map ``{node id: {"images": [{"filename","subfolder","type"}], ...}}``.
    `error` is the payload of ``execution_error``.
    """

    state: Literal["queued", "running", "done", "failed", "cancelled"]
    outputs: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    messages: list[Any] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Health:
    """What the engine is and how it is. `note` is a plain sentence for the user interface."""

    ok: bool
    engine: Literal["embedded", "comfyui"]
    version: str
    url: str | None
    note: str


@dataclass(frozen=True)
class LocalFile:
    """A file of the engine that lies on this machine's disk."""

    path: Path


class RemoteFile(Protocol):
    """A file that is streamed from another machine; use as an async context manager's result."""

    @property
    def content_type(self) -> str: ...

    @property
    def length(self) -> int | None: ...

    def chunks(self) -> AsyncIterator[bytes]: ...


class Engine(Protocol):
    """A thing that runs prompts. Methods raise `EngineUnavailable` when it is out of reach."""

    async def start(self) -> None:
        """Begin work in the background; returns at once and never raises because the engine is away."""

    async def close(self) -> None:
        """Stop within a few seconds; what was queued may be submitted again after the next start."""

    async def health(self) -> Health: ...

    async def system_stats(self) -> dict[str, Any]:
        """ComfyUI's ``/system_stats``."""

    async def features(self) -> dict[str, Any]:
        """ComfyUI's ``/features``."""

    async def object_info(self, node_class: str | None = None) -> dict[str, Any]:
        """ComfyUI's ``/object_info`` (or ``/object_info/{class}``: empty when there is no such class)."""

    async def model_folders(self) -> list[str]:
        """The names under ``/models``."""

    async def models(self, folder: str, *, refresh: bool = False) -> list[str] | None:
        """The files of one model folder, as ``/models/{folder}``; None when there is no such folder."""

    async def embeddings(self) -> list[str]: ...

    async def choices(self, kind: str, *, refresh: bool = False) -> list[str] | None:
        """Names to choose from: ``sampler``, ``scheduler`` or a model folder. None for an unknown kind."""

    async def submit(self, submission: Submission) -> Accepted:
        """Validate and queue a prompt. Raises `PromptRejected` (nothing was queued).

        Submitting a `prompt_id` that is still queued or running is accepted and queues nothing twice.
        """

    async def cancel(self, prompt_id: str) -> bool:
        """Remove a waiting prompt or interrupt the running one. False when the engine does not have it.

        The end is reported through `events`: ``execution_interrupted`` for both.
        """

    async def withdraw(self, prompt_id: str) -> bool:
        """Take a prompt that still waits out of the queue, without an event. False when it runs or is not there."""

    async def lookup(self, prompt_ids: Sequence[str]) -> dict[str, Outcome]:
        """What the engine knows of these prompts; those it does not know are absent."""

    def events(self) -> AsyncIterator[Event]:
        """All events from now on, in order, until `close`. One consumer."""

    async def upload(
        self, name: str, data: Path, *, subfolder: str = "", type: OutputType = "input", overwrite: bool = True
    ) -> None:
        """Make a local file available to the engine's prompts under `name` (no-op where the disk is shared)."""

    async def open_output(self, filename: str, subfolder: str, type: OutputType) -> LocalFile | RemoteFile | None:
        """One of the engine's files, None when absent. Callers have checked nothing: the engine confines the path."""


@runtime_checkable
class ModelReader(Protocol):
    """An engine that reads the headers of model files where we cannot: on another machine."""

    async def model_metadata(self, folder: str, name: str) -> dict[str, Any]:
        """The ``__metadata__`` of a safetensors file, as ``/view_metadata/{folder}``; empty when there is none."""
