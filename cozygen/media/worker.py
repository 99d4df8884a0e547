"""The process that decodes files nobody vouches for: ``python -m cozygen.media.worker``, spoken to over its pipes.

It says ``{"ready": true}``, then answers one request after the other (frames: `cozygen.ipc`) until its input ends. A
request is ``{"op", "path", ...}``, an answer ``{"ok": true, ...}`` with a body, or ``{"ok": false, "error", ...}``.
It holds itself to limits of memory, processor time and files; for the time by the clock its parent kills it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from cozygen.ipc import read_message, write_message
from cozygen.media.files import Version, open_regular
from cozygen.media.sniff import HEAD, Format, NoPicture, Undecodable, sniff

if TYPE_CHECKING:
    from PIL import Image

MAX_MEMORY = 2 * 1024**3
"""Address space of a worker in bytes, at most; never more than half of the machine's memory, nor less than 1 GiB."""

_MIN_MEMORY = 1024**3
_NICENESS = 10
_MAX_OPEN_FILES = 64
_QUALITY = {"jpeg": 82, "webp": 78, "avif": 60}

Answer = tuple[dict[str, Any], bytes]
Operation = Callable[[BinaryIO, Format, Mapping[str, Any]], Answer]


def perform(request: Mapping[str, Any]) -> Answer:
    """Carry out one request.

    Raises `Undecodable` for whatever is wrong with the content, and `OSError` when the file cannot be opened.
    """
    if request["op"] == "placeholder":
        return _placeholder(request)
    operation = _OPERATIONS[request["op"]]
    with open_regular(request["path"]) as stream:
        version = Version.of(os.fstat(stream.fileno()))
        try:
            found = sniff(stream.read(HEAD))
            if found is None:
                raise Undecodable("no format that is decoded here")
            stream.seek(0)
            answer, body = operation(stream, found, request)
        except Undecodable:
            raise
        except MemoryError:
            raise Undecodable("it takes too much memory") from None
        except Exception as error:  # damaged files make decoders raise whatever they like
            raise Undecodable(f"{type(error).__name__}: {error}") from error
    return {"mtime_ns": version.mtime_ns, "size": version.size, **answer}, body


def _thumbnail(stream: BinaryIO, found: Format, request: Mapping[str, Any]) -> Answer:
    picture, _ = _decode(stream, found, request["box"])
    looked = _look(picture) if request.get("looks") else {}
    answer, body = _encoded(picture, request)
    return {**looked, **answer}, body


def _look(picture: Image.Image) -> dict[str, Any]:
    """What the picture looks like. To be asked before it is encoded, which may change it."""
    from cozygen.media import looks

    return {"phash": looks.perceptual_hash(picture), "thumbhash": looks.thumbhash(picture).hex()}


def _analyse(stream: BinaryIO, found: Format, request: Mapping[str, Any]) -> Answer:
    try:
        picture, facts = _decode(stream, found, request["box"])
    except NoPicture:
        stream.seek(0)
        return _probe(stream, found, request)
    looked = _look(picture)
    answer, body = ({}, b"") if request["encoding"] is None else _encoded(picture, request)
    return {**facts, **looked, **answer}, body


def _probe(stream: BinaryIO, found: Format, request: Mapping[str, Any]) -> Answer:
    if found.library == "pillow":
        from cozygen.media import pictures

        return _picture_facts(found, pictures.probe(stream, found.name)), b""
    from cozygen.media import films

    return films.probe(stream, found.name), b""


def _verify(stream: BinaryIO, found: Format, request: Mapping[str, Any]) -> Answer:
    if found.library == "pillow":
        from cozygen.media import pictures

        pictures.verify(stream, found.name)
        return {"kind": "image"}, b""
    from cozygen.media import films

    return {"kind": films.verify(stream, found.name)}, b""


def _placeholder(request: Mapping[str, Any]) -> Answer:
    from cozygen.media import placeholders

    return _encoded(placeholders.draw(request["subject"], request["label"], request["box"]), request)


