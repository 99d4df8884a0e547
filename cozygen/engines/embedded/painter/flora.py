"""Flowers in the foreground."""

from __future__ import annotations

import math

import numpy as np

from cozygen.engines.embedded.painter.canvas import Canvas, View
from cozygen.engines.embedded.painter.color import Array, lch, mix, shade
from cozygen.engines.embedded.painter.land import Ridge, crest_of
from cozygen.engines.embedded.painter.noise import generator
from cozygen.engines.embedded.painter.pen import Pen, Point, oval, ribbon, spline
from cozygen.engines.embedded.painter.scene import Scene


def flower_bank(canvas: Canvas, view: View, scene: Scene, ridge: Ridge) -> None:
    """Flowers of several kinds along a near bank, small ones behind."""
    rng = generator(scene.seed, "flowers")
    weight = min(2.0, scene.has("flowers"))
    count = int((16 + 26 * weight) * max(0.6, scene.span / 1.5))
    clumps = rng.uniform(-0.15, scene.span + 0.15, 7)
    plants = []
    for _ in range(count):
        x = float(rng.choice(clumps)) + float(rng.normal(0.0, 0.11))
        plants.append(
            (
                float(rng.uniform(0.35, 1.0)),
                x,
                float(rng.uniform(-0.25, 0.25)),
                int(rng.integers(3)),
                float(rng.uniform()),
            )
        )
    plants.sort()
    for near, x, lean, hue, kind in plants:
        foot = float(crest_of(scene, ridge, np.array([x], np.float32))[0]) + 0.012 + 0.05 * near
        size = (0.065 + 0.085 * near) * (0.85 + 0.2 * weight)
        sway = 0.06 * math.sin(view.time * 1.6 + x * 9)
        _flower(
            Pen(canvas, view, scene, ridge.depth, (x, foot), size, air=0.12 * (1 - near)), scene, lean + sway, hue, kind
        )


def _flower(pen: Pen, scene: Scene, lean: float, hue: int, kind: float) -> None:
    palette = scene.palette
    stem = mix(palette.foliage, palette.near, 0.35)
    head: Point = (lean * 0.6, 0.86)
    pen.shape(ribbon([(0.0, -0.25), (lean * 0.15, 0.4), head], (0.030, 0.022, 0.018)), stem)
    for side in (-1.0, 1.0):
        y = 0.12 if side < 0 else 0.28
        leaf = spline([(lean * 0.08, y), (side * 0.12, y + 0.16), (side * 0.22, y + 0.34), (side * 0.07, y + 0.20)])
        pen.shape(leaf, shade(stem, 0.04), rim=0.3)
    colour = (palette.petals, palette.petals_two, palette.petals_three)[hue]
    if kind < 0.42:
        _daisy(pen, head, colour, scene)
    elif kind < 0.78:
        _poppy(pen, head, colour)
    else:
        _spike(pen, head, lean, colour)


def _daisy(pen: Pen, head: Point, colour: Array, scene: Scene) -> None:
    for ring, (count, reach) in enumerate(((11, 0.150), (9, 0.115))):
        petals = []
        for k in range(count):
            a = 2 * math.pi * (k + 0.5 * ring) / count
            dx, dy = math.cos(a), 0.72 * math.sin(a)
            tip = (head[0] + dx * reach, head[1] + dy * reach)
            side = (-dy * reach * 0.24, dx * reach * 0.24)
            middle = (head[0] + dx * reach * 0.6, head[1] + dy * reach * 0.6)
            petals.append(
                spline(
                    [head, (middle[0] + side[0], middle[1] + side[1]), tip, (middle[0] - side[0], middle[1] - side[1])],
                    parts=4,
                )
            )
        pen.shapes(petals, shade(colour, -0.05 + 0.08 * ring), rim=0.25)
    pen.shape(
        oval(head[0], head[1], 0.048, 0.038, 18),
        mix(lch(0.78, 0.15, 82), scene.palette.near, 0.35 * (1 - scene.palette.level)),
    )


def _poppy(pen: Pen, head: Point, colour: Array) -> None:
    x, y = head
    back = spline(
        [
            (x - 0.13, y + 0.03),
            (x - 0.09, y + 0.15),
            (x, y + 0.175),
            (x + 0.09, y + 0.15),
            (x + 0.13, y + 0.03),
            (x, y - 0.04),
        ]
    )
    pen.shape(back, shade(colour, 0.05), foot=shade(colour, -0.10), rim=0.4)
    front = spline(
        [
            (x - 0.145, y + 0.055),
            (x - 0.06, y + 0.085),
            (x, y + 0.055),
            (x + 0.06, y + 0.085),
            (x + 0.145, y + 0.055),
            (x + 0.085, y - 0.055),
            (x, y - 0.085),
            (x - 0.085, y - 0.055),
        ]
    )
    pen.shape(front, shade(colour, 0.01), foot=shade(colour, -0.07), rim=0.4)
    pen.shape(oval(x, y + 0.072, 0.035, 0.018, 16), shade(colour, -0.16))


def _spike(pen: Pen, head: Point, lean: float, colour: Array) -> None:
    for row in range(9):
        t = row / 8
        y = head[1] - 0.42 * (1 - t) + 0.06
        x = head[0] - lean * 0.28 * (1 - t)
        half = 0.078 * (1 - t) ** 0.8 + 0.014
        florets = [
            oval(x + half * side, y + 0.012 * (side != 0), half * 0.62 + 0.008, 0.027, 10)
            for side in (-0.85, 0.0, 0.85)
        ]
        pen.shapes(florets, shade(colour, -0.09 + 0.16 * t), rim=0.2)
