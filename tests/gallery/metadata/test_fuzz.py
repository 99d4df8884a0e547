"""Bytes that no program ever wrote."""

from __future__ import annotations

import functools
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cozygen.gallery.metadata import bytesource, read, summarise
from tests.gallery.metadata.makers import WORKFLOW, chunk, comfy_exif, film, picture, png, raw_png, sound, text_to_image

COMFY = {"prompt": json.dumps(text_to_image()), "workflow": json.dumps(WORKFLOW)}
MAGIC = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff\xe1",
    "gif": b"GIF89a",
    "bmp": b"BM",
    "tiff": b"II*\0\x08\0\0\0",
    "bigtiff": b"MM\0+\0\x08\0\0",
    "webp": b"RIFF\0\0\0\0WEBP",
    "wav": b"RIFF\0\0\0\0WAVE",
    "mp4": b"\0\0\0\x10ftypisom\0\0\0\0",
    "avif": b"\0\0\0\x10ftypavif\0\0\0\0",
    "mov": b"\0\0\0\x08moov",
    "matroska": b"\x1a\x45\xdf\xa3",
    "flac": b"fLaC",
    "ogg": b"OggS\0\x02",
    "mp3": b"ID3\x04\0\0",
}
NAMES = [
    "png",
    "apng",
    "jpeg",
    "webp",
    "avif",
    "tiff",
    "gif",
    "bmp",
    "mp4",
    "mov",
    "webm",
    "mkv",
    "flac",
    "opus",
    "mp3",
    "wav",
    "m4a",
]


@functools.cache
def sample(name: str) -> bytes:
    """A small, sound file of a format."""
    exif = comfy_exif(text_to_image(), workflow=WORKFLOW)
    if name == "apng":
        texts = [chunk(b"comf", key.encode() + b"\0" + text.encode()) for key, text in COMFY.items()]
        return raw_png(chunk(b"IDAT", bytes(30)), chunk(b"fdAT", bytes(30)), *texts)
    if name == "png":
        return png(COMFY, compressed=True)
    if name in ("jpeg", "webp", "avif", "tiff"):
        return picture(name.upper(), exif=exif)
    if name in ("gif", "bmp"):
        return picture(name.upper(), **({"comment": json.dumps(COMFY)} if name == "gif" else {}))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{name}"
        codecs = {"flac": "flac", "opus": "libopus", "mp3": "libmp3lame", "wav": "pcm_s16le", "m4a": "aac"}
        if name in codecs:
            return sound(path, codecs[name], {**COMFY, "comment": json.dumps(COMFY)}).read_bytes()[:12_000]
        return film(
            path, COMFY, {"movflags": "use_metadata_tags"} if name in ("mp4", "mov") else {}, frames=2
        ).read_bytes()


def examine(data: bytes) -> None:
    """Read, and show that what was found can be stored and sent."""
    found = read(io.BytesIO(data))
    assert found.container is not None or found.problem is not None
    for value in (found.prompt, found.workflow, found.document, found.prompt_raw, dict(found.extra)):
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    summarise(found).to_json().encode()


