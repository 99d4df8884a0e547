"""What a job is: one prompt from the moment it was asked for to its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, Literal

from cozygen.engines.base import Graph

_MAX_TEXTS = 50
_LONGEST_TEXT = 20_000


class JobState(StrEnum):
    """A job goes submitting -> queued -> running -> one of the three ends; it never goes back, but by a restart."""

    SUBMITTING = "submitting"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing will happen any more."""
        return self in ENDED


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
ACTIVE = frozenset(JobState) - ENDED


MAX_PRIORITY = 10
"""Highest priority; the lowest is its negative."""


@dataclass(frozen=True)
class NewJob:
    """What is asked for. `graph` is final: values are in, random numbers drawn, aliases expanded.

    Jobs of a higher `priority` (0 is normal) run before all of a lower one; `front` puts the job before all its equals.
    """

    graph: Graph
    user: str
    title: str
    workflow: str | None = None
    prompt_id: str | None = None
    client_id: str | None = None
    number: float | None = None
    front: bool = False
    priority: int = 0
    group_id: str | None = None
    group_place: int | None = None
    extra_data: dict[str, Any] = field(default_factory=dict)
    partial_execution_targets: list[str] | None = None
    values: dict[str, Any] = field(default_factory=dict)
    prompt_raw: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobGroup:
    """Renders that were asked for together: a batch, or a sweep over `axes` (``[{"key", "values"}, ...]``).

    The place of a job in the group follows from its cell: the last axis varies fastest, and each cell has `count` jobs.
    """

    seq: int
    id: str
    user: str
    kind: Literal["batch", "sweep"]
    workflow: str | None
    title: str
    axes: list[dict[str, Any]]
    count: int
    created_at: float

    def cell(self, place: int) -> list[int]:
        """Which value of each axis the job at a place has."""
        rest = place // self.count
        indices = []
        for axis in reversed(self.axes):
            rest, index = divmod(rest, len(axis["values"]))
            indices.append(index)
        return indices[::-1]


@dataclass(frozen=True)
class Job:
    """A job as stored. Times are seconds since the epoch."""

    seq: int
    id: str
    user: str
    client_id: str | None
    number: float
    state: JobState
    workflow: str | None
    title: str
    graph: Graph
    extra_data: dict[str, Any]
    targets: list[str]
    values: dict[str, Any]
    prompt_raw: dict[str, str]
    outputs: dict[str, Any]
    error: dict[str, Any] | None
    messages: list[Any]
    created_at: float
    started_at: float | None
    finished_at: float | None
    in_history: bool
    group_id: str | None
    group_place: int | None

    def node_title(self, node_id: str) -> str:
        """The title that the author gave a node, else its class."""
        node = self.graph.get(node_id, {})
        meta = node.get("_meta")
        title = meta.get("title") if isinstance(meta, dict) else None
        return str(title or node.get("class_type") or node_id)

    def files(self) -> Iterator[tuple[str, dict[str, str]]]:
        """The files among the outputs: (node id, ``{"filename", "subfolder", "type"}``)."""
        yield from output_files(self.outputs)

    def texts(self) -> Iterator[tuple[str, str]]:
        """The texts among the outputs: (node id, text). Of very many and very long ones, what a page can show."""
        return islice(_texts(self.outputs), _MAX_TEXTS)


def _texts(outputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for node_id, ui in outputs.items():
        given = ui.get("text") if isinstance(ui, dict) else None
        for text in given if isinstance(given, list) else [given]:
            if isinstance(text, str) and text:
                yield str(node_id), text[:_LONGEST_TEXT]


def output_files(outputs: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """The files that an outputs map names, whatever the node calls the list (images, gifs, video, audio, ...)."""
    for node_id, shown in outputs.items():
        if not isinstance(shown, dict):
            continue
        for entries in shown.values():
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict) and isinstance(entry.get("filename"), str) and entry["filename"]:
                    yield (
                        str(node_id),
                        {
                            "filename": entry["filename"],
                            "subfolder": str(entry.get("subfolder") or "").replace("\\", "/"),
                            "type": str(entry.get("type") or "output"),
                        },
                    )
