"""JPEG (ITU-T T.81): EXIF and XMP in APP1 segments, and the comments."""

from __future__ import annotations

from cozygen.gallery.metadata import exif, texts, xmp
from cozygen.gallery.metadata.bytesource import ByteSource, Damaged
from cozygen.gallery.metadata.found import Found

_MAX_SEGMENTS = 1024
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _END, _APP1, _COMMENT = 0xDA, 0xD9, 0xE1, 0xFE
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def read(source: ByteSource, found: Found) -> None:
    """Gather what the file tells before its first scan. Raises `Damaged`."""
    found.container = "jpeg"
    at = 2
    for _ in range(_MAX_SEGMENTS):
        at, marker = _marker(source, at)
        if marker in (_SCAN, _END):
            return
        if marker in _BARE:
            continue
        length = int.from_bytes(source.at(at, 2), "big")
        if length < 2:
            raise Damaged(f"no segment at byte {at}")
        if marker in _FRAMES:
            frame = source.at(at + 3, 4)
            found.size(int.from_bytes(frame[2:], "big"), int.from_bytes(frame[:2], "big"))
        elif marker == _APP1 and found.claim(length):
            _app1(found, source.at(at + 2, length - 2))
        elif marker == _COMMENT and found.claim(length):
            found.add("comment", texts.decode(source.at(at + 2, length - 2)))
        at += length


def _marker(source: ByteSource, at: int) -> tuple[int, int]:
    """The marker at `at`, behind any fill bytes, and where its segment begins."""
    if source.at(at, 1) != b"\xff":
        raise Damaged(f"no segment at byte {at}")
    for _ in range(64):
        at += 1
        marker = source.at(at, 1)[0]
        if marker != 0xFF:
            return at + 1, marker
    raise Damaged(f"no segment at byte {at}")


def _app1(found: Found, body: bytes) -> None:
    if body.startswith(b"Exif\0"):
        exif.read(found, body)
    elif body.startswith(_XMP):
        xmp.read(found, body[len(_XMP) :])
