"""Built and natural things: houses, towers, boats, balloons, single trees, crystals."""

from __future__ import annotations

import math

import numpy as np

from cozygen.engines.embedded.painter.canvas import Canvas, View
from cozygen.engines.embedded.painter.color import Array, lch, mix, shade
from cozygen.engines.embedded.painter.noise import generator
from cozygen.engines.embedded.painter.pen import Pen, Point, oval, ribbon, spline
from cozygen.engines.embedded.painter.scene import Scene, at_night

LAMP = lch(0.88, 0.13, 80)


def _lit(scene: Scene, colour: Array, share: float = 0.25) -> Array:
    """A thing's own colour in the light of the scene."""
    level = scene.palette.level
    dim = np.array((colour[0] * (0.30 + 0.70 * level), *(colour[1:] * (0.5 + 0.5 * level))), np.float32)
    return mix(dim, mix(scene.palette.haze, scene.palette.near, 0.4), share)


def _window(pen: Pen, scene: Scene, x: float, y: float, width: float, height: float) -> None:
    box = [(x - width / 2, y), (x + width / 2, y), (x + width / 2, y + height), (x - width / 2, y + height)]
    if scene.palette.level < 0.72:
        pen.shape(box, LAMP)
        pen.glow(x, y + height / 2, height * 1.1, lch(0.80, 0.14, 70), 0.9)
    else:
        pen.shape(box, mix(scene.palette.near, scene.palette.zenith, 0.35))


def boat(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float, *, flip: bool) -> None:
    """A sailing boat and its reflection."""
    sway = 0.035 * math.sin(view.time * 1.3 + at[0] * 7)
    pen = Pen(
        canvas, view, scene, depth, (at[0], at[1] + 0.004 * math.sin(view.time * 1.1)), size, flip=flip, turn=sway
    )
    palette = scene.palette
    hull = _lit(scene, lch(0.42, 0.10, 35) if not scene.wish.colours else shade(palette.accent, -0.15), 0.15)
    sail = mix(_lit(scene, lch(0.97, 0.02, 85), 0.12), palette.light, 0.35)
    pen.shape(ribbon([(0.0, 0.08), (0.0, 1.02)], (0.022, 0.012)), shade(palette.near, 0.05))
    main = [
        *spline([(0.025, 0.97), (0.24, 0.62), (0.43, 0.22)], closed=False),
        *spline([(0.43, 0.22), (0.22, 0.175), (0.025, 0.17)], closed=False),
    ]
    pen.shape(main, sail, foot=mix(sail, palette.haze, 0.25), rounded=0.06, rim=0.3)
    jib = [
        *spline([(-0.03, 0.90), (-0.22, 0.52), (-0.40, 0.19)], closed=False),
        *spline([(-0.40, 0.19), (-0.18, 0.20), (-0.03, 0.22)], closed=False),
    ]
    pen.shape(jib, mix(sail, palette.zenith, 0.18), foot=mix(sail, palette.haze, 0.4), rounded=0.05)
    body = spline(
        [
            (-0.47, 0.145),
            (-0.2, 0.11),
            (0.1, 0.105),
            (0.42, 0.13),
            (0.36, 0.03),
            (0.22, -0.012),
            (-0.2, -0.012),
            (-0.38, 0.03),
        ]
    )
    pen.shape(body, hull, foot=shade(hull, -0.1), rim=0.5)
    pen.shape(ribbon([(-0.44, 0.125), (0.0, 0.09), (0.40, 0.115)], (0.018, 0.018)), mix(sail, hull, 0.3))
    pen.reflect(0.62)


