"""The sky: its gradient, sun and moon, stars, clouds, aurora and what else hangs there."""

from __future__ import annotations

import math

import numpy as np

from cozygen.engines.embedded.painter.canvas import Canvas, Frame, View, disc, gradient
from cozygen.engines.embedded.painter.color import Array, blend, lch, mix, shade
from cozygen.engines.embedded.painter.noise import (
    fbm,
    generator,
    profile,
    resize,
    resize_planes,
    sample,
    smoothstep,
    texture,
)
from cozygen.engines.embedded.painter.scene import Scene, at_night

_AURORA = (lch(0.80, 0.21, 152), lch(0.74, 0.15, 178), lch(0.62, 0.20, 308))
_STAR_TINTS = (lch(0.98, 0.01, 250), lch(0.95, 0.05, 250), lch(0.96, 0.05, 85), lch(0.92, 0.07, 40))


def paint_gradient(canvas: Canvas, view: View, scene: Scene) -> None:
    """The sky's own colours, brighter around the light."""
    frame = view.frame(0.0)
    palette = scene.palette
    soft = frame.scaled(4)
    ys, xs = soft.ys()[:, None], soft.xs()[None, :]
    wander = fbm(
        scene.seed, "sky", (soft.left * 1.3, soft.top * 2.2), (soft.dx * 1.3, soft.dy * 2.2), _size(soft), octaves=3
    )
    height = ys / np.float32(scene.horizon) + wander * 0.05
    distance = _distance(scene, view, xs, ys)
    sky = gradient([(0.0, palette.zenith), (0.52, palette.middle), (1.0, palette.horizon), (1.6, palette.haze)], height)
    strength = {"sun": 1.0, "moon": 0.5, "hidden": 0.45 * scene.palette.level}[scene.light]
    near = np.exp(-distance / 0.10) * 0.45 + np.exp(-distance / 0.38) * 0.42
    near *= np.float32(strength * (0.75 if scene.time == "day" else 1.0))
    # Low light spreads along the horizon.
    low = np.exp(-np.abs(height - 1.0) / 0.16) * np.exp(-np.abs(xs - scene.light_at[0]) * view.squeeze / 0.75)
    share = np.clip(near + low * np.float32(0.30 * strength), 0.0, 0.9)
    sky += (palette.light[:, None, None] - sky) * share
    canvas.lab[...] = resize_planes(sky, (frame.width, frame.height))


def _size(frame: Frame) -> tuple[int, int]:
    return frame.width, frame.height


def _distance(scene: Scene, view: View, xs: Array, ys: Array) -> Array:
    across = (xs - np.float32(scene.light_at[0])) * np.float32(view.squeeze)
    result: Array = np.hypot(across, ys - np.float32(scene.light_at[1]))
    return result


def paint_light(canvas: Canvas, view: View, scene: Scene) -> None:
    """The sun or the moon."""
    if scene.light == "hidden":
        return
    frame = view.frame(0.0)
    big = scene.has("bigmoon") if scene.light == "moon" else 0.0
    asked = min(scene.has("moon" if scene.light == "moon" else "sun"), 2.0)
    radius = (0.034 + 0.016 * asked + 0.055 * min(big, 1.5)) if scene.light == "moon" else 0.020 + 0.022 * asked
    if scene.time == "sunset":
        radius *= 1.35
    radius *= min(1.0, view.squeeze + 0.15)
    found = disc(frame, *scene.light_at, radius)
    if found is None:
        return
    cover, top, left = found
    if scene.light == "sun":
        canvas.over(mix(scene.palette.light, lch(0.99, 0.03, 95), 0.5), cover * 0.96, top, left)
        canvas.shine(scene.palette.light, cover * np.float32(0.8), top, left)
        return
    face = _moon_face(scene, frame, cover, top, left, radius)
    crescent = scene.has("crescent") > 0 or (not big and not asked and generator(scene.seed, "moon").uniform() < 0.4)
    if crescent:
        offset = 0.55 * radius / frame.dy
        bite = disc(frame, scene.light_at[0] + offset * frame.dx, scene.light_at[1] - 0.25 * radius, radius * 0.98)
        if bite is not None:
            cover = cover * (1.0 - _aligned(bite, cover.shape, top, left))
    canvas.over(face, cover, top, left)
    canvas.shine(scene.palette.light, cover * np.float32(0.35), top, left)


