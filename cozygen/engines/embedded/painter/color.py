"""Colour: sRGB, linear light and OKLab/OKLCH (Björn Ottosson's perceptual space, https://bottosson.github.io/posts/oklab/).

Pictures are planar float32 arrays ``[3, height, width]``; single colours are float32 arrays ``[3]``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
"""float32 wherever there are pixels; random draws and positions may be float64."""

_TABLE = 8192


def _srgb_table() -> Array:
    linear = np.linspace(0.0, 1.0, _TABLE + 1)
    curve = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return curve.astype(np.float32)


# The curve is steep near black: the table is indexed by the square root of the light, where it is almost straight.
_SQRT_TO_SRGB = np.interp(
    np.linspace(0.0, 1.0, _TABLE + 1) ** 2, np.linspace(0.0, 1.0, _TABLE + 1), _srgb_table()
).astype(np.float32)


def srgb_from_linear(linear: Array) -> Array:
    """Gamma-encoded values of linear light; both 0..1, what lies outside is clipped."""
    root = np.sqrt(np.clip(linear, 0.0, 1.0))
    return np.take(_SQRT_TO_SRGB, (root * _TABLE + 0.5).astype(np.int32))


def linear_from_srgb(srgb: Array) -> Array:
    """Linear light of gamma-encoded values in 0..1."""
    srgb = np.clip(srgb, 0.0, 1.0)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_from_oklab(lab: Array) -> Array:
    """Linear sRGB light, planar; values outside 0..1 are colours that sRGB does not have."""
    lightness, a, b = lab
    l = lightness + 0.3963377774 * a + 0.2158037573 * b  # noqa: E741 - the names of the cone responses
    m = lightness - 0.1055613458 * a - 0.0638541728 * b
    s = lightness - 0.0894841775 * a - 1.2914855480 * b
    l, m, s = l * l * l, m * m * m, s * s * s  # noqa: E741
    return np.stack(
        (
            4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
            -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
            -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
        )
    ).astype(np.float32, copy=False)


def oklab_from_linear(rgb: Array) -> Array:
    """OKLab of planar linear sRGB light."""
    r, g, b = np.maximum(rgb, 0.0)
    l = np.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)  # noqa: E741
    m = np.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    s = np.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return np.stack(
        (
            0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
            1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
            0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
        )
    ).astype(np.float32, copy=False)


def lch(lightness: float, chroma: float, hue: float) -> Array:
    """An OKLab colour from lightness 0..1, chroma 0..0.4 and hue in degrees (red 29, green 142, blue 264)."""
    angle = math.radians(hue)
    return np.array((lightness, chroma * math.cos(angle), chroma * math.sin(angle)), np.float32)


def hue_of(lab: Array) -> float:
    """The hue of a single colour in degrees, 0..360."""
    return math.degrees(math.atan2(float(lab[2]), float(lab[1]))) % 360.0


def chroma_of(lab: Array) -> float:
    """The chroma of a single colour."""
    return math.hypot(float(lab[1]), float(lab[2]))


def mix(first: Array, second: Array, share: float) -> Array:
    """`first` with `share` (0..1) of `second`."""
    return (first + (second - first) * np.float32(share)).astype(np.float32, copy=False)


def blend(first: Array, second: Array, share: float) -> Array:
    """Like `mix`, but two opposite hues do not meet in grey: most of their chroma is kept."""
    plain = mix(first, second, share)
    wanted = chroma_of(first) * (1.0 - share) + chroma_of(second) * share
    actual = chroma_of(plain)
    return shade(plain, 0.0, min(2.2, 1.0 + 0.7 * (wanted / actual - 1.0))) if actual > 1e-4 else plain


def shade(lab: Array, lightness: float, chroma: float = 1.0) -> Array:
    """A single colour, `lightness` added and chroma multiplied."""
    return np.array((min(max(float(lab[0]) + lightness, 0.0), 1.0), lab[1] * chroma, lab[2] * chroma), np.float32)


def turn(lab: Array, degrees: float) -> Array:
    """A single colour with its hue rotated."""
    return lch(float(lab[0]), chroma_of(lab), hue_of(lab) + degrees)


def fit(lab: Array) -> Array:
    """The nearest colour of less chroma that sRGB has, lightness and hue kept."""
    low, high = 0.0, 1.0
    lab = lab.copy()
    lab[0] = np.clip(lab[0], 0.0, 1.0)
    if _displayable(lab):
        return lab
    for _ in range(12):
        middle = (low + high) / 2
        if _displayable(shade(lab, 0.0, middle)):
            low = middle
        else:
            high = middle
    return shade(lab, 0.0, low)


def _displayable(lab: Array) -> bool:
    rgb = linear_from_oklab(lab)
    return bool(rgb.min() >= -0.002 and rgb.max() <= 1.002)
