"""Living things, mostly seen against the light."""

from __future__ import annotations

import math

import numpy as np

from cozygen.engines.embedded.painter.canvas import Canvas, View
from cozygen.engines.embedded.painter.color import Array, lch, mix, shade
from cozygen.engines.embedded.painter.noise import generator
from cozygen.engines.embedded.painter.pen import Pen, Point, oval, ribbon, spline
from cozygen.engines.embedded.painter.scene import Scene


def _coat(scene: Scene, own: Array | None = None) -> Array:
    """Fur or cloth against the light: nearly the darkest colour of the picture."""
    dark = shade(scene.palette.near, 0.03)
    return mix(dark, own, 0.22 + 0.16 * scene.palette.level) if own is not None else dark


def cat(canvas: Canvas, view: View, scene: Scene, at: Point, size: float) -> None:
    """A cat that sits with its back to us and looks at the view."""
    pen = Pen(canvas, view, scene, 1.0, at, size, air=0.0)
    fur = _coat(scene, _named_fur(scene))
    swing = 0.05 * math.sin(view.time * 1.8)
    tail = [(0.20, 0.05), (0.42, 0.03), (0.58, 0.12), (0.60 + swing, 0.30), (0.50 + swing * 2, 0.42)]
    pen.shape(ribbon(tail, (0.09, 0.10, 0.095, 0.085, 0.06)), fur, rim=0.75)
    body = [
        (-0.27, -0.02),
        (-0.345, 0.10),
        (-0.33, 0.27),
        (-0.245, 0.44),
        (-0.165, 0.58),
        (-0.13, 0.68),
        (0.13, 0.68),
        (0.165, 0.58),
        (0.245, 0.44),
        (0.33, 0.27),
        (0.345, 0.10),
        (0.27, -0.02),
        (0.0, -0.04),
    ]
    pen.shape(spline(body), fur, foot=shade(fur, -0.03), rim=0.75)
    ear = 0.012 * math.sin(view.time * 2.3) if math.sin(view.time * 0.6) > 0.7 else 0.0
    head = spline(
        [
            (-0.19, 0.72),
            (-0.175, 0.83),
            (-0.09, 0.885),
            (0.0, 0.89),
            (0.09, 0.885),
            (0.175, 0.83),
            (0.19, 0.72),
            (0.10, 0.625),
            (0.0, 0.60),
            (-0.10, 0.625),
        ]
    )
    left = spline([(-0.185, 0.76), (-0.175, 0.90), (-0.165, 1.0), (-0.10, 0.94), (-0.03, 0.86)])
    right = spline([(0.185, 0.76), (0.175 + ear, 0.90), (0.165 + ear, 1.0), (0.10, 0.94), (0.03, 0.86)])
    pen.shapes([head, left, right], fur, rim=0.8)


def _named_fur(scene: Scene) -> Array | None:
    return scene.palette.second if scene.wish.colours and len(scene.wish.colours) > 1 else None


def dog(canvas: Canvas, view: View, scene: Scene, at: Point, size: float) -> None:
    """A fox-like dog that sits and looks at the view."""
    pen = Pen(canvas, view, scene, 1.0, at, size, air=0.0)
    fur = _coat(scene, lch(0.55, 0.12, 50))
    wag = 0.06 * math.sin(view.time * 4.0)
    tail = [(-0.15, 0.06), (-0.36, 0.05), (-0.52, 0.14 + wag), (-0.56, 0.30 + wag)]
    pen.shape(ribbon(tail, (0.10, 0.17, 0.16, 0.03)), fur, rim=0.7)
    body = [
        (-0.22, -0.02),
        (-0.28, 0.12),
        (-0.25, 0.30),
        (-0.18, 0.48),
        (-0.13, 0.64),
        (-0.10, 0.72),
        (0.10, 0.72),
        (0.13, 0.64),
        (0.18, 0.48),
        (0.25, 0.30),
        (0.28, 0.12),
        (0.22, -0.02),
        (0.0, -0.04),
    ]
    pen.shape(spline(body), fur, foot=shade(fur, -0.03), rim=0.7)
    head = spline(
        [
            (-0.145, 0.76),
            (-0.13, 0.85),
            (-0.06, 0.90),
            (0.06, 0.90),
            (0.13, 0.85),
            (0.145, 0.76),
            (0.08, 0.68),
            (-0.08, 0.68),
        ]
    )
    left = spline([(-0.14, 0.80), (-0.155, 0.93), (-0.125, 1.03), (-0.065, 0.95), (-0.03, 0.87)])
    right = spline([(0.14, 0.80), (0.155, 0.93), (0.125, 1.03), (0.065, 0.95), (0.03, 0.87)])
    pen.shapes([head, left, right], fur, rim=0.8)


