"""Changing the size of pictures, with the numbers that PyTorch's ``interpolate`` gives (pixel centres at halves).

Arrays are float32 ``[batch, height, width, channels]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from cozygen.nodes.host import host
from cozygen.nodes.limits import check_size
from cozygen.nodes.pictures import FloatArray, as_image

METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]

_BAND = 4_000_000  # values that are worked on at a time
_CUBIC = -0.75  # the kernel's slope at 1, PyTorch's choice

AxisPass = Callable[[FloatArray, int, int, int], FloatArray]
"""Resamples axis 0 of ``(source, full length, first, last)``: only output places `first` to `last` - 1 of it."""


def resized(images: FloatArray, width: int, height: int, method: str, *, crop: str = "disabled") -> FloatArray:
    """`images` as `width` x `height` pixels by one of `METHODS`; ``center`` crops to the new shape first.

    Values may leave 0..1 with ``bicubic``. Raises `TooLarge`, and `Interrupted` between parts of the work.
    """
    batch, _, _, channels = images.shape
    check_size("The resized pictures", batch, height, width, channels)
    source = _cropped(images, width, height) if crop == "center" else images
    if source.shape[1:3] == (height, width) and method != "lanczos":
        return source.copy()
    result = np.empty((batch, height, width, channels), np.float32)
    bands = list(_bands(height, max(width, source.shape[2]) * channels))
    total = batch * len(bands)
    for number, picture in enumerate(source):
        if method == "lanczos":
            result[number] = _lanczos(picture, width, height)
            host().progress(number + 1, batch)
            continue
        axis = _PASSES[method]
        for place, (first, last) in enumerate(bands):
            rows = axis(picture, height, first, last)
            columns = axis(rows.transpose(1, 0, 2), width, 0, width)
            result[number, first:last] = columns.transpose(1, 0, 2)
            if total > 1:
                host().progress(number * len(bands) + place + 1, total)
    return result


def _bands(height: int, row: int) -> Iterator[tuple[int, int]]:
    step = max(1, _BAND // max(1, row))
    for first in range(0, height, step):
        yield first, min(height, first + step)


def _cropped(images: FloatArray, width: int, height: int) -> FloatArray:
    """The middle part that has the shape of `width` x `height`."""
    old_height, old_width = images.shape[1:3]
    old, new = old_width / old_height, width / height
    x = y = 0
    if old > new:
        x = round((old_width - old_width * (new / old)) / 2)
    elif old < new:
        y = round((old_height - old_height * (old / new)) / 2)
    # A shape far from the old one would leave nothing.
    x, y = min(x, (old_width - 1) // 2), min(y, (old_height - 1) // 2)
    return images[:, y : old_height - y, x : old_width - x]


def _centres(length: int, size: int, first: int, last: int) -> FloatArray:
    """Where the centres of output pixels lie among `length` input pixels, in float32 as PyTorch computes it."""
    scale = np.float32(length) / np.float32(size)
    centres: FloatArray = scale * (np.arange(first, last, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
    return centres


def _nearest(source: FloatArray, size: int, first: int, last: int) -> FloatArray:
    places = np.floor(_centres(len(source), size, first, last) + np.float32(0.5)).astype(np.int64)
    result: FloatArray = source[np.clip(places, 0, len(source) - 1)]
    return result


def _bilinear(source: FloatArray, size: int, first: int, last: int) -> FloatArray:
    centres: FloatArray = np.maximum(_centres(len(source), size, first, last), np.float32(0))
    low = np.minimum(centres.astype(np.int64), len(source) - 1)
    high = np.minimum(low + 1, len(source) - 1)
    share = (centres - low.astype(np.float32))[:, None, None]
    result: FloatArray = np.multiply(source[low], np.float32(1) - share)
    result += source[high] * share
    return result


def _bicubic(source: FloatArray, size: int, first: int, last: int) -> FloatArray:
    centres = _centres(len(source), size, first, last)
    low = np.floor(centres)
    share = centres - low
    weights = (
        _far_weight(share + np.float32(1)),
        _near_weight(share),
        _near_weight(np.float32(1) - share),
        _far_weight(np.float32(2) - share),
    )
    result = np.zeros((last - first, *source.shape[1:]), np.float32)
    for offset, weight in enumerate(weights, -1):
        places = np.clip(low.astype(np.int64) + offset, 0, len(source) - 1)
        result += source[places] * weight[:, None, None]
    return result


def _near_weight(distance: FloatArray) -> FloatArray:
    """The cubic convolution kernel within one pixel."""
    return np.asarray(((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance * distance + 1, np.float32)


def _far_weight(distance: FloatArray) -> FloatArray:
    """The cubic convolution kernel from one to two pixels away."""
    return np.asarray(((_CUBIC * distance - 5 * _CUBIC) * distance + 8 * _CUBIC) * distance - 4 * _CUBIC, np.float32)


def _area(source: FloatArray, size: int, first: int, last: int) -> FloatArray:
    """The mean of all pixels that an output pixel touches."""
    length = len(source)
    places = np.arange(first, last, dtype=np.int64)
    starts = places * length // size
    ends = -(-(places + 1) * length // size)
    bounds = np.stack([starts, ends], axis=1).ravel() - starts[0]
    window = source[starts[0] : ends[-1]]
    padded = np.concatenate([window, np.zeros((1, *source.shape[1:]), np.float32)])
    sums = np.add.reduceat(padded, bounds, axis=0)[::2]
    result: FloatArray = np.divide(sums, (ends - starts)[:, None, None], dtype=np.float32)
    return result


def _lanczos(picture: FloatArray, width: int, height: int) -> FloatArray:
    """By Pillow, on 8 bits a channel."""
    image = as_image(picture).resize((width, height), Image.Resampling.LANCZOS)
    values = np.asarray(image, np.uint8).reshape(height, width, -1)
    result: FloatArray = np.divide(values, np.float32(255), dtype=np.float32)
    return result


_PASSES: dict[str, AxisPass] = {
    "nearest-exact": _nearest,
    "bilinear": _bilinear,
    "bicubic": _bicubic,
    "area": _area,
}
