"""Land in layers from far to near: ridges with lit and shaded flanks, forests, dunes, meadows, and the air between."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from cozygen.engines.embedded.painter.canvas import Canvas, Frame, View
from cozygen.engines.embedded.painter.color import Array, blend, lch, mix, shade
from cozygen.engines.embedded.painter.noise import fbm, generator, profile, remap, sample, smoothstep, texture
from cozygen.engines.embedded.painter.scene import Scene

Kind = Literal["mountain", "hill", "dune", "cliff", "island", "meadow", "bank"]
Growth = Literal["none", "conifers", "leafy", "grass", "flowers", "palms"]


@dataclass(frozen=True)
class Ridge:
    """One layer of land. `depth` 0 (far) to 1; `base` the y of its foot, `tall` its height, `rough` cells a unit;
    `floor` the y below which other things cover it; `mist` how much air gathers at its foot.
    """

    name: str
    kind: Kind
    depth: float
    base: float
    tall: float
    rough: float
    floor: float
    mist: float = 0.6
    growth: Growth = "none"
    centre: float | None = None
    spread: float = 0.5


def crest_of(scene: Scene, ridge: Ridge, x: Array) -> Array:
    """The y of a ridge's upper edge at scene x."""
    along = x * np.float32(ridge.rough)
    match ridge.kind:
        case "mountain":
            shape, _ = _peaks(scene, ridge, x)
            crags = profile(scene.seed, ridge.name, along * np.float32(2.7), octaves=6, gain=0.55, ridged=0.7)
            shape = shape + crags * np.float32(0.11)
        case "cliff":
            shape = 0.80 + 0.20 * profile(scene.seed, ridge.name, along, octaves=6, gain=0.5, ridged=0.4)
        case "island":
            shape = 0.62 + 0.38 * profile(scene.seed, ridge.name, along, octaves=6, gain=0.5, ridged=0.35)
        case "dune":
            bent = along + 0.22 * profile(scene.seed, ridge.name + "~", along * 0.7, octaves=2)
            shape = 0.5 + 0.5 * profile(
                scene.seed, ridge.name, bent.astype(np.float32), octaves=2, gain=0.35, ridged=0.5
            )
        case _:
            shape = 0.5 + 0.5 * profile(scene.seed, ridge.name, along, octaves=4, gain=0.36)
    height = np.float32(ridge.tall) * shape
    if ridge.centre is not None:
        distance = np.abs(x - np.float32(ridge.centre)) / np.float32(ridge.spread)
        if ridge.kind in ("cliff", "island"):
            ragged = profile(scene.seed, ridge.name + " edge", x * np.float32(9.0), octaves=4, gain=0.55)
            if ridge.kind == "cliff":
                # A plateau that breaks off in a few steps.
                far = distance + ragged * np.float32(0.07)
                fall = 0.55 * smoothstep(0.98, 0.86, far) + 0.25 * smoothstep(0.80, 0.70, far)
                height = height * (fall + 0.20 * smoothstep(0.60, 0.30, far))
            else:
                height = height * smoothstep(1.0, 0.15, distance + ragged * np.float32(0.05))
            # Beyond its reach it is under water.
            height = height - smoothstep(0.9, 1.15, distance) * np.float32(0.06)
        else:
            height = height * (0.62 + 0.5 * np.exp(-(distance**2)))
    return (np.float32(ridge.base) - height).astype(np.float32)


