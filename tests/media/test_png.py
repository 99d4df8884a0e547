from __future__ import annotations

import importlib
import io
import struct
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cozygen.media import png
from tests.media import samples
from tests.media.samples import chunk, encoded

INFLATERS: list[Any] = [None, zlib]
with suppress(ImportError):
    INFLATERS.append(importlib.import_module("isal.isal_zlib"))
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.convert("RGBA").tobytes()


def slimmed(data: bytes, inflater: object = None) -> bytes:
    return png.slim(io.BytesIO(data), inflater).stream.read()


def chunks(data: bytes) -> list[bytes]:
    position, kinds = 8, []
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        body = data[position + 4 : position + 8 + length]
        assert zlib.crc32(body) == struct.unpack_from(">I", data, position + 8 + length)[0]
        kinds.append(body[:4])
        position += 12 + length
    return kinds


@pytest.mark.parametrize("inflater", INFLATERS)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_the_pixels_stay(mode: str, inflater: object) -> None:
    picture = samples.photo(201, 157)
    picture = (
        picture.convert("I").point(lambda value: value * 200).convert("I;16")
        if mode == "I;16"
        else picture.convert(mode)
    )
    data = encoded(picture, "PNG")
    slim = slimmed(data, inflater)
    assert pixels(slim) == pixels(data)
    assert set(chunks(slim)) <= {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


@pytest.mark.parametrize("inflater", INFLATERS)
@given(width=st.integers(1, 20), height=st.integers(1, 20), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_interlaced_pictures_of_all_sizes(inflater: object, width: int, height: int, seed: int) -> None:
    grey = bytes((seed * (1 + index) >> 3) & 255 for index in range(width * height))
    rows = b""
    for left, top, across, down in PASSES:
        for y in range(top, height, down):
            row = bytes(grey[y * width + x] for x in range(left, width, across))
            rows += b"\0" + row if row else b""
    data = samples.png(width, height, 8, 0, rows, interlaced=1)
    slim = slimmed(data, inflater)
    assert slim != data or inflater is None
    with Image.open(io.BytesIO(slim)) as picture:
        assert picture.tobytes() == grey


def test_inflated_pixels_come_as_they_are() -> None:
    data = encoded(samples.photo(300, 200), "PNG")
    assert len(slimmed(data, zlib)) > 300 * 200 * 3 > len(slimmed(data))


@pytest.mark.parametrize("inflater", INFLATERS)
def test_what_programs_add_goes(inflater: object) -> None:
    more = (
        chunk(b"tEXt", b"prompt\0{}"),
        chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"{}")),
        chunk(b"iTXt", b"x\0\0\0\0\0y"),
        chunk(b"tIME", bytes(7)),
        chunk(b"eXIf", samples.oriented(6)[6:]),
        chunk(b"pHYs", bytes(9)),
    )
    data = samples.png(2, 1, 8, 0, b"\0\1\2", *more)
    assert chunks(slimmed(data, inflater)) == [b"IHDR", b"eXIf", b"IDAT", b"IEND"]


def test_exif_behind_the_pixels_counts() -> None:
    data = samples.png(2, 1, 8, 0, b"\0\1\2")
    end = len(data) - 12
    slim = slimmed(data[:end] + chunk(b"eXIf", samples.oriented(6)[6:]) + data[end:])
    with Image.open(io.BytesIO(slim)) as picture:
        assert picture.getexif()[0x0112] == 6


def test_animations_are_told_and_lose_their_other_frames() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green")]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    result = png.slim(io.BytesIO(data), None)
    assert result.animated
    assert chunks(result.stream.read()) == [b"IHDR", b"IDAT", b"IEND"]
    assert png.slim(io.BytesIO(encoded(frames[0], "PNG")), None).animated is False


def damages() -> dict[str, bytes]:
    good = samples.png(4, 2, 8, 0, b"\0\1\2\3\4\0\5\6\7\x08")
    return {
        "cut": good[:-20],
        "no pixels": samples.png(4, 2, 8, 0, b""),
        "too few": samples.png(4, 2, 8, 0, b"\0\1\2"),
        "too many": samples.png(4, 2, 8, 0, b"\0\1\2\3\4" * 5),
        "bad colour": samples.png(4, 2, 8, 5, b"\0\1\2\3\4" * 2),
        "bad depth": samples.png(4, 2, 33, 0, b"\0\1\2\3\4" * 2),
        "bad sum": good.replace(zlib.compress(b"\0\1\2\3\4\0\5\6\7\x08")[-4:], b"\0\0\0\0"),
        "huge": samples.png(2**31 - 1, 2**31 - 1, 16, 6, b"\0"),
        "nothing": good[:8],
        "half a header": good[:20],
    }


@pytest.mark.parametrize("inflater", INFLATERS)
@pytest.mark.parametrize("name", damages())
def test_damage_is_left_for_the_decoder_to_judge(name: str, inflater: object) -> None:
    data = damages()[name]
    assert slimmed(data, inflater) == slimmed(data, None)


def test_a_swelling_stream_of_pixels_is_not_inflated() -> None:
    # 30 MB of zeros in a picture that has 8 pixels.
    class Inflater:
        error = zlib.error

        class decompressobj:  # noqa: N801
            def __init__(self) -> None:
                self.inner = zlib.decompressobj()
                self.eof = False

            def decompress(self, data: bytes, limit: int) -> bytes:
                assert 0 < limit < 100
                return self.inner.decompress(data, limit)

    data = samples.png(4, 2, 8, 0, bytes(30_000_000))
    assert slimmed(data, Inflater) == slimmed(data, None)


def test_very_large_files_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(samples.photo(), "PNG")
    monkeypatch.setattr(png, "MAX_FILE", len(data) - 1)
    stream = io.BytesIO(data)
    result = png.slim(stream)
    assert result.stream is stream
    assert stream.tell() == 0
    assert result.animated is None


@given(st.binary(max_size=400), st.integers(0, 60))
@settings(deadline=None)
def test_any_bytes_are_taken(noise: bytes, place: int) -> None:
    good = samples.png(4, 2, 8, 0, b"\0\1\2\3\4\0\5\6\7\x08")
    for data in (noise, good[:8] + noise, good[:place] + noise + good[place:]):
        for inflater in INFLATERS:
            slimmed(data, inflater)
