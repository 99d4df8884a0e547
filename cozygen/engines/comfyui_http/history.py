"""What ComfyUI's ``/queue`` and ``/history`` say of a prompt, and the events that tell the same.

``/queue``: ``{"queue_running": [item], "queue_pending": [item]}`` with items ``[number, prompt id, graph, extra_data,
output node ids]``. ``/history``: ``{prompt id: {"prompt": item, "outputs", "status": {"status_str", "completed",
"messages": [[event, data]]} | None, "meta"}}``.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cozygen.engines.base import Outcome

MARKER = "cozygen_prompt_id"
"""Key of ``extra_data`` that holds our id of a prompt, for servers too old to take it as the prompt's own id."""

_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IDS = uuid.UUID("6a0f6d44-3a0c-4d69-9c5e-5d0a2c3e7b51")

ENDS = ("execution_success", "execution_error", "execution_interrupted")
_STATES: dict[str, Literal["done", "failed", "cancelled"]] = {
    "execution_success": "done",
    "execution_error": "failed",
    "execution_interrupted": "cancelled",
}


@dataclass(frozen=True)
class QueueItem:
    """A prompt in the server's queue. `marker` is our id of it, where we queued it."""

    remote_id: str
    marker: str | None
    number: float
    outputs: list[str]
    running: bool


def parse_queue(body: dict[str, Any]) -> list[QueueItem]:
    """The items of ``/queue``, running ones first; what is malformed is left out."""
    items: list[QueueItem] = []
    for key, running in (("queue_running", True), ("queue_pending", False)):
        listed = body.get(key)
        for raw in listed if isinstance(listed, list) else ():
            item = _queue_item(raw, running)
            if item is not None:
                items.append(item)
    return items


def _queue_item(raw: Any, running: bool) -> QueueItem | None:
    if not isinstance(raw, list) or len(raw) < 2 or not isinstance(raw[1], str):
        return None
    number = float(raw[0]) if isinstance(raw[0], int | float) else 0.0
    outputs = raw[4] if len(raw) > 4 and isinstance(raw[4], list) else []
    return QueueItem(raw[1], marker_of(raw), number, [str(node) for node in outputs], running)


def remote_id_of(prompt_id: str) -> str:
    """The id that we give a prompt on the server: its own, or one made from it when that has no place in a path."""
    return prompt_id if _SAFE_ID.fullmatch(prompt_id) else str(uuid.uuid5(_IDS, prompt_id))


def find_item(items: list[QueueItem], prompt_id: str) -> QueueItem | None:
    """Our prompt in a queue."""
    remote_id = remote_id_of(prompt_id)
    return next((i for i in items if i.marker == prompt_id or (i.marker is None and i.remote_id == remote_id)), None)


def marker_of(raw: Any) -> str | None:
    """Our id in a queue item or in the ``prompt`` of a history entry."""
    extra = raw[3] if isinstance(raw, list) and len(raw) > 3 else None
    marker = extra.get(MARKER) if isinstance(extra, dict) else None
    return marker if isinstance(marker, str) else None


def outcome_of(entry: dict[str, Any], prompt_id: str) -> Outcome:
    """How an entry of the history ended. Ids inside become `prompt_id`."""
    messages = _messages(entry, prompt_id)
    kind, data = _end(entry, messages, prompt_id)
    outputs = entry.get("outputs")
    meta = entry.get("meta")
    return Outcome(
        state=_STATES[kind],
        outputs=outputs if isinstance(outputs, dict) else {},
        error=data if kind == "execution_error" else None,
        messages=[list(message) for message in messages],
        meta=meta if isinstance(meta, dict) else {},
    )


def events_of(entry: dict[str, Any], prompt_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events that a listener would have got, in order; the last one is the end."""
    messages = _messages(entry, prompt_id)
    began = {kind: data for kind, data in messages if kind not in ENDS}
    yield "execution_start", began.get("execution_start", {"prompt_id": prompt_id})
    if "execution_cached" in began:
        yield "execution_cached", began["execution_cached"]
    outcome = outcome_of(entry, prompt_id)
    for node, shown in outcome.outputs.items():
        meta = outcome.meta.get(node)
        display = meta.get("display_node") if isinstance(meta, dict) else None
        yield "executed", {"node": node, "display_node": display or node, "output": shown, "prompt_id": prompt_id}
    yield _end(entry, messages, prompt_id)


def _messages(entry: dict[str, Any], prompt_id: str) -> list[tuple[str, dict[str, Any]]]:
    status = entry.get("status")
    listed = status.get("messages") if isinstance(status, dict) else None
    return [
        (message[0], {**message[1], "prompt_id": prompt_id})
        for message in (listed if isinstance(listed, list) else ())
        if isinstance(message, list | tuple)
        and len(message) == 2
        and isinstance(message[0], str)
        and isinstance(message[1], dict)
    ]


def _end(
    entry: dict[str, Any], messages: list[tuple[str, dict[str, Any]]], prompt_id: str
) -> tuple[str, dict[str, Any]]:
    # The messages first: ComfyUI's status_str repeats that of the prompt before when nothing had to be executed.
    for kind, data in reversed(messages):
        if kind in ENDS:
            return kind, data
    status = entry.get("status")
    if not isinstance(status, dict) or status.get("status_str") != "error":
        return "execution_success", {"prompt_id": prompt_id, "timestamp": now()}
    return "execution_error", {
        "prompt_id": prompt_id,
        "node_id": None,
        "node_type": None,
        "executed": [],
        "exception_message": "ComfyUI reports a failure without a reason; its log may tell.",
        "exception_type": "error",
        "traceback": [],
        "current_inputs": {},
        "current_outputs": [],
        "timestamp": now(),
    }


def outcome_of_end(kind: str, data: dict[str, Any]) -> Outcome:
    """An end that has been told, where the history does not have it. The outputs are not known any more."""
    return Outcome(_STATES[kind], error=data if kind == "execution_error" else None, messages=[[kind, data]])


def interrupted(prompt_id: str) -> dict[str, Any]:
    """The payload of ``execution_interrupted`` for a prompt that never ran or that left no trace."""
    return {"prompt_id": prompt_id, "node_id": None, "node_type": None, "executed": [], "timestamp": now()}


def now() -> int:
    """ComfyUI's timestamps: milliseconds since the epoch."""
    return int(time.time() * 1000)