def _peaks(scene: Scene, ridge: Ridge, x: Array) -> tuple[Array, Array]:
    """A chain of peaks with straight flanks: heights 0..1 at `x`, and the flank's slope there (in heights a cell)."""
    along = x * np.float32(ridge.rough)
    cell = np.floor(along).astype(np.int64)
    random = generator(scene.seed, ridge.name, "peaks").uniform(0.0, 1.0, (256, 4)).astype(np.float32)
    height = np.full_like(x, -9.0)
    slope = np.zeros_like(x)
    for neighbour in (-2, -1, 0, 1, 2):
        index = cell + neighbour
        place, tall, west, east = random[index % 256].T
        offset = along - (index + 0.2 + 0.6 * place)
        steep = np.where(offset < 0, 1.0 + 0.9 * west, 1.0 + 0.9 * east)
        # Flanks that flatten towards the valley.
        run = np.abs(offset)
        mine = 0.36 + 0.64 * tall**1.3 - steep * run / (1.0 + 0.8 * run)
        higher = mine > height
        height = np.where(higher, mine, height)
        slope = np.where(higher, -np.sign(offset) * steep, slope)
    return height.astype(np.float32), slope.astype(np.float32)


def paint_ridge(canvas: Canvas, view: View, scene: Scene, ridge: Ridge) -> None:
    """Paint one layer of land with what grows on it."""
    frame = view.frame(ridge.depth)
    xs = frame.xs()
    crest = crest_of(scene, ridge, xs)
    first = max(0, math.floor(frame.py(float(crest.min()))) - 2)
    last = frame.height if ridge.floor >= 1.0 else min(frame.height, frame.row(ridge.floor + 0.01))
    if ridge.growth in ("conifers", "leafy", "palms"):
        paint_growth(canvas, view, scene, ridge, behind=True)
    if first < last:
        band = frame.band(first, last)
        slope = np.gradient(crest) / np.float32(frame.dy)
        below = band.ys()[:, None] - crest[None, :]
        cover = np.clip(below / np.float32(frame.dy) / np.sqrt(1.0 + slope * slope) + 0.5, 0.0, 1.0)
        canvas.over(_surface(view, scene, ridge, band, below), cover.astype(np.float32), first)
        canvas.hide_glow(cover, first)
    if ridge.growth in ("conifers", "leafy", "palms"):
        paint_growth(canvas, view, scene, ridge, behind=False)
    elif ridge.growth in ("grass", "flowers"):
        paint_grass(canvas, view, scene, ridge)


def visibility(scene: Scene, depth: float) -> float:
    """How clearly a layer is seen through the air, 0..1."""
    thick = 1.0 + 1.3 * min(1.5, scene.weather.get("fog", 0.0)) + 0.5 * min(1.0, scene.weather.get("rain", 0.0))
    thick += 0.25 * min(1.0, scene.wish.feel("glow"))
    if scene.time == "day" and not scene.weather.get("fog"):
        thick *= 0.68
    return float(math.exp(-(max(0.0, 0.95 - depth) ** 1.4) * 0.92 * thick))


def _surface(view: View, scene: Scene, ridge: Ridge, band: Frame, below: Array) -> Array:
    palette = scene.palette
    lit = _lighting(scene, ridge, band, below)
    if ridge.kind == "mountain":
        colour = _rock(scene, ridge, band, lit)
    elif ridge.kind in ("cliff", "island"):
        colour = _strata(scene, ridge, band, below, lit)
    else:
        colour = _soil(view, scene, ridge, band, below, lit)
    air = 1.0 - visibility(scene, ridge.depth)
    haze = mix(palette.haze, palette.light, 0.12)
    foot = smoothstep(0.15, 1.25, below / np.float32(max(ridge.tall, 0.03)))
    wisps = fbm(
        scene.seed,
        ridge.name + " mist",
        (band.left * 1.6 + view.time * 0.03, band.top * 7),
        (band.dx * 1.6, band.dy * 7),
        (band.width, band.height),
        octaves=4,
    )
    mist = ridge.mist * (1.0 + 0.5 * min(1.5, scene.weather.get("fog", 0.0)))
    share = np.clip(air + foot * (1.0 + 0.45 * wisps) * np.float32(mist * (1.0 - 0.45 * ridge.depth)), 0.0, 0.97)
    colour += (haze[:, None, None] - colour) * share
    return colour