def _paint_day_moon(canvas: Canvas, view: View, scene: Scene) -> None:
    """The pale moon of a day sky, away from the sun."""
    frame = view.frame(0.0)
    radius = (0.034 + 0.016 * min(scene.has("moon"), 2.0)) * min(1.0, view.squeeze + 0.15)
    found = disc(frame, scene.span - scene.light_at[0], scene.horizon * 0.30, radius)
    if found is not None:
        cover, top, left = found
        canvas.over(_moon_face(scene, frame, cover, top, left, radius), cover * np.float32(0.55), top, left)


def _aligned(part: tuple[Array, int, int], shape: tuple[int, ...], top: int, left: int) -> Array:
    """A coverage placed into another one's box."""
    cover, part_top, part_left = part
    result = np.zeros(shape, np.float32)
    y0, x0 = max(part_top, top), max(part_left, left)
    y1 = min(part_top + cover.shape[0], top + shape[0])
    x1 = min(part_left + cover.shape[1], left + shape[1])
    if y0 < y1 and x0 < x1:
        result[y0 - top : y1 - top, x0 - left : x1 - left] = cover[
            y0 - part_top : y1 - part_top, x0 - part_left : x1 - part_left
        ]
    return result


def _moon_face(scene: Scene, frame: Frame, cover: Array, top: int, left: int, radius: float) -> Array:
    height, width = cover.shape
    step = frame.dy / radius
    seas = fbm(scene.seed, "moon", (left * step, top * step), (step * 1.4, step * 1.4), (width, height), octaves=5)
    dark = smoothstep(0.0, 0.5, seas) * 0.13
    face = np.repeat(scene.palette.light[:, None, None], height, axis=1).repeat(width, axis=2)
    face[0] -= dark
    return face


def paint_stars(canvas: Canvas, view: View, scene: Scene, amount: float = 1.0) -> None:
    """Stars, few of them bright; they twinkle with the view's time."""
    frame = view.frame(0.0)
    rng = generator(scene.seed, "stars")
    count = int(min(9000, 520 * amount * max(1.0, scene.span + 1.0)))
    wide = (scene.span + 1.0) * rng.uniform(0.0, 1.0, count) - 0.5
    y = rng.uniform(-0.15, 1.15, count) ** 1.0
    magnitude = 0.16 + 0.84 * rng.uniform(0.0, 1.0, count) ** 5
    tint = rng.choice(len(_STAR_TINTS), count, p=(0.55, 0.2, 0.17, 0.08))
    phase, speed = rng.uniform(0.0, 2 * math.pi, count), rng.uniform(1.2, 4.5, count)
    twinkle = 1.0 + 0.45 * np.sin(phase + speed * view.time)
    fade = np.clip((scene.horizon * 1.0 - y) / (scene.horizon * 0.55), 0.0, 1.0) if scene.realm == "land" else 1.0
    strength = magnitude * twinkle * fade
    px, py = (wide - frame.left) / frame.dx, (y - frame.top) / frame.dy
    width = max(0.55, 0.00115 * (frame.width * frame.height) ** 0.5)
    for index, colour in enumerate(_STAR_TINTS):
        mine = tint == index
        light = splat(frame.width, frame.height, px[mine], py[mine], strength[mine], width)
        canvas.over(colour, np.minimum(light, 1.0))
    bright = magnitude > 0.72
    halo = splat(frame.width, frame.height, px[bright], py[bright], strength[bright], width * 1.4)
    canvas.shine(_STAR_TINTS[1], halo * np.float32(0.7))


def splat(width: int, height: int, px: Array, py: Array, strength: Array, sigma: float) -> Array:
    """Soft points at pixel positions: their light, 1 in the middle of a point of strength 1."""
    plane = np.zeros((height, width), np.float32)
    reach = max(1, math.ceil(sigma * 2.2))
    for oy in range(-reach, reach + 1):
        for ox in range(-reach, reach + 1):
            ix, iy = np.floor(px).astype(np.int64) + ox, np.floor(py).astype(np.int64) + oy
            distance = (ix + 0.5 - px) ** 2 + (iy + 0.5 - py) ** 2
            value = strength * np.exp(-distance / (2 * sigma * sigma))
            inside = (ix >= 0) & (ix < width) & (iy >= 0) & (iy < height) & (value > 0.004)
            np.add.at(plane, (iy[inside], ix[inside]), value[inside].astype(np.float32))
    return plane