def house(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float, *, flip: bool) -> None:
    """A cabin with lit windows in the evening and smoke from its chimney."""
    pen = Pen(canvas, view, scene, depth, at, size, flip=flip)
    palette = scene.palette
    wall = _lit(scene, lch(0.50, 0.07, 50), 0.15)
    roof = _lit(scene, lch(0.34, 0.06, 30), 0.2)
    white = (scene.season == "winter" or bool(scene.weather.get("snow"))) and not scene.wish.rejects("weather:snow")
    if white:
        roof = mix(palette.snow, palette.haze, 0.1)
    smoke = mix(palette.haze, palette.cloud_lit, 0.5)
    for puff in range(9):
        t = (puff / 9 + view.time * 0.06) % 1.0
        x = 0.33 + 0.30 * t**1.4 + 0.03 * math.sin(7 * t + puff)
        pen.shape(
            oval(x, 0.86 + 0.75 * t, 0.03 + 0.10 * t, 0.03 + 0.08 * t),
            smoke,
            alpha=0.30 * (1 - t),
            soft=0.02 + 0.03 * t,
        )
    pen.shape([(0.27, 0.55), (0.38, 0.55), (0.38, 0.86), (0.27, 0.86)], shade(wall, -0.10), rim=0.2)
    pen.shape([(0.05, -0.05), (0.55, -0.05), (0.55, 0.43), (0.05, 0.43)], shade(wall, -0.06), foot=shade(wall, -0.13))
    pen.shape(
        [(-0.37, -0.05), (0.06, -0.05), (0.06, 0.44), (-0.155, 0.69), (-0.37, 0.44)],
        shade(wall, 0.05),
        foot=shade(wall, -0.03),
    )
    for beam in (0.1, 0.2, 0.3):
        pen.shape(ribbon([(-0.37, beam), (0.55, beam)], (0.012, 0.012)), shade(wall, -0.12), alpha=0.5)
    pen.shape([(-0.19, 0.725), (0.40, 0.725), (0.63, 0.40), (0.06, 0.40)], roof, foot=shade(roof, -0.07), rim=0.25)
    pen.shape(ribbon([(-0.44, 0.385), (-0.155, 0.72), (0.10, 0.385)], (0.06, 0.06, 0.06)), shade(roof, -0.04))
    _window(pen, scene, -0.155, 0.40, 0.10, 0.11)
    _window(pen, scene, -0.25, 0.14, 0.10, 0.14)
    _window(pen, scene, 0.19, 0.15, 0.11, 0.14)
    _window(pen, scene, 0.40, 0.15, 0.11, 0.14)
    pen.shape(
        [(-0.13, -0.04), (-0.01, -0.04), (-0.01, 0.25), (-0.13, 0.25)],
        shade(roof, -0.12) if not white else shade(wall, -0.2),
    )


def lighthouse(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float) -> None:
    """A striped tower; its lamp burns when the day is dim."""
    pen = Pen(canvas, view, scene, depth, at, size)
    palette = scene.palette
    white = mix(_lit(scene, lch(0.96, 0.01, 90), 0.1), palette.light, 0.2)
    stripe = _lit(scene, lch(0.52, 0.18, 27) if not scene.wish.colours else palette.accent, 0.12)

    def width(y: float) -> float:
        return 0.105 - 0.045 * y

    if scene.palette.level < 0.72:
        _beams(pen, view, scene)
    pen.shape(
        [(-0.105, -0.05), (0.105, -0.05), (width(0.76), 0.76), (-width(0.76), 0.76)],
        white,
        rounded=0.13,
        foot=shade(white, -0.06),
    )
    for low in (0.10, 0.36, 0.62):
        high = low + 0.13
        pen.shape(
            [(-width(low), low), (width(low), low), (width(high), high), (-width(high), high)], stripe, rounded=0.11
        )
    pen.shape([(-0.105, 0.755), (0.105, 0.755), (0.095, 0.79), (-0.095, 0.79)], shade(palette.near, 0.08))
    lamp = LAMP if scene.palette.level < 0.72 else mix(palette.light, palette.zenith, 0.4)
    pen.shape([(-0.052, 0.79), (0.052, 0.79), (0.052, 0.885), (-0.052, 0.885)], lamp)
    pen.shape([(-0.005, 0.79), (0.005, 0.79), (0.005, 0.885), (-0.005, 0.885)], palette.near)
    pen.shape(
        spline([(-0.07, 0.885), (-0.045, 0.935), (0.0, 0.975), (0.045, 0.935), (0.07, 0.885)]), stripe, rounded=0.1
    )
    pen.shape(ribbon([(0.0, 0.96), (0.0, 1.02)], (0.012, 0.006)), palette.near)
    for y in (0.27, 0.52):
        pen.shape([(-0.014, y), (0.014, y), (0.014, y + 0.045), (-0.014, y + 0.045)], shade(palette.near, 0.1))
    if scene.palette.level < 0.72:
        pen.glow(0.0, 0.84, 0.09, LAMP, 2.2, core=0.5)