def _lighting(scene: Scene, ridge: Ridge, band: Frame, below: Array) -> Array:
    """How much light falls on each place, 0..1: flanks that face the light are lit, down to wandering spurs."""
    xs = band.xs()
    facing = np.tanh((np.float32(scene.light_at[0]) - xs) * 2.5)
    scale = 2.6 * ridge.rough
    size = (band.width, band.height)
    wander = fbm(
        scene.seed,
        ridge.name + " spurs",
        (band.left * scale, band.top * scale * 0.8),
        (band.dx * scale, band.dy * scale * 0.8),
        size,
        octaves=5,
        gain=0.55,
    )
    deep = np.clip(below, 0.0, 0.4)
    columns = np.arange(band.width, dtype=np.float32)[None, :] + wander * deep * np.float32(0.85 / band.dx)
    flank = _flank_at(scene, ridge, band, columns, 0.02) * facing[None, :]
    if ridge.kind in ("dune", "hill", "meadow", "bank"):
        # The form is clearest at the crest; further down the ground lies flat.
        flank = flank * np.exp(-below / np.float32(0.16 if ridge.kind == "dune" else 0.30))
        lit: Array = 0.5 + 0.5 * np.tanh(flank * (3.4 if ridge.kind == "dune" else 1.9))
        return lit
    # Gullies: smaller flanks on the large ones, lit from the side and from above.
    fine = scale * 2.2
    rock = fbm(
        scene.seed,
        ridge.name + " gullies",
        (band.left * fine + 3.0, band.top * fine * 0.75),
        (band.dx * fine, band.dy * fine * 0.75),
        size,
        octaves=6,
        gain=0.55,
        billow=True,
    )
    reach = max(1, round(0.004 / band.dx * min(1.0, 1.6 / ridge.rough)))
    east, south = _shifted(rock, reach, 1), _shifted(rock, reach, 0)
    relief = ((rock - east) * facing[None, :] * np.float32(-1.0) + (rock - south) * 0.8) * np.float32(4.5)
    lit = 0.5 + 0.5 * np.tanh(flank * 1.25 + relief)
    return lit


def _flank_at(scene: Scene, ridge: Ridge, band: Frame, columns: Array, step: float) -> Array:
    """How steeply the large form rises to the right, at fractional columns."""
    xs = band.xs()
    if ridge.kind == "mountain":
        _, rise = _peaks(scene, ridge, xs)
        rise = rise + 0.35 * np.gradient(
            profile(scene.seed, ridge.name, xs * np.float32(ridge.rough * 2.7), octaves=2)
        ) / np.float32(band.dx * ridge.rough)
        rise = rise * np.float32(0.75)
    else:
        left = crest_of(scene, ridge, (xs - np.float32(step)).astype(np.float32))
        right = crest_of(scene, ridge, (xs + np.float32(step)).astype(np.float32))
        # y grows downwards: a crest that gets higher to the right has a falling y.
        rise = (left - right) / np.float32(2 * step)
    return -remap(rise[None, :].astype(np.float32), columns, np.zeros_like(columns))


def _shifted(plane: Array, by: int, axis: int) -> Array:
    """The plane moved by whole pixels, its edge repeated."""
    index = np.clip(np.arange(plane.shape[axis]) + by, 0, plane.shape[axis] - 1)
    return np.take(plane, index, axis=axis)


def _between(low: Array, high: Array, share: Array) -> Array:
    return low[:, None, None] + (high - low)[:, None, None] * share


def _rock(scene: Scene, ridge: Ridge, band: Frame, lit: Array) -> Array:
    palette = scene.palette
    dark = blend(palette.near, palette.zenith, 0.35)
    bright = blend(blend(dark, palette.horizon, 0.45), palette.light, 0.12 + 0.12 * palette.level)
    colour = _between(dark, bright, lit)
    snow = _snow_line(scene)
    if snow > 0:
        scale = 9.0
        patches = fbm(
            scene.seed,
            ridge.name + " snow",
            (band.left * scale, band.top * scale * 0.6),
            (band.dx * scale, band.dy * scale * 0.6),
            (band.width, band.height),
            octaves=4,
        )
        altitude = (np.float32(ridge.base) - band.ys()[:, None]) / np.float32(max(ridge.tall, 0.05))
        cover = smoothstep(-0.16, 0.16, altitude - np.float32(1.0 - snow) + patches * 0.20 + (lit - 0.5) * 0.14)
        shadow = mix(mix(palette.snow, palette.zenith, 0.48), palette.near, 0.10)
        bright_snow = mix(palette.snow, palette.light, 0.35)
        colour += (_between(shadow, bright_snow, lit) - colour) * cover
    return colour


