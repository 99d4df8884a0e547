"""Pictures that are no landscape: space, the deep, pure form, and a portrait."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from cozygen.engines.embedded.painter import beings, landscape, sky, things
from cozygen.engines.embedded.painter.canvas import Canvas, View, gradient
from cozygen.engines.embedded.painter.color import Array, blend, chroma_of, hue_of, lch, mix, shade, turn
from cozygen.engines.embedded.painter.land import Ridge, crest_of, paint_ridge
from cozygen.engines.embedded.painter.landscape import Layer
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
from cozygen.engines.embedded.painter.pen import Pen, Point, oval, ribbon, spline
from cozygen.engines.embedded.painter.scene import Scene


def layers(scene: Scene) -> list[Layer]:
    """The steps of painting a scene of any realm."""
    match scene.realm:
        case "space":
            return list(_space(scene))
        case "underwater":
            return list(_deep(scene))
        case "abstract":
            return list(_form(scene))
        case "portrait":
            return list(_portrait(scene))
        case _:
            return landscape.layers(scene)


# Space


def _space(scene: Scene) -> Iterator[Layer]:
    yield lambda canvas, view: sky.paint_nebula(canvas, view, scene)
    yield lambda canvas, view: sky.paint_stars(canvas, view, scene, 2.2 + min(2.0, scene.has("stars")))
    rng = generator(scene.seed, "worlds")
    planets = scene.has("planet")
    alone = planets == 0 and float(rng.uniform()) < 0.35
    if planets or not alone:
        left = scene.light_at[0] > scene.span / 2
        x = scene.span * (0.33 if left else 0.67)
        size = (0.20 + 0.06 * min(2.0, planets)) * min(1.0, scene.span) if planets else 0.10 * min(1.0, scene.span)
        ringed = planets > 0 and float(rng.uniform()) < 0.85
        y = 0.52 + 0.10 * float(rng.uniform(-1, 1))
        yield lambda canvas, view: sky.paint_planet(canvas, view, scene, x, y, size, ringed=ringed, name="large")
        moon_x, moon_y = scene.span - x * 0.95, 0.30 + 0.2 * float(rng.uniform(-1, 1))
        yield lambda canvas, view: sky.paint_planet(
            canvas, view, scene, moon_x, moon_y, size * 0.24, ringed=False, name="small"
        )
    if scene.has("comet"):
        yield lambda canvas, view: sky.paint_comet(canvas, view, scene)
    if scene.has("whale"):
        at = (scene.span * 0.5, 0.5)
        yield lambda canvas, view: beings.whale(canvas, view, scene, at, 0.20, 0.6, flip=scene.light_at[0] < at[0])
    if scene.has("crystal"):
        yield lambda canvas, view: things.crystals(canvas, view, scene, (scene.span * 0.5, 0.99), 0.4, 0.97)


# Under water


def _deep(scene: Scene) -> Iterator[Layer]:
    yield lambda canvas, view: _water_column(canvas, view, scene)
    for number, depth in enumerate((0.15, 0.32)):
        ridge = Ridge(f"reef {number}", "hill", depth, 0.86 + 0.06 * number, 0.16, 1.9, 1.0, 0.9)
        yield _reef_layer(scene, ridge)
    if scene.has("whale"):
        at = (scene.span * 0.5, 0.44)
        size = 0.20 * min(1.5, 0.75 + 0.3 * scene.has("whale")) * min(1.0, scene.span)
        yield lambda canvas, view: beings.whale(canvas, view, scene, at, size, 0.55, flip=scene.light_at[0] < at[0])
    quiet = scene.has("jellyfish") or scene.has("whale")
    if (scene.has("fish") or not quiet) and not scene.wish.rejects("subject:fish"):
        yield lambda canvas, view: beings.fish(canvas, view, scene, large=scene.has("fish") > 0 and not quiet)
    if scene.has("jellyfish"):
        yield lambda canvas, view: _jellyfish(canvas, view, scene)
    near = Ridge("reef near", "hill", 0.9, 1.0, 0.15, 1.2, 1.2, 0.1)
    yield lambda canvas, view: _corals(canvas, view, scene, near)
    yield lambda canvas, view: _reef(canvas, view, scene, near)
    yield lambda canvas, view: _bubbles(canvas, view, scene)


def _reef_layer(scene: Scene, ridge: Ridge) -> Layer:
    return lambda canvas, view: _reef(canvas, view, scene, ridge)


def _sea_tones(scene: Scene) -> tuple[Array, Array, Array]:
    """The water's colour above, in the middle and below."""
    palette = scene.palette
    if scene.wish.colours:
        return shade(palette.middle, 0.18, 1.0), palette.zenith, shade(palette.near, 0.02, 1.3)
    hue = 222.0 + 26.0 * scene.wish.shift[0] + float(generator(scene.seed, "sea").uniform(-22, 18))
    dim = 0.55 + 0.45 * palette.level
    chroma = max(0.0, 1.0 + scene.wish.feel("chroma"))
    return (
        lch(0.84 * dim + 0.05, 0.10 * chroma, hue - 18),
        lch(0.52 * dim, 0.12 * chroma, hue),
        lch(0.22 * dim, 0.085 * chroma, hue + 20),
    )


