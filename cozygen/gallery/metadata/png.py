"""PNG and APNG (W3C, Portable Network Graphics, third edition): the text, eXIf and ComfyUI's own ``comf`` chunks.

ComfyUI writes the graph as tEXt under ``prompt``, and what its front end adds (``workflow`` and others) under its
own keys; an animation has ``comf`` chunks, key NUL JSON, after the image data.
"""

from __future__ import annotations

from cozygen.gallery.metadata import exif, texts, xmp
from cozygen.gallery.metadata.bytesource import ByteSource, Damaged
from cozygen.gallery.metadata.found import Found

_DATA = (b"IDAT", b"fdAT", b"fcTL")
_MAX_CHUNKS = 50_000
_TAIL = 80 * 1024  # holds the last data chunk of the usual encoders, which cut the data in pieces of 8 or 64 KiB
_MAX_GUESSES = 64  # the four letters may occur within the data
_XMP = "xml:com.adobe.xmp"


def read(source: ByteSource, found: Found) -> None:
    """Gather what the file tells. Raises `Damaged`."""
    found.container = "png"
    at = 8
    jumped = False
    for _ in range(_MAX_CHUNKS):
        header = source.some(at, 8)
        if len(header) < 8:
            raise Damaged(f"cut short at byte {source.size}")
        length, kind = int.from_bytes(header[:4], "big"), header[4:]
        if kind == b"IEND" or not _is_kind(kind):
            return
        if kind in _DATA:
            if not jumped:
                jumped = True
                at = _after_data(source, at) or at + 12 + length
                continue
        elif kind in _READERS and found.claim(length):
            body = source.some(at + 8, length)
            _READERS[kind](found, body)
            if len(body) < length:
                raise Damaged(f"cut short at byte {source.size}")
        at += 12 + length


def _is_kind(kind: bytes) -> bool:
    return kind.isalpha() and kind.isascii()


def _after_data(source: ByteSource, at: int) -> int | None:
    """Where the chunks after the image data begin, found from the end of the file.

    A picture has its data in dozens of chunks; following each would touch the whole file. The last of them is
    recognised in the tail by the chunks that follow it without a gap until the IEND chunk; it is at `at` or later.
    """
    start = source.size - _TAIL
    if start <= at:
        return None
    tail = source.some(start, _TAIL)
    for data in (b"IDAT", b"fdAT"):
        name = len(tail)
        for _ in range(_MAX_GUESSES):
            name = tail.rfind(data, 4, name)
            if name < 0:
                break
            after = name + 8 + int.from_bytes(tail[name - 4 : name], "big")
            if _reaches_end(tail, after):
                return start + after
    return None


def _reaches_end(tail: bytes, at: int) -> bool:
    for _ in range(64):
        kind = tail[at + 4 : at + 8]
        if kind == b"IEND":
            return True
        if not _is_kind(kind) or kind in _DATA:
            return False
        at += 12 + int.from_bytes(tail[at : at + 4], "big")
    return False


def _header(found: Found, body: bytes) -> None:
    found.size(int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"))


def _text(found: Found, body: bytes) -> None:
    key, _, value = body.partition(b"\0")
    # The format says Latin-1, and programs that do not know it write UTF-8.
    found.add(key.decode("latin-1"), texts.decode(value))


def _compressed(found: Found, body: bytes) -> None:
    key, _, value = body.partition(b"\0")
    if value[:1] == b"\0":
        found.add(key.decode("latin-1"), texts.decode(found.inflate(value[1:])))


def _international(found: Found, body: bytes) -> None:
    key, _, value = body.partition(b"\0")
    _, _, rest = value[2:].partition(b"\0")  # the language
    _, _, content = rest.partition(b"\0")  # the key in that language
    if value[:1] == b"\1":
        content = found.inflate(content)
    name = key.decode("latin-1")
    if name.lower() == _XMP:
        xmp.read(found, content)
    else:
        found.add(name, texts.decode(content))


_READERS = {
    b"IHDR": _header,
    b"tEXt": _text,
    b"comf": _text,
    b"zTXt": _compressed,
    b"iTXt": _international,
    b"eXIf": exif.read,
}
