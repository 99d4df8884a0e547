"""TIFF files, and the EXIF blocks of pictures, which are TIFF files without a picture (TIFF 6.0, CIPA DC-008).

What generators write there: Stable Diffusion WebUI, SwarmUI and others the parameters as UserComment; ComfyUI, for
WebP, ``prompt:{json}`` as Model (0x0110) and ``key:{json}`` as Make (0x010f) and the tags below it, downwards;
Fooocus a UserComment and a MakerNote (its scheme) in the first directory, as plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cozygen.gallery.metadata import texts, xmp
from cozygen.gallery.metadata.bytesource import ByteSource, Damaged, over_bytes
from cozygen.gallery.metadata.found import Found

_MAX_ENTRIES = 1024

_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 13: 4, 16: 8, 129: 1}  # bytes of a value, by the types of interest
_NUMBERS = (3, 4, 13, 16)
_NAMES = {
    0x010E: "imagedescription",
    0x010F: "make",
    0x0110: "model",
    0x0131: "software",
    0x013B: "artist",
    0x927C: "makernote",
    0x9286: "usercomment",
    0x9C9B: "xptitle",
    0x9C9C: "xpcomment",
    0x9C9E: "xpkeywords",
    0x9C9F: "xpsubject",
}
_TURNED = range(5, 9)  # orientations in which width and height change places
_XP = range(0x9C9B, 0x9CA0)  # Windows' own tags: UTF-16, little-endian
_COMFY = range(0x0100, 0x0111)
_KEYED = re.compile(r"([A-Za-z_][\w .\-]{0,63}):\s*(?=[\[{\"])")
_EXIF_DIRECTORY, _WIDTH, _HEIGHT, _ORIENTATION, _XMP, _USER_COMMENT = 0x8769, 0x0100, 0x0101, 0x0112, 0x02BC, 0x9286
_CHARSETS = {b"ASCII\0\0\0": "latin-1", b"JIS\0\0\0\0\0": "iso2022_jp", b"\0\0\0\0\0\0\0\0": "latin-1"}


def read(found: Found, block: bytes) -> None:
    """Gather the texts of an EXIF block, with or without the ``Exif`` marker of JPEG before it."""
    if block.startswith(b"Exif\0"):
        block = block[6:]
    try:
        _read(over_bytes(block), found)
    except Damaged:
        return  # the picture around it may be sound, and what came before the damage is kept


def read_file(source: ByteSource, found: Found) -> None:
    """Gather what a TIFF file tells. Raises `Damaged`."""
    found.container = "tiff"
    numbers = _read(source, found)
    found.size(numbers.get(_WIDTH, 0), numbers.get(_HEIGHT, 0))


def _read(source: ByteSource, found: Found) -> dict[int, int]:
    """Gather the texts of the first and the Exif directory. The answer is the numbers of the first."""
    order = {b"II": "little", b"MM": "big"}.get(source.some(0, 2))
    numbers: dict[int, int] = {}
    if order is None:
        return numbers
    tiff = _Tiff(source, big_endian=order == "big")
    for tag, kind, data in tiff.directory(tiff.first, found):
        if kind in _NUMBERS:
            numbers.setdefault(tag, tiff.number(data))
        else:
            _take(found, tag, data, big_endian=tiff.big_endian)
    found.is_turned = numbers.get(_ORIENTATION) in _TURNED
    if _EXIF_DIRECTORY in numbers:
        for tag, kind, data in tiff.directory(numbers[_EXIF_DIRECTORY], found):
            if kind not in _NUMBERS:
                _take(found, tag, data, big_endian=tiff.big_endian)
    return numbers


class _Tiff:
    """The structure of a TIFF or BigTIFF file. Raises `Damaged`."""

    def __init__(self, source: ByteSource, *, big_endian: bool) -> None:
        self._source = source
        self.big_endian = big_endian
        self._is_big = self.number(source.at(2, 2)) == 43
        self._word = 8 if self._is_big else 4
        self.first = self.number(source.at(8 if self._is_big else 4, self._word))

    def number(self, data: bytes) -> int:
        return int.from_bytes(data, "big" if self.big_endian else "little")

    def directory(self, at: int, found: Found) -> Iterator[tuple[int, int, bytes]]:
        """The entries of the directory at `at`: tag, type, value; the first number of several."""
        head = 8 if self._is_big else 2
        count = min(self.number(self._source.at(at, head)), _MAX_ENTRIES)
        size = 4 + 2 * self._word
        for entry in range(count):
            data = self._source.at(at + head + entry * size, size)
            tag, kind = self.number(data[:2]), self.number(data[2:4])
            values, field = self.number(data[4 : 4 + self._word]), data[4 + self._word :]
            length = _WIDTHS.get(kind, 0) if kind in _NUMBERS else values * _WIDTHS.get(kind, 0)
            if not found.claim(length):
                continue
            fits_in_place = values * _WIDTHS[kind] <= self._word
            yield tag, kind, field[:length] if fits_in_place else self._source.some(self.number(field), length)


def _take(found: Found, tag: int, data: bytes, *, big_endian: bool) -> None:
    if tag == _XMP:
        xmp.read(found, data)
        return
    if tag not in _NAMES and tag not in _COMFY:
        return
    text = _decode(tag, data, big_endian=big_endian).strip("\0 \r\n\t")
    keyed = _KEYED.match(text)
    if keyed:
        found.add(keyed[1], text[keyed.end() :])
    elif tag in _NAMES and text:
        found.add(_NAMES[tag], text)


def _decode(tag: int, data: bytes, *, big_endian: bool) -> str:
    if tag in _XP:
        return texts.decode_utf16(data, big_endian=False)
    if tag == _USER_COMMENT:
        if data.startswith(b"UNICODE\0"):
            return texts.decode_utf16(data[8:], big_endian=big_endian)
        charset = _CHARSETS.get(data[:8])
        if charset is not None:
            return texts.decode(data[8:], otherwise=charset)
    return texts.decode(data)