def _snow_line(scene: Scene) -> float:
    """The share of a mountain that is white."""
    if scene.wish.rejects("weather:snow") or scene.has("volcano"):
        return 0.0
    if scene.season == "winter" or scene.weather.get("snow"):
        return 0.95
    if "desert" in scene.subjects:
        return 0.0
    return 0.30 + 0.25 * float(generator(scene.seed, "snow line").uniform())


def _strata(scene: Scene, ridge: Ridge, band: Frame, below: Array, lit: Array) -> Array:
    palette = scene.palette
    layers = fbm(
        scene.seed,
        ridge.name + " strata",
        (band.left * 2.2, band.top * 26),
        (band.dx * 2.2, band.dy * 26),
        (band.width, band.height),
        octaves=4,
        gain=0.6,
    )
    dark = mix(palette.near, mix(palette.zenith, palette.ground, 0.3), 0.25)
    bright = mix(mix(dark, palette.ground, 0.35), palette.light, 0.20)
    cracks = fbm(
        scene.seed,
        ridge.name + " cracks",
        (band.left * 34, band.top * 7),
        (band.dx * 34, band.dy * 7),
        (band.width, band.height),
        octaves=4,
        gain=0.6,
        billow=True,
    )
    crevices = smoothstep(0.16, 0.02, cracks) * 0.35
    colour = _between(dark, bright, np.clip(lit * 0.85 + 0.06 + layers * 0.24 - crevices, 0.0, 1.0))
    white = scene.season == "winter" and not scene.wish.rejects("weather:snow")
    turf = mix(palette.snow if white else palette.ground, palette.near, 0.05 if white else 0.35)
    depth = 0.022 + 0.012 * layers
    colour += (turf[:, None, None] - colour) * (smoothstep(1.4, 0.4, below / depth) * 0.9)
    return colour


def _soil(view: View, scene: Scene, ridge: Ridge, band: Frame, below: Array, lit: Array) -> Array:
    palette = scene.palette
    ground = _ground_colour(scene, ridge)
    # A low sun stands behind the land: the nearer it is, the more it lies in its own shadow.
    against = {"day": 0.0, "dawn": 0.34, "sunset": 0.46, "dusk": 0.5, "night": 0.2}[scene.time] * (
        0.35 + 0.65 * ridge.depth
    )
    if ridge.kind == "dune":
        against *= 0.7
    shadow = blend(shade(ground, -0.17 * (0.4 + 0.6 * palette.level), 0.95), palette.near, min(0.9, 0.34 + against))
    bright = blend(blend(shade(ground, 0.05), palette.light, 0.24), palette.near, against)
    closeness = 5.0 + 30.0 * (1.0 - ridge.depth)
    grain = fbm(
        scene.seed,
        ridge.name + " soil",
        (band.left * closeness, band.top * closeness * 4.5),
        (band.dx * closeness, band.dy * closeness * 4.5),
        (band.width, band.height),
        octaves=6,
        gain=0.72,
    )
    strength = 0.05 if ridge.kind == "dune" or ground is palette.snow else 0.17
    if ridge.kind == "dune":
        grain = grain * 0.5 + _ripples(view, scene, ridge, band, below) * 2.2
    if ridge.kind != "dune":
        # The shadows of passing clouds.
        shadows = fbm(
            scene.seed,
            "cloud shadows",
            (band.left * 1.5 + ridge.depth * 7.0, band.top * 8.0),
            (band.dx * 1.5, band.dy * 8.0),
            (band.width, band.height),
            octaves=3,
        )
        lit = np.clip(lit * 0.72 + 0.14 + shadows * np.float32(0.34 * palette.level), 0.0, 1.0)
    near_edge = smoothstep(0.10, 0.0, below) * 0.12
    fall = smoothstep(0.0, 0.5, below) * (0.10 + 0.35 * ridge.depth)
    light = np.clip(lit * 0.85 + 0.12 + grain * strength + near_edge - fall, 0.0, 1.0)
    colour = _between(shadow, bright, light)
    if ridge.growth == "flowers" or (ridge.kind == "meadow" and scene.has("flowers")):
        _scatter_flowers(scene, ridge, band, below, colour)
    return colour


