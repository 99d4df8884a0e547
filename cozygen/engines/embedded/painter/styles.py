"""Finishes: the same picture as a watercolour, in ink, as a poster and so on. Pictures are ``[h, w, 3]``, sRGB 0..1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from cozygen.engines.embedded.painter.color import (
    Array,
    lch,
    linear_from_oklab,
    linear_from_srgb,
    oklab_from_linear,
    srgb_from_linear,
)
from cozygen.engines.embedded.painter.noise import blur, fbm, generator, remap, smoothstep
from cozygen.engines.embedded.painter.wish import Wish

Finish = Callable[[Array, int, Wish], Array]


def lab_of(picture: Array) -> Array:
    """OKLab planes ``[3, h, w]`` of a picture."""
    return oklab_from_linear(linear_from_srgb(np.ascontiguousarray(picture.transpose(2, 0, 1))))


def picture_of(lab: Array) -> Array:
    """The picture of OKLab planes."""
    return np.ascontiguousarray(srgb_from_linear(linear_from_oklab(lab)).transpose(1, 2, 0))


def _scale(picture: Array) -> float:
    """Pixels a thousandth of the picture's typical side: sizes of textures follow it."""
    return float((picture.shape[0] * picture.shape[1]) ** 0.5) / 1000.0


def _noise(picture: Array, seed: int, name: str, cells: float, octaves: int = 4, gain: float = 0.55) -> Array:
    """Noise with about `cells` cells across the picture's typical side."""
    height, width = picture.shape[:2]
    step = cells / (1000.0 * _scale(picture))
    return fbm(seed, name, (0.0, 0.0), (step, step), (width, height), octaves=octaves, gain=gain)


def _smoothed(lab: Array, sigma: float, edge: float, rounds: int) -> Array:
    """Flat areas made flatter, edges kept: each round moves a pixel towards its surroundings where they are alike."""
    for _ in range(rounds):
        soft = np.stack([blur(plane, sigma) for plane in lab])
        apart = np.abs(soft[0] - lab[0]) + 0.8 * (np.abs(soft[1] - lab[1]) + np.abs(soft[2] - lab[2]))
        lab = lab + (soft - lab) * np.exp(-((apart / edge) ** 2))
    return lab


def watercolour(picture: Array, seed: int, wish: Wish) -> Array:
    """Washes that pool at their edges, on rough paper with an unpainted rim."""
    size = _scale(picture)
    height, width = picture.shape[:2]
    lab = _smoothed(lab_of(picture), 2.6 * size + 0.6, 0.10, 3)
    # The washes' outlines wander, with two sizes of wobble.
    wobble = 5.0 * size
    push_x = _noise(picture, seed, "wc x", 26) * wobble + _noise(picture, seed, "wc u", 90, 2) * wobble * 0.35
    push_y = _noise(picture, seed, "wc y", 26) * wobble + _noise(picture, seed, "wc v", 90, 2) * wobble * 0.35
    grid_x, grid_y = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    lab = remap(lab, grid_x + push_x, grid_y + push_y)
    levels = 7.0
    stepped = lab[0] * levels + 0.35 * _noise(picture, seed, "wash", 5)
    fold = stepped - np.floor(stepped)
    flat = (np.floor(stepped) + smoothstep(0.30, 0.70, fold)) / levels
    light = lab[0] * 0.45 + flat * 0.55
    pooled = blur(light, 3.2 * size + 0.5) - light
    light = light - np.clip(pooled, 0.0, 0.10) * 0.9
    bleed = _noise(picture, seed, "bleed", 7, 5)
    grain = _noise(picture, seed, "grain", 240, 3)
    paper = 0.965 + 0.016 * _noise(picture, seed, "paper", 190, 3)
    # Paint is a layer on white paper: it takes light away.
    density = np.clip((1.02 - light) * (0.80 + 0.16 * bleed + 0.07 * grain), 0.0, 1.0)
    edge = _rim(picture, seed, 0.045)
    density *= edge
    out = np.empty_like(lab)
    out[0] = paper - density * 0.93
    share = np.clip(density * 2.6 + 0.25, 0.0, 1.0) * edge
    out[1], out[2] = lab[1] * share * 1.10 + 0.002, lab[2] * share * 1.10 + 0.010
    return picture_of(out)


