"""PNG, JPEG, WebP, GIF and BMP without metadata. What a picture looks like stays: colours, transparency, rotation.

Formats: W3C PNG (third edition), ITU-T T.81 (JPEG), RFC 9649 (WebP), GIF89a, JEITA CP-3451 (EXIF).
"""

from __future__ import annotations

import zlib

from cozygen.gallery.strip.source import CannotStrip, Plan, Source

_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs sPLT acTL fcTL fdAT".split()
)
_WEBP_KEPT = frozenset((b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_ORIENTATION = 0x0112


def png(source: Source) -> Plan:
    """Only the chunks that pixels depend on, and nothing behind the picture."""
    plan, at, orientation, written = Plan(), 8, 1, False
    plan.keep(0, 8)
    while True:
        length, kind = source.number(at, 4), source.at(at + 4, 4)
        end = at + 12 + length
        if end > source.size:
            raise CannotStrip("the file is cut short")
        if kind == b"eXIf":
            orientation = orientation_of(source.at(at + 8, min(length, 65_536)))
        if kind in (b"IDAT", b"IEND") and not written and orientation > 1:
            plan.put(_png_chunk(b"eXIf", orientation_only(orientation)))
            written = True
        if kind in _PNG_KEPT or not kind[0] & 32:
            plan.keep(at, end)
        if kind == b"IEND":
            return plan
        at = end


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def jpeg(source: Source) -> Plan:
    """Without comments and application segments, but for JFIF, colour profiles, Adobe's transform and the rotation."""
    plan, at, written = Plan(), 2, False
    plan.keep(0, 2)
    while True:
        marker = source.at(at, 2)
        if marker[0] != 0xFF:
            raise CannotStrip("a segment of the picture is missing")
        code = marker[1]
        if code == 0xFF:  # filling
            at += 1
            continue
        if code == 0xD9:
            plan.keep(at, at + 2)
            return plan
        if code == 0x01 or 0xD0 <= code <= 0xD7:
            plan.keep(at, at + 2)
            at += 2
            continue
        length = source.number(at + 2, 2)
        end = at + 2 + length
        if length < 2 or end > source.size:
            raise CannotStrip("a segment of the picture is cut short")
        data = source.at(at + 4, min(length - 2, 65_533))
        if code == 0xE1 and data.startswith(b"Exif\0\0") and not written:
            orientation = orientation_of(data[6:])
            if orientation > 1:
                plan.put(_jpeg_exif(orientation))
                written = True
        if _is_kept(code, data):
            plan.keep(at, end)
        if code == 0xDA:
            scan, end = end, _after_scan(source, end)
            plan.keep(scan, end)
        at = end


def _is_kept(code: int, data: bytes) -> bool:
    if code == 0xE0:
        return data.startswith((b"JFIF\0", b"JFXX\0"))
    if code == 0xE2:
        return data.startswith(b"ICC_PROFILE\0")
    if code == 0xEE:
        return data.startswith(b"Adobe")
    return not 0xE0 <= code <= 0xEF and code != 0xFE


def _jpeg_exif(orientation: int) -> bytes:
    data = b"Exif\0\0" + orientation_only(orientation)
    return b"\xff\xe1" + (len(data) + 2).to_bytes(2, "big") + data


def _after_scan(source: Source, at: int) -> int:
    """Where the coded data that begins there ends: before the next marker that is no restart."""
    while True:
        block = source.some(at, 65_536)
        place = block.find(b"\xff")
        while 0 <= place < len(block) - 1:
            code = block[place + 1]
            if code and not 0xD0 <= code <= 0xD7 and code != 0xFF:
                return at + place
            place = block.find(b"\xff", place + (1 if code == 0xFF else 2))
        if len(block) < 65_536:
            raise CannotStrip("the picture has no end")
        at += len(block) - 1


def webp(source: Source) -> Plan:
    """Only the chunks that pixels and colours depend on."""
    end = min(source.size, 8 + source.number(4, 4, "little"))
    kept: list[tuple[bytes, int, int]] = []
    orientation, at = 1, 12
    while at + 8 <= end:
        kind, length = source.at(at, 4), source.number(at + 4, 4, "little")
        following = at + 8 + length + length % 2
        if at + 8 + length > end:
            raise CannotStrip("the file is cut short")
        if kind == b"EXIF":
            data = source.at(at + 8, min(length, 65_536))
            orientation = orientation_of(data.removeprefix(b"Exif\0\0"))
        if kind in _WEBP_KEPT or kind == b"VP8X":
            kept.append((kind, at, min(following, end)))
        at = following
    return _webp_of(source, kept, orientation)


def _webp_of(source: Source, kept: list[tuple[bytes, int, int]], orientation: int) -> Plan:
    turned = orientation > 1 and any(kind == b"VP8X" for kind, _, _ in kept)
    exif = b""
    if turned:
        data = orientation_only(orientation)
        exif = b"EXIF" + len(data).to_bytes(4, "little") + data
    body = Plan()
    for kind, at, end in kept:
        if kind == b"VP8X" and end - at >= 9:
            flags = source.at(at + 8, 1)[0] & ~0x0C | (8 if turned else 0)
            body.keep(at, at + 8)
            body.put(bytes([flags]))
            body.keep(at + 9, end)
        else:
            body.keep(at, end)
        if (end - at) % 2:
            body.put(b"\0")
    body.put(exif)
    plan = Plan()
    plan.put(b"RIFF" + (body.size + 4).to_bytes(4, "little") + b"WEBP")
    plan.pieces += body.pieces
    return plan


def gif(source: Source) -> Plan:
    """Without comments and application data, but for how often it is repeated."""
    flags = source.at(10, 1)[0]
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    plan = Plan()
    plan.keep(0, at)
    while True:
        kind = source.at(at, 1)[0]
        if kind == 0x3B:
            plan.keep(at, at + 1)
            return plan
        if kind == 0x2C:
            local = source.at(at + 9, 1)[0]
            data = at + 10 + (3 << (local & 7) + 1 if local & 0x80 else 0) + 1
            end = _after_blocks(source, data)
            plan.keep(at, end)
        elif kind == 0x21:
            label, end = source.at(at + 1, 1)[0], _after_blocks(source, at + 2)
            if label in (0xF9, 0x01) or (label == 0xFF and source.some(at + 3, 11) in _GIF_LOOPS):
                plan.keep(at, end)
        else:
            raise CannotStrip("a part of the picture is of no known kind")
        at = end


def _after_blocks(source: Source, at: int) -> int:
    while length := source.at(at, 1)[0]:
        at += 1 + length
    return at + 1


def bmp(source: Source) -> Plan:
    """As it is, since it has no room for metadata, but for what may follow it."""
    size = source.number(2, 4, "little")
    plan = Plan()
    plan.keep(0, size if 54 <= size <= source.size else source.size)
    return plan


def orientation_of(tiff: bytes) -> int:
    """How an EXIF block says that the picture is turned: 1..8, 1 where it does not say."""
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    if order is None:
        return 1

    def number(at: int, length: int) -> int:
        return int.from_bytes(tiff[at : at + length], "little" if order == "little" else "big")

    directory = number(4, 4)
    for entry in range(min(number(directory, 2), 200)):
        at = directory + 2 + entry * 12
        if number(at, 2) == _ORIENTATION and number(at + 2, 2) == 3:
            value = number(at + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1


def orientation_only(value: int) -> bytes:
    """An EXIF block that says nothing else."""
    entry = _ORIENTATION.to_bytes(2, "big") + b"\0\3\0\0\0\1" + value.to_bytes(2, "big") + b"\0\0"
    return b"MM\0*\0\0\0\x08\0\1" + entry + b"\0\0\0\0"