def _ground_colour(scene: Scene, ridge: Ridge) -> Array:
    palette = scene.palette
    if scene.season == "winter" and ridge.kind in ("hill", "meadow", "bank"):
        return palette.snow if not scene.wish.rejects("weather:snow") else palette.ground
    if ridge.kind == "bank":
        return mix(palette.foliage, palette.near, 0.45)
    # Neighbouring fields differ a little.
    vary = generator(scene.seed, ridge.name, "field").uniform(-1.0, 1.0, 2)
    share = 0.35 + 0.25 * float(vary[0])
    return shade(mix(palette.ground, palette.foliage, share if ridge.kind != "dune" else 0.0), 0.02 * float(vary[1]))


def _ripples(view: View, scene: Scene, ridge: Ridge, band: Frame, below: Array) -> Array:
    """Wind ripples on sand."""
    tile = texture(scene.seed, "ripples", view.texture_side, cells=8, octaves=4, gain=0.5)
    xs = band.xs()[None, :]
    wobble = sample(tile, xs * 0.35 + below * 0.2, below * 0.8)
    phase = (xs * 0.9 + below * 7.0 + wobble * 0.28) * np.float32(16.0 + 34.0 * (1.0 - ridge.depth))
    fade = smoothstep(0.0, 0.12, below) * np.float32(0.10 + 0.25 * ridge.depth)
    result: Array = (np.sin(phase) * fade).astype(np.float32)
    return result


def _scatter_flowers(scene: Scene, ridge: Ridge, band: Frame, below: Array, colour: Array) -> None:
    """Drifts of colour on a meadow, dots near and a tint far away."""
    palette = scene.palette
    weight = min(1.5, scene.has("flowers")) if not scene.wish.rejects("subject:flowers") else 0.0
    if weight <= 0:
        return
    # Perspective: further up the field the flowers stand closer and are smaller.
    density = 46.0 + 110.0 * (1.0 - ridge.depth)
    size = (band.width, band.height)
    rise = smoothstep(0.0, 0.05, below)
    for index, hue in enumerate((palette.petals_two, palette.petals, palette.petals_three)):
        drift = fbm(
            scene.seed,
            f"{ridge.name} drift{index}",
            (band.left * 1.8, band.top * 8),
            (band.dx * 1.8, band.dy * 8),
            size,
            octaves=4,
        )
        dots = fbm(
            scene.seed,
            f"{ridge.name} dots{index}",
            (band.left * density, band.top * density * 1.5),
            (band.dx * density, band.dy * density * 1.5),
            size,
            octaves=1,
        )
        level = 0.74 - 0.10 * weight + 0.16 * index
        cover = smoothstep(level, level + 0.22, dots + drift * 0.62) * rise
        tint = smoothstep(0.0, 0.9, drift + 0.3 - 0.25 * index) * rise * np.float32(0.26 * (1.15 - ridge.depth))
        bright = shade(hue, -0.05)
        colour += (bright[:, None, None] - colour) * np.clip(tint, 0.0, 0.5)
        colour += (hue[:, None, None] - colour) * (cover * np.float32(0.92))


# What grows on a ridge