def deer(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, *, flip: bool) -> None:
    """A stag with its head raised."""
    pen = Pen(canvas, view, scene, 0.95, at, size, flip=flip, air=0.0)
    fur = _coat(scene, lch(0.50, 0.08, 55))
    far = shade(fur, -0.02)
    pen.shape(ribbon([(-0.225, 0.36), (-0.205, 0.18), (-0.225, 0.0)], (0.07, 0.028, 0.026)), far)
    pen.shape(ribbon([(0.125, 0.36), (0.135, 0.18), (0.125, 0.0)], (0.06, 0.028, 0.024)), far)
    body = [
        (-0.345, 0.50),
        (-0.24, 0.545),
        (-0.05, 0.53),
        (0.10, 0.565),
        (0.19, 0.66),
        (0.245, 0.765),
        (0.285, 0.805),
        (0.335, 0.775),
        (0.415, 0.715),
        (0.405, 0.69),
        (0.335, 0.685),
        (0.30, 0.66),
        (0.265, 0.56),
        (0.225, 0.43),
        (0.13, 0.365),
        (-0.05, 0.36),
        (-0.20, 0.385),
        (-0.325, 0.40),
    ]
    legs = [
        ribbon([(-0.29, 0.44), (-0.315, 0.24), (-0.275, 0.14), (-0.295, 0.0)], (0.13, 0.05, 0.03, 0.026)),
        ribbon([(0.185, 0.42), (0.19, 0.20), (0.195, 0.0)], (0.09, 0.032, 0.026)),
        ribbon([(-0.33, 0.50), (-0.385, 0.45)], (0.05, 0.02)),
        spline([(0.255, 0.78), (0.195, 0.83), (0.20, 0.85), (0.275, 0.815)]),
    ]
    antlers = []
    for lean in (-0.02, 0.045):
        antlers += [
            ribbon(
                [(0.28, 0.80), (0.245 + lean, 0.90), (0.27 + lean * 2, 1.0), (0.30 + lean * 2, 1.06)],
                (0.020, 0.016, 0.012, 0.006),
            ),
            ribbon([(0.255 + lean, 0.88), (0.32 + lean, 0.93), (0.335 + lean, 0.975)], (0.014, 0.011, 0.005)),
            ribbon([(0.258 + lean, 0.955), (0.20 + lean, 1.0), (0.195 + lean, 1.04)], (0.013, 0.010, 0.005)),
        ]
    pen.shapes([spline(body), *legs, *antlers], fur, rim=0.45)


def birds(canvas: Canvas, view: View, scene: Scene) -> None:
    """A loose flock."""
    rng = generator(scene.seed, "birds")
    weight = min(2.0, scene.has("birds"))
    count = int(5 + 9 * weight)
    colour = mix(scene.palette.near, scene.palette.zenith, 0.2)
    lead_x, lead_y = scene.span * float(rng.uniform(0.25, 0.7)), scene.horizon * float(rng.uniform(0.25, 0.5))
    for index in range(count):
        depth = 0.25 + 0.35 * float(rng.uniform())
        x = lead_x + float(rng.normal(0.0, 0.16)) * scene.span * 0.6 + view.time * 0.05
        y = lead_y + float(rng.normal(0.0, 0.075))
        size = (0.014 + 0.034 * float(rng.uniform()) ** 2) * (0.7 + 0.4 * weight)
        beat = math.sin(view.time * 7.0 + index * 1.7 + float(rng.uniform(0, 6)))
        _bird(Pen(canvas, view, scene, depth, (x, y), size, turn=float(rng.normal(0.0, 0.12)), air=0.15), colour, beat)


