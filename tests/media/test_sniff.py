from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.media.sniff import Format, sniff
from tests.media import samples


def box(major: bytes, *compatible: bytes) -> bytes:
    body = major + bytes(4) + b"".join(compatible)
    return (8 + len(body)).to_bytes(4, "big") + b"ftyp" + body + b"\0\0\0\x08free"


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        (b"\x89PNG\r\n\x1a\n....", ("pillow", "PNG")),
        (b"\xff\xd8\xff\xe0", ("pillow", "JPEG")),
        (b"GIF89a..", ("pillow", "GIF")),
        (b"BM......", ("pillow", "BMP")),
        (b"II*\0", ("pillow", "TIFF")),
        (b"MM\0+", ("pillow", "TIFF")),
        (b"RIFF....WEBPVP8 ", ("pillow", "WEBP")),
        (b"RIFF....WAVEfmt ", ("av", "wav")),
        (b"RIFF....AVI LIST", None),
        (box(b"isom", b"isom", b"mp41"), ("av", "mov")),
        (box(b"qt  "), ("av", "mov")),
        (box(b"M4A "), ("av", "mov")),
        (box(b"avif"), ("pillow", "AVIF")),
        (box(b"mif1", b"miaf", b"avif"), ("pillow", "AVIF")),
        (box(b"avis", b"msf1"), ("pillow", "AVIF")),
        (box(b"heic", b"mif1"), None),
        (box(b"mif1", b"heic"), None),
        (b"\0\0\0\x08wide\0\0\0\0mdat", ("av", "mov")),
        (b"\x1a\x45\xdf\xa3", ("av", "matroska")),
        (b"fLaC", ("av", "flac")),
        (b"OggS", ("av", "ogg")),
        (b"ID3\x04", ("av", "mp3")),
        (b"\xff\xfb\x90", ("av", "mp3")),
        (b"\xff\xf1\x50", None),
        (b"", None),
        (b"\xff", None),
        (b"#EXTM3U\nhttp://127.0.0.1/x.ts", None),
        (b"ffconcat version 1.0\nfile /etc/passwd", None),
        (b"%!PS-Adobe-3.0 EPSF-3.0", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
        (b"%PDF-1.7", None),
    ],
)
def test_formats_are_told_by_their_bytes(head: bytes, wanted: tuple[str, str] | None) -> None:
    assert sniff(head) == (None if wanted is None else Format(*wanted))  # type: ignore[arg-type]


def test_the_avif_brand_must_be_inside_its_box() -> None:
    assert sniff(box(b"isom") + b"avif") == Format("av", "mov")


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"])
def test_what_pillow_writes_is_known(name: str) -> None:
    assert sniff(samples.encoded(samples.quarters(), name)[:4096]) == Format("pillow", name)


@given(st.binary(max_size=64))
def test_any_bytes_are_taken(head: bytes) -> None:
    found = sniff(head)
    assert found is None or found.library in ("pillow", "av")