def paint_growth(canvas: Canvas, view: View, scene: Scene, ridge: Ridge, *, behind: bool) -> None:
    """Trees along a ridge's crest (`behind`), or in rows down its near side."""
    frame = view.frame(ridge.depth)
    palette = scene.palette
    tall = (0.030 + 0.115 * ridge.depth**1.3) * (1.25 if ridge.growth == "conifers" else 0.9)
    rows = 1 if behind else 2 if ridge.growth == "conifers" else 1
    for row in range(rows):
        drop = 0.0 if behind else tall * (0.35 + 0.5 * row)
        mask, top = _tree_row(view, scene, ridge, frame, tall, drop, f"{behind}{row}")
        if mask is None:
            continue
        leaf = _leaf_colour(scene, ridge)
        dark = mix(leaf, palette.near, 0.55)
        band = frame.band(top, top + mask.shape[0])
        crest = crest_of(scene, ridge, band.xs())
        height = (crest[None, :] + np.float32(drop) - band.ys()[:, None]) / np.float32(tall)
        speckle = fbm(
            scene.seed,
            f"{ridge.name} leaves",
            (band.left * 60, band.top * 60),
            (band.dx * 60, band.dy * 60),
            (band.width, band.height),
            octaves=3,
        )
        light = np.clip(0.10 + 0.42 * height + 0.30 * speckle, 0.0, 1.0)
        colour = _between(dark, mix(leaf, palette.light, 0.10 + 0.10 * palette.level), light)
        if (scene.season == "winter" or scene.weather.get("snow")) and not scene.wish.rejects("weather:snow"):
            frost = smoothstep(0.05, 0.5, speckle + 0.5 * height - 0.2) * 0.65
            colour += (mix(palette.snow, palette.haze, 0.2)[:, None, None] - colour) * frost
        air = 1.0 - visibility(scene, ridge.depth + 0.04 * row)
        foot = smoothstep(0.45, -0.25, height) * np.float32(ridge.mist * 0.75 * (1.0 - 0.5 * ridge.depth))
        colour += (palette.haze[:, None, None] - colour) * np.clip(air + foot * (1.0 - air), 0.0, 0.95)
        canvas.over(colour, mask, top)


def _leaf_colour(scene: Scene, ridge: Ridge) -> Array:
    palette = scene.palette
    if scene.has("blossom") and not scene.wish.rejects("subject:blossom"):
        return mix(lch(0.84, 0.10, 355), palette.light, 0.1) if ridge.growth == "leafy" else palette.foliage
    if ridge.growth == "conifers" and scene.season != "autumn":
        return mix(palette.foliage, palette.near, 0.3)
    return shade(palette.foliage, 0.02, 1.35) if scene.season == "autumn" else palette.foliage


def _tree_row(
    view: View, scene: Scene, ridge: Ridge, frame: Frame, tall: float, drop: float, row: str
) -> tuple[Array | None, int]:
    """The coverage of one row of trees and the row of the picture where it starts."""
    scale = 3 if frame.height <= 640 else 2
    spacing = tall * (0.17 if ridge.growth == "conifers" else 0.36) / view.squeeze
    first, last = math.floor(frame.left / spacing) - 2, math.ceil((frame.left + frame.dx * frame.width) / spacing) + 2
    if last - first > 6000:
        return None, 0
    index = np.arange(first, last)
    random = generator(scene.seed, ridge.name, "trees", row).uniform(0.0, 1.0, (512, 5))[index % 512]
    x = ((index + random[:, 0] * 0.9) * spacing).astype(np.float32)
    foot = crest_of(scene, ridge, x) + np.float32(drop) + random[:, 4] * tall * 0.12
    groves = profile(scene.seed, ridge.name + " groves" + row, x * np.float32(3.0), octaves=2)
    height = tall * (0.45 + 0.75 * random[:, 1] ** 1.5) * np.clip(0.78 + 0.45 * groves, 0.25, 1.3)
    shown = random[:, 2] < np.clip(0.85 + 0.9 * groves, 0.10, 1.0)
    if ridge.centre is not None and ridge.kind in ("cliff", "island"):
        shown &= np.abs(x - ridge.centre) < ridge.spread * 0.8
    top = max(0, math.floor(frame.py(float((foot - height).min()))) - 2)
    bottom = min(frame.height, math.ceil(frame.py(float(foot.max()) + tall * 0.1)) + 2)
    if top >= bottom or not shown.any():
        return None, 0
    sheet = Image.new("L", (frame.width * scale, (bottom - top) * scale), 0)
    draw = ImageDraw.Draw(sheet)
    for i in np.nonzero(shown)[0]:
        px, py = frame.px(float(x[i])) * scale, (frame.py(float(foot[i])) - top) * scale
        size = float(height[i]) / frame.dy * scale
        jitter = generator(scene.seed, "shape", int(index[i]) % 64).uniform(-1.0, 1.0, 48) if size > 14 else None
        if ridge.growth == "conifers":
            _conifer(draw, px, py, size, jitter)
        elif ridge.growth == "palms":
            _palm(draw, px, py, size, float(random[i, 3]))
        else:
            _leafy(draw, px, py, size, jitter)
    return np.asarray(sheet.reduce(scale), np.float32) / np.float32(255.0), top