def _rim(picture: Array, seed: int, wide: float) -> Array:
    """1 inside, 0 at the picture's rim, with a torn outline."""
    height, width = picture.shape[:2]
    short = float(min(height, width))
    x = np.minimum(np.arange(width) + 0.5, width - np.arange(width) - 0.5)[None, :] / short
    y = np.minimum(np.arange(height) + 0.5, height - np.arange(height) - 0.5)[:, None] / short
    inside = np.minimum(x, y).astype(np.float32) + _noise(picture, seed, "rim", 14, 5, 0.6) * np.float32(wide * 0.42)
    return smoothstep(wide * 0.75, wide * 1.05, inside)


def ink(picture: Array, seed: int, wish: Wish) -> Array:
    """Brush and ink: dark to pale washes of one colour on warm paper, broken dry edges, a red seal."""
    size = _scale(picture)
    lab = _smoothed(lab_of(picture), 3.0 * size + 0.5, 0.09, 3)
    light = lab[0]
    low, high = np.percentile(light[::4, ::4], (2, 97))
    tone = np.clip((light - low) / max(float(high - low), 0.05), 0.0, 1.0) ** 0.85
    wash = tone + 0.10 * _noise(picture, seed, "ink wash", 4, 5) * (1.0 - tone)
    dry = _noise(picture, seed, "dry", 160, 3) * 0.10 + _noise(picture, seed, "streak", 40, 4) * 0.06
    steps = 4.0
    scaled = np.clip(wash + dry * 0.8, 0.0, 1.0) * steps
    fold = scaled - np.floor(scaled)
    washed = (np.floor(scaled) + smoothstep(0.25, 0.75, fold)) / steps
    line = np.clip((blur(light, 2.4 * size + 0.6) - light) * 5.0 - 0.04, 0.0, 1.0)
    density = np.clip((1.0 - washed) ** 1.25 * 0.88 + line * 0.75 * (0.7 + 2.5 * dry), 0.0, 0.97) * _rim(
        picture, seed, 0.035
    )
    paper = 0.945 + 0.014 * _noise(picture, seed, "washi", 120, 4)
    out = np.empty_like(lab)
    out[0] = paper * (1.0 - density) + 0.13 * density
    keep = 0.75 if wish.colours else 0.06
    out[1] = lab[1] * keep * density + 0.003 * (1.0 - density)
    out[2] = lab[2] * keep * density + 0.022 * (1.0 - density)
    _seal(out, seed)
    return picture_of(out)


def _seal(lab: Array, seed: int) -> None:
    """A small red stamp in a corner, in place."""
    height, width = lab.shape[1:]
    side = int(min(height, width) * 0.055)
    if side < 8:
        return
    rng = generator(seed, "seal")
    sheet = Image.new("L", (side * 4, side * 4), 0)
    draw = ImageDraw.Draw(sheet)
    draw.rounded_rectangle((0, 0, side * 4 - 1, side * 4 - 1), side * 0.5, fill=255)
    cell = side * 4 / 7
    for _ in range(9):
        x, y = int(rng.integers(1, 6)), int(rng.integers(1, 6))
        if rng.uniform() < 0.5:
            draw.rectangle((x * cell, y * cell, min(6, x + 2) * cell, (y + 0.45) * cell), fill=0)
        else:
            draw.rectangle((x * cell, y * cell, (x + 0.45) * cell, min(6, y + 2) * cell), fill=0)
    mask = np.asarray(sheet.reduce(4), np.float32) / np.float32(255.0) * np.float32(0.92)
    top, left = height - side - int(side * 0.9), width - side - int(side * 0.9)
    region = lab[:, top : top + side, left : left + side]
    region += (lch(0.52, 0.19, 28)[:, None, None] - region) * mask


def poster(picture: Array, seed: int, wish: Wish) -> Array:
    """Few flat colours with clean edges, as in a screen print."""
    size = _scale(picture)
    lab = _smoothed(lab_of(picture), 2.2 * size + 0.6, 0.10, 4)
    levels = 6.0
    scaled = lab[0] * levels
    fold = scaled - np.floor(scaled)
    slope = np.abs(np.gradient(scaled, axis=0)) + np.abs(np.gradient(scaled, axis=1)) + 1e-3
    # Anti-aliased steps: each is about one pixel wide however flat the gradient.
    step = np.clip((fold - 0.5) / np.maximum(slope, 0.004) + 0.5, 0.0, 1.0)
    lab[0] = (np.floor(scaled) + step) / levels * 0.94 + 0.035
    chroma = np.hypot(lab[1], lab[2]) + np.float32(1e-6)
    lively = 0.0 if "monochrome" in wish.moods else 1.0
    target = np.round((chroma * 1.28 + 0.012 * lively) * 22.0) / 22.0
    ratio = blur((target / chroma).astype(np.float32), 0.8)
    lab[1] *= np.clip(ratio, 0.5, 1.8)
    lab[2] *= np.clip(ratio, 0.5, 1.8)
    lab[0] += 0.006 * _noise(picture, seed, "print", 260, 2)
    return picture_of(lab)


