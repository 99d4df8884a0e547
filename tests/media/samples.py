"""Media files for the tests, made on the spot."""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

RED, GREEN, BLUE, WHITE, BLACK = (220, 30, 30), (30, 200, 40), (30, 40, 220), (250, 250, 250), (0, 0, 0)
Colour = tuple[int, int, int]


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green / blue, white: which way is up can be told."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    picture.paste(WHITE, (width // 2, height // 2, width, height))
    return picture


def corners(picture: Image.Image) -> list[Colour]:
    """The colours in the middle of the four quarters, row by row."""
    rgb = picture.convert("RGB")
    places = [(x, y) for y in (0.25, 0.75) for x in (0.25, 0.75)]
    pixels = [rgb.getpixel((int(x * rgb.width), int(y * rgb.height))) for x, y in places]
    return [pixel for pixel in pixels if isinstance(pixel, tuple)]  # type: ignore[misc]


def close(one: Sequence[float], other: Sequence[float], tolerance: int = 40) -> bool:
    """Whether two colours look the same, for lossy formats."""
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def photo(width: int = 320, height: int = 240, seed: int = 1) -> Image.Image:
    """Smooth, with some noise."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray((random.random((5, 6, 3)) * 255).astype(np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    return Image.fromarray((smooth + random.normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8))


def encoded(picture: Image.Image, encoding: str, **options: Any) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, encoding, **options)
    return buffer.getvalue()


def oriented(orientation: int) -> bytes:
    """EXIF with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, pixels: bytes, *more: bytes, interlaced: int = 0) -> bytes:
    """A PNG file of the (filtered) pixels, with further chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    parts = [chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def film(
    colours: Iterable[Colour],
    *,
    container: str = "mp4",
    codec: str = "libx264",
    size: tuple[int, int] = (64, 48),
    rate: int = 8,
    sound: bool = False,
    aspect: int = 1,
    options: dict[str, str] | None = None,
) -> bytes:
    """A film with one frame of each colour. Its pixels are `aspect` times as wide as they are high."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        with av.open(str(path), "w", format=container, options=options or {}) as output:
            _shoot(output, colours, container, codec, size, rate, sound, aspect)
        return path.read_bytes()


def _shoot(
    output: Any,
    colours: Iterable[Colour],
    container: str,
    codec: str,
    size: tuple[int, int],
    rate: int,
    sound: bool,
    aspect: int,
) -> None:
    stream: Any = output.add_stream(codec, rate=rate)
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    stream.codec_context.sample_aspect_ratio = Fraction(aspect)
    voice: Any = None
    if sound:
        voice = output.add_stream("libopus" if container in ("webm", "matroska") else "aac", rate=48000)
    count = 0
    for count, colour in enumerate(colours, 1):  # noqa: B007
        frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), colour, np.uint8), format="rgb24")
        for packet in stream.encode(frame):
            output.mux(packet)
    for packet in stream.encode(None):
        output.mux(packet)
    if voice is not None:
        for tone in _tone(count / rate, 48000):
            for packet in voice.encode(tone):
                output.mux(packet)
        for packet in voice.encode(None):
            output.mux(packet)


def sound(container: str, codec: str, *, seconds: float = 1.0, rate: int = 48000) -> bytes:
    """A tone that gets louder."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate)
        for frame in _tone(seconds, rate):
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    return buffer.getvalue()


def _tone(seconds: float, rate: int) -> Iterable[av.AudioFrame]:
    times = np.arange(int(seconds * rate)) / rate
    wave = (np.sin(times * 440 * 2 * np.pi) * 32000 * times / seconds).astype(np.int16)
    for start in range(0, len(wave), 960):
        piece = np.ascontiguousarray(wave[start : start + 960])
        frame = av.AudioFrame.from_ndarray(piece[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def write(path: Path, data: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(data)
    return path