def _water_column(canvas: Canvas, view: View, scene: Scene) -> None:
    frame = view.frame(0.0)
    soft = frame.scaled(3)
    xs, ys = soft.xs()[None, :], soft.ys()[:, None]
    top, middle, low = _sea_tones(scene)
    wander = fbm(scene.seed, "deep", (soft.left, soft.top), (soft.dx, soft.dy), (soft.width, soft.height), octaves=3)
    colour = gradient([(0.0, top), (0.35, middle), (1.0, low)], np.clip(ys + wander * 0.06, 0.0, 1.0))
    # Shafts of light, widening downwards.
    source = np.float32(scene.light_at[0])
    along = (xs - source) / (ys + 0.35)
    shafts = profile(scene.seed, "shafts", (along * 3.2 + np.float32(view.time * 0.05)).ravel(), octaves=4).reshape(
        along.shape
    )
    light = smoothstep(-0.1, 0.9, shafts) * np.exp(-ys / 0.42) * np.exp(-((along / 1.1) ** 2)) * 0.62
    glare = np.exp(-np.hypot((xs - source) * view.squeeze, (ys + 0.06) * 1.3) / 0.22) * 0.75
    bright = mix(top, scene.palette.light, 0.6)
    colour += (bright[:, None, None] - colour) * np.clip(light + glare, 0.0, 0.92)
    full = (frame.width, frame.height)
    canvas.lab[...] = resize_planes(colour, full)
    tile = texture(scene.seed, "caustics", view.texture_side, cells=8, octaves=3, gain=0.5)
    u, v = frame.xs()[None, :] * np.float32(0.7), frame.ys()[:, None] * np.float32(1.4)
    t = np.float32(view.time * 0.02)
    net = 1.0 - np.abs(sample(tile, u + t, v + t) + 0.4 * sample(tile, u * 1.7 - t, v * 1.7)) * 3.2
    cover = np.clip(net, 0.0, 1.0) ** 2 * np.exp(-frame.ys()[:, None] / 0.16) * 0.45
    canvas.over(bright, cover.astype(np.float32))


