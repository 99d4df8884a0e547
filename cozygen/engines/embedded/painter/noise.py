"""Seeded randomness: streams by name, smooth noise on regular grids, profiles along a line, and resampling.

Noise is a lattice of random numbers enlarged by Pillow's bicubic filter: each octave costs one resize in C. The lattice
repeats every 128 cells, so it can be read at any offset, which is what moves clouds and cameras without a seam.
"""

from __future__ import annotations

import functools
import hashlib
import math

import numpy as np
from PIL import Image

from cozygen.engines.embedded.painter.color import Array

_CELLS = 128
_LACUNARITY = 2.03  # not 2: octaves whose lattices coincide show the lattice
_ALMOST_WHITE = 1.6  # cells a pixel from which an octave averages out to nothing


def generator(seed: int, *names: object) -> np.random.Generator:
    """A random stream that depends on all of its names and on nothing else."""
    text = "\x1f".join([str(seed), *map(str, names)])
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


@functools.lru_cache(maxsize=384)  # what one scene uses: films read the same noise for every frame
def _lattice(seed: int, name: str) -> Array:
    # Uniform rather than normal: no lonely spikes.
    lattice = generator(seed, "lattice", name).uniform(-1.0, 1.0, (_CELLS, _CELLS)).astype(np.float32)
    lattice.setflags(write=False)
    return lattice


def _octave(lattice: Array, x: float, y: float, step_x: float, step_y: float, size: tuple[int, int]) -> Array:
    """The lattice at cells ``x + (i + .5) * step_x``, ``y + (j + .5) * step_y`` for a picture of `size`."""
    width, height = size
    left, top = math.floor(x) - 3, math.floor(y) - 3
    columns = np.arange(left, math.ceil(x + step_x * width) + 4) % _CELLS
    rows = np.arange(top, math.ceil(y + step_y * height) + 4) % _CELLS
    patch = Image.fromarray(lattice[np.ix_(rows, columns)])
    box = (x - left, y - top, x - left + step_x * width, y - top + step_y * height)
    return np.asarray(patch.resize(size, Image.Resampling.BICUBIC, box=box), dtype=np.float32)


def fbm(
    seed: int,
    name: str,
    origin: tuple[float, float],
    step: tuple[float, float],
    size: tuple[int, int],
    *,
    octaves: int = 5,
    gain: float = 0.5,
    billow: bool = False,
) -> Array:
    """Fractal noise ``[height, width]``, about -1..1 (with `billow`: puffs, about 0..1).

    `origin` and `step` (a pixel's width and height) are in cells of the first octave.
    """
    total = np.zeros((size[1], size[0]), np.float32)
    amplitude, weight, scale = 1.0, 0.0, 1.0
    for octave in range(octaves):
        step_x, step_y = step[0] * scale, step[1] * scale
        if min(abs(step_x), abs(step_y)) > _ALMOST_WHITE and octave:
            break
        layer = _octave(
            _lattice(seed, f"{name}/{octave}"),
            origin[0] * scale + 17.3 * octave,
            origin[1] * scale + 5.1 * octave,
            step_x,
            step_y,
            size,
        )
        total += (np.abs(layer) if billow else layer) * np.float32(amplitude)
        weight += amplitude
        amplitude *= gain
        scale *= _LACUNARITY
    total *= np.float32((1.6 if billow else 1.45) / weight)
    return total


def profile(seed: int, name: str, x: Array, *, octaves: int = 5, gain: float = 0.5, ridged: float = 0.0) -> Array:
    """Noise along a line at positions `x` (cells of the first octave), about -1..1.

    `ridged` (0..1) turns rounded hills into peaks with straight flanks.
    """
    total = np.zeros_like(x)
    amplitude, weight, scale = 1.0, 0.0, 1.0
    for octave in range(octaves):
        row = _lattice(seed, f"{name}/line")[octave]
        smooth = _along(row, x * np.float32(scale) + np.float32(31.7 * octave))
        peaks = 1.0 - 2.0 * np.abs(smooth) * 1.25
        share = ridged if octave < 3 else ridged * 0.35
        total += np.float32(amplitude) * (smooth + (peaks - smooth) * np.float32(share))
        weight += amplitude
        amplitude *= gain
        scale *= _LACUNARITY
    total *= np.float32(1.4 / weight)
    return total


def _along(row: Array, x: Array) -> Array:
    """A cubic (Catmull-Rom) curve through the periodic `row` at `x`."""
    base = np.floor(x)
    t = (x - base).astype(np.float32)
    i = base.astype(np.int64) % _CELLS
    before, here, there, after = (row[(i + k) % _CELLS] for k in (-1, 0, 1, 2))
    a = 2.0 * here
    b = there - before
    c = 2.0 * before - 5.0 * here + 4.0 * there - after
    d = -before + 3.0 * here - 3.0 * there + after
    result: Array = (0.5 * (a + t * (b + t * (c + t * d)))).astype(np.float32)
    return result


