"""ComfyUI's websocket messages.

Text: JSON ``{"type", "data"}``. Binary: a big-endian uint32 event type, then for 1 (preview) an uint32 image type
(1 JPEG, 2 PNG) and the picture; for 4 (preview with metadata, sent to clients that announce
``supports_preview_metadata``) an uint32 length, that many bytes of JSON, and the picture. Other types are not for us.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cozygen.engines.comfyui_http.client import parse_json

_PREVIEW_IMAGE = 1
_PREVIEW_IMAGE_WITH_METADATA = 4
_MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}

HELLO = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
"""The first message of a client: what it understands."""


@dataclass(frozen=True)
class Picture:
    """A preview. `metadata` is empty in the older format, which does not tell whose preview it is."""

    mime: str
    data: bytes
    metadata: Mapping[str, Any] = field(default_factory=dict)


def parse_event(message: Any) -> tuple[str, dict[str, Any]] | None:
    """The type and data of a parsed text message, None when it is not an event."""
    if not isinstance(message, dict):
        return None
    kind, data = message.get("type"), message.get("data")
    if not isinstance(kind, str) or not kind:
        return None
    return kind, data if isinstance(data, dict) else {} if data is None else {"data": data}


def parse_picture(frame: bytes) -> Picture | None:
    """The preview in a binary message, None when there is none: other types, and whatever is cut off or garbled."""
    if len(frame) < 8:
        return None
    kind, second = struct.unpack_from(">II", frame)
    if kind == _PREVIEW_IMAGE:
        return _picture(frame[8:], {})
    if kind != _PREVIEW_IMAGE_WITH_METADATA or second > len(frame) - 8:
        return None
    try:
        metadata = parse_json(frame[8 : 8 + second])
    except ValueError:
        return None
    return _picture(frame[8 + second :], metadata) if isinstance(metadata, dict) else None


def _picture(data: bytes, metadata: dict[str, Any]) -> Picture | None:
    # What the bytes are counts, not what the header calls them: they are served to browsers under this type.
    for magic, mime in _MAGIC.items():
        if data.startswith(magic):
            return Picture(mime, data, metadata)
    return None
