"""RIFF files: WebP (RFC 9649) and WAV, 64-bit RF64 ones (EBU Tech 3306) too."""

from __future__ import annotations

from collections.abc import Iterator

from cozygen.gallery.metadata import exif, id3, texts, xmp
from cozygen.gallery.metadata.bytesource import ByteSource, Damaged
from cozygen.gallery.metadata.found import Found

_MAX_CHUNKS = 20_000
_ANIMATION_FRAME = b"ANMF"
# INFO chunks by what they mean (Microsoft, Multimedia Programming Interface 1.0).
_INFO = {b"ICMT": "comment", b"INAM": "title", b"ISBJ": "subject", b"ISFT": "software"}


def _chunks(source: ByteSource, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and length of each chunk. Raises `Damaged` where the file ends within one."""
    large = 0
    for _ in range(_MAX_CHUNKS):
        header = source.some(at, 8) if at + 8 <= end else b""
        if len(header) < 8:
            return
        kind, length = header[:4], int.from_bytes(header[4:], "little")
        if kind == b"ds64":
            large = int.from_bytes(source.at(at + 16, 8), "little")
        elif length == 0xFFFFFFFF and large:
            length = large
        yield kind, at + 8, length
        at += 8 + length + length % 2
        if at > source.size + 1:
            raise Damaged(f"cut short at byte {source.size}")


def read_webp(source: ByteSource, found: Found) -> None:
    """Gather what a WebP file tells. Raises `Damaged`."""
    found.container = "webp"
    milliseconds = frames = 0
    for kind, start, length in _chunks(source, 12, source.size):
        if kind == _ANIMATION_FRAME:
            frames += 1
            milliseconds += int.from_bytes(source.at(start + 12, 3), "little")
        elif kind in _SIZES and found.width is None:
            found.size(*_SIZES[kind](source.at(start, 10)))
        elif kind in (b"EXIF", b"XMP ") and found.claim(length):
            (exif if kind == b"EXIF" else xmp).read(found, source.at(start, length))
    if milliseconds > 0 and frames > 1:
        found.timing(milliseconds / 1000, frames * 1000 / milliseconds)


def _extended(data: bytes) -> tuple[int, int]:
    return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")


def _lossy(data: bytes) -> tuple[int, int]:
    # RFC 6386, 9.1: a start code, then 14 bits each of width and height.
    sides = int.from_bytes(data[6:10], "little") if data[3:6] == b"\x9d\x01\x2a" else 0
    return sides & 0x3FFF, sides >> 16 & 0x3FFF


def _lossless(data: bytes) -> tuple[int, int]:
    bits = int.from_bytes(data[1:5], "little")
    return (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)) if data[0] == 0x2F else (0, 0)


_SIZES = {b"VP8X": _extended, b"VP8 ": _lossy, b"VP8L": _lossless}


def read_wav(source: ByteSource, found: Found) -> None:
    """Gather what a WAV file tells. Raises `Damaged`."""
    found.container = "wav"
    bytes_a_second = 0
    for kind, start, length in _chunks(source, 12, source.size):
        if kind == b"fmt ":
            bytes_a_second = int.from_bytes(source.at(start + 8, 4), "little")
        elif kind == b"data" and bytes_a_second:
            found.timing(min(length, source.size - start) / bytes_a_second)
        elif kind == b"LIST" and source.some(start, 4) == b"INFO":
            _info(source, found, start + 4, start + length)
        elif kind.lower() == b"id3 " and found.claim(length):
            id3.read(found, source.at(start, length))


def _info(source: ByteSource, found: Found, at: int, end: int) -> None:
    for kind, start, length in _chunks(source, at, end):
        if kind in _INFO and found.claim(length):
            found.add(_INFO[kind], texts.decode(source.at(start, length).rstrip(b"\0")))