def _clip(stream: BinaryIO, found: Format, request: Mapping[str, Any]) -> Answer:
    from cozygen.media import previews

    return {}, previews.clip(stream, _film(found), request["box"])


def _strip(stream: BinaryIO, found: Format, request: Mapping[str, Any]) -> Answer:
    from cozygen.media import previews

    return _encoded(previews.strip(stream, _film(found), request["box"], request["count"]), request)


def _waveform(stream: BinaryIO, found: Format, request: Mapping[str, Any]) -> Answer:
    from cozygen.media import previews

    return _encoded(previews.waveform(stream, _film(found), request["width"], request["height"]), request)


def _film(found: Format) -> str:
    if found.library != "av":
        raise Undecodable("neither film nor sound")
    return found.name


_OPERATIONS: dict[str, Operation] = {
    "thumbnail": _thumbnail,
    "analyse": _analyse,
    "probe": _probe,
    "verify": _verify,
    "clip": _clip,
    "strip": _strip,
    "waveform": _waveform,
}


def _decode(stream: BinaryIO, found: Format, box: int) -> tuple[Image.Image, dict[str, Any]]:
    """The picture, or the one that stands for a film, to fit `box`, and what `_probe` answers."""
    if found.library == "pillow":
        from cozygen.media import pictures

        picture, facts = pictures.thumbnail(stream, found.name, box)
        return picture, _picture_facts(found, facts)
    from cozygen.media import films

    return films.poster(stream, found.name, box)


def _picture_facts(found: Format, facts: Any) -> dict[str, Any]:
    return {"kind": "image", "codec": found.name.lower(), **facts._asdict()}


def _encoded(picture: Image.Image, request: Mapping[str, Any]) -> Answer:
    from cozygen.media import pictures

    encoding = pictures.writable(request["encoding"])
    data = pictures.encode(picture, encoding, request.get("quality") or _QUALITY[encoding])
    return {"encoding": encoding}, data


def answer(request: Mapping[str, Any]) -> Answer:
    """`perform`, with failures as answers: ``undecodable``, ``no picture`` and ``unreadable``."""
    try:
        fields, body = perform(request)
    except NoPicture as error:
        return {"ok": False, "error": "no picture", "message": str(error)}, b""
    except Undecodable as error:
        return {"ok": False, "error": "undecodable", "message": str(error)[:500]}, b""
    except OSError as error:
        return {"ok": False, "error": "unreadable", "errno": error.errno, "message": error.strerror or ""}, b""
    return {"ok": True, **fields}, body


def main() -> None:
    """Serve until the parent closes the pipe."""
    source, sink = _take_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which then closes the pipe
    _restrict()
    from PIL import Image

    Image.preinit()
    write_message(sink, {"ready": True})
    while (message := read_message(source)) is not None:
        request, _ = message
        _allow_seconds(request.get("seconds"))
        write_message(sink, *answer(request))


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent; whatever libraries print goes to the standard error from now on."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return source, sink


def _restrict() -> None:
    """Be modest, and make sure to stay so. On Windows the parent starts this process with a low priority."""
    sys.dont_write_bytecode = True
    if sys.platform == "win32":
        return
    import resource

    os.nice(_NICENESS)
    limits = {
        "RLIMIT_AS": max(_MIN_MEMORY, min(MAX_MEMORY, _machine_memory() // 2)),
        "RLIMIT_FSIZE": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": _MAX_OPEN_FILES,
    }
    for name, limit in limits.items():
        number = getattr(resource, name)
        _, most = resource.getrlimit(number)
        if most != resource.RLIM_INFINITY:
            limit = min(limit, most)
        try:
            resource.setrlimit(number, (limit, limit))
        except (OSError, ValueError):  # macOS knows some limits by name only
            continue


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 2 * MAX_MEMORY


def _allow_seconds(seconds: float | None) -> None:
    """End this process when it has used so much more processor time: a parent that is gone kills nobody."""
    if sys.platform == "win32" or seconds is None:
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds * (os.cpu_count() or 1)) + 1
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


if __name__ == "__main__":
    main()