def _beams(pen: Pen, view: View, scene: Scene) -> None:
    swing = math.sin(0.5 + view.time * 0.55)
    for side in (-1.0, 1.0):
        reach = 2.6 * (0.55 + 0.45 * abs(swing))
        tip = 0.84 + side * 0.22 * swing
        for spread, alpha in ((0.20, 0.07), (0.12, 0.09), (0.055, 0.12)):
            pen.shape(
                [(0.0, 0.845), (side * reach, tip + spread), (side * reach, tip - spread), (0.0, 0.835)],
                LAMP,
                alpha=alpha * (1.3 - scene.palette.level),
                soft=0.015,
            )


def castle(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float) -> None:
    """Towers of many heights with pointed roofs."""
    pen = Pen(canvas, view, scene, depth, at, size)
    rng = generator(scene.seed, "castle")
    palette = scene.palette
    stone = _lit(scene, lch(0.70, 0.025, 75), 0.25)
    roof = _lit(scene, lch(0.42, 0.10, 262) if not scene.wish.colours else shade(palette.accent, -0.1), 0.2)
    towers = [
        (0.0, 0.15, 0.62, True),
        (-0.20, 0.10, 0.50, True),
        (0.21, 0.11, 0.45, True),
        (-0.37, 0.085, 0.36, True),
        (0.39, 0.09, 0.32, True),
        (0.09, 0.075, 0.76, True),
        (-0.10, 0.06, 0.70, True),
        (-0.52, 0.10, 0.24, False),
        (0.55, 0.10, 0.22, False),
    ]
    order = sorted(range(len(towers)), key=lambda i: -towers[i][2])
    for i in order:
        x, width, tall, pointed = towers[i]
        tall *= float(rng.uniform(0.92, 1.08))
        tint = shade(stone, -0.05 + 0.09 * (1 - tall))
        half = width / 2
        pen.shape(
            [(x - half, -0.12), (x + half, -0.12), (x + half, tall), (x - half, tall)],
            tint,
            foot=shade(tint, -0.05),
            rounded=0.09,
            rim=0.15,
        )
        pen.shape(
            [
                (x - half * 1.2, tall - 0.025),
                (x + half * 1.2, tall - 0.025),
                (x + half * 1.2, tall + 0.02),
                (x - half * 1.2, tall + 0.02),
            ],
            shade(tint, 0.03),
            rounded=0.09,
        )
        if pointed:
            peak = tall + width * 1.9
            pen.shape(
                [
                    (x - half * 1.3, tall + 0.015),
                    (x - half * 0.45, tall + width * 0.75),
                    (x, peak),
                    (x + half * 0.45, tall + width * 0.75),
                    (x + half * 1.3, tall + 0.015),
                ],
                roof,
                rounded=0.10,
                rim=0.25,
            )
            flag = palette.accent
            pen.shape(ribbon([(x, peak - 0.01), (x, peak + 0.06)], (0.008, 0.006)), palette.near)
            wave = 0.012 * math.sin(view.time * 4 + x * 20)
            pen.shape([(x, peak + 0.06), (x + 0.05, peak + 0.045 + wave), (x, peak + 0.028)], flag)
        else:
            for tooth in range(4):
                tx = x - half * 1.1 + tooth * half * 0.68
                pen.shape(
                    [(tx, tall), (tx + half * 0.34, tall), (tx + half * 0.34, tall + 0.035), (tx, tall + 0.035)], tint
                )
        for y in np.arange(0.10, tall - 0.05, 0.13):
            if rng.uniform() < 0.6:
                _window(pen, scene, x + float(rng.uniform(-0.2, 0.2)) * half, float(y), 0.014, 0.034)
    pen.shape(
        [(-0.60, -0.14), (0.62, -0.14), (0.60, 0.12), (-0.58, 0.12)], shade(stone, -0.03), foot=shade(stone, -0.12)
    )
    for tooth in range(22):
        tx = -0.58 + tooth * 0.0545
        pen.shape([(tx, 0.115), (tx + 0.027, 0.115), (tx + 0.027, 0.145), (tx, 0.145)], shade(stone, -0.02))
    gate = [
        (-0.055, -0.12),
        (0.055, -0.12),
        (0.055, 0.02),
        *spline([(0.055, 0.02), (0.0, 0.075), (-0.055, 0.02)], closed=False),
    ]
    pen.shape(gate, mix(palette.near, LAMP, 0.35 if at_night(scene) else 0.0))