def _conifer(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, jitter: Array | None) -> None:
    tiers = max(3, min(11, int(size / 9)))
    half = size * 0.185
    right, left = [], []
    for tier in range(tiers):
        j = 0.0 if jitter is None else float(jitter[tier])
        k = 0.0 if jitter is None else float(jitter[tier + 16])
        down = (tier + 1) / tiers
        reach = half * down**0.85 * (1.0 + 0.28 * j)
        back = half * down**0.85 * (1.0 + 0.28 * k)
        edge = y - size + size * 0.95 * down
        right += [(x + reach, edge + size * 0.018), (x + reach * 0.42, edge - size * 0.022)]
        left += [(x - back, edge + size * 0.018), (x - back * 0.42, edge - size * 0.022)]
    trunk = size * 0.022
    draw.polygon(
        [
            (x, y - size),
            *right,
            (x + trunk, y - size * 0.06),
            (x + trunk, y + size * 0.04),
            (x - trunk, y + size * 0.04),
            (x - trunk, y - size * 0.06),
            *reversed(left),
        ],
        fill=255,
    )


def _leafy(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, jitter: Array | None) -> None:
    draw.rectangle((x - size * 0.03, y - size * 0.4, x + size * 0.03, y + size * 0.06), fill=255)
    blobs = 15 if jitter is not None else 4
    for blob in range(blobs):
        jx, jy, js = (0.0, 0.0, 0.0) if jitter is None else (float(jitter[blob + k * 16]) for k in range(3))
        angle = blob * 2.399
        reach = 0.30 * math.sqrt(blob / blobs)
        cx = x + size * (reach * math.cos(angle) * 1.35 + 0.06 * jx)
        cy = y - size * (0.50 - reach * math.sin(angle) * 1.15 + 0.06 * jy)
        radius = size * (0.13 + 0.05 * js)
        draw.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=255)