def _bird(pen: Pen, colour: Array, beat: float) -> None:
    lift, bend = 0.34 + 0.30 * beat, 0.30 + 0.12 * beat
    upper = spline(
        [
            (-1.0, lift * 0.55),
            (-0.52, lift),
            (-0.16, 0.10),
            (0.0, 0.05),
            (0.16, 0.10),
            (0.52, lift),
            (1.0, lift * 0.55),
        ],
        closed=False,
    )
    lower = spline(
        [
            (1.0, lift * 0.55),
            (0.50, lift - bend * 0.42),
            (0.17, -0.06),
            (0.0, -0.13),
            (-0.17, -0.06),
            (-0.50, lift - bend * 0.42),
            (-1.0, lift * 0.55),
        ],
        closed=False,
    )
    pen.shape([*upper, *lower], colour)


def person(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, *, pose: int, own: Array | None) -> None:
    """Somebody who stands with their back to us, a coat moving in the wind."""
    pen = Pen(canvas, view, scene, 1.0, at, size, air=0.0, flip=pose % 2 == 1)
    cloth = _coat(scene, own)
    skin = shade(cloth, 0.02)
    wind = 0.02 * math.sin(view.time * 2.2 + pose)
    legs = [
        ribbon([(-0.040, 0.44), (-0.048, 0.22), (-0.055, 0.0)], (0.082, 0.060, 0.046)),
        ribbon([(0.042, 0.44), (0.052, 0.22), (0.062, 0.0)], (0.082, 0.060, 0.046)),
        spline([(-0.090, -0.012), (-0.078, 0.022), (-0.034, 0.026), (-0.030, -0.012)]),
        spline([(0.036, -0.012), (0.040, 0.026), (0.086, 0.022), (0.100, -0.012)]),
    ]
    pen.shapes(legs, shade(cloth, -0.02), rim=0.5)
    coat = [
        (-0.035, 0.850),
        (-0.088, 0.822),
        (-0.112, 0.765),
        (-0.092, 0.62),
        (-0.098, 0.50),
        (-0.125, 0.34),
        (-0.040, 0.325),
        (0.040, 0.33),
        (0.140 + wind, 0.31),
        (0.108 + wind * 0.5, 0.45),
        (0.090, 0.62),
        (0.112, 0.765),
        (0.088, 0.822),
        (0.035, 0.850),
    ]
    arms = [
        ribbon([(-0.092, 0.808), (-0.128, 0.66), (-0.112, 0.50)], (0.056, 0.048, 0.034)),
        ribbon([(0.092, 0.808), (0.128, 0.66), (0.118, 0.50)], (0.056, 0.048, 0.034)),
    ]
    pen.shapes([spline(coat), *arms], cloth, foot=shade(cloth, -0.03), rim=0.85)
    pen.shapes([oval(0.0, 0.928, 0.047, 0.062), ribbon([(0.0, 0.82), (0.0, 0.90)], (0.050, 0.042))], skin, rim=0.8)
    hair = [
        (-0.050, 0.94),
        (-0.040, 0.985),
        (0.0, 1.0),
        (0.040, 0.985),
        (0.052, 0.94),
        (0.060, 0.86),
        (0.080 + wind * 2, 0.78),
        (0.035, 0.80),
        (0.0, 0.785),
        (-0.035, 0.80),
        (-0.060, 0.80),
        (-0.058, 0.87),
    ]
    if pose % 2:
        pen.shape(spline(hair), shade(cloth, -0.02), rim=0.9)
        scarf = [(0.02, 0.845), (0.12, 0.86 + wind), (0.22, 0.83 - wind), (0.31, 0.855 + wind * 2)]
        pen.shape(
            ribbon(scarf, (0.04, 0.045, 0.04, 0.015)), mix(scene.palette.accent, scene.palette.near, 0.25), rim=0.4
        )