def pagoda(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float) -> None:
    """Five storeys of curved roofs."""
    pen = Pen(canvas, view, scene, depth, at, size)
    palette = scene.palette
    wall = _lit(scene, lch(0.52, 0.14, 32) if not scene.wish.colours else palette.accent, 0.15)
    roof = shade(_lit(scene, lch(0.34, 0.03, 250), 0.2), 0.0)
    white = (scene.season == "winter" or bool(scene.weather.get("snow"))) and not scene.wish.rejects("weather:snow")
    if white:
        roof = mix(palette.snow, palette.near, 0.15)
    for storey in range(5):
        y, half = 0.16 * storey, 0.20 - 0.028 * storey
        pen.shape(
            [(-half, y - 0.04), (half, y - 0.04), (half, y + 0.09), (-half, y + 0.09)],
            wall,
            foot=shade(wall, -0.06),
            rounded=0.06,
        )
        for x in (-0.5, 0.0, 0.5):
            _window(pen, scene, x * half, y, half * 0.22, 0.06)
        wide = half * 1.75
        eave = [
            (-wide, y + 0.105),
            *spline([(-wide, y + 0.105), (-half * 1.1, y + 0.105), (-half * 0.7, y + 0.165)], closed=False),
        ]
        eave += [
            (half * 0.7, y + 0.165),
            *spline([(half * 0.7, y + 0.165), (half * 1.1, y + 0.105), (wide, y + 0.105)], closed=False),
        ]
        eave += [(wide * 1.01, y + 0.115), (wide * 0.9, y + 0.08), (-wide * 0.9, y + 0.08), (-wide * 1.01, y + 0.115)]
        pen.shape(eave, roof, foot=shade(roof, -0.06), rim=0.35)
    pen.shape(ribbon([(0.0, 0.80), (0.0, 1.02)], (0.02, 0.006)), shade(roof, -0.05))


def windmill(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float) -> None:
    """A windmill; the sails turn with time."""
    pen = Pen(canvas, view, scene, depth, at, size)
    palette = scene.palette
    wall = _lit(scene, lch(0.85, 0.03, 80), 0.15)
    cap = _lit(scene, lch(0.40, 0.08, 35), 0.15)
    pen.shape(
        [(-0.16, -0.04), (0.16, -0.04), (0.095, 0.58), (-0.095, 0.58)],
        wall,
        foot=shade(wall, -0.08),
        rounded=0.11,
        rim=0.2,
    )
    pen.shape(spline([(-0.11, 0.57), (-0.07, 0.68), (0.0, 0.72), (0.07, 0.68), (0.11, 0.57)]), cap, rounded=0.08)
    _window(pen, scene, 0.0, 0.36, 0.05, 0.07)
    _window(pen, scene, 0.0, 0.12, 0.06, 0.08)
    for blade in range(4):
        angle = 0.5 + blade * math.pi / 2 + view.time * 0.7
        dx, dy = math.cos(angle), math.sin(angle)
        hub = (0.0, 0.63)
        tip = (hub[0] + dx * 0.42, hub[1] + dy * 0.42)
        side = (-dy * 0.085, dx * 0.085)
        inner = (hub[0] + dx * 0.08, hub[1] + dy * 0.08)
        cloth = mix(wall, palette.light, 0.3)
        pen.shape(
            [inner, tip, (tip[0] + side[0], tip[1] + side[1]), (inner[0] + side[0], inner[1] + side[1])],
            cloth,
            alpha=0.85,
        )
        pen.shape(ribbon([hub, tip], (0.018, 0.012)), shade(cap, -0.1))


