"""The frames that the studio and its worker processes exchange over pipes.

A message is the size of its header and of its body (two big-endian 32-bit numbers), the header as a JSON object, and
the body. Neither side trusts the sizes that the other one states.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

MAX_HEADER = 256 * 1024
MAX_BODY = 64 * 1024 * 1024

_SIZES = struct.Struct(">II")


class WireError(Exception):
    """What arrived is no message."""


def write_message(stream: BinaryIO, header: Mapping[str, Any], body: bytes = b"") -> None:
    """Send one message. Raises `OSError` when the other side is gone, `WireError` when it would be too large."""
    text = json.dumps(header).encode()
    if len(text) > MAX_HEADER or len(body) > MAX_BODY:
        raise WireError("the message is too large")
    stream.write(_SIZES.pack(len(text), len(body)) + text + body)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next message, None when the other side closed. Blocks. Raises `WireError` and `OSError`."""
    sizes = _read(stream, _SIZES.size)
    if not sizes:
        return None
    if len(sizes) < _SIZES.size:
        raise WireError("the message is cut short")
    header_size, body_size = _SIZES.unpack(sizes)
    if header_size > MAX_HEADER or body_size > MAX_BODY:
        raise WireError("the message is too large")
    text, body = _read(stream, header_size), _read(stream, body_size)
    if len(text) < header_size or len(body) < body_size:
        raise WireError("the message is cut short")
    try:
        header = json.loads(text)
    except ValueError:
        raise WireError("the header is not JSON") from None
    if not isinstance(header, dict):
        raise WireError("the header is not an object")
    return header, body


def _read(stream: BinaryIO, size: int) -> bytes:
    """`size` bytes, fewer at the end of the stream."""
    parts = []
    while size > 0:
        part = stream.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