def paint_galaxy(canvas: Canvas, view: View, scene: Scene, amount: float = 1.0) -> None:
    """A band of star clouds across the sky, with dark lanes."""
    frame = view.frame(0.0)
    soft = frame.scaled(2)
    xs, ys = soft.xs()[None, :], soft.ys()[:, None]
    rng = generator(scene.seed, "galaxy")
    slope, offset = float(rng.choice((-1.0, 1.0))) * float(rng.uniform(0.45, 0.9)), float(rng.uniform(0.28, 0.42))
    centre_x = scene.span / 2
    warp = fbm(
        scene.seed,
        "galaxy warp",
        (soft.left * 1.7, soft.top * 1.7),
        (soft.dx * 1.7, soft.dy * 1.7),
        _size(soft),
        octaves=4,
    )
    across = (ys - offset - (xs - centre_x) * np.float32(slope * view.squeeze)) / math.hypot(1.0, slope)
    across = across + warp * 0.07
    cloud = fbm(
        scene.seed,
        "galaxy",
        (soft.left * 4, soft.top * 4),
        (soft.dx * 4, soft.dy * 4),
        _size(soft),
        octaves=6,
        gain=0.6,
    )
    lanes = smoothstep(
        0.05,
        0.65,
        fbm(scene.seed, "lanes", (soft.left * 3, soft.top * 5), (soft.dx * 3, soft.dy * 5), _size(soft), octaves=5),
    )
    band = np.exp(-((across / 0.13) ** 2)) * (0.62 + 0.5 * cloud)
    core = np.exp(-((across / 0.05) ** 2))
    band = np.clip(band * (1.0 - 0.75 * lanes * core) * np.float32(amount), 0.0, 1.0)
    if scene.realm == "land":
        band = band * smoothstep(0.0, 0.35, scene.horizon - ys)
    palette = scene.palette
    base = gradient(
        [
            (0.0, shade(palette.middle, 0.05, 1.35)),
            (0.55, shade(palette.horizon, 0.16, 1.4)),
            (1.0, mix(palette.light, palette.accent, 0.18)),
        ],
        band,
    )
    size = (frame.width, frame.height)
    canvas.over(resize_planes(base, size), resize(np.clip(band * 0.95, 0.0, 0.85), size))


def _richest_place(scene: Scene) -> tuple[float, float]:
    """Where in the nebula's texture a picture finds both bright clouds and dark gaps, whatever its size in pixels."""
    tile = texture(scene.seed, "nebula", 256, cells=4, octaves=7, gain=0.55)
    rng = generator(scene.seed, "nebula place")
    best, place = -9.0, (0.0, 0.0)
    grid = np.linspace(0.0, 0.42, 12, dtype=np.float32)
    for _ in range(12):
        x, y = float(rng.uniform()), float(rng.uniform())
        seen = sample(tile, grid[None, :] * np.float32(scene.span) + np.float32(x), grid[:, None] + np.float32(y))
        rich = float(seen.std()) - 1.5 * abs(float(seen.mean()) - 0.12)
        if rich > best:
            best, place = rich, (x, y)
    return place


