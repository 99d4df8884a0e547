"""Films, sounds and pictures in boxes (ISO/IEC 14496-12, 23008-12) and Matroska (RFC 9559) without metadata.

Nothing moves, since tables in these files say where frames are: what goes is overwritten with nothing of the same size.
"""

from __future__ import annotations

from collections.abc import Iterator

from cozygen.gallery.strip.source import CannotStrip, Plan, Source, Zeros

_EMPTIED = frozenset((b"udta", b"meta", b"uuid", b"free", b"skip", b"wide"))
_ENTERED = frozenset((b"moov", b"trak", b"moof", b"traf", b"mdia", b"minf", b"edts"))
_PICTURES = frozenset((b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"hevc", b"heim", b"heis"))
_MAX_BOXES = 200_000
_MAX_TABLE = 16 * 1024 * 1024


def boxes(source: Source) -> Plan:
    """MP4, MOV, M4A, AVIF and their like."""
    holes: list[tuple[int, int, bytes]] = []
    picture = False
    for kind, start, data, end in _boxes(source, 0, source.size):
        if kind == b"ftyp":
            brands = source.at(data, min(end - data, 4096))
            picture = bool(_PICTURES & {brands[at : at + 4] for at in range(0, len(brands), 4)})
        elif kind == b"meta" and picture:
            holes += _items(source, data + 4, end)
        elif kind in _EMPTIED:
            holes.append((start, end, _free(data - start, end - start)))
        elif kind in _ENTERED:
            holes += _holes_in(source, data, end, 0)
    return _with_holes(source, holes)