def bridge(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float) -> None:
    """An arched bridge with its reflection."""
    pen = Pen(canvas, view, scene, depth, at, size)
    colour = _lit(scene, lch(0.50, 0.17, 30) if not scene.wish.colours else scene.palette.accent, 0.12)
    arch = [(-2.0 + 4.0 * i / 24, 0.12 + 0.62 * (1 - (-1 + 2 * i / 24) ** 2)) for i in range(25)]
    for i in range(1, 24, 2):
        x, y = arch[i]
        if i % 4 == 3:
            pen.shape(ribbon([(x, -0.05), (x, y)], (0.07, 0.06)), shade(colour, -0.12), rim=0.2)
        pen.shape(ribbon([(x, y), (x, y + 0.24)], (0.035, 0.03)), shade(colour, -0.03))
    pen.shape(ribbon(arch, (0.16, 0.12, 0.16)), colour, foot=shade(colour, -0.12), rim=0.4)
    pen.shape(ribbon([(x, y + 0.23) for x, y in arch], (0.045, 0.045)), shade(colour, 0.04), rim=0.4)
    pen.reflect(0.5)


def balloon(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float, name: int) -> None:
    """A hot-air balloon of coloured gores."""
    bob = 0.012 * math.sin(view.time * 0.7 + name * 2.0)
    pen = Pen(canvas, view, scene, depth, (at[0] + view.time * 0.004, at[1] + bob), size)
    palette = scene.palette
    colours = [_lit(scene, colour, 0.08) for colour in _balloon_colours(scene, name)]
    outline = [(0.0, 1.0), (0.20, 0.965), (0.325, 0.85), (0.355, 0.70), (0.30, 0.53), (0.17, 0.36), (0.085, 0.265)]
    gores = 9
    pen.shape(ribbon([(-0.075, 0.27), (-0.045, 0.10)], (0.006, 0.006)), palette.near)
    pen.shape(ribbon([(0.075, 0.27), (0.045, 0.10)], (0.006, 0.006)), palette.near)
    for gore in range(gores):
        a, b = -math.pi / 2 + math.pi * gore / gores, -math.pi / 2 + math.pi * (gore + 1) / gores
        left = [(x * math.sin(a), y) for x, y in outline]
        right = [(x * math.sin(b) + 0.002, y) for x, y in outline]
        edge = spline(left, closed=False, parts=4)
        back = spline(right, closed=False, parts=4)
        middle = (a + b) / 2
        facing = math.sin(middle) * pen.light_x
        colour = shade(colours[gore % len(colours)], 0.10 * facing - 0.05 * abs(math.sin(middle)) + 0.03)
        pen.shape([*edge, *reversed(back)], colour, foot=shade(colour, -0.14))
    pen.shape([(-0.085, 0.268), (0.085, 0.268), (0.07, 0.24), (-0.07, 0.24)], shade(colours[0], -0.15))
    basket = _lit(scene, lch(0.45, 0.08, 60), 0.1)
    pen.shape(
        [(-0.055, 0.10), (0.055, 0.10), (0.045, 0.0), (-0.045, 0.0)], basket, foot=shade(basket, -0.08), rounded=0.08
    )
    if scene.palette.level < 0.72:
        pen.glow(0.0, 0.30, 0.07, LAMP, 1.0, core=0.6)
        pen.glow(0.0, 0.60, 0.30, colours[0], 0.22)


def _balloon_colours(scene: Scene, name: int) -> list[Array]:
    palette = scene.palette
    if scene.wish.colours:
        return [palette.accent, mix(palette.light, palette.second, 0.2), shade(palette.second, -0.1)][: 2 + name % 2]
    sets = [
        [lch(0.62, 0.20, 28), lch(0.93, 0.05, 90)],
        [lch(0.70, 0.15, 60), lch(0.50, 0.14, 270), lch(0.92, 0.05, 90)],
        [lch(0.62, 0.13, 195), lch(0.90, 0.08, 95)],
        [lch(0.58, 0.19, 350), lch(0.80, 0.13, 75)],
    ]
    return sets[(name + int(generator(scene.seed, "balloons").integers(4))) % len(sets)]