def paint_nebula(canvas: Canvas, view: View, scene: Scene) -> None:
    """Glowing clouds of three colours that fill the picture."""
    frame = view.frame(0.08)
    soft = frame.scaled(2)
    size, palette = _size(soft), scene.palette

    def noise(name: str, scale: float, octaves: int = 5, gain: float = 0.52, **options: bool) -> Array:
        origin = (soft.left * scale * view.squeeze + view.time * 0.01, soft.top * scale)
        step = (soft.dx * scale * view.squeeze, soft.dy * scale)
        return fbm(scene.seed, name, origin, step, size, octaves=octaves, gain=gain, **options)

    warp_x, warp_y = noise("nebula x", 1.6), noise("nebula y", 1.6)
    xs, ys = soft.xs()[None, :] * np.float32(view.squeeze), soft.ys()[:, None]
    tile = texture(scene.seed, "nebula", view.texture_side, cells=4, octaves=7, gain=0.55)
    place_x, place_y = _richest_place(scene)
    u, v = xs * 0.42 + warp_x * 0.16 + place_x, ys * 0.42 + warp_y * 0.16 + place_y
    clouds, wisps = sample(tile, u, v), sample(tile, u * 1.7 + 0.37 + warp_y * 0.1, v * 1.7 + 0.61)
    glow = smoothstep(-0.70, 0.75, clouds + 0.30 * noise("nebula wide", 0.8, 2))
    filaments = np.clip(1.0 - np.abs(wisps) * 2.6, 0.0, 1.0) ** 2 * glow
    dust = smoothstep(0.1, 0.8, noise("nebula dust", 2.4, 6)) * 0.6
    hot = smoothstep(0.35, 1.0, clouds + 0.3 * wisps)
    first = gradient(
        [
            (0.0, palette.near),
            (0.35, palette.zenith),
            (0.7, shade(palette.middle, 0.1, 1.6)),
            (1.0, shade(palette.horizon, 0.2, 1.5)),
        ],
        glow * (1.0 - dust * 0.7),
    )
    canvas.lab[...] = resize_planes(first, (frame.width, frame.height))
    full = (frame.width, frame.height)
    side = smoothstep(-0.3, 0.7, noise("nebula hue", 1.1, 3))
    canvas.over(palette.accent, resize(np.clip(side * glow * 0.55 + filaments * 0.25, 0.0, 0.8), full))
    canvas.over(palette.second, resize(np.clip((1.0 - side) * filaments * 0.7, 0.0, 0.75), full))
    canvas.over(mix(palette.light, palette.horizon, 0.3), resize(np.clip(hot * (1.0 - dust) * 0.75, 0.0, 0.9), full))
    canvas.shine(shade(palette.horizon, 0.1, 1.3), resize(hot * 0.25, full))


def paint_aurora(canvas: Canvas, view: View, scene: Scene, amount: float = 1.0) -> None:
    """Curtains of light."""
    frame = view.frame(0.0)
    soft = frame.scaled(2)
    xs, ys = soft.xs(), soft.ys()[:, None]
    rng = generator(scene.seed, "aurora")
    colours = _AURORA
    if scene.wish.colours:
        colours = (shade(scene.palette.second, 0.05), scene.palette.accent, shade(scene.palette.middle, 0.15, 1.5))
    full = (frame.width, frame.height)
    for curtain in range(3):
        base = scene.horizon * float(rng.uniform(0.42, 0.78)) - 0.06 * curtain
        scale, push = float(rng.uniform(0.8, 1.5)), float(rng.uniform(0.0, 90.0))
        drift = view.time * 0.035 * (1 + curtain)
        line = np.float32(base) + 0.13 * profile(
            scene.seed, f"aurora{curtain}", xs * np.float32(scale) + np.float32(push + drift), octaves=3
        )
        fold = 0.5 + 0.5 * profile(
            scene.seed, f"aurora fold{curtain}", xs * 2.3 + np.float32(push - drift * 2), octaves=3
        )
        tall = 0.16 + 0.30 * np.clip(fold, 0.0, 1.0)
        above = np.maximum(line[None, :] - ys, -0.06)
        rays = fbm(
            scene.seed,
            f"rays{curtain}",
            (soft.left * 26 + push + drift * 9, soft.top * 0.7),
            (soft.dx * 26, soft.dy * 0.7),
            _size(soft),
            octaves=3,
        )
        intensity = np.where(above > 0, np.exp(-above / tall[None, :]), np.exp(above / 0.016))
        intensity *= (0.62 + 0.5 * rays) * np.clip(fold + 0.25, 0.0, 1.1)[None, :]
        intensity = np.clip(intensity * np.float32(0.85 * amount * (1.0 - 0.22 * curtain)), 0.0, 0.9)
        colour = gradient([(0.0, colours[0]), (0.14, colours[1]), (0.42, colours[2])], np.clip(above, 0.0, 0.42))
        cover = resize(intensity, full)
        canvas.over(resize_planes(colour, full), cover)
        canvas.shine(colours[0], cover * np.float32(0.10))