def pixel_art(picture: Array, seed: int, wish: Wish) -> Array:
    """Large pixels in few colours, shaded by an ordered pattern."""
    height, width = picture.shape[:2]
    cell = max(1, round((height * width) ** 0.5 / 150.0))
    columns, rows = -(-width // cell), -(-height // cell)
    padded = np.pad(picture, ((0, rows * cell - height), (0, columns * cell - width), (0, 0)), mode="edge")
    small = padded.reshape(rows, cell, columns, cell, 3).mean(axis=(1, 3))
    lab = lab_of(small.astype(np.float32))
    lab[1:] *= np.float32(1.18)
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16.0 - 0.47
    pattern = np.tile(bayer, (rows // 4 + 1, columns // 4 + 1))[:rows, :columns]
    lab[0] += pattern * 0.045
    reduced = Image.fromarray((picture_of(lab) * 255.0 + 0.5).astype(np.uint8)).quantize(
        28, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    flat = np.asarray(reduced.convert("RGB"), np.float32) / np.float32(255.0)
    return np.ascontiguousarray(flat.repeat(cell, axis=0).repeat(cell, axis=1)[:height, :width])


def line_art(picture: Array, seed: int, wish: Wish) -> Array:
    """Drawn outlines and hatching over a pale wash."""
    size = _scale(picture)
    lab = lab_of(picture)
    light = _smoothed(lab, 1.2 * size + 0.5, 0.08, 2)[0]
    fine, wide = 0.9 * size + 0.55, 2.2 * size + 0.9
    edges = blur(light, wide) - blur(light, fine)
    colour_edge = sum(np.abs(blur(lab[i], wide) - blur(lab[i], fine)) for i in (1, 2))
    line = np.clip(edges * 26.0 + colour_edge * 9.0 - 0.10, 0.0, 1.0)
    height, width = light.shape
    x, y = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    wander = _noise(picture, seed, "hatch", 9, 3) * 5.0 * size
    period = max(4.2, 5.2 * size)
    first = np.abs(((x + y + wander) / (period * 1.414)) % 1.0 - 0.5) * 2.0
    second = np.abs(((x - y * 0.8 + wander) / (period * 1.3)) % 1.0 - 0.5) * 2.0
    dark = 1.0 - np.clip((light - 0.12) / 0.75, 0.0, 1.0)
    hatch = smoothstep(0.0, 0.30, dark * 0.80 - 0.16 - first * 0.55) + smoothstep(
        0.0, 0.30, dark * 0.95 - 0.50 - second * 0.55
    )
    density = np.clip(line + hatch * 0.62, 0.0, 1.0) * (0.86 + 0.14 * _noise(picture, seed, "pencil", 300, 2))
    paper = 0.968 + 0.010 * _noise(picture, seed, "sheet", 150, 3)
    out = np.empty_like(lab)
    tint = 0.22 + 0.35 * min(1.0, sum(wish.colours.values()))
    out[0] = paper - (1.0 - light) * 0.16 - density * 0.70
    out[1] = lab[1] * tint
    out[2] = lab[2] * tint + 0.008
    out[0] = np.clip(out[0], 0.12, 1.0)
    return picture_of(out)


def low_poly(picture: Array, seed: int, wish: Wish) -> Array:
    """Facets: triangles that take the colour beneath them, smaller where there is more to see."""
    height, width = picture.shape[:2]
    lab = lab_of(picture)
    cells = 34
    spacing = (height * width) ** 0.5 / cells
    columns, rows = max(2, round(width / spacing)), max(2, round(height / spacing))
    rng = generator(seed, "facets")
    edge = np.hypot(*np.gradient(blur(lab[0], max(0.6, spacing * 0.10))))
    nodes = np.empty((rows + 1, columns + 1, 2))
    for row in range(rows + 1):
        for column in range(columns + 1):
            nodes[row, column] = _drawn_to_edges(
                edge,
                column * width / columns,
                row * height / rows,
                spacing,
                rng,
                free_x=0 < column < columns,
                free_y=0 < row < rows,
            )
    scale = 2
    sheet = _picture_image(picture).resize((width * scale, height * scale), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(sheet)
    soft = np.stack([blur(plane, spacing * 0.18) for plane in lab])
    triangles, colours = [], []
    for row in range(rows):
        for column in range(columns):
            a, b = nodes[row, column], nodes[row, column + 1]
            c, d = nodes[row + 1, column], nodes[row + 1, column + 1]
            pair = ((a, b, c), (b, d, c)) if (row + column) % 2 else ((a, b, d), (a, d, c))
            for triangle in pair:
                centre = np.mean(triangle, axis=0)
                ix, iy = min(width - 1, int(centre[0])), min(height - 1, int(centre[1]))
                colour = soft[:, iy, ix].copy()
                colour[0] += rng.uniform(-0.022, 0.022)
                colour[1:] *= 1.12
                triangles.append(triangle)
                colours.append(colour)
    flat = picture_of(np.array(colours, np.float32).T[:, :, None])[:, 0]
    for triangle, rgb in zip(triangles, (flat * 255.0 + 0.5).astype(np.uint8).tolist(), strict=True):
        draw.polygon([(float(x) * scale, float(y) * scale) for x, y in triangle], fill=tuple(rgb))
    return np.asarray(sheet.reduce(scale), np.float32) / np.float32(255.0)


def _drawn_to_edges(
    edge: Array, x: float, y: float, spacing: float, rng: np.random.Generator, *, free_x: bool, free_y: bool
) -> tuple[float, float]:
    """A corner of the mesh, moved to the strongest edge nearby; those at the rim stay on it."""
    height, width = edge.shape
    best, place = -1.0, (x, y)
    for _ in range(7):
        nx = x + float(rng.uniform(-0.42, 0.42)) * spacing * free_x
        ny = y + float(rng.uniform(-0.42, 0.42)) * spacing * free_y
        strength = float(edge[min(height - 1, max(0, int(ny))), min(width - 1, max(0, int(nx)))])
        if strength > best:
            best, place = strength, (nx, ny)
    return place


def _picture_image(picture: Array) -> Image.Image:
    return Image.fromarray((np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))


def film(picture: Array, seed: int, wish: Wish) -> Array:
    """Photographic film: lifted shadows, warm highlights, halation around lights, grain."""
    size = _scale(picture)
    lab = lab_of(picture)
    light = lab[0]
    lab[0] = 0.045 + 0.93 * (light + 0.05 * np.sin((light - 0.5) * np.pi * 2) * 0.6)
    lab[1] += 0.010 * (light - 0.45)
    lab[2] += 0.050 * (light - 0.48)
    lab[1:] *= np.float32(0.92)
    halo = blur(np.clip(light - 0.82, 0.0, 0.2) * 5.0, 9.0 * size + 1.0)
    lab[0] += halo * 0.06
    lab[1] += halo * 0.045
    lab[2] += halo * 0.03
    tone = 0.35 + 1.9 * lab[0] * (1.0 - lab[0])
    lab[0] += (_noise(picture, seed, "film", 520, 2, 0.7) * 0.030) * tone
    return picture_of(lab)


def vintage(picture: Array, seed: int, wish: Wish) -> Array:
    """An old print: faded, yellowed, scratched a little, with a light leak."""
    height, width = picture.shape[:2]
    lab = lab_of(picture)
    light = lab[0].copy()
    lab[0] = 0.20 + 0.72 * light
    lab[1] = lab[1] * 0.48 + 0.012 + 0.012 * (1 - light)
    lab[2] = lab[2] * 0.45 + 0.048 - 0.012 * light
    x, y = np.linspace(-1, 1, width, dtype=np.float32)[None, :], np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    rng = generator(seed, "leak")
    side, high = float(rng.choice((-1.0, 1.0))), float(rng.uniform(-0.5, 0.5))
    leak = np.exp(-(((x - side * 1.02) / 0.38) ** 2) - ((y - high) / 0.8) ** 2) * 0.22
    lab[0] += leak * 0.5
    lab[1] += leak * 0.32
    lab[2] += leak * 0.30
    lab[0] -= smoothstep(0.5, 2.0, x * x + y * y) * 0.22
    lab[0] += _noise(picture, seed, "stains", 3, 5) * 0.014 + _noise(picture, seed, "old grain", 420, 2) * 0.020
    dust = smoothstep(0.86, 1.0, _noise(picture, seed, "dust", 130, 2)) * 0.10
    lab[0] += dust
    return picture_of(lab)


FINISHES: dict[str, Finish] = {
    "watercolour": watercolour,
    "ink": ink,
    "poster": poster,
    "pixel art": pixel_art,
    "line art": line_art,
    "low poly": low_poly,
    "film": film,
    "vintage": vintage,
}
"""Styles that are a change to the finished picture; ``painting`` and ``oil`` are brushwork."""
