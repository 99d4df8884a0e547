"""PNG files cut down to what their pixels need, and inflated by a faster library where one is installed.

What programs add to a PNG (workflows in text chunks, frames of an animation) is left out before a decoder sees it, so
compressed text that swells to gigabytes harms nobody. Inflating is most of the work of decoding a PNG; with ISA-L
(the package ``isal``) it takes a third of the time that it takes with zlib. The decoder then gets the same data in
blocks that are not compressed (RFC 1951, 3.2.4). Format: https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

try:
    from isal import isal_zlib as _fast  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    _fast = None  # type: ignore[assignment]

MAX_FILE = 64 * 1024 * 1024
"""Larger files, in bytes, are left as they are to the decoder, which reads them piece by piece."""

_MAX_RAW = 96 * 1024 * 1024  # bytes, inflated
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"eXIf")
_CHUNK = struct.Struct(">I4s")
_HEADER = struct.Struct(">IIBB2xB")
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # a pixel has, by colour type
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_STORED = 65535  # bytes in a block that is not compressed, at most


class Slim(NamedTuple):
    """A PNG cut down, and whether it was `animated` before; None when that was not looked at."""

    stream: BinaryIO
    animated: bool | None


def slim(stream: BinaryIO, inflater: Any = _fast) -> Slim:
    """The PNG in `stream` (at its start) without what its pixels do not need; `stream` itself when it is very large.

    `inflater` is a module like `zlib` to inflate with, or None to leave that to the decoder. What is damaged stays
    damaged: judging it is the decoder's affair.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size > MAX_FILE:
        return Slim(stream, None)
    data = stream.read(size)
    kept: dict[bytes, memoryview] = {}
    pixels: list[memoryview] = []
    animated = whole = False
    for kind, chunk in _chunks(data):
        if kind == b"IDAT":
            pixels.append(chunk)
        elif kind == b"IEND":
            whole = True
            break
        elif kind == b"acTL":
            animated = animated or not pixels
        elif kind in _KEPT:
            kept.setdefault(kind, chunk)
    stored = _store(kept.get(b"IHDR"), pixels, inflater) if whole and inflater is not None else None
    parts = [_SIGNATURE, *kept.values(), *(pixels if stored is None else stored), _END if whole else b""]
    return Slim(io.BytesIO(b"".join(parts)), animated)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The chunks, each with its length, kind and checksum; the last one may be cut short."""
    view = memoryview(data)
    position = len(_SIGNATURE)
    while position + _CHUNK.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, position)
        end = position + _CHUNK.size + length + 4
        yield kind, view[position:end]
        position = end


def _store(header: memoryview | None, pixels: list[memoryview], inflater: Any) -> list[bytes | memoryview] | None:
    """The ``IDAT`` chunks as one that is not compressed, in parts; None when that cannot be done."""
    size = None if header is None else _raw_size(header)
    if size is None or size > _MAX_RAW or not pixels:
        return None
    inflate = inflater.decompressobj()
    try:
        # One byte more than there should be, for the end of the stream is only looked at beyond the last one.
        raw = inflate.decompress(b"".join(chunk[8:-4] for chunk in pixels), size + 1)
    except inflater.error:
        return None
    if len(raw) != size or not inflate.eof:
        return None
    blocks: list[bytes | memoryview] = [b"\x78\x01"]
    view = memoryview(raw)
    for start in range(0, size, _STORED):
        block = view[start : start + _STORED]
        last = start + _STORED >= size
        blocks += (struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block)
    blocks.append(inflater.adler32(raw).to_bytes(4, "big"))
    checksum = inflater.crc32(b"IDAT")
    for part in blocks:
        checksum = inflater.crc32(part, checksum)
    return [_CHUNK.pack(sum(map(len, blocks)), b"IDAT"), *blocks, checksum.to_bytes(4, "big")]


def _raw_size(header: memoryview) -> int | None:
    """Bytes of the inflated pixels by the ``IHDR`` chunk, None when it makes no sense."""
    if len(header) != _CHUNK.size + 13 + 4:
        return None
    width, height, depth, colour, interlaced = _HEADER.unpack_from(header, _CHUNK.size)
    if colour not in _SAMPLES or not 1 <= depth <= 16 or interlaced > 1:
        return None
    bits = depth * _SAMPLES[colour]
    total = 0
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:  # an empty pass has no rows, hence no filter bytes either
            total += rows * (1 + -(-columns * bits // 8))
    return total