def paint_clouds(canvas: Canvas, view: View, scene: Scene) -> None:
    """Clouds in perspective, lit from the side of the light."""
    cover = _coverage(scene)
    if cover <= 0.02:
        return
    frame = view.frame(0.04)
    soft = frame.band(0, max(4, frame.row(scene.horizon + 0.12)))
    full = _size(soft)
    soft = soft.scaled(2)
    palette = scene.palette
    height = soft.ys()[:, None] / np.float32(scene.horizon)
    depth = 1.0 / np.maximum(1.22 - height, 0.14)
    storm = min(1.0, scene.weather.get("storm", 0.0))
    xs = (soft.xs()[None, :] - np.float32(scene.span / 2)) * np.float32(view.squeeze)
    u = xs * depth * 0.34 + np.float32(view.time * 0.006)
    v = depth * 0.36 + np.float32(view.time * 0.002)
    tile = texture(scene.seed, "clouds", view.texture_side, cells=8, octaves=6, gain=0.47)
    density = sample(tile, u, v)
    rng = generator(scene.seed, "clouds")
    where = np.float32(rng.uniform(0, 9))
    patches = sample(tile, u * 0.23 + where, v * 0.31 + where)
    dx = np.tanh((np.float32(scene.light_at[0]) - soft.xs()) * 3.0)[None, :] * np.float32(0.010)
    lit = density - sample(tile, u + dx, v + 0.014)
    density = density + patches * 0.75 + np.float32((cover - 0.5) * 2.1)
    alpha = smoothstep(0.0, 0.75 - 0.25 * storm, density) * smoothstep(1.12, 0.98, height)
    alpha *= np.float32(0.92 if cover > 0.4 else 0.8)
    light = np.clip(0.66 + lit * 1.25 - np.clip(density - 0.40, 0.0, 1.0) * 0.40, 0.0, 1.0)
    distance = _distance(scene, view, soft.xs()[None, :], soft.ys()[:, None])
    if scene.light != "hidden":
        alpha = alpha * (1.0 - 0.75 * np.exp(-((distance / 0.07) ** 2)))
    light = np.clip(light + np.exp(-distance / 0.22) * 0.35 * (1.0 - alpha * 0.6), 0.0, 1.0)
    dark = shade(palette.cloud_shade, -0.12 * storm, 1.15)
    colour = gradient([(0.0, dark), (0.5, blend(dark, palette.cloud_lit, 0.55)), (1.0, palette.cloud_lit)], light)
    # Far clouds take the colour of the air.
    far = smoothstep(0.55, 1.05, height) * 0.7
    colour += (mix(palette.horizon, palette.haze, 0.4)[:, None, None] - colour) * far
    canvas.over(resize_planes(colour, full), resize(alpha, full))


def _coverage(scene: Scene) -> float:
    if scene.wish.rejects("weather:clouds"):
        return 0.0
    weather = scene.weather
    asked = max(
        0.52 * min(weather.get("clouds", 0.0), 1.6),
        0.85 * min(weather.get("storm", 0.0), 1.1),
        0.75 * min(weather.get("rain", 0.0), 1.0),
        0.55 * min(weather.get("snow", 0.0), 1.0),
    )
    if asked:
        return min(asked, 0.95)
    if "clear" in weather or "aurora" in weather or scene.has("galaxy") or scene.has("stars"):
        return 0.0
    return 0.2 + 0.3 * float(generator(scene.seed, "coverage").uniform())


def paint_rainbow(canvas: Canvas, view: View, scene: Scene) -> None:
    """An arc opposite to the light."""
    frame = view.frame(0.0)
    soft = frame.scaled(2)
    side = scene.span * (0.68 if scene.light_at[0] < scene.span / 2 else 0.32)
    xs, ys = soft.xs()[None, :], soft.ys()[:, None]
    radius = np.hypot((xs - np.float32(side)) * np.float32(view.squeeze), ys - np.float32(scene.horizon + 0.1))
    place = (radius - 0.46) / 0.055
    colours = [(i / 5, lch(0.80, 0.15, hue)) for i, hue in enumerate((300, 255, 160, 108, 60, 25))]
    alpha = smoothstep(0.0, 0.3, place) * smoothstep(1.0, 0.7, place) * 0.42
    alpha *= smoothstep(scene.horizon + 0.1, scene.horizon - 0.15, ys)
    full = (frame.width, frame.height)
    canvas.over(resize_planes(gradient(colours, np.clip(place, 0.0, 1.0)), full), resize(alpha, full))


