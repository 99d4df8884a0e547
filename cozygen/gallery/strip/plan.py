"""Which plan is for which file."""

from __future__ import annotations

from cozygen.gallery.strip import films, pictures, sounds
from cozygen.gallery.strip.source import CannotStrip, Plan, Source


def plan(source: Source) -> Plan:
    """What to send of a file so that it says nothing of how it was made. Its form is told by its bytes, not its name.

    Raises `CannotStrip`.
    """
    head = source.some(0, 16)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return pictures.png(source)
    if head.startswith(b"\xff\xd8\xff"):
        return pictures.jpeg(source)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return pictures.webp(source)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return sounds.wav(source)
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return pictures.gif(source)
    if head[4:8] == b"ftyp":
        return films.boxes(source)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return films.matroska(source)
    if head.startswith(b"fLaC"):
        return sounds.flac(source)
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] > b"\xe0"):
        return sounds.mp3(source)
    if head[:2] == b"BM":
        return pictures.bmp(source)
    raise CannotStrip("metadata cannot be taken out of files of this kind")
