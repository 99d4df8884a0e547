"""What a file is by its first bytes. A file is shown to the one decoder that its bytes call for and to no other:
among the formats of both libraries are playlists that fetch other files and languages that run programs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

HEAD = 4096
"""Bytes from a file's start that `sniff` looks at, at most."""

_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # how QuickTime files began before `ftyp`

_AVIF = {b"avif", b"avis"}
# Pictures in boxes like a film's (ISO/IEC 23008-12): FFmpeg would take the first of their tiles for all of it.
_STILLS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"miaf")


class Undecodable(Exception):
    """The file is no medium that can be decoded: damaged, cut short, too large, or something else altogether."""


class NoPicture(Undecodable):
    """Sound alone: there is nothing wrong with it, and nothing to see."""


class Format(NamedTuple):
    """Who decodes a file: `library`, by the `name` that it has for the format."""

    library: Literal["pillow", "av"]
    name: str


def sniff(head: bytes) -> Format | None:
    """The format of a file that begins with `head`, None when it is not among those that are decoded here."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format("pillow", "PNG")
    if head.startswith(b"\xff\xd8\xff"):
        return Format("pillow", "JPEG")
    if head.startswith((b"GIF87a", b"GIF89a")):
        return Format("pillow", "GIF")
    if head.startswith(b"BM"):
        return Format("pillow", "BMP")
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return Format("pillow", "TIFF")
    if head.startswith((b"RIFF", b"RF64")):
        return {b"WEBP": Format("pillow", "WEBP"), b"WAVE": Format("av", "wav")}.get(head[8:12])
    if head[4:8] == b"ftyp":
        brands = _brands(head)
        if brands & _AVIF:
            return Format("pillow", "AVIF")
        return None if head[8:12] in _STILLS else Format("av", "mov")
    if head[4:8] in _ATOMS:
        return Format("av", "mov")
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return Format("av", "matroska")
    if head.startswith(b"fLaC"):
        return Format("av", "flac")
    if head.startswith(b"OggS"):
        return Format("av", "ogg")
    if head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return Format("av", "mp3")  # a tag, or a frame of MPEG layer III
    return None


def _brands(head: bytes) -> set[bytes]:
    """The brands in the `ftyp` box that `head` begins with (ISO/IEC 14496-12, 4.3)."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[start : start + 4] for start in range(16, size - 3, 4))}
