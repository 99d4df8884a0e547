"""Files that a prompt names: where they are, and that they are where they may be.

A name in a prompt comes from outside. It is taken as relative to one of the host's folders, with ``/`` or ``\\``
between its parts, and must lead to a place in that folder even when symbolic links are followed.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
import stat
from functools import lru_cache
from pathlib import Path
from typing import get_args

from cozygen.nodes.host import Directory, host

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ANNOTATED = re.compile(rf"(.*) \[({'|'.join(get_args(Directory))})\]", re.DOTALL)
_OUTPUT_SCHEME = "output::"
_LONGEST_SHOWN = 120
_CHUNK = 1024 * 1024


class FileRefused(ValueError):
    """A file that cannot be used. The message is one sentence for people, with no path of this machine in it."""


def shown(name: object) -> str:
    """A file's name as part of a sentence: quoted, on one line, and not too long."""
    text = _CONTROL.sub("?", str(name)).encode("utf-8", "replace").decode()
    return f'"{text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"}"'


def split(relative: str) -> list[str]:
    """The parts of a relative path, without empty ones and ``.``; ``..`` is kept.

    Raises `FileRefused` for absolute paths, drive letters, control characters and what has no UTF-8 form.
    """
    text = relative.replace("\\", "/")
    if _CONTROL.search(text):
        raise FileRefused(f"The name {shown(relative)} has control characters in it.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FileRefused(f"The name {shown(relative)} is not valid Unicode.") from None
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or any(_DRIVE.match(part) for part in parts):
        raise FileRefused(f"The path {shown(relative)} is absolute; it must be relative to its folder.")
    return parts


def confined(root: Path, parts: list[str]) -> Path:
    """The real path of ``root/parts``, which need not exist. Raises `FileRefused` when it is outside `root`."""
    try:
        base = root.resolve()
        path = base.joinpath(*parts).resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, names that are too long
        raise FileRefused(f"The path {shown('/'.join(parts))} cannot be used.") from None
    if not path.is_relative_to(base):
        raise FileRefused(f"The path {shown('/'.join(parts))} leads out of its folder.")
    return path


def find(name: str) -> Path:
    """The file that `name` stands for: a path in the input folder, unless it says otherwise.

    ``<path> [output]`` (or ``[input]``, ``[temp]``; ComfyUI's annotation) and ``output::<subfolder>::<file>`` name
    the folder. Raises `FileRefused` when there is no such regular file, or when it is not one to be used.
    """
    kind, parts = _parse(name)
    if not parts:
        raise FileRefused("No file is chosen.")
    if ".." in parts:
        raise FileRefused(f"The path {shown(name)} leads out of its folder.")
    path = confined(host().directory(kind), parts)
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        regular = False
    if not regular:
        raise FileRefused(f"There is no file {shown('/'.join(parts))} in the {kind} folder.")
    return path


def _parse(name: str) -> tuple[Directory, list[str]]:
    if name.startswith(_OUTPUT_SCHEME):
        subfolder, _, filename = name.removeprefix(_OUTPUT_SCHEME).rpartition("::")
        if len(split(filename)) != 1:
            raise FileRefused(f"The path {shown(name)} names no file.")
        return "output", [*split(subfolder), *split(filename)]
    annotated = _ANNOTATED.fullmatch(name)
    if annotated is None:
        return "input", split(name)
    kind: Directory = {"input": "input", "output": "output", "temp": "temp"}[annotated[2]]  # type: ignore[assignment]
    return kind, split(annotated[1])


def fingerprint(name: str | None) -> str | float:
    """What changes when the content of a file does, for ``IS_CHANGED``: a hash; NaN when `name` is not known yet."""
    if not isinstance(name, str):
        return float("nan")
    digest = hashlib.sha256()
    with find(name).open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def stamp(name: str | None) -> str | float:
    """As `fingerprint` for files too large to read twice: the time of the last change and the size."""
    if not isinstance(name, str):
        return float("nan")
    status = find(name).stat()
    return f"{status.st_mtime_ns}-{status.st_size}"


def listing(kind: Directory, content: str | None = None) -> list[str]:
    """The files straight in a folder, sorted; with `content` only those of that type (``image``, ``video``).

    Empty outside of a run. Hidden files are left out.
    """
    try:
        folder = host().directory(kind)
        changed = folder.stat().st_mtime_ns
    except (LookupError, OSError):
        return []
    return [
        name
        for name in _names(folder, changed)
        if content is None or (mimetypes.guess_type(name, strict=False)[0] or "").startswith(content + "/")
    ]


@lru_cache(maxsize=8)
def _names(folder: Path, changed: int) -> tuple[str, ...]:
    """`changed` is the folder's time of change: with another one, what was remembered does not count."""
    try:
        return tuple(sorted(path.name for path in folder.iterdir() if path.is_file() and path.name[0] != "."))
    except OSError:
        return ()