def paint_comet(canvas: Canvas, view: View, scene: Scene) -> None:
    """One shooting star with its tail."""
    frame = view.frame(0.0)
    rng = generator(scene.seed, "comet")
    x, y = scene.span * float(rng.uniform(0.25, 0.75)), scene.horizon * float(rng.uniform(0.15, 0.4))
    angle = math.radians(float(rng.uniform(18, 38))) * float(rng.choice((-1, 1)))
    length = 0.36
    xs = (frame.xs()[None, :] - np.float32(x)) * np.float32(view.squeeze)
    ys = frame.ys()[:, None] - np.float32(y)
    along = xs * math.cos(angle) + ys * math.sin(angle) * -1.0
    aside = xs * math.sin(angle) + ys * math.cos(angle)
    t = along / length
    width = 0.002 + 0.010 * np.clip(t, 0.0, 1.0)
    tail = np.exp(-((aside / width) ** 2)) * np.clip(1.0 - t, 0.0, 1.0) ** 2 * smoothstep(-0.01, 0.01, t)
    tail = tail.astype(np.float32)
    canvas.over(scene.palette.light, np.clip(tail * 0.95, 0.0, 1.0))
    canvas.shine(scene.palette.light, tail * 0.6)


def paint_planet(
    canvas: Canvas, view: View, scene: Scene, x: float, y: float, radius: float, *, ringed: bool, name: str
) -> None:
    """A globe with bands or seas, lit from the light's side, perhaps with rings."""
    frame = view.frame(0.12)
    found = disc(frame, x, y, radius)
    if found is None:
        return
    cover, top, left = found
    height, width = cover.shape
    palette = scene.palette
    gx = ((np.arange(width) + left + 0.5 - frame.px(x)) * frame.dy / radius).astype(np.float32)[None, :]
    gy = ((np.arange(height) + top + 0.5 - frame.py(y)) * frame.dy / radius).astype(np.float32)[:, None]
    gz = np.sqrt(np.clip(1.0 - gx * gx - gy * gy, 0.0, 1.0))
    tile = texture(scene.seed, f"planet {name}", view.texture_side, cells=8, octaves=6, gain=0.55)
    tilt = 0.35
    across, along = gx * math.cos(tilt) + gy * math.sin(tilt), gy * math.cos(tilt) - gx * math.sin(tilt)
    turn = np.arctan2(across, gz + 0.25) * 0.16 + np.float32(view.time * 0.004)
    swirl = sample(tile, turn, along * 0.35)
    bands = sample(tile, turn * 0.15 + 0.4, along * 0.9 + swirl * 0.03) * 0.8 + swirl * 0.4
    colour = gradient(
        [
            (-1.0, shade(palette.accent, -0.22)),
            (-0.2, palette.accent),
            (0.3, mix(palette.accent, palette.second, 0.6)),
            (1.0, shade(palette.second, 0.14, 0.7)),
        ],
        np.clip(bands, -1.0, 1.0),
    )
    lx, ly = (scene.light_at[0] - x), scene.light_at[1] - y
    norm = math.hypot(lx, ly) or 1.0
    lit = np.clip(0.82 * (gx * lx / norm + gy * ly / norm) + 0.5 * gz + 0.04, 0.0, 1.0)
    night = palette.near[:, None, None] * np.array((1.0, 1.0, 1.0), np.float32)[:, None, None]
    colour = night + (colour - night) * (0.06 + 0.94 * lit**0.8)
    rim = np.clip(1.0 - gz, 0.0, 1.0) ** 3 * lit
    colour += (palette.light[:, None, None] - colour) * rim * 0.5
    if ringed:
        _rings(canvas, frame, scene, x, y, radius, back=True)
    canvas.over(colour, cover, top, left)
    canvas.shine(palette.accent, cover * lit * np.float32(0.10), top, left)
    if ringed:
        _rings(canvas, frame, scene, x, y, radius, back=False)