def tree(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float, name: str) -> None:
    """One large tree: branches that fork, leaves in three tones of light."""
    pen = Pen(canvas, view, scene, depth, at, size)
    palette = scene.palette
    rng = generator(scene.seed, "tree", name)
    limbs, tips = _branches(rng, view.time)
    bark = mix(_lit(scene, lch(0.36, 0.05, 55), 0.1), palette.near, 0.45)
    for points, widths in limbs:
        pen.shape(ribbon(points, widths), bark, rim=0.35)
    bare = scene.season == "winter" and not scene.has("blossom")
    if bare or not tips:
        return
    leaf = mix(palette.foliage, palette.ground, 0.25)
    if scene.has("blossom") or (scene.season == "spring" and rng.uniform() < 0.45):
        leaf = _lit(scene, lch(0.84, 0.10, 356), 0.08)
    tones = (mix(leaf, palette.near, 0.55), mix(leaf, palette.near, 0.18), mix(shade(leaf, 0.06), palette.light, 0.32))
    blobs: tuple[list[list[Point]], ...] = ([], [], [])
    centre_x = sum(x for x, _ in tips) / len(tips)
    centre_y = sum(y for _, y in tips) / len(tips)
    for x, y in tips:
        for _ in range(5):
            bx, by = x + float(rng.normal(0.0, 0.036)), y + float(rng.normal(0.0, 0.030))
            radius = float(rng.uniform(0.014, 0.034))
            side = (bx - centre_x) * pen.light_x - (by - centre_y) * pen.light_y + float(rng.normal(0.0, 0.07))
            tone = 0 if side < -0.03 else 1 if side < 0.11 else 2
            lumps = [
                (
                    bx + radius * (1 + 0.25 * float(rng.uniform(-1, 1))) * math.cos(a),
                    by + radius * 0.85 * (1 + 0.25 * float(rng.uniform(-1, 1))) * math.sin(a),
                )
                for a in np.linspace(0, 2 * math.pi, 9)[:-1]
            ]
            blobs[tone].append(lumps)
    for tone, colour in enumerate(tones):
        pen.shapes(blobs[tone], colour, alpha=0.94)
        small = [
            [(x * 0.45 + px * 0.55 + 0.012, y * 0.45 + py * 0.55 + 0.012) for x, y in blob]
            for blob in blobs[tone][::3]
            for px, py in (blob[0],)
        ]
        pen.shapes(small, shade(colour, 0.05), alpha=0.7)


def _branches(
    rng: np.random.Generator, time: float
) -> tuple[list[tuple[list[Point], tuple[float, float]]], list[Point]]:
    limbs: list[tuple[list[Point], tuple[float, float]]] = []
    tips: list[Point] = []
    lean = float(rng.uniform(-0.10, 0.10))
    waiting = [((0.0, -0.03), math.pi / 2 + lean, 0.30, 0.075, 0)]
    while waiting:
        (x, y), angle, length, width, level = waiting.pop()
        sway = 0.010 * level * math.sin(time * 1.4 + level + x * 4)
        bend = float(rng.uniform(-0.22, 0.22))
        middle = (x + math.cos(angle + bend) * length * 0.5, y + math.sin(angle + bend) * length * 0.5)
        end = (x + math.cos(angle) * length + sway, y + math.sin(angle) * length)
        limbs.append(([(x, y), middle, end], (width, width * 0.66)))
        if level >= 2:
            tips.append(end)
        if level >= 5 or length < 0.035:
            continue
        forks = 3 if level == 0 else int(rng.integers(2, 4))
        for fork in range(forks):
            spread = (fork / (forks - 1) - 0.5) * float(rng.uniform(1.15, 1.65))
            lift = 0.10 * (math.pi / 2 - angle)
            waiting.append(
                (end, angle + spread + lift, length * float(rng.uniform(0.62, 0.82)), width * 0.62, level + 1)
            )
    return limbs, tips