@pytest.mark.parametrize("magic", MAGIC.values(), ids=MAGIC)
@given(tail=st.binary(max_size=400))
@settings(max_examples=40)
def test_random_bytes(magic: bytes, tail: bytes) -> None:
    examine(magic + tail)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_mutated_files(name: str, data: st.DataObject) -> None:
    original = bytearray(sample(name))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(original) - 1))
        change = data.draw(st.sampled_from(["set", "cut", "insert", "length"]))
        if change == "set":
            original[at] = data.draw(st.integers(0, 255))
        elif change == "cut" and len(original) > 40:
            del original[at : at + data.draw(st.integers(1, 30))]
        elif change == "insert":
            original[at:at] = data.draw(st.binary(max_size=20))
        else:
            original[at : at + 4] = data.draw(
                st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1"])
            )
        original = original or bytearray(b"\0")
    examine(bytes(original))


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_cut_short(name: str) -> None:
    data = sample(name)
    step = max(1, len(data) // 400)
    for length in {*range(0, len(data), step), *range(min(len(data), 200))}:
        examine(data[:length])


@pytest.mark.parametrize("name", NAMES)
def test_files_whose_every_place_claims_to_be_huge(name: str) -> None:
    data = sample(name)
    step = max(1, min(len(data), 4000) // 250)
    for at in range(0, min(len(data), 4000), step):
        for length in (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xf0"):
            examine(data[:at] + length + data[at + 4 :])


class _Counting:
    """Endless bytes that repeat, which count how much of them is read."""

    def __init__(self, unit: bytes, size: int, head: bytes = b"") -> None:
        self.unit, self.size, self.head = unit, size, head
        self.reads = self.bytes = 0

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        self.reads += 1
        self.bytes += length
        start = offset - len(self.head)
        if start < 0:
            return self.head[offset : offset + length] + self.read(len(self.head), length - min(length, -start))
        shift = start % len(self.unit)
        return (self.unit * (length // len(self.unit) + 2))[shift : shift + length]


@pytest.mark.parametrize(
    ("head", "unit"),
    [
        (raw_png()[:33], chunk(b"tEXt", b"a\0")),
        (raw_png()[:33], chunk(b"IDAT", b"")),
        (raw_png()[:33], chunk(b"tEXt", b"parameters\0" + b" " * 100_000)),
        (MAGIC["webp"], b"EXIF\0\0\0\0"),
        (MAGIC["webp"], b"ANMF\x10\0\0\0" + bytes(16)),
        (MAGIC["mp4"], b"\0\0\0\x08moov"),
        (MAGIC["mp4"], b"\0\0\0\x10moov\0\0\0\x08trak"),
        (MAGIC["mp4"], b"\0\0\0\x08mdat"),
        (MAGIC["jpeg"][:2], b"\xff\xe1\0\x10Exif\0\0II*\0\x08\0\0\0"),
        (MAGIC["matroska"] + b"\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff", b"\xec\x80"),
        (b"fLaC", b"\x01\0\0\0"),
        (b"", b"OggS\0\0" + bytes(20) + b"\xff" + b"\xff" * 255 + bytes(255 * 255)),
        (b"GIF89a" + bytes(7), b"!\xfe\x01a\0"),
        (b"ID3\x04\0\0\x7f\x7f\x7f\x7f", b"TXXX\0\0\0\x04\0\0\0a\0b"),
    ],
    ids=[
        "texts",
        "data",
        "blanks",
        "exif",
        "frames",
        "movies",
        "tracks",
        "mdat",
        "segments",
        "void",
        "flac",
        "ogg",
        "gif",
        "id3",
    ],
)
def test_huge_files_of_small_parts_are_given_up(head: bytes, unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = _Counting(unit, 1 << 40, head)
    monkeypatch.setattr(bytesource, "_over_stream", lambda _: bytesource.ByteSource(endless.read, endless.size))
    read(io.BytesIO())
    assert endless.reads <= 200_000
    assert endless.bytes <= 160 * 1024 * 1024


def test_items_of_a_picture_that_share_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four thousand items of 16 MiB each, all of them the same."""

    def box(kind: bytes, body: bytes) -> bytes:
        return (8 + len(body)).to_bytes(4, "big") + kind + body

    count = 4000
    kinds = b"".join(box(b"infe", b"\2\0\0\0" + number.to_bytes(2, "big") + b"\0\0Exif\0") for number in range(count))
    places = b"".join(
        number.to_bytes(2, "big") + b"\0\0\0\1" + (4096).to_bytes(4, "big") + (1 << 24).to_bytes(4, "big")
        for number in range(count)
    )
    meta = (
        box(b"hdlr", bytes(24))
        + box(b"iinf", bytes(4) + count.to_bytes(2, "big") + kinds)
        + box(b"iloc", bytes(4) + b"\x44\0" + count.to_bytes(2, "big") + places)
    )
    endless = _Counting(b"MM\0*", 1 << 30, MAGIC["avif"] + box(b"meta", bytes(4) + meta))
    monkeypatch.setattr(bytesource, "_over_stream", lambda _: bytesource.ByteSource(endless.read, endless.size))
    read(io.BytesIO())
    assert endless.bytes <= 160 * 1024 * 1024
