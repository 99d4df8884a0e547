"""Files of boxes (ISO/IEC 14496-12): MP4, MOV (Apple's QuickTime format), M4A, and the AVIF and HEIF pictures
(ISO/IEC 23008-12).

ComfyUI's SaveVideo and VideoHelperSuite have FFmpeg write their texts under keys of their own (``use_metadata_tags``:
``moov/udta/meta`` with ``keys`` and ``ilst``); older VideoHelperSuites a single comment (``©cmt``) of JSON.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from cozygen.gallery.metadata import exif, texts, xmp
from cozygen.gallery.metadata.bytesource import ByteSource, Damaged
from cozygen.gallery.metadata.found import Found

_MAX_BOXES = 20_000
_MAX_ITEMS = 4096
_PICTURES = {b"avif": "avif", b"avis": "avif", b"heic": "heif", b"heix": "heif", b"mif1": "heif", b"msf1": "heif"}
_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_UNKNOWN = {0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF}  # durations that mean: see the fragments
_TAGS = {
    b"\xa9cmt": "comment",
    b"\xa9nam": "title",
    b"\xa9des": "description",
    b"desc": "description",
    b"ldes": "description",
    b"\xa9too": "software",
    b"\xa9swr": "software",
    b"\xa9inf": "information",
}


class _Box(NamedTuple):
    kind: bytes
    start: int  # of the content
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


def read(source: ByteSource, found: Found) -> None:
    """Gather what the file tells. Raises `Damaged`."""
    found.container = "mp4"
    for box in _boxes(source, 0, source.size):
        if box.kind == b"ftyp":
            brands = source.some(box.start, min(box.length, 256))
            found.container = next((_PICTURES[brand] for brand in _brands(brands) if brand in _PICTURES), "mp4")
        elif box.kind == b"moov":
            _movie(source, box, found)
        elif box.kind == b"meta":
            _meta(source, box, found)
        elif box.kind == b"uuid" and source.some(box.start, 16) == _XMP_BOX and found.claim(box.length):
            xmp.read(found, source.some(box.start + 16, box.length - 16))
        if box.end > source.size:
            raise Damaged(f"cut short at byte {source.size}")


def _brands(data: bytes) -> Iterator[bytes]:
    yield data[:4]
    for at in range(8, len(data) - 3, 4):
        yield data[at : at + 4]


def _boxes(source: ByteSource, at: int, end: int) -> Iterator[_Box]:
    """The boxes between two bytes. The last may reach beyond the file, never beyond its own container."""
    for _ in range(_MAX_BOXES):
        header = source.some(at, 16) if at + 8 <= end else b""
        if len(header) < 8:
            return
        size, kind, start = int.from_bytes(header[:4], "big"), header[4:8], at + 8
        if size == 1 and len(header) == 16:
            size, start = int.from_bytes(header[8:], "big"), at + 16
        elif size == 0:
            size = end - at
        if size < start - at:
            return
        stop = at + size
        yield _Box(kind, start, stop if end == source.size else min(stop, end))
        at = stop


def _full(source: ByteSource, box: _Box, length: int) -> tuple[int, bytes]:
    """The version of a box that has one, and up to `length` bytes behind version and flags."""
    data = source.some(box.start, min(box.length, length + 4))
    return (data[0] if data else 0), data[4:]


def _movie(source: ByteSource, movie: _Box, found: Found) -> None:
    for box in _boxes(source, movie.start, movie.end):
        if box.kind == b"mvhd":
            found.timing(_seconds(*_full(source, box, 28)))
        elif box.kind == b"trak" and found.width is None:
            _track(source, box, found)
        elif box.kind == b"udta":
            _user_data(source, box, found)
        elif box.kind == b"meta":
            _meta(source, box, found)


def _seconds(version: int, data: bytes) -> float | None:
    """The duration in a movie's or a medium's header."""
    scale, duration = _scale(version, data)
    return duration / scale if scale and duration not in _UNKNOWN else None


def _scale(version: int, data: bytes) -> tuple[int, int]:
    """Ticks a second, and ticks."""
    if version == 1:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:28], "big")
    return int.from_bytes(data[8:12], "big"), int.from_bytes(data[12:16], "big")


def _track(source: ByteSource, track: _Box, found: Found) -> None:
    """The size and the frame rate, of a video track."""
    boxes = {box.kind: box for box in _boxes(source, track.start, track.end)}
    media = boxes.get(b"mdia")
    if media is None or b"tkhd" not in boxes:
        return
    inner = {box.kind: box for box in _boxes(source, media.start, media.end)}
    if b"hdlr" not in inner or _full(source, inner[b"hdlr"], 8)[1][4:8] != b"vide":
        return
    version, header = _full(source, boxes[b"tkhd"], 92)
    matrix = header[48 if version == 1 else 36 :]
    if len(matrix) >= 44:
        width, height = int.from_bytes(matrix[36:40], "big") >> 16, int.from_bytes(matrix[40:44], "big") >> 16
        turned = not any(matrix[0:4]) and not any(matrix[16:20])
        found.size(*((height, width) if turned else (width, height)))
    if b"mdhd" in inner and b"minf" in inner:
        _frame_rate(source, inner[b"mdhd"], inner[b"minf"], found)


def _frame_rate(source: ByteSource, header: _Box, info: _Box, found: Found) -> None:
    scale, duration = _scale(*_full(source, header, 28))
    table = next((box for box in _boxes(source, info.start, info.end) if box.kind == b"stbl"), None)
    if table is None or not scale or duration in _UNKNOWN:
        return
    for box in _boxes(source, table.start, table.end):
        if box.kind == b"stts":
            _, data = _full(source, box, 12)
            entries, _, delta = struct.unpack(">III", data) if len(data) == 12 else (0, 0, 0)
            if entries == 1 and delta:
                found.timing(fps=scale / delta)
                return
        elif box.kind in (b"stsz", b"stz2"):
            _, data = _full(source, box, 8)
            found.timing(fps=int.from_bytes(data[4:8], "big") * scale / duration)


def _user_data(source: ByteSource, data: _Box, found: Found) -> None:
    for box in _boxes(source, data.start, data.end):
        if box.kind == b"meta":
            _meta(source, box, found)
        elif box.kind == b"XMP_" and found.claim(box.length):
            xmp.read(found, source.some(box.start, box.length))
        elif box.kind in _TAGS and found.claim(box.length):
            body = source.some(box.start, box.length)
            length = int.from_bytes(body[:2], "big")  # behind it the language, then the text: QuickTime's own form
            found.add(_TAGS[box.kind], texts.decode(body[4 : 4 + length], otherwise="mac_roman"))


def _meta(source: ByteSource, meta: _Box, found: Found) -> None:
    """The texts of a film, or the items of a picture."""
    # QuickTime's meta box has no version; every meta box begins with a handler.
    start = meta.start if source.some(meta.start + 4, 4) == b"hdlr" else meta.start + 4
    boxes = {box.kind: box for box in _boxes(source, start, meta.end)}
    if b"ilst" in boxes:
        names = list(_keys(source, boxes[b"keys"], found)) if b"keys" in boxes else []
        _list(source, boxes[b"ilst"], names, found)
    if b"iloc" in boxes and b"iinf" in boxes:
        _items(source, boxes, found)
    if b"iprp" in boxes:
        _picture_size(source, boxes, found)


def _keys(source: ByteSource, keys: _Box, found: Found) -> Iterator[str]:
    """The names that the items of the list refer to by their number, from 1."""
    if not found.claim(keys.length):
        return
    data = source.some(keys.start, keys.length)
    at = 8
    for _ in range(min(int.from_bytes(data[4:8], "big"), _MAX_ITEMS)):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:
            return
        yield texts.decode(data[at + 8 : at + size])
        at += size


def _list(source: ByteSource, items: _Box, names: list[str], found: Found) -> None:
    for item in _boxes(source, items.start, items.end):
        number = int.from_bytes(item.kind, "big") - 1
        name = names[number] if 0 <= number < len(names) else _TAGS.get(item.kind, "")
        for box in _boxes(source, item.start, item.end):
            if box.kind == b"name":
                name = texts.decode(_full(source, box, 256)[1])  # of an iTunes tag with a name of its own, "----"
            elif box.kind == b"data" and name and found.claim(box.length - 8):
                found.add(name.removeprefix("com.apple.quicktime."), _value(source.some(box.start, box.length)))


def _value(data: bytes) -> str:
    """The text behind its type (2 is UTF-16, 1 UTF-8) and language."""
    if int.from_bytes(data[:4], "big") == 2:
        return texts.decode_utf16(data[8:], big_endian=True)
    return texts.decode(data[8:])


def _items(source: ByteSource, boxes: dict[bytes, _Box], found: Found) -> None:
    """The EXIF and XMP items of a picture."""
    wanted = dict(_item_kinds(source, boxes[b"iinf"]))
    base = boxes[b"idat"].start if b"idat" in boxes else None
    for number, in_idat, extents in _locations(source, boxes[b"iloc"], found):
        kind = wanted.get(number)
        length = sum(size for _, size in extents)
        if kind is None or not found.claim(length) or (in_idat and base is None):
            continue
        shift = base or 0 if in_idat else 0
        data = b"".join(source.some(shift + offset, size) for offset, size in extents)
        if kind == b"Exif":
            exif.read(found, data[4 + int.from_bytes(data[:4], "big") :])
        else:
            xmp.read(found, data)


def _item_kinds(source: ByteSource, info: _Box) -> Iterator[tuple[int, bytes]]:
    """The numbers of the items that hold texts, and ``Exif`` or ``mime``."""
    version, _ = _full(source, info, 0)
    for box in _boxes(source, info.start + (6 if version == 0 else 8), info.end):
        version, data = _full(source, box, 64)
        wide = 4 if version == 3 else 2
        kind = data[wide + 2 : wide + 6]
        if box.kind == b"infe" and (kind == b"Exif" or (kind == b"mime" and b"rdf+xml" in data)):
            yield int.from_bytes(data[:wide], "big"), kind


def _locations(source: ByteSource, box: _Box, found: Found) -> Iterator[tuple[int, bool, list[tuple[int, int]]]]:
    """Each item's number, whether its bytes are in the idat box, and where: offset and length of each piece."""
    if not found.claim(box.length):
        return
    version, data = _full(source, box, box.length)
    offset_size, length_size, base_size, index_size = data[0] >> 4, data[0] & 15, data[1] >> 4, data[1] & 15
    cursor = _Cursor(data, 2)
    wide = 4 if version == 2 else 2
    left = _MAX_ITEMS
    for _ in range(min(cursor.number(wide), _MAX_ITEMS)):
        number = cursor.number(wide)
        method = cursor.number(2) & 15 if version in (1, 2) else 0
        cursor.number(2)
        base = cursor.number(base_size)
        extents = []
        for _ in range(cursor.number(2)):
            left -= 1
            if left < 0:
                return
            if version in (1, 2):
                cursor.number(index_size)
            extents.append((base + cursor.number(offset_size), cursor.number(length_size)))
        if method < 2:
            yield number, method == 1, extents


