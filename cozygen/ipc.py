"""The frames that the studio and its worker processes exchange over pipes.

A message is the size of its header and of its body (two big-endian 32-bit numbers), the header as a JSON object, and
the body. Neither side trusts the sizes that the other one states.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from asyncio import StreamReader  # workers start sooner without asyncio

MAX_HEADER = 256 * 1024
MAX_BODY = 64 * 1024 * 1024

_SIZES = struct.Struct(">II")


class WireError(Exception):
    """What arrived is no message."""


def pack_message(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """One message as it is sent. Raises `WireError` when it would be too large."""
    text = json.dumps(header).encode()
    if len(text) > MAX_HEADER or len(body) > MAX_BODY:
        raise WireError("the message is too large")
    return _SIZES.pack(len(text), len(body)) + text + body


def write_message(stream: BinaryIO, header: Mapping[str, Any], body: bytes = b"") -> None:
    """Send one message. Raises `OSError` when the other side is gone, `WireError` when it would be too large."""
    stream.write(pack_message(header, body))
    stream.flush()


async def receive_message(stream: StreamReader) -> tuple[dict[str, Any], bytes] | None:
    """As `read_message`, on an event loop."""
    try:
        sizes = await stream.readexactly(_SIZES.size)
    except EOFError as error:
        if not getattr(error, "partial", b""):
            return None
        raise WireError("the message is cut short") from None
    header_size, body_size = _checked_sizes(sizes)
    try:
        text = await stream.readexactly(header_size)
        return _parsed_header(text), await stream.readexactly(body_size)
    except EOFError:
        raise WireError("the message is cut short") from None


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next message, None when the other side closed. Blocks. Raises `WireError` and `OSError`."""
    sizes = _read(stream, _SIZES.size)
    if not sizes:
        return None
    if len(sizes) < _SIZES.size:
        raise WireError("the message is cut short")
    header_size, body_size = _checked_sizes(sizes)
    text, body = _read(stream, header_size), _read(stream, body_size)
    if len(text) < header_size or len(body) < body_size:
        raise WireError("the message is cut short")
    return _parsed_header(text), body


def _checked_sizes(sizes: bytes) -> tuple[int, int]:
    header_size, body_size = _SIZES.unpack(sizes)
    if header_size > MAX_HEADER or body_size > MAX_BODY:
        raise WireError("the message is too large")
    return header_size, body_size


def _parsed_header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("the header is not JSON") from None
    if not isinstance(header, dict):
        raise WireError("the header is not an object")
    return header


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
