"""GIF 87a and 89a: the comment extensions, XMP, and the timing of an animation."""

from __future__ import annotations

from cozygen.gallery.metadata import texts, xmp
from cozygen.gallery.metadata.bytesource import ByteSource, Damaged
from cozygen.gallery.metadata.found import Found

_EXAMINED = 2 * 1024 * 1024  # bytes; the blocks have 256, and comments come before the pictures
_MAX_BLOCKS = 20_000
_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_CONTROL, _COMMENT, _APPLICATION = 0xF9, 0xFE, 0xFF
_XMP = b"XMP DataXMP"
_TRAILER = 258  # bytes that close an XMP block for readers who do not know it


def read(source: ByteSource, found: Found) -> None:
    """Gather what the file tells in its first megabytes. Raises `Damaged`."""
    found.container = "gif"
    screen = source.at(6, 5)
    found.size(int.from_bytes(screen[:2], "little"), int.from_bytes(screen[2:4], "little"))
    data = source.some(0, _EXAMINED)
    try:
        _blocks(data, 13 + _palette(screen[4]), found)
    except IndexError:
        if source.size <= _EXAMINED:
            raise Damaged(f"cut short at byte {source.size}") from None


def _palette(flags: int) -> int:
    """The bytes of the colour table that follows."""
    return 3 << (1 + (flags & 7)) if flags & 0x80 else 0


def _blocks(data: bytes, at: int, found: Found) -> None:
    frames = hundredths = 0
    for _ in range(_MAX_BLOCKS):
        if data[at] == _END:
            break
        if data[at] == _IMAGE:
            frames += 1
            at = _end_of_blocks(data, at + 11 + _palette(data[at + 9]))
        elif data[at] == _EXTENSION:
            kind, start = data[at + 1], at + 2
            at = _end_of_blocks(data, start)
            if kind == _CONTROL:
                hundredths += int.from_bytes(data[start + 2 : start + 4], "little")
            elif kind == _COMMENT:
                found.add("comment", texts.decode(_joined(data, start, at)))
            elif kind == _APPLICATION and data[start + 1 : start + 12] == _XMP:
                xmp.read(found, data[start + 12 : at - _TRAILER])
        else:
            raise Damaged(f"no block at byte {at}")
    else:
        raise Damaged("too many parts")
    if frames > 1 and hundredths:
        found.timing(hundredths / 100, frames * 100 / hundredths)


def _end_of_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _joined(data: bytes, at: int, end: int) -> bytes:
    parts = []
    while at < end and data[at]:
        parts.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return b"".join(parts)