def _rings(canvas: Canvas, frame: Frame, scene: Scene, x: float, y: float, radius: float, *, back: bool) -> None:
    reach = radius * 2.3
    top, bottom = max(0, int(frame.py(y - reach))), min(frame.height, int(frame.py(y + reach)))
    left, right = max(0, int(frame.px(x) - reach / frame.dy)), min(frame.width, int(frame.px(x) + reach / frame.dy))
    if top >= bottom or left >= right:
        return
    gx = ((np.arange(left, right) + 0.5 - frame.px(x)) * frame.dy / radius).astype(np.float32)[None, :]
    gy = ((np.arange(top, bottom) + 0.5 - frame.py(y)) * frame.dy / radius).astype(np.float32)[:, None]
    tilt = -0.32
    u, v = gx * math.cos(tilt) - gy * math.sin(tilt), (gx * math.sin(tilt) + gy * math.cos(tilt)) / 0.26
    r = np.hypot(u, v)
    grooves = profile(scene.seed, "rings", (r * 14).astype(np.float32).ravel(), octaves=4).reshape(r.shape)
    alpha = smoothstep(1.32, 1.40, r) * smoothstep(2.15, 2.0, r) * np.clip(0.55 + 0.5 * grooves, 0.05, 0.9)
    alpha *= smoothstep(0.02, -0.02, v) if back else smoothstep(-0.02, 0.02, v)
    canvas.over(mix(scene.palette.second, scene.palette.light, 0.5), alpha.astype(np.float32), top, left)


def paint_fireworks(canvas: Canvas, view: View, scene: Scene) -> None:
    """Bursts of sparks that fall a little."""
    frame = view.frame(0.05)
    rng = generator(scene.seed, "fireworks")
    palette = scene.palette
    hues = (palette.accent, palette.second, shade(palette.light, 0.0, 1.5), lch(0.75, 0.2, 10), lch(0.8, 0.16, 195))
    for burst in range(5):
        x, y = scene.span * float(rng.uniform(0.12, 0.88)), scene.horizon * float(rng.uniform(0.16, 0.6))
        size, sparks = float(rng.uniform(0.09, 0.17)) * view.squeeze, int(rng.integers(46, 80))
        phase = float(rng.uniform(0.0, 1.0))
        age = 0.75 if view.time == 0.0 else 0.25 + (phase + view.time * 0.45) % 1.0 * 0.75
        angles, speeds = rng.uniform(0, 2 * math.pi, sparks), rng.uniform(0.55, 1.0, sparks)
        steps = np.linspace(0.35, 1.0, 26)[:, None]
        px = frame.px(x) + np.cos(angles) * speeds * steps * size * age / frame.dy
        py = frame.py(y) + (np.sin(angles) * speeds * steps * age + 0.35 * (steps * age) ** 2) * size / frame.dy
        strength = (steps**2.5 * (1.15 - age * 0.6)) * np.ones_like(px)
        sigma = max(0.6, 0.0013 / frame.dy)
        light = splat(frame.width, frame.height, px.ravel(), py.ravel(), strength.ravel() * 0.6, sigma)
        canvas.over(mix(hues[burst % len(hues)], palette.light, 0.3), np.clip(light, 0.0, 1.0))
        canvas.shine(hues[burst % len(hues)], np.clip(light, 0.0, 1.5) * 0.8)


def paint_sky(canvas: Canvas, view: View, scene: Scene) -> None:
    """Everything above the horizon, the clouds excepted."""
    paint_gradient(canvas, view, scene)
    if scene.has("galaxy"):
        paint_galaxy(canvas, view, scene, min(1.4, 0.6 + 0.4 * scene.has("galaxy")))
    covered = scene.weather.get("storm", 0.0) + scene.weather.get("rain", 0.0) + scene.weather.get("fog", 0.0) > 0.5
    if at_night(scene) and not covered and not scene.wish.rejects("subject:stars"):
        amount = min(1.0, max(0.0, (0.52 - scene.palette.level) / 0.2))
        paint_stars(canvas, view, scene, amount * (1.0 + min(1.5, scene.has("stars") + 0.7 * scene.has("galaxy"))))
    if scene.weather.get("aurora"):
        paint_aurora(canvas, view, scene, min(1.4, scene.weather["aurora"]))
    paint_light(canvas, view, scene)
    if scene.has("planet"):
        spread = generator(scene.seed, "planet").uniform(0.0, 1.0, 3)
        x = scene.span - scene.light_at[0] + 0.1 * (float(spread[0]) - 0.5)
        size = (0.09 + 0.05 * float(spread[1])) * min(1.6, scene.has("planet")) * view.squeeze
        paint_planet(canvas, view, scene, x, scene.horizon * 0.36, size, ringed=spread[2] < 0.6, name="sky")
    if scene.has("moon") and scene.light == "sun":
        _paint_day_moon(canvas, view, scene)
    if scene.has("comet"):
        paint_comet(canvas, view, scene)