def _reef(canvas: Canvas, view: View, scene: Scene, ridge: Ridge) -> None:
    frame = view.frame(ridge.depth)
    crest = crest_of(scene, ridge, frame.xs())
    first = frame.row(float(crest.min()) - 0.01)
    if first >= frame.height:
        return
    band = frame.band(first, frame.height)
    below = band.ys()[:, None] - crest[None, :]
    cover = np.clip(below / np.float32(frame.dy) + 0.5, 0.0, 1.0)
    _, middle, low = _sea_tones(scene)
    rough = fbm(
        scene.seed,
        ridge.name,
        (band.left * 12, band.top * 12),
        (band.dx * 12, band.dy * 12),
        (band.width, band.height),
        octaves=5,
    )
    near = mix(low, scene.palette.near, 0.3 + 0.5 * ridge.depth)
    far = mix(middle, near, 0.25 + 0.75 * ridge.depth)
    colour = far[:, None, None] + np.stack([rough * 0.035 - below * 0.25, rough * 0.0, rough * 0.0]).astype(np.float32)
    edge = np.exp(-below / 0.012) * 0.10
    colour[0] += edge
    canvas.over(colour.astype(np.float32), cover.astype(np.float32), first)


def _jellyfish(canvas: Canvas, view: View, scene: Scene) -> None:
    rng = generator(scene.seed, "swarm")
    left = scene.light_at[0] > scene.span / 2
    main = (scene.span * (0.40 if left else 0.60), 0.62)
    others = [
        (scene.span * float(rng.uniform(0.05, 0.95)), float(rng.uniform(0.32, 0.80)), float(rng.uniform(0.08, 0.19)))
        for _ in range(round(3 + 3 * min(2.0, scene.has("jellyfish"))))
    ]
    for number, (x, y, size) in enumerate(sorted(others, key=lambda item: item[2])):
        beings.jellyfish(canvas, view, scene, (x, y), size * min(1.0, scene.span), 0.15 + 2.4 * size, number + 1)
    beings.jellyfish(canvas, view, scene, main, 0.40 * min(1.0, scene.span), 0.85, 0)


def _corals(canvas: Canvas, view: View, scene: Scene, ridge: Ridge) -> None:
    rng = generator(scene.seed, "corals")
    palette = scene.palette
    _, middle, low = _sea_tones(scene)
    hues = (palette.accent, palette.second, mix(palette.accent, palette.light, 0.3), middle)
    count = round(11 * max(0.6, scene.span / 1.5))
    for index in range(count):
        x = scene.span * (index + float(rng.uniform(0.1, 0.9))) / count
        foot = float(crest_of(scene, ridge, np.array([x], np.float32))[0]) + 0.03
        size = float(rng.uniform(0.12, 0.26))
        hue = mix(hues[int(rng.integers(4))], low, float(rng.uniform(0.25, 0.6)))
        pen = Pen(canvas, view, scene, ridge.depth, (x, foot), size, air=0.0)
        if rng.uniform() < 0.45:
            _weed(pen, hue, rng, view.time)
        else:
            _coral(pen, hue, rng)


def _weed(pen: Pen, hue: Array, rng: np.random.Generator, time: float) -> None:
    for blade in range(5):
        x, tall = 0.10 * (blade - 2), float(rng.uniform(0.8, 1.7))
        phase = float(rng.uniform(0, 6.28))
        line: list[Point] = [
            (x + 0.09 * k * 0.6 * math.sin(time * 1.2 + phase + k * 1.3), tall * k / 4 - 0.1) for k in range(5)
        ]
        pen.shape(
            ribbon(line, (0.05, 0.085, 0.08, 0.06, 0.01)),
            shade(hue, 0.02 * (blade % 3)),
            foot=shade(hue, -0.10),
            rim=0.3,
        )


def _coral(pen: Pen, hue: Array, rng: np.random.Generator) -> None:
    limbs: list[list[Point]] = []
    waiting = [((0.0, -0.1), math.pi / 2, 0.34, 0.11)]
    while waiting:
        (x, y), angle, length, width = waiting.pop()
        end = (x + math.cos(angle) * length, y + math.sin(angle) * length)
        limbs.append(ribbon([(x, y), end], (width, width * 0.75)))
        limbs.append(oval(end[0], end[1], width * 0.40, width * 0.40, 14))
        if length > 0.11:
            for turn_by in (float(rng.uniform(0.25, 0.7)), -float(rng.uniform(0.25, 0.7))):
                waiting.append((end, angle + turn_by, length * 0.72, width * 0.76))
    pen.shapes(limbs, hue, foot=shade(hue, -0.14), rim=0.5)


