"""Text and JSON out of other programs' files: decoded without surprises, and bounded."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterable
from typing import Any

MAX_JSON = 16 * 1024 * 1024
"""The longest JSON text that is parsed, in characters."""

_MAX_DEPTH = 64  # of lists and objects in each other; a workflow with subgraphs needs about a dozen
_MAX_CONTAINERS = 400_000  # lists and objects in one text: a few hundred bytes each once parsed
_MAX_COMMAS = 2_000_000
_SMALL = 256 * 1024  # characters up to which no text can hold enough to matter

_SURROGATES = re.compile("[\ud800-\udfff]")


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


_decoder = json.JSONDecoder(parse_float=_finite, parse_constant=lambda _: None)


def decode(data: bytes, *, otherwise: str = "latin-1") -> str:
    """Bytes as UTF-8 where they are, else in the single-byte encoding `otherwise`. Never fails."""
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        return data.decode(otherwise, "replace")


def decode_utf16(data: bytes, *, big_endian: bool) -> str:
    """Bytes as UTF-16 in the byte order that they have.

    Programs disagree with the byte order that their container declares, so the zero bytes of the plain ASCII in the
    text decide; `big_endian` is for a text that has none.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    zeros_first, zeros_second = data[0::2].count(0), data[1::2].count(0)
    if zeros_first != zeros_second:
        big_endian = zeros_first > zeros_second
    return data.decode("utf-16-be" if big_endian else "utf-16-le", "replace")


def clean(text: str) -> str:
    """The text without what UTF-8 and databases cannot hold: lone surrogates become U+FFFD, NUL goes."""
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def json_value(text: str) -> Any:
    """The JSON value in `text`; None where there is none, and where it is too long, too deep or too large.

    NaN and the infinities, which Python programs write, read as None. Strings are cleaned, see `clean`.
    """
    if len(text) > MAX_JSON or (len(text) > _SMALL and _is_bomb(text)):
        return None
    try:
        value, end = _decoder.raw_decode(text, len(text) - len(text.lstrip()))
    except (ValueError, RecursionError):
        return None
    if text[end:].strip("\0 \t\r\n"):
        return None
    if text.count("[") + text.count("{") > _MAX_DEPTH and not _is_shallow(value):
        return None
    # Only an escape can smuggle them in: decoded bytes hold none.
    is_suspect = "\\ud" in text or "\\uD" in text or "\\u0000" in text
    return _cleaned(value) if is_suspect else value


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object in `text`, also when it was encoded twice; None where there is none."""
    value = json_value(text)
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = json_value(value)
    return value if isinstance(value, dict) else None


def json_prefix(text: str, start: int) -> tuple[Any, int] | None:
    """The JSON value that begins at `start` and where it ends, None where there is none."""
    try:
        value, end = _decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return (_cleaned(value), end) if _is_shallow(value) else None


def looks_like_object(text: str) -> bool:
    """Whether the text may be a JSON object, or a JSON string that holds one: worth parsing."""
    start = text[:64].lstrip()[:2]
    return start[:1] == "{" or start == '"{'


def number(value: Any) -> float | None:
    """A finite number that is given as a number or as text; None for all else, booleans too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or (type(value) is str and len(value) > 64):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def integer(value: Any) -> int | None:
    """A whole number of at most 20 digits (a seed has up to 64 bits) that is given as a number or as text."""
    if type(value) is str:
        text = value.strip()
        value = int(text) if len(text) <= 21 and text.lstrip("-").isdecimal() and text.isascii() else number(text)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and abs(value) < 10**20 else None


def joined(parts: Iterable[str], separator: str = "\n") -> str:
    """The texts that are not blank, each once, in their order."""
    return separator.join(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _is_bomb(text: str) -> bool:
    return text.count("[") + text.count("{") > _MAX_CONTAINERS or text.count(",") > _MAX_COMMAS


def _is_shallow(value: Any) -> bool:
    """Whether the value is nested little enough that any part of the program can walk through it."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_MAX_DEPTH):
        if not level:
            return True
        level = [
            child
            for container in level
            for child in (container.values() if type(container) is dict else container)
            if type(child) is dict or type(child) is list
        ]
    return not level


def _cleaned(value: Any) -> Any:
    """The value, of bounded depth, with every string cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    return value
