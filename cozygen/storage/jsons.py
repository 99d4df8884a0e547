"""JSON of any size without stopping other threads.

The quick half of Python's `json` is written in C and lets no other thread run, the event loop's neither, until it is
done: a fifth of a second for 10 MB. It is used here for small texts. Large ones are read and written by the other half,
which takes several times as long but lets go every now and then; that belongs into a thread of its own.
"""

from __future__ import annotations

import json
import json.scanner
from itertools import islice
from typing import Any, NoReturn

SMALL = 64 * 1024
"""Bytes of JSON that are read in about a millisecond."""

_TOKENS = 5000

Json = Any
"""What `json.loads` gives: None, bool, int, float, str, list, dict with str keys."""


def loads(data: bytes) -> Json:
    """JSON in UTF-8, a byte order mark in front of it or not; with more than `SMALL` bytes, for a thread.

    Raises `ValueError` for anything else, numbers that a double cannot hold and NaN among it, and `RecursionError`.
    """
    text = data.decode("utf-8-sig")
    if len(data) > SMALL:
        try:
            return _PATIENT.decode(text)
        except RecursionError:  # the other half stands more
            pass
    return _QUICK.decode(text)


def dumps(value: Json, *, ascii_only: bool = True, indent: int | None = None) -> str:
    """JSON text, for a thread. Raises `ValueError` for NaN and the like, `TypeError` and `RecursionError`."""
    encoder = json.JSONEncoder(ensure_ascii=ascii_only, allow_nan=False, indent=indent)
    tokens = encoder.iterencode(value)  # `encode` would take the quick half
    pieces = []
    while piece := "".join(islice(tokens, _TOKENS)):  # joining them all at once takes too long as well
        pieces.append(piece)
    return "".join(pieces)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is beyond a double")
    return value


class _PatientDecoder(json.JSONDecoder):
    def __init__(self) -> None:
        super().__init__(parse_constant=_no_number, parse_float=_finite)
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


_QUICK = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)
_PATIENT = _PatientDecoder()