def whale(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float, *, flip: bool) -> None:
    """A humpback, swimming in whatever is around it."""
    swim = math.sin(view.time * 0.9)
    pen = Pen(canvas, view, scene, depth, (at[0], at[1] + 0.012 * swim), size, flip=flip, turn=-0.10 + 0.03 * swim)
    palette = scene.palette
    back = mix(shade(palette.near, 0.10), palette.zenith, 0.45)
    belly = mix(shade(palette.haze, 0.02), back, 0.35)
    wave = 0.05 * math.sin(view.time * 0.9 - 0.8)
    far_fin = spline([(0.55, -0.16), (0.46, -0.40), (0.30, -0.58), (0.24, -0.56), (0.36, -0.36), (0.42, -0.15)])
    pen.shape(far_fin, shade(back, -0.05))
    body = [
        (1.22, -0.02),
        (1.12, 0.14),
        (0.85, 0.26),
        (0.45, 0.33),
        (0.0, 0.31),
        (-0.38, 0.30),
        (-0.44, 0.345),
        (-0.52, 0.265),
        (-0.85, 0.16 + wave),
        (-1.16, 0.10 + wave),
        (-1.16, 0.03 + wave),
        (-0.85, -0.01 + wave),
        (-0.45, -0.14),
        (0.0, -0.27),
        (0.45, -0.34),
        (0.85, -0.30),
        (1.12, -0.17),
    ]
    flukes = [
        (-1.10, 0.06 + wave),
        (-1.26, 0.16 + wave),
        (-1.44, 0.34 + wave * 1.6),
        (-1.52, 0.33 + wave * 1.6),
        (-1.42, 0.13 + wave),
        (-1.36, 0.05 + wave),
        (-1.45, -0.04 + wave),
        (-1.56, -0.16 + wave * 1.4),
        (-1.50, -0.19 + wave * 1.4),
        (-1.30, -0.08 + wave),
    ]
    pen.shapes([spline(body), spline(flukes)], back, foot=mix(back, belly, 0.35), rim=0.45)
    under = [
        (1.215, -0.035),
        (1.0, -0.04),
        (0.7, -0.08),
        (0.4, -0.13),
        (0.1, -0.20),
        (-0.15, -0.225),
        (0.1, -0.255),
        (0.45, -0.33),
        (0.85, -0.29),
        (1.12, -0.165),
    ]
    pen.shape(spline(under), belly, foot=shade(belly, -0.08), alpha=0.85, soft=0.012)
    for groove in range(7):
        t = groove / 7
        line = [
            (1.14 - 0.1 * t, -0.055 - 0.035 * groove),
            (0.75, -0.105 - 0.030 * groove),
            (0.25 + 0.05 * groove, -0.185 - 0.014 * groove),
        ]
        pen.shape(ribbon(line, (0.004, 0.010, 0.003)), mix(back, belly, 0.25), alpha=0.6)
    fin = spline(
        [(0.42, -0.14), (0.36, -0.38), (0.16, -0.66), (0.05, -0.72), (0.02, -0.66), (0.14, -0.42), (0.20, -0.15)]
    )
    pen.shape(fin, shade(back, 0.02), foot=mix(back, belly, 0.4), rim=0.4)
    pen.shape(oval(0.80, -0.035, 0.020, 0.016), shade(palette.near, -0.05))
    pen.shape(oval(0.806, -0.030, 0.006, 0.005), palette.light)


def fish(canvas: Canvas, view: View, scene: Scene, *, large: bool, height: float = 0.52) -> None:
    """A shoal around a `height` of the picture."""
    rng = generator(scene.seed, "fish")
    palette = scene.palette
    count = int(10 + 14 * min(2.0, scene.has("fish") or 0.4))
    heading = bool(rng.uniform() < 0.5)
    lead = scene.span * 0.5 + (view.time * 0.03) * (-1 if heading else 1)
    fishes = sorted(float(value) for value in rng.uniform(0.25, 1.0, count))
    for index, near in enumerate(fishes):
        x = lead + float(rng.normal(0.0, 0.24)) * scene.span
        y = height + float(rng.normal(0.0, 0.15))
        size = (0.035 + 0.055 * near**2) * (1.5 if large else 1.0)
        hue = (palette.accent, palette.second, mix(palette.light, palette.accent, 0.4))[index % 3]
        pen = Pen(
            canvas,
            view,
            scene,
            0.2 + 0.6 * near,
            (x, y),
            size,
            flip=heading,
            turn=float(rng.normal(0.0, 0.12)),
            air=0.55 * (1 - near),
        )
        _fish(pen, hue, palette.light, 0.12 * math.sin(view.time * 6 + index * 2.1))


