"""The header of a safetensors file: what it says of itself, without its tensors.

The format (github.com/huggingface/safetensors): eight bytes, an unsigned little-endian length; as many bytes of JSON,
an object whose ``__metadata__`` maps text to text; then the tensors, which are never read here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from cozygen.media.files import open_regular
from cozygen.storage import jsons

MAX_HEADER = 25 * 1024 * 1024
"""Longest header in bytes that is read. That of a checkpoint with thousands of tensors has some hundred thousand."""

_LENGTH_BYTES = 8
_FIRST = re.compile(r'\s*\{\s*"__metadata__"\s*:\s*')
_DECODER = json.JSONDecoder()


class HeaderError(ValueError):
    """The file is no safetensors file, or a damaged one; the message says what is wrong."""


def read_metadata(path: Path) -> dict[str, str]:
    """The ``__metadata__`` of the safetensors file at `path`, empty where it has none. Blocking.

    Raises `HeaderError`, and `OSError` when the file cannot be read.
    """
    with open_regular(path) as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        if not 2 <= length <= MAX_HEADER:
            raise HeaderError(f"a header of {length:,} bytes is none of a model's")
        data = stream.read(length)
    if len(data) < length:
        raise HeaderError("the file ends within its header")
    return parse_metadata(data)


def parse_metadata(header: bytes) -> dict[str, str]:
    """The ``__metadata__`` in the JSON of a header. What is no text in it is left out. Raises `HeaderError`."""
    try:
        found = _metadata(header)
    except (ValueError, RecursionError) as error:
        raise HeaderError(f"the header is not JSON: {str(error)[:100]}") from None
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _metadata(header: bytes) -> object:
    text = header.decode("utf-8")
    first = _FIRST.match(text)
    if first is not None:  # where writers put it: the list of tensors behind it need not be understood
        value, _ = _DECODER.raw_decode(text, first.end())
        return value
    parsed = jsons.loads(header)
    return parsed.get("__metadata__") if isinstance(parsed, dict) else None
