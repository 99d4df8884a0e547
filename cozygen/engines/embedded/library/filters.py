"""Blurring and sharpening. Arrays are float32 ``[batch, height, width, channels]``."""

from __future__ import annotations

import numpy as np

from cozygen.nodes.host import host
from cozygen.nodes.pictures import FloatArray


def blurred(images: FloatArray, radius: int, sigma: float) -> FloatArray:
    """A Gaussian blur of ``2 * radius + 1`` pixels each way; `sigma` is in units of `radius`.

    The picture is mirrored at its edges. Raises `Interrupted` between pictures.
    """
    kernel = gaussian(radius, sigma)
    result = np.empty_like(images)
    for number, picture in enumerate(images):
        for axis in (0, 1):
            picture = _convolved(picture, kernel, radius, axis)
        result[number] = picture
        host().progress(number + 1, len(images))
    return result


def sharpened(images: FloatArray, radius: int, sigma: float, alpha: float) -> FloatArray:
    """Add ``10 * alpha`` times the difference from the blurred picture; 0..1."""
    amount = np.float32(alpha * 10)
    result = images * (np.float32(1) + amount)
    result -= amount * blurred(images, radius, sigma)
    return np.clip(result, 0, 1, out=result)


def gaussian(radius: int, sigma: float) -> FloatArray:
    """One axis of the kernel, whose outermost pixels lie at -1 and 1. Its sum is 1."""
    places = np.linspace(-1, 1, 2 * radius + 1, dtype=np.float32)
    weights = np.exp(-(places * places) / np.float32(2 * sigma * sigma))
    return np.asarray(weights / weights.sum(), np.float32)


def _convolved(picture: FloatArray, kernel: FloatArray, radius: int, axis: int) -> FloatArray:
    widths = [(radius, radius) if axis == current else (0, 0) for current in range(picture.ndim)]
    padded = np.pad(picture, widths, "reflect")
    length = picture.shape[axis]
    result = np.zeros_like(picture)
    for offset, weight in enumerate(kernel):
        window = [slice(None)] * picture.ndim
        window[axis] = slice(offset, offset + length)
        result += padded[tuple(window)] * weight
    return result