def _bubbles(canvas: Canvas, view: View, scene: Scene) -> None:
    rng = generator(scene.seed, "bubbles")
    for index in range(26):
        x = scene.span * float(rng.uniform()) + 0.008 * math.sin(view.time * 2 + index)
        y = 1.05 - (float(rng.uniform()) + view.time * 0.07) % 1.1
        size = 0.004 + 0.014 * float(rng.uniform()) ** 3
        pen = Pen(canvas, view, scene, 0.6, (x, y), size, air=0.0)
        pen.shape(oval(0.0, 0.0, 1.0, 1.0, 24), scene.palette.light, alpha=0.16)
        pen.shape(
            ribbon([(math.cos(a), math.sin(a)) for a in np.linspace(0.0, 6.0, 14)], (0.16, 0.16)),
            scene.palette.light,
            alpha=0.38,
        )
        pen.shape(oval(-0.4, 0.45, 0.22, 0.16, 12), scene.palette.light, alpha=0.8)


# Pure form


def _form(scene: Scene) -> Iterator[Layer]:
    if scene.has("geometric"):
        yield lambda canvas, view: _geometric_ground(canvas, view, scene)
        yield lambda canvas, view: _geometric(canvas, view, scene)
        return
    yield lambda canvas, view: _flow(canvas, view, scene)


def _harmony(scene: Scene) -> list[tuple[float, Array]]:
    """A ramp from dark to light through the palette's hues."""
    palette = scene.palette
    base = hue_of(palette.middle)
    lively = max(0.09, chroma_of(palette.middle)) * max(0.0, 1.0 + scene.wish.feel("chroma"))
    if scene.wish.colours:
        return [
            (0.0, shade(palette.near, 0.02, 1.2)),
            (0.24, palette.zenith),
            (0.44, palette.middle),
            (0.60, palette.accent),
            (0.80, mix(palette.horizon, palette.accent, 0.35)),
            (1.0, palette.light),
        ]
    return [
        (0.0, lch(0.22, 0.09 * min(1.0, lively * 9), base + 30)),
        (0.25, lch(0.44, 1.3 * lively, base + 12)),
        (0.48, lch(0.64, 1.35 * lively, base - 35)),
        (0.70, turn(lch(0.76, 1.15 * lively, base), -100.0)),
        (0.86, lch(0.88, 0.8 * lively, base - 140)),
        (1.0, lch(0.97, 0.25 * lively, base - 150)),
    ]