def crystals(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float) -> None:
    """A cluster of prisms that glow from within."""
    pen = Pen(canvas, view, scene, depth, at, size, air=0.0)
    rng = generator(scene.seed, "crystals")
    palette = scene.palette
    shards = sorted(
        (
            (float(rng.normal(0.0, 0.26)), float(rng.uniform(0.35, 1.0)), float(rng.uniform(0.055, 0.11)))
            for _ in range(11)
        ),
        key=lambda shard: -shard[1] * (1.2 - abs(shard[0])),
    )
    pulse = 0.85 + 0.15 * math.sin(view.time * 1.6)
    pen.glow(0.0, 0.35, 0.55, palette.accent, 0.55 * pulse)
    for index, (x, tall, half) in enumerate(shards):
        tall *= max(0.3, 1.0 - 1.1 * abs(x))
        tilt = x * 0.75
        base = palette.accent if index % 3 else palette.second
        dark, pale = shade(base, -0.20), mix(shade(base, 0.14), palette.light, 0.25)
        top = (x + tilt * tall, tall)
        shoulder_l = (x - half + tilt * tall * 0.8, tall * 0.80)
        shoulder_r = (x + half + tilt * tall * 0.8, tall * 0.80)
        ridge = (x + half * 0.25 * pen.light_x + tilt * tall * 0.76, tall * 0.74)
        foot_l, foot_r, foot_m = (x - half * 0.8, -0.05), (x + half * 0.8, -0.05), (x + half * 0.2 * pen.light_x, -0.05)
        left, right = (pale, dark) if pen.light_x < 0 else (dark, pale)
        pen.shape([foot_l, shoulder_l, ridge, foot_m], left, foot=shade(base, 0.02))
        pen.shape([foot_m, ridge, shoulder_r, foot_r], right, foot=shade(base, -0.08))
        pen.shape([shoulder_l, top, ridge], shade(left, 0.08))
        pen.shape([ridge, top, shoulder_r], shade(right, 0.05))
        pen.shape(ribbon([foot_m, ridge, top], (0.004, 0.009, 0.003)), mix(palette.light, base, 0.15), alpha=0.9)


def mushrooms(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float) -> None:
    """A family of mushrooms, glowing at night."""
    rng = generator(scene.seed, "mushrooms")
    for x, scale in ((0.0, 1.0), (-0.42, 0.62), (0.38, 0.72), (0.68, 0.42)):
        pen = Pen(
            canvas, view, scene, depth, (at[0] + x * size, at[1]), size * scale * float(rng.uniform(0.9, 1.1)), air=0.05
        )
        stem = _lit(scene, lch(0.90, 0.03, 85), 0.1)
        cap = _lit(scene, lch(0.55, 0.19, 28) if not scene.wish.colours else scene.palette.accent, 0.08)
        pen.shape(
            spline([(-0.07, -0.05), (-0.055, 0.3), (-0.05, 0.55), (0.05, 0.55), (0.055, 0.3), (0.085, -0.05)]),
            stem,
            foot=shade(stem, -0.12),
            rounded=0.10,
        )
        pen.shape(oval(0.0, 0.55, 0.30, 0.065), shade(stem, -0.06))
        pen.shape(
            spline(
                [
                    (-0.36, 0.53),
                    (-0.30, 0.72),
                    (-0.12, 0.90),
                    (0.12, 0.90),
                    (0.30, 0.72),
                    (0.36, 0.53),
                    (0.18, 0.555),
                    (-0.18, 0.555),
                ]
            ),
            cap,
            foot=shade(cap, -0.10),
            rounded=0.10,
            rim=0.5,
        )
        for dx, dy, r in ((-0.17, 0.70, 0.04), (0.05, 0.80, 0.045), (0.19, 0.65, 0.035), (-0.03, 0.63, 0.03)):
            pen.shape(oval(dx, dy, r, r * 0.75), stem, alpha=0.9)
        if at_night(scene):
            pen.glow(0.0, 0.62, 0.35, cap, 0.6)


def lanterns(canvas: Canvas, view: View, scene: Scene) -> None:
    """Paper lanterns that rise into the sky."""
    rng = generator(scene.seed, "lanterns")
    for index in range(34):
        depth = float(rng.uniform(0.15, 0.8)) ** 1.5
        x = scene.span * float(rng.uniform(-0.05, 1.05)) + 0.012 * math.sin(view.time * 0.8 + index)
        y = (float(rng.uniform(0.02, 0.95)) - view.time * 0.012 * (0.4 + depth)) % 1.0 * (scene.horizon + 0.12)
        pen = Pen(canvas, view, scene, depth * 0.6, (x, y), 0.012 + 0.055 * depth, air=0.1 * (1 - depth))
        warm = lch(0.82, 0.15, 68)
        pen.shape(
            spline([(-0.30, 0.1), (-0.40, 0.8), (-0.25, 1.0), (0.25, 1.0), (0.40, 0.8), (0.30, 0.1)]),
            warm,
            foot=lch(0.92, 0.12, 88),
        )
        pen.glow(0.0, 0.5, 0.9, warm, 0.55, core=0.12)