def _boxes(source: Source, at: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Of each box: kind, and where it begins, its data begins, and it ends."""
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        size, kind, data = source.number(at, 4), source.at(at + 4, 4), at + 8
        if size == 1:
            size, data = source.number(at + 8, 8), at + 16
        elif size == 0:
            size = end - at
        if size < data - at or at + size > end:
            raise CannotStrip("a part of the file is cut short")
        yield kind, at, data, at + size
        at += size
    raise CannotStrip("the file has too many parts")


def _holes_in(source: Source, at: int, end: int, depth: int) -> list[tuple[int, int, bytes]]:
    holes = []
    for kind, start, data, stop in _boxes(source, at, end):
        if kind in _EMPTIED:
            holes.append((start, stop, _free(data - start, stop - start)))
        elif kind in _ENTERED and depth < 8:
            holes += _holes_in(source, data, stop, depth + 1)
    return holes


def _free(header: int, size: int) -> bytes:
    """The head of a box of that size that says nothing."""
    if header == 16:
        return b"\0\0\0\1free" + size.to_bytes(8, "big")
    return size.to_bytes(4, "big") + b"free"


def _with_holes(source: Source, holes: list[tuple[int, int, bytes]]) -> Plan:
    """The file with each of these parts replaced by a head and zeros."""
    plan, at = Plan(), 0
    for start, end, head in sorted(holes):
        if start < at:
            if end <= at:
                continue
            start, head = at, b""
        plan.keep(at, start)
        plan.put(head)
        plan.pieces.append(Zeros(end - start - len(head)))
        at = end
    plan.keep(at, source.size)
    return plan


_EMPTY_EXIF = b"\0\0\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"
"""The item of a picture that says nothing: decoders refuse one that is none."""


def _items(source: Source, at: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Where the texts of a picture are, its EXIF and XMP items, and what they begin with when they are empty."""
    found = {kind: (data, stop) for kind, _, data, stop in _boxes(source, at, end)}
    if b"iinf" not in found or b"iloc" not in found:
        return
    texts = dict(_texts(source, *found[b"iinf"]))
    idat = found.get(b"idat")
    for item, method, extents in _locations(source, *found[b"iloc"]):
        if item not in texts:
            continue
        if method not in (0, 1) or (method == 1 and idat is None):
            raise CannotStrip("a text of the picture is somewhere else")
        base, limit = idat if method == 1 and idat is not None else (0, source.size)
        for offset, length in extents:
            start, stop = base + offset, base + offset + length if length else limit
            if stop > limit:
                raise CannotStrip("a part of the file is cut short")
            whole = texts[item] == b"Exif" and len(extents) == 1 and stop - start >= len(_EMPTY_EXIF)
            yield start, stop, _EMPTY_EXIF if whole else b""


def _texts(source: Source, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The numbers of the items that are texts, and of which kind."""
    version = source.at(at, 1)[0]
    for kind, _, data, stop in _boxes(source, at + (6 if version == 0 else 8), end):
        if kind != b"infe" or stop - data < 12:
            continue
        version = source.at(data, 1)[0]
        if version < 2:
            raise CannotStrip("the picture is of a form that nobody writes any more")
        wide = 4 if version == 3 else 2
        form = source.at(data + 4 + wide + 2, 4)
        if form in (b"Exif", b"mime", b"uri "):
            yield source.number(data + 4, wide), form


def _locations(source: Source, at: int, end: int) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Of each item: its number, how its places are meant, and the places."""
    if end - at > _MAX_TABLE:
        raise CannotStrip("a table of the file is too large")
    data = source.at(at, end - at)
    version, place = data[0], 6

    def number(size: int) -> int:
        nonlocal place
        if place + size > len(data):
            raise CannotStrip("a table of the file is cut short")
        value = int.from_bytes(data[place : place + size], "big")
        place += size
        return value

    offset_size, length_size, base_size, index_size = data[4] >> 4, data[4] & 15, data[5] >> 4, data[5] & 15
    wide = 4 if version == 2 else 2
    for _ in range(number(wide)):
        item = number(wide)
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            if version:
                number(index_size)
            extents.append((base + number(offset_size), number(length_size)))
        yield item, method, extents


_SEGMENT, _CLUSTER, _INFO, _TITLE = 0x18538067, 0x1F43B675, 0x1549A966, 0x7BA9
_TAGS, _ATTACHMENTS, _VOID, _CRC = 0x1254C367, 0x1941A469, 0xEC, 0xBF
_DATE = 0x4461


def matroska(source: Source) -> Plan:
    """WebM and Matroska."""
    holes: list[tuple[int, int, bytes]] = []
    for element, _, data, end in _elements(source, 0, source.size):
        if element != _SEGMENT:
            continue
        for inner, start, inside, stop in _elements(source, data, end):
            if inner in (_TAGS, _ATTACHMENTS, _VOID):
                holes.append((start, stop, _void(stop - start)))
            elif inner == _INFO:
                # A checksum over what changes goes with it.
                parts = [entry for entry in _elements(source, inside, stop) if entry[0] in (_TITLE, _DATE, _CRC, _VOID)]
                holes += [(at, after, _void(after - at)) for _, at, _, after in parts]
    return _with_holes(source, holes)


def _elements(source: Source, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Of each element: id, and where it begins, its data begins, and it ends."""
    for _ in range(_MAX_BOXES):
        if at >= end:
            return
        wide = _width(source.at(at, 1)[0], 4)
        element = source.number(at, wide)
        first = source.at(at + wide, 1)[0]
        size_wide = _width(first, 8)
        size = source.number(at + wide, size_wide) & (1 << 7 * size_wide) - 1
        data = at + wide + size_wide
        if size == (1 << 7 * size_wide) - 1:
            if element != _SEGMENT:
                raise CannotStrip("the film was written while it was shown, so that its parts have no ends")
            size = end - data
        if data + size > end:
            raise CannotStrip("the file is cut short")
        yield element, at, data, data + size
        at = data + size
    raise CannotStrip("the file has too many parts")


def _width(first: int, most: int) -> int:
    wide = 9 - first.bit_length()
    if wide > most:
        raise CannotStrip("a part of the file is of no known kind")
    return wide


def _void(size: int) -> bytes:
    """The head of an element of `size` bytes (2 or more) that says nothing."""
    for wide in (1, 8):
        if size - 1 - wide < (1 << 7 * wide) - 1:
            return bytes([_VOID]) + ((size - 1 - wide) | 1 << 7 * wide).to_bytes(wide, "big")
    raise CannotStrip("a part of the file is too large")