def _flow(canvas: Canvas, view: View, scene: Scene) -> None:
    """Folds of colour, like marbled paper or silk."""
    frame = view.frame(0.2)
    soft = frame.scaled(2)
    squeeze = np.float32(view.squeeze)
    xs, ys = soft.xs()[None, :] * squeeze, soft.ys()[:, None]
    rng = generator(scene.seed, "flow")
    calm = scene.wish.feel("calm")
    scale = (
        float(rng.uniform(0.65, 1.0)) * (0.7 if calm > 0 else 1.0) * (0.6 if scene.wish.feel("minimal") > 0 else 1.0)
    )
    time = np.float32(view.time * 0.03)

    def noise(name: str, u: Array, v: Array) -> Array:
        return sample(texture(scene.seed, name, view.texture_side, cells=4, octaves=3, gain=0.42), u, v)

    u, v = xs * np.float32(scale * 0.36), ys * np.float32(scale * 0.36)
    a, b = noise("a", u + time, v), noise("b", u + 0.31, v - time)
    c = noise("c", u + a * 0.30 + time * 0.5, v + b * 0.30)
    d = noise("d", u + b * 0.22 - c * 0.10, v + a * 0.22 + 0.7)
    e = noise("e", u * 0.8 + c * 0.34, v * 0.8 + d * 0.34)
    field = 0.5 + 0.42 * e + 0.14 * c
    bands = field * np.float32(2.0 + 1.5 * float(rng.uniform()))
    fold = bands - np.floor(bands)
    # Each fold rises softly and falls sharply, which reads as overlapping sheets.
    edge = np.maximum(np.abs(np.gradient(bands, axis=1)), np.abs(np.gradient(bands, axis=0))) + 1e-4
    step = np.clip((1.0 - fold) / (edge * 2.0), 0.0, 1.0)
    tone = np.clip(field * 0.72 + 0.30 * (fold - 0.5) * step + 0.05 * d, 0.0, 1.0)
    colour = gradient(_harmony(scene), tone)
    colour[0] -= (smoothstep(0.80, 1.0, fold) * step + (1.0 - step)) * 0.10 - 0.02
    sheen = np.clip(1.0 - np.abs(fold - 0.35) * 5.0, 0.0, 1.0) ** 2 * 0.10
    colour[0] += sheen
    canvas.lab[...] = resize_planes(np.ascontiguousarray(colour, dtype=np.float32), (frame.width, frame.height))
    glow = resize(smoothstep(0.78, 1.0, tone).astype(np.float32) * 0.18, (frame.width, frame.height))
    canvas.shine(_harmony(scene)[-1][1], glow)


def _geometric_ground(canvas: Canvas, view: View, scene: Scene) -> None:
    frame = view.frame(0.0)
    palette = scene.palette
    paper = (
        mix(lch(0.95, 0.02, 85), palette.light, 0.3) if palette.level > 0.5 else mix(palette.near, palette.zenith, 0.35)
    )
    grain = fbm(scene.seed, "paper", (0.0, 0.0), (frame.dx * 30, frame.dy * 30), (frame.width, frame.height), octaves=4)
    canvas.lab[...] = paper[:, None, None]
    canvas.lab[0] += grain * 0.008


def _geometric(canvas: Canvas, view: View, scene: Scene) -> None:
    """Discs, arcs, bars and triangles in balance."""
    rng = generator(scene.seed, "geometry")
    ramp = [colour for _, colour in _harmony(scene)]
    colours = [*ramp[1:5], scene.palette.accent, scene.palette.second]
    focus = (scene.span * float(rng.choice((0.38, 0.62))), float(rng.uniform(0.42, 0.56)))
    big = float(rng.uniform(0.24, 0.32)) * min(1.0, scene.span)
    for number in range(17):
        far = float(rng.uniform(0.0, 1.0))
        angle = float(rng.uniform(0, 6.28))
        depth = 0.15 + 0.75 * number / 17
        size = big * (1.0 if number == 2 else float(rng.uniform(0.12, 0.62)))
        x = focus[0] + math.cos(angle) * far * 0.52 * scene.span * (number != 2)
        y = focus[1] + math.sin(angle) * far * 0.40 * (number != 2)
        pen = Pen(
            canvas,
            view,
            scene,
            depth,
            (x, y),
            size,
            turn=float(rng.uniform(-0.9, 0.9)) + view.time * 0.06 * (-1) ** number,
            air=0.0,
        )
        colour = colours[int(rng.integers(len(colours)))]
        kind = 0 if number == 2 else int(rng.integers(0, 6))
        _figure(pen, kind, colour, colours[number % len(colours)], 0.90 if number % 3 else 0.72)


