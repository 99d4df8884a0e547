"""How the engine and its processes fill the frames of `cozygen.ipc`.

The header is small and says what the body's parts are; whatever comes from a prompt is in the body, which may be large.

To a process: ``{"id", "op", "parts"}`` with `op` one of

* ``configure``: ``{"folders": {kind: path}, "modules": [...], "renders": bool}``; the first request.
* ``validate``: ``{"targets": [...] | null}``, graph. Answered with ``{"outputs", "node_errors"}``, graph as converted;
  or ``{"rejected": body, "status"}``.
* ``object_info``: ``{"class": name | null}``.
* ``run``: ``{"prompt_id", "outputs"}``, graph, extra data. Answered when the run is over.
* ``cancel``: ``{"prompt_id"}``. Not answered.

From a process: ``{"re": id, "ok": bool, "parts"}`` (a message when not ok), ``{"event": type, "parts"}`` with the
event's data, and ``{"preview": true, "parts"}`` with ``{"prompt_id", "node_id"}`` and a JPEG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cozygen.ipc import WireError


def with_parts(header: Mapping[str, Any], parts: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """A header and a body for `parts`."""
    return {**header, "parts": [len(part) for part in parts]}, b"".join(parts)


def split_parts(header: Mapping[str, Any], body: bytes) -> list[bytes]:
    """The parts of a body. Raises `WireError` when the header does not fit it."""
    sizes = header.get("parts")
    if not isinstance(sizes, list) or not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise WireError("the parts have no sizes")
    if sum(sizes) != len(body):
        raise WireError("the parts do not add up")
    parts, start = [], 0
    for size in sizes:
        parts.append(body[start : start + size])
        start += size
    return parts