def _palm(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, lean: float) -> None:
    bend = (lean - 0.5) * 0.55 * size
    trunk = [(x + bend * t * t, y - size * 0.9 * t) for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    draw.line(trunk, fill=255, width=max(1, round(size * 0.045)), joint="curve")
    hx, hy = trunk[-1]
    for frond in range(8):
        angle = math.pi * (0.02 + 0.96 * frond / 7)
        dx, dy = math.cos(angle), math.sin(angle)
        reach = size * 0.42
        spine = [
            (hx + dx * reach * t, hy - dy * reach * 0.55 * t + reach * 0.75 * t * t) for t in (0.0, 0.35, 0.7, 1.0)
        ]
        upper = [(px, py - size * 0.045 * w) for (px, py), w in zip(spine, (0.3, 1.0, 0.8, 0.0), strict=True)]
        draw.polygon([*upper, *reversed(spine)], fill=255)


def paint_grass(canvas: Canvas, view: View, scene: Scene, ridge: Ridge) -> None:
    """Blades (and, for flowers, stems with heads) along the crest of a near bank."""
    frame = view.frame(ridge.depth)
    palette = scene.palette
    scale = 3 if frame.height <= 640 else 2
    tall = 0.085 * ridge.depth**3.5
    spacing = 0.0042 * ridge.depth**2.5 / view.squeeze
    first, last = math.floor(frame.left / spacing) - 4, math.ceil((frame.left + frame.dx * frame.width) / spacing) + 4
    if last - first > 9000:
        return
    index = np.arange(first, last)
    random = generator(scene.seed, ridge.name, "blades").uniform(0.0, 1.0, (1024, 4))[index % 1024]
    x = ((index + random[:, 0]) * spacing).astype(np.float32)
    foot = crest_of(scene, ridge, x)
    tufts = profile(scene.seed, ridge.name + " tufts", x * np.float32(9.0), octaves=2)
    height = tall * (0.25 + 0.75 * random[:, 1]) * np.clip(0.6 + 0.6 * tufts, 0.15, 1.3)
    sway = 0.30 * np.sin(view.time * 1.7 + x * 6.0) * 0.35
    lean = (random[:, 2] - 0.5) * 1.1 + sway
    top = max(0, math.floor(frame.py(float((foot - height).min()))) - 2)
    bottom = min(frame.height, math.ceil(frame.py(float(foot.max()))) + 4)
    if top >= bottom:
        return
    sheet = Image.new("L", (frame.width * scale, (bottom - top) * scale), 0)
    draw = ImageDraw.Draw(sheet)
    for i in range(len(index)):
        px, py = frame.px(float(x[i])) * scale, (frame.py(float(foot[i])) - top + 2) * scale
        size = float(height[i]) / frame.dy * scale
        width = max(1.2, size * 0.05)
        tip = px + float(lean[i]) * size * 0.6
        middle = px + float(lean[i]) * size * 0.2
        draw.polygon(
            [
                (px - width, py),
                (middle - width * 0.6, py - size * 0.55),
                (tip, py - size),
                (middle + width * 0.6, py - size * 0.55),
                (px + width, py),
            ],
            fill=255,
        )
    mask = np.asarray(sheet.reduce(scale), np.float32) / np.float32(255.0)
    band = frame.band(top, bottom)
    up = np.clip((crest_of(scene, ridge, band.xs())[None, :] - band.ys()[:, None]) / np.float32(tall), 0.0, 1.0)
    ground = _ground_colour(scene, ridge)
    colour = _between(mix(shade(ground, -0.08), palette.near, 0.35), mix(ground, palette.light, 0.32), up)
    canvas.over(colour, mask, top)


def soft_mist(canvas: Canvas, view: View, scene: Scene, y: float, thickness: float, amount: float, name: str) -> None:
    """A bank of mist around a height of the picture."""
    frame = view.frame(0.3)
    first, last = frame.row(y - thickness * 2.2), frame.row(y + thickness * 2.2)
    if last - first < 4:
        return
    full = frame.band(first, last)
    soft = full.scaled(4)
    noise = fbm(
        scene.seed,
        f"mist {name}",
        (soft.left * 1.5 + view.time * 0.02, soft.top * 6),
        (soft.dx * 1.5, soft.dy * 6),
        (soft.width, soft.height),
        octaves=4,
    )
    height = (soft.ys()[:, None] - np.float32(y)) / np.float32(thickness)
    alpha = np.exp(-(height**2)) * np.clip(0.6 + 0.55 * noise, 0.0, 1.2) * np.float32(amount)
    wide = Image.fromarray(alpha.astype(np.float32)).resize((full.width, full.height), Image.Resampling.BICUBIC)
    canvas.over(mix(scene.palette.haze, scene.palette.light, 0.2), np.clip(np.asarray(wide), 0.0, 0.95), first)