def _figure(pen: Pen, kind: int, colour: Array, other: Array, alpha: float) -> None:
    ink = shade(pen.scene.palette.near, 0.04)
    if kind == 0:
        pen.shape(oval(0, 0, 1.0, 1.0, 96), colour, foot=mix(colour, other, 0.5), alpha=alpha)
        pen.shape(oval(0, 0, 0.58, 0.58, 72), other, foot=mix(colour, other, 0.3), alpha=alpha * 0.85)
    elif kind == 1:
        arc = [(math.cos(a), math.sin(a)) for a in np.linspace(0.2, 3.6, 28)]
        pen.shape(ribbon(arc, (0.16, 0.16)), colour, alpha=alpha)
        pen.shape(ribbon([(x * 0.72, y * 0.72) for x, y in arc], (0.07, 0.07)), other, alpha=alpha)
    elif kind == 2:
        pen.shape([(-0.9, -0.6), (0.9, -0.6), (0.0, 1.0)], colour, foot=mix(colour, other, 0.45), alpha=alpha)
    elif kind == 3:
        for bar in range(5):
            y = 0.24 * (bar - 2)
            pen.shape(
                [(-1.1, y), (1.1, y), (1.1, y + 0.09), (-1.1, y + 0.09)], colour if bar % 2 else other, alpha=alpha
            )
    elif kind == 4:
        half = [(math.cos(a), math.sin(a)) for a in np.linspace(0.0, math.pi, 48)]
        pen.shape(half, colour, foot=mix(colour, other, 0.4), alpha=alpha)
    else:
        pen.shape(ribbon([(-1.6, -0.25), (1.6, 0.25)], (0.02, 0.02)), ink)
        for dot in range(5):
            pen.shape(
                oval(-1.0 + dot * 0.5, -0.156 + dot * 0.078, 0.05 + 0.022 * dot, 0.05 + 0.022 * dot, 24),
                ink if dot % 2 else colour,
            )


# A portrait


def _portrait(scene: Scene) -> Iterator[Layer]:
    yield lambda canvas, view: sky.paint_gradient(canvas, view, scene)
    yield lambda canvas, view: sky.paint_clouds(canvas, view, scene)
    yield lambda canvas, view: _halo(canvas, view, scene)
    ridge = Ridge("hills", "mountain", 0.10, 0.93, 0.30, 1.5, 1.0, 0.8)
    yield lambda canvas, view: paint_ridge(canvas, view, scene, ridge)
    yield lambda canvas, view: _bust(canvas, view, scene)


def _halo(canvas: Canvas, view: View, scene: Scene) -> None:
    pen = Pen(canvas, view, scene, 0.3, (scene.span * 0.5, 0.44), 0.34 * min(1.0, scene.span), air=0.0)
    disc_colour = mix(scene.palette.accent, scene.palette.light, 0.35)
    pen.shape(oval(0, 0, 1.0, 1.0, 96), mix(disc_colour, scene.palette.light, 0.3), foot=disc_colour, alpha=0.85)
    pen.glow(0.0, 0.0, 0.9, disc_colour, 0.25)


