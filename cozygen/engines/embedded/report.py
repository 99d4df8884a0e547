"""Values and failures as text and JSON that any client can read."""

from __future__ import annotations

import errno
import json
import math
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cozygen.nodes.host import Directory

_MAX_SHOWN = 200
_MAX_INTEGER = 2**64  # the range of ComfyUI's seeds
_PACKAGE_PARENT = Path(__file__).parents[3]


def shown(value: Any, limit: int = _MAX_SHOWN) -> str:
    """A value as text of at most `limit` characters that can be encoded."""
    try:
        text = str(value)
    except Exception:  # an integer too long to print, a structure too deep, a class with a faulty __str__
        text = f"a {type(value).__name__}"
    text = text if len(text) <= limit else text[:limit] + "…"
    return text.encode("utf-8", "replace").decode()


def received(value: Any) -> Any:
    """A value as an error carries it: itself where it is small and plain JSON, else its text."""
    match value:
        case None | bool():
            return value
        case int() if abs(value) <= _MAX_INTEGER:
            return value
        case float() if math.isfinite(value):
            return value
        case list() if len(value) <= 2 and not any(isinstance(item, list | dict) for item in value):
            return [received(item) for item in value]
    return shown(value)


def type_name(error: BaseException) -> str:
    """The full name of an exception's class, without ``builtins``."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def traceback_lines(error: BaseException) -> list[str]:
    """The frames of a failure, with file names from the package on: no path of this machine."""
    frames = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        name = path.relative_to(_PACKAGE_PARENT).as_posix() if path.is_relative_to(_PACKAGE_PARENT) else path.name
        frames.append(shown(f'  File "{name}", line {frame.lineno}, in {frame.name}\n    {frame.line}\n', 2000))
    return frames


_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def explain(error: BaseException, folders: Mapping[Directory, Path]) -> str:
    """What went wrong, in words for people, and what to do about it where that is known."""
    if isinstance(error, MemoryError):
        return "This machine ran out of memory. Try a smaller size, fewer frames or a smaller batch."
    if isinstance(error, OSError):
        where = _place(error.filename, folders)
        if error.errno in _FULL:
            return f"The disk is full: {where} could not be written. Free some space and render again."
        if error.errno in _FORBIDDEN:
            return f"Permission denied: {where} cannot be used. Check who may read and write that folder."
        if error.filename is not None and error.strerror:
            return f"{error.strerror}: {where}"
    return shown(error, 2000) or type(error).__name__


def _place(filename: Any, folders: Mapping[Directory, Path]) -> str:
    """A file as its folder's name and the path in it, so that no path of this machine is told."""
    if not isinstance(filename, str | bytes):
        return "a file"
    path = Path(filename if isinstance(filename, str) else filename.decode("utf-8", "replace"))
    for kind, folder in folders.items():
        if path.is_relative_to(folder):
            inside = path.relative_to(folder).as_posix()
            return f"the {kind} folder" if inside == "." else f"“{shown(inside)}” in the {kind} folder"
    return f"“{shown(path.name)}”"


def dump_json(value: Any) -> bytes:
    """Encode what nodes gave: strictly JSON (not-a-number becomes null), arrays and objects by their description."""
    try:
        return json.dumps(value, default=_plain, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        return json.dumps(_finite(value, 0), default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        item = value.item()
        return item if isinstance(item, bool | int | str) or (isinstance(item, float) and math.isfinite(item)) else None
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {list(value.shape)}"
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return shown(value)


def _finite(value: Any, depth: int) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > 100:
        return shown(value)
    if isinstance(value, dict):
        return {str(key): _finite(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item, depth + 1) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 4096:
        return None
    return value