class _Cursor:
    """Numbers one after the other. Raises `Damaged` at the end of the data."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def number(self, size: int) -> int:
        end = self._at + size
        if end > len(self._data):
            raise Damaged("a table is cut short")
        value = int.from_bytes(self._data[self._at : end], "big")
        self._at = end
        return value


def _picture_size(source: ByteSource, boxes: dict[bytes, _Box], found: Found) -> None:
    """The size of the main picture: the properties that are attached to it say it, and whether it is turned."""
    inner = {box.kind: box for box in _boxes(source, boxes[b"iprp"].start, boxes[b"iprp"].end)}
    if b"ipco" not in inner or b"ipma" not in inner or b"pitm" not in boxes:
        return
    version, data = _full(source, boxes[b"pitm"], 4)
    main = int.from_bytes(data[:2] if version == 0 else data[:4], "big")
    properties = list(_boxes(source, inner[b"ipco"].start, inner[b"ipco"].end))
    size, turned = (0, 0), False
    for number in _properties_of(source, inner[b"ipma"], main, found):
        box = properties[number - 1] if 0 < number <= len(properties) else None
        if box is not None and box.kind == b"ispe":
            _, sides = _full(source, box, 8)
            size = int.from_bytes(sides[:4], "big"), int.from_bytes(sides[4:8], "big")
        elif box is not None and box.kind == b"irot":
            turned = source.at(box.start, 1)[0] & 1 == 1
    found.size(*(reversed(size) if turned else size))


def _properties_of(source: ByteSource, box: _Box, item: int, found: Found) -> list[int]:
    """The numbers, from 1, of the properties of an item."""
    if not found.claim(box.length):
        return []
    data = source.some(box.start, box.length)
    version, wide = data[0], 2 if data[3] & 1 else 1
    cursor = _Cursor(data, 4)
    for _ in range(min(cursor.number(4), _MAX_ITEMS)):
        number = cursor.number(2 if version == 0 else 4)
        values = [cursor.number(wide) for _ in range(cursor.number(1))]
        if number == item:
            return [value & (0x7FFF if wide == 2 else 0x7F) for value in values]
    return []