def _bust(canvas: Canvas, view: View, scene: Scene) -> None:
    """A head in profile with hair in the wind; the far hills show through the dress."""
    left = scene.light_at[0] > scene.span / 2
    sway = 0.012 * math.sin(view.time * 1.3)
    pen = Pen(
        canvas, view, scene, 0.9, (scene.span * 0.5, 1.02), 0.86 * min(1.0, scene.span * 1.05), flip=left, air=0.0
    )
    palette = scene.palette
    skin = mix(shade(palette.near, 0.14), mix(lch(0.70, 0.07, 55), palette.horizon, 0.4), 0.30 + 0.25 * palette.level)
    hair = mix(shade(palette.near, 0.02), palette.second if len(scene.wish.colours) > 1 else palette.near, 0.4)
    cloth = blend(mix(palette.zenith, palette.near, 0.45), palette.accent, 0.25)
    rng = generator(scene.seed, "hair")
    # Hair that flows away behind the head.
    for lock in range(26):
        start_y = 0.80 - 0.30 * lock / 25
        lift, reach = float(rng.uniform(-0.05, 0.10)), float(rng.uniform(0.30, 0.58))
        line = [
            (0.06, start_y + 0.03),
            (0.16 + 0.20 * reach, start_y + 0.02 + lift * 0.3),
            (0.18 + 0.55 * reach, start_y - 0.08 + lift + sway),
            (0.16 + 0.95 * reach, start_y - 0.12 + lift * 1.6 + sway * 3),
            (0.12 + 1.25 * reach, start_y - 0.24 + lift * 2.4 + sway * 5),
        ]
        pen.shape(
            ribbon(line, (0.09, 0.085, 0.06, 0.035, 0.004)),
            shade(hair, 0.035 * float(rng.uniform(-1, 1))),
            rim=0.25,
            alpha=0.96,
        )
    neck = [(-0.055, 0.52), (0.085, 0.55), (0.105, 0.36), (0.20, 0.26), (-0.16, 0.22), (-0.075, 0.34)]
    pen.shape(spline(neck), shade(skin, -0.05), foot=shade(skin, -0.10), rim=0.4)
    dress = [
        (-0.20, 0.255),
        (-0.06, 0.285),
        (0.05, 0.27),
        (0.18, 0.30),
        (0.34, 0.23),
        (0.43, 0.05),
        (0.46, -0.1),
        (-0.42, -0.1),
        (-0.37, 0.08),
        (-0.30, 0.20),
    ]
    pen.shape(spline(dress), cloth, foot=mix(cloth, palette.near, 0.6), rim=0.5)
    # The profile, from the crown over the face to the nape.
    face = [
        (0.02, 0.885),
        (-0.075, 0.868),
        (-0.142, 0.815),
        (-0.162, 0.755),
        (-0.160, 0.715),
        (-0.176, 0.680),
        (-0.200, 0.640),
        (-0.196, 0.626),
        (-0.172, 0.618),
        (-0.177, 0.600),
        (-0.168, 0.588),
        (-0.174, 0.572),
        (-0.158, 0.556),
        (-0.158, 0.532),
        (-0.128, 0.505),
        (-0.075, 0.515),
        (-0.02, 0.545),
        (0.09, 0.60),
        (0.14, 0.70),
        (0.12, 0.82),
    ]
    pen.shape(spline(face, parts=5), skin, foot=shade(skin, -0.04), rim=0.9)
    pen.shape(ribbon([(-0.150, 0.702), (-0.118, 0.694), (-0.096, 0.700)], (0.004, 0.010, 0.004)), shade(hair, -0.03))
    pen.shape(
        ribbon([(-0.155, 0.738), (-0.120, 0.748), (-0.085, 0.738)], (0.005, 0.012, 0.004)),
        shade(hair, -0.01),
        alpha=0.9,
    )
    pen.shape(
        spline([(-0.176, 0.602), (-0.150, 0.600), (-0.138, 0.592), (-0.150, 0.580), (-0.172, 0.578)]),
        mix(skin, lch(0.55, 0.16, 20), 0.45),
    )
    cap = [
        (-0.150, 0.800),
        (-0.110, 0.862),
        (-0.02, 0.915),
        (0.09, 0.900),
        (0.165, 0.80),
        (0.175, 0.66),
        (0.12, 0.55),
        (0.06, 0.57),
        (0.03, 0.66),
        (-0.02, 0.745),
        (-0.085, 0.80),
    ]
    pen.shape(spline(cap), hair, rim=0.55)
    for strand in range(12):
        t = strand / 11
        line = [
            (-0.13 + 0.10 * t, 0.82 + 0.05 * t),
            (0.02 + 0.06 * t, 0.86 - 0.02 * t),
            (0.13, 0.76 - 0.10 * t),
            (0.20 + 0.1 * t, 0.62 - 0.14 * t),
        ]
        pen.shape(
            ribbon(line, (0.002, 0.007, 0.006, 0.002)),
            mix(hair, palette.light, 0.22 + 0.2 * (strand % 3 == 0)),
            alpha=0.5,
        )
    pen.shape(oval(0.028, 0.625, 0.012, 0.020, 20), mix(palette.accent, palette.light, 0.5))
    pen.glow(0.028, 0.625, 0.02, palette.light, 0.3)