def skyline(canvas: Canvas, view: View, scene: Scene, depth: float, base: float, tall: float, name: str) -> None:
    """A row of buildings with lit windows."""
    frame = view.frame(depth)
    palette = scene.palette
    spacing = 0.052 * (0.6 + depth) / view.squeeze
    first, last = math.floor(frame.left / spacing) - 3, math.ceil((frame.left + frame.dx * frame.width) / spacing) + 3
    if last - first > 1500:
        return
    random = generator(scene.seed, "city", name).uniform(0.0, 1.0, (256, 8))
    dark = mix(palette.near, palette.zenith, 0.35)
    order = sorted(range(first, last), key=lambda i: -float(random[i % 256, 1]))
    for index in order:
        r = [float(value) for value in random[index % 256]]
        x = (index + r[0] * 0.7) * spacing
        centre = math.exp(-(((x - scene.span * 0.5) / (0.42 * scene.span)) ** 2))
        height = tall * (0.25 + 0.85 * r[1] ** 2.2) * (0.45 + 0.75 * centre)
        pen = Pen(canvas, view, scene, depth, (x, base), height)
        half = spacing * view.squeeze**0.5 * (0.38 + 0.35 * r[2]) / height
        body = shade(dark, 0.07 * (r[3] - 0.5))
        lit_edge = mix(body, palette.horizon, 0.30)
        pen.shape(
            [(-half, -0.2), (half, -0.2), (half, 1.0), (-half, 1.0)],
            mix(body, lit_edge, 0.35),
            foot=mix(body, palette.haze, 0.28),
            rounded=0.035,
        )
        if r[4] > 0.72:
            pen.shape([(-half * 0.55, 0.99), (half * 0.55, 0.99), (half * 0.4, 1.07), (-half * 0.4, 1.07)], body)
            pen.shape(ribbon([(0.0, 1.05), (0.0, 1.25)], (half * 0.10, half * 0.04)), body)
        elif r[4] > 0.5:
            pen.shape([(-half, 0.99), (half, 0.99), (half * (2 * r[5] - 1), 1.0 + half * 0.9)], body)
        _windows(pen, scene, index, half, height)


def _windows(pen: Pen, scene: Scene, index: int, half: float, height: float) -> None:
    """A grid of windows as two shapes (bright, dim), small enough to be light rather than drawing."""
    neon = "neon" in scene.wish.moods
    share = 0.50 if scene.palette.level < 0.5 else 0.22 if scene.palette.level < 0.72 else 0.10
    step_y = 0.017 / height
    columns = max(2, min(9, round(half * 2 * height / 0.011)))
    rows = max(2, min(60, int(0.94 / step_y)))
    rng = generator(scene.seed, "windows", index % 256, round(height * 1e4))
    lit = rng.uniform(0.0, 1.0, (rows, columns))
    bright: list[list[Point]] = []
    dim: list[list[Point]] = []
    w, h = half * 2 / columns * 0.42, step_y * 0.45
    for row in range(rows):
        for column in range(columns):
            if lit[row, column] > share:
                continue
            x = -half + (column + 0.5) * 2 * half / columns
            y = 0.97 - (row + 0.5) * step_y
            box = [(x - w / 2, y - h / 2), (x + w / 2, y - h / 2), (x + w / 2, y + h / 2), (x - w / 2, y + h / 2)]
            (bright if lit[row, column] < share * 0.5 else dim).append(box)
    warm = LAMP
    if neon:
        warm = (scene.palette.accent, scene.palette.second, LAMP)[index % 3]
    if scene.palette.level >= 0.72:
        pen.shapes([*bright, *dim], mix(scene.palette.horizon, scene.palette.light, 0.5), alpha=0.5)
        return
    pen.shapes(dim, mix(warm, scene.palette.near, 0.45), alpha=0.85)
    pen.shapes(bright, warm)
    if bright:
        pen.glow(0.0, 0.5, 0.30, warm, 0.005 + (0.006 if neon else 0.0))