def _fish(pen: Pen, hue: Array, light: Array, wag: float) -> None:
    tail = spline(
        [
            (-0.55, 0.0),
            (-0.80, 0.20 + wag),
            (-1.02, 0.30 + wag),
            (-0.93, 0.02 + wag),
            (-1.00, -0.26 + wag),
            (-0.78, -0.16 + wag),
        ]
    )
    top = spline([(0.25, 0.24), (0.05, 0.42), (-0.22, 0.40), (-0.38, 0.16)])
    low = spline([(0.10, -0.22), (-0.05, -0.38), (-0.22, -0.34), (-0.25, -0.16)])
    pen.shapes([tail, top, low], shade(hue, -0.08), alpha=0.85)
    body = spline(
        [
            (0.92, 0.0),
            (0.70, 0.16),
            (0.30, 0.27),
            (-0.15, 0.22),
            (-0.55, 0.05),
            (-0.62, 0.0),
            (-0.55, -0.05),
            (-0.15, -0.22),
            (0.30, -0.25),
            (0.70, -0.14),
        ]
    )
    pen.shape(body, shade(hue, 0.04), foot=mix(hue, light, 0.35), rim=0.5)
    pen.shape(ribbon([(0.42, 0.20), (0.36, 0.0), (0.42, -0.20)], (0.02, 0.03, 0.02)), shade(hue, -0.16), alpha=0.7)
    pen.shape(oval(0.66, 0.05, 0.055, 0.06), mix(light, hue, 0.1))
    pen.shape(oval(0.67, 0.05, 0.03, 0.035), shade(hue, -0.45))


def jellyfish(canvas: Canvas, view: View, scene: Scene, at: Point, size: float, depth: float, name: int) -> None:
    """A translucent bell with trailing arms, lit from within."""
    phase = view.time * 1.5 + name * 1.9
    pulse = math.sin(phase)
    pen = Pen(
        canvas,
        view,
        scene,
        depth,
        (at[0], at[1] - 0.015 * pulse),
        size,
        turn=0.10 * math.sin(name * 3.1),
        air=0.35 * (1 - depth),
    )
    palette = scene.palette
    hue = (palette.accent, palette.second)[name % 2]
    pale = mix(shade(hue, 0.14), palette.light, 0.35)
    wide = 0.36 - 0.03 * pulse
    rng = generator(scene.seed, "jellyfish", name)
    pen.glow(0.0, 0.72, 0.34, hue, 0.5)
    for strand in range(15):
        x = wide * 0.9 * (strand / 7 - 1)
        length = float(rng.uniform(0.65, 1.25))
        sway = [0.05 * math.sin(phase * 0.8 - k * 1.1 + strand) * k for k in range(5)]
        line = [(x + sway[k], 0.62 - length * k / 4) for k in range(5)]
        pen.shape(ribbon(line, (0.011, 0.009, 0.005, 0.002)), pale, alpha=0.55)
    for arm in range(4):
        x = 0.10 * (arm - 1.5)
        line = [
            (x + 0.045 * math.sin(phase * 0.7 - k * 1.4 + arm * 2) * (0.4 + k * 0.4), 0.64 - 0.19 * k) for k in range(5)
        ]
        pen.shape(ribbon(line, (0.07, 0.085, 0.06, 0.035, 0.006)), mix(hue, palette.light, 0.30), alpha=0.42)
    scallops: list[Point] = []
    for k in range(9):
        x = wide * (1 - 2 * k / 8)
        scallops.append((x, 0.60 + (0.028 if k % 2 else 0.0)))
    bell = [
        (-wide, 0.61),
        (-wide * 1.02, 0.72),
        (-wide * 0.80, 0.90),
        (-wide * 0.36, 1.0),
        (wide * 0.36, 1.0),
        (wide * 0.80, 0.90),
        (wide * 1.02, 0.72),
        (wide, 0.61),
    ]
    pen.shape(
        [*spline(bell, closed=False), *spline(scallops, closed=False, parts=4)],
        shade(hue, 0.08),
        foot=pale,
        alpha=0.66,
        rim=0.7,
    )
    inner = [
        (-wide * 0.62, 0.66),
        (-wide * 0.55, 0.82),
        (-wide * 0.2, 0.92),
        (wide * 0.2, 0.92),
        (wide * 0.55, 0.82),
        (wide * 0.62, 0.66),
        (0.0, 0.70),
    ]
    pen.shape(spline(inner), palette.light, foot=hue, alpha=0.35, soft=0.03)
    for rib in range(5):
        x = wide * (rib - 2) * 0.36
        pen.shape(
            ribbon([(x * 0.5, 0.96), (x, 0.80), (x * 1.15, 0.63)], (0.004, 0.010, 0.006)), palette.light, alpha=0.30
        )