@functools.lru_cache(maxsize=16)
def texture(seed: int, name: str, side: int, *, cells: int = 8, octaves: int = 6, gain: float = 0.52) -> Array:
    """A square noise texture of `side` pixels that repeats without a seam.

    `side` and `cells`, the width of the first octave, are powers of two. The side changes the sharpness, not the form.
    """
    total = np.zeros((side, side), np.float32)
    amplitude, weight = 1.0, 0.0
    for octave in range(octaves):
        count = min(256, cells << octave)
        rng = generator(seed, "texture", name, octave)
        patch = rng.uniform(-1.0, 1.0, (count, count)).astype(np.float32)
        padded = Image.fromarray(np.pad(patch, 3, mode="wrap"))
        big = padded.resize((side, side), Image.Resampling.BICUBIC, box=(3, 3, 3 + count, 3 + count))
        total += np.asarray(big, np.float32) * np.float32(amplitude)
        weight += amplitude
        amplitude *= gain
    total *= np.float32(1.45 / weight)
    total.setflags(write=False)
    return total


def sample(tile: Array, x: Array, y: Array) -> Array:
    """Read a repeating square texture at any positions (1 = the whole texture), bilinear.

    The texture's side is a power of two.
    """
    side = tile.shape[0]
    u, v = x * np.float32(side), y * np.float32(side)
    u0, v0 = np.floor(u), np.floor(v)
    fu, fv = (u - u0).astype(np.float32), (v - v0).astype(np.float32)
    iu, iv = u0.astype(np.int32) & (side - 1), v0.astype(np.int32) & (side - 1)
    iu1, iv1 = (iu + 1) & (side - 1), (iv + 1) & (side - 1)
    flat = tile.ravel()
    iv, iv1 = iv * side, iv1 * side
    top: Array = np.take(flat, iv + iu)
    top += (np.take(flat, iv + iu1) - top) * fu
    low = np.take(flat, iv1 + iu)
    low += (np.take(flat, iv1 + iu1) - low) * fu
    top += (low - top) * fv
    return top


def remap(planes: Array, x: Array, y: Array) -> Array:
    """A picture ``[..., h, w]`` read at pixel positions `x`, `y` (centres are whole numbers), bilinear, edges held."""
    height, width = planes.shape[-2:]
    x = np.clip(x, 0.0, width - 1.0)
    y = np.clip(y, 0.0, height - 1.0)
    x0, y0 = x.astype(np.int32), y.astype(np.int32)
    fx, fy = (x - x0).astype(np.float32), (y - y0).astype(np.float32)
    right = (x0 < width - 1).astype(np.int32)
    here = y0 * width + x0
    below = here + (y0 < height - 1) * np.int32(width)
    flat = planes.reshape(-1, height * width)
    result = np.empty((flat.shape[0], *x.shape), np.float32)
    for plane, out in zip(flat, result, strict=True):
        top = np.take(plane, here)
        top += (np.take(plane, here + right) - top) * fx
        low = np.take(plane, below)
        low += (np.take(plane, below + right) - low) * fx
        top += (low - top) * fy
        out[...] = top
    return result.reshape(*planes.shape[:-2], *x.shape)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below `low`, 1 above `high`, an even slope between."""
    t = np.clip((value - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    result: Array = t * t * (3.0 - 2.0 * t)
    return result


def blur(plane: Array, sigma: float) -> Array:
    """A plane ``[h, w]`` blurred by about a Gaussian of `sigma` pixels; edges are held.

    Wide blurs are made on a reduced copy.
    """
    height, width = plane.shape
    if sigma < 0.3:
        return plane
    factor = 1
    while sigma / factor > 2.4 and min(height, width) // (factor * 2) >= 4:
        factor *= 2
    if factor > 1:
        small = resize(plane, (max(1, width // factor), max(1, height // factor)), Image.Resampling.BOX)
        return resize(blur(small, sigma / factor), (width, height), Image.Resampling.BICUBIC)
    radius = max(1, math.ceil(sigma * 2.6))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius, radius)
        padded = np.pad(plane, pad, mode="edge")
        length = plane.shape[axis]
        plane = np.zeros_like(plane)
        for k, tap in enumerate(taps):
            plane += tap * (padded[k : k + length] if axis == 0 else padded[:, k : k + length])
    return plane


def resize(plane: Array, size: tuple[int, int], how: Image.Resampling = Image.Resampling.BICUBIC) -> Array:
    """A plane ``[h, w]`` at another `size` (width, height)."""
    if (plane.shape[1], plane.shape[0]) == size:
        return plane
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, how), dtype=np.float32)


def resize_planes(planes: Array, size: tuple[int, int], how: Image.Resampling = Image.Resampling.BICUBIC) -> Array:
    """Each plane of ``[n, h, w]`` at another `size` (width, height)."""
    return np.stack([resize(plane, size, how) for plane in planes])
