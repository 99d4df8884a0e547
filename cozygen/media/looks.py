"""Numbers that stand for what a picture looks like: a perceptual hash and a tiny placeholder. Runs in a worker."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, np.dtype[np.float64]]

_HASHED = 32  # pixels each way that the perceptual hash is made of
_BITS = 64
_TINY = 48  # pixels each way that the placeholder is made of, at most (the format allows 100)
_FAINT = 1e-9
_NOISE = 1e-3  # coefficients (of pixels 0..255) below this are rounding errors


def perceptual_hash(picture: Image.Image) -> int:
    """64 bits that hardly change when a picture is scaled, compressed or touched up; compare by counting bits.

    Each bit says whether one of the 64 lowest frequencies of the brightness (discrete cosine transform of 32 x 32
    pixels, without the average) is stronger than their median. What is transparent counts as grey.
    """
    ground = Image.new("RGBA", picture.size, (128, 128, 128, 255))
    flat = Image.alpha_composite(ground, picture.convert("RGBA")) if picture.mode == "RGBA" else picture
    small = flat.convert("L").resize((_HASHED, _HASHED), Image.Resampling.LANCZOS)
    pixels = np.asarray(small, dtype=np.float64)
    transform = _cosines(_HASHED, _HASHED)
    frequencies = transform @ pixels @ transform.T / _HASHED**2
    lowest = np.array([frequencies[row, column] for row, column in _lowest()])
    lowest[np.abs(lowest) < _NOISE] = 0.0
    value = 0
    for bit in lowest > np.median(lowest):
        value = value << 1 | int(bit)
    return value


@cache
def _lowest() -> tuple[tuple[int, int], ...]:
    """Row and column of the lowest frequencies, without the constant one."""
    every = [(row, column) for row in range(_HASHED) for column in range(_HASHED) if row or column]
    return tuple(sorted(every, key=lambda place: (sum(place), place))[:_BITS])


@cache
def _cosines(count: int, size: int) -> Array:
    """The first `count` cosines of the transform, one a row, sampled at `size` pixels."""
    places = (np.arange(size) + 0.5) * math.pi / size
    return np.cos(np.arange(count)[:, None] * places[None, :])


def thumbhash(picture: Image.Image) -> bytes:
    """The picture as 5 to 25 bytes, which a browser paints at once as a blur of the right colours and proportions.

    Format: https://evanw.github.io/thumbhash/
    """
    small = picture.convert("RGBA")
    small.thumbnail((_TINY, _TINY), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64) / 255.0
    height, width = pixels.shape[:2]
    alpha = pixels[:, :, 3]
    opaque = float(alpha.sum())
    average = (pixels[:, :, :3] * alpha[:, :, None]).sum(axis=(0, 1)) / (opaque or 1.0)
    # What is transparent takes the average colour.
    red, green, blue = np.moveaxis(average * (1 - alpha[:, :, None]) + pixels[:, :, :3] * alpha[:, :, None], 2, 0)
    transparent = bool((alpha < 1.0).any())
    limit = 5 if transparent else 7
    across = max(1, _round(limit * width / max(width, height)))
    down = max(1, _round(limit * height / max(width, height)))
    light = _channel((red + green + blue) / 3, max(3, across), max(3, down))
    yellow_blue = _channel((red + green) / 2 - blue, 3, 3)
    red_green = _channel(red - green, 3, 3)
    landscape = width > height
    first = (
        _round(63 * light[0])
        | _round(31.5 + 31.5 * yellow_blue[0]) << 6
        | _round(31.5 + 31.5 * red_green[0]) << 12
        | _round(31 * light[1]) << 18
        | transparent << 23
    )
    second = (
        (down if landscape else across)
        | _round(63 * yellow_blue[1]) << 3
        | _round(63 * red_green[1]) << 9
        | landscape << 15
    )
    result = bytearray(first.to_bytes(3, "little") + second.to_bytes(2, "little"))
    channels = [light, yellow_blue, red_green]
    if transparent:
        see_through = _channel(alpha, 5, 5)
        result.append(_round(15 * see_through[0]) | _round(15 * see_through[1]) << 4)
        channels.append(see_through)
    nibbles = [_round(15 * value) for channel in channels for value in channel[2]]
    nibbles += [0] * (len(nibbles) % 2)
    result += bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return bytes(result)


def _channel(values: Array, across: int, down: int) -> tuple[float, float, list[float]]:
    """Constant part, scale, and the other frequencies (a triangle of `across` x `down`) brought to 0..1."""
    height, width = values.shape
    frequencies = _cosines(down, height) @ values @ _cosines(across, width).T / (width * height)
    rest = [
        float(frequencies[row, column])
        for row in range(down)
        for column in range(across)
        if (row or column) and column * down < across * (down - row)
    ]
    scale = max((abs(value) for value in rest), default=0.0)
    if scale < _FAINT:  # an even area, but for rounding errors
        return float(frequencies[0, 0]), 0.0, [0.0] * len(rest)
    rest = [0.5 + 0.5 / scale * value for value in rest]
    return float(frequencies[0, 0]), scale, rest


def _round(value: float) -> int:
    """To the nearest whole number, halves upwards, as the format's reference does."""
    return math.floor(value + 0.5)