def butterflies(canvas: Canvas, view: View, scene: Scene) -> None:
    """A few butterflies in the foreground."""
    rng = generator(scene.seed, "butterflies")
    palette = scene.palette
    for index in range(int(5 + 3 * min(2.0, scene.has("butterflies")))):
        x = scene.span * float(rng.uniform(0.1, 0.9)) + 0.03 * math.sin(view.time * 0.9 + index)
        y = float(rng.uniform(0.35, 0.82)) + 0.02 * math.sin(view.time * 1.7 + index * 2)
        size = float(rng.uniform(0.018, 0.055))
        flap = 0.35 + 0.65 * abs(math.cos(view.time * 6 + float(rng.uniform(0, 3))))
        pen = Pen(canvas, view, scene, 0.8, (x, y), size, turn=float(rng.uniform(-0.6, 0.6)), air=0.0)
        hue = (palette.accent, palette.second, mix(palette.light, palette.accent, 0.5))[index % 3]
        for side in (-1.0, 1.0):
            w = side * flap
            upper = spline([(0.03 * side, 0.55), (0.35 * w, 0.95), (0.85 * w, 1.0), (0.80 * w, 0.62), (0.35 * w, 0.45)])
            lower = spline([(0.03 * side, 0.48), (0.45 * w, 0.44), (0.66 * w, 0.18), (0.40 * w, 0.0), (0.12 * w, 0.25)])
            pen.shapes([upper, lower], mix(hue, palette.near, 0.45))
            inner = [[(x0 * 0.8 + 0.06 * w, y0 * 0.8 + 0.11) for x0, y0 in wing] for wing in (upper, lower)]
            pen.shapes(inner, shade(hue, 0.05), foot=mix(hue, palette.light, 0.4))
        pen.shape(ribbon([(0.0, 0.15), (0.0, 0.68)], (0.05, 0.06)), palette.near)


def fireflies(canvas: Canvas, view: View, scene: Scene) -> None:
    """Drifting points of light near the ground."""
    from cozygen.engines.embedded.painter.sky import splat

    frame = view.frame(0.8)
    rng = generator(scene.seed, "fireflies")
    count = int(70 * min(2.0, max(0.6, scene.has("fireflies"))))
    x, y = rng.uniform(-0.2, scene.span + 0.2, count), 0.98 - 0.5 * rng.uniform(0.0, 1.0, count) ** 1.4
    phase = rng.uniform(0.0, 6.28, count)
    x = x + 0.03 * np.sin(view.time * 0.8 + phase)
    y = y + 0.02 * np.sin(view.time * 1.1 + phase * 2)
    strength = (0.35 + 0.65 * rng.uniform(0.0, 1.0, count)) * np.clip(
        0.75 + 0.6 * np.sin(view.time * 2 + phase), 0.1, 1.2
    )
    px, py = (x - frame.left) / frame.dx, (y - frame.top) / frame.dy
    light = splat(frame.width, frame.height, px, py, strength, max(0.7, 0.0022 / frame.dy))
    warm = lch(0.92, 0.16, 108)
    canvas.over(warm, np.clip(light, 0.0, 1.0))
    canvas.shine(warm, np.clip(light, 0.0, 1.5) * 1.6)
