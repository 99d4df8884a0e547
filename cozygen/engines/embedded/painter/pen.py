"""Shapes with soft outlines, light on one side and air before them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from cozygen.engines.embedded.painter.canvas import Canvas, Frame, View
from cozygen.engines.embedded.painter.color import Array, mix
from cozygen.engines.embedded.painter.land import visibility
from cozygen.engines.embedded.painter.noise import blur, profile
from cozygen.engines.embedded.painter.scene import Scene

Point = tuple[float, float]


def spline(points: Sequence[Point], *, closed: bool = True, parts: int = 8) -> list[Point]:
    """A smooth (Catmull-Rom) curve through the points."""
    count = len(points)
    result = []
    for i in range(count if closed else count - 1):
        around = [points[(i + k) % count] if closed else points[min(max(i + k, 0), count - 1)] for k in (-1, 0, 1, 2)]
        for part in range(parts):
            t = part / parts
            result.append((_cubic([p[0] for p in around], t), _cubic([p[1] for p in around], t)))
    if not closed:
        result.append(points[-1])
    return result


def _cubic(p: list[float], t: float) -> float:
    return 0.5 * (
        2 * p[1]
        + (p[2] - p[0]) * t
        + (2 * p[0] - 5 * p[1] + 4 * p[2] - p[3]) * t * t
        + (3 * p[1] - p[0] - 3 * p[2] + p[3]) * t**3
    )


def ribbon(points: Sequence[Point], widths: Sequence[float]) -> list[Point]:
    """The outline of a line through the points that is `widths` thick along its way (spread evenly)."""
    line = spline(points, closed=False, parts=6)
    left, right = [], []
    for i, (x, y) in enumerate(line):
        x0, y0 = line[max(0, i - 1)]
        x1, y1 = line[min(len(line) - 1, i + 1)]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        place = i / max(1, len(line) - 1) * (len(widths) - 1)
        k = min(int(place), len(widths) - 2)
        half = (widths[k] + (widths[k + 1] - widths[k]) * (place - k)) / 2
        nx, ny = -(y1 - y0) / length * half, (x1 - x0) / length * half
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    return [*left, *reversed(right)]


def oval(x: float, y: float, rx: float, ry: float, parts: int = 40) -> list[Point]:
    """An ellipse as a polygon."""
    return [
        (x + rx * math.cos(2 * math.pi * i / parts), y + ry * math.sin(2 * math.pi * i / parts)) for i in range(parts)
    ]


class Pen:
    """Draws one thing. Local coordinates: the origin at its foot, y upwards, 1 = `size` scene units of height."""

    def __init__(
        self,
        canvas: Canvas,
        view: View,
        scene: Scene,
        depth: float,
        at: Point,
        size: float,
        *,
        flip: bool = False,
        turn: float = 0.0,
        air: float | None = None,
    ) -> None:
        self.canvas, self.scene, self.view = canvas, scene, view
        self.frame: Frame = view.frame(depth)
        self.x, self.y = self.frame.px(at[0]), self.frame.py(at[1])
        # In tall pictures things shrink with the room that they have.
        self.unit = size * view.squeeze**0.5 / self.frame.dy
        self._sign = -1.0 if flip else 1.0
        self._cos, self._sin = math.cos(turn), math.sin(turn)
        self._air = 1.0 - visibility(scene, depth) if air is None else air
        self._scale = 4 if self.unit < 260 else 3 if self.unit < 700 else 2
        dx, dy = (scene.light_at[0] - at[0]) * view.squeeze, scene.light_at[1] - at[1]
        length = math.hypot(dx, dy) or 1.0
        self.light_x, self.light_y = dx / length, dy / length
        self._parts: list[tuple[Array, Array, int, int]] = []

    def place(self, x: float, y: float) -> Point:
        """The pixel position of a local point."""
        x *= self._sign
        return (
            self.x + (x * self._cos + y * self._sin) * self.unit,
            self.y + (x * self._sin - y * self._cos) * self.unit,
        )

    def in_air(self, colour: Array) -> Array:
        """A colour as it looks through the air between."""
        return mix(colour, self.scene.palette.haze, self._air)

    def shape(
        self,
        points: Sequence[Point],
        colour: Array,
        *,
        foot: Array | None = None,
        rim: float = 0.0,
        rounded: float = 0.0,
        alpha: float = 1.0,
        soft: float = 0.0,
    ) -> None:
        """Fill a polygon. `foot`: the colour at its lower end; `rim`: how brightly its lit edge shines; `rounded`:
        how strongly it is shaded like a cylinder; `soft`: blur of its outline in local units."""
        self.shapes([points], colour, foot=foot, rim=rim, rounded=rounded, alpha=alpha, soft=soft)

    def shapes(
        self,
        polygons: Sequence[Sequence[Point]],
        colour: Array,
        *,
        foot: Array | None = None,
        rim: float = 0.0,
        rounded: float = 0.0,
        alpha: float = 1.0,
        soft: float = 0.0,
    ) -> None:
        """Fill several polygons as one shape."""
        pixels = [[self.place(x, y) for x, y in points] for points in polygons if len(points) >= 3]
        margin = 2 + math.ceil(soft * self.unit * 2.5)
        box = self._box(pixels, margin)
        if box is None:
            return
        left, top, right, bottom = box
        scale = self._scale
        sheet = Image.new("L", ((right - left) * scale, (bottom - top) * scale), 0)
        draw = ImageDraw.Draw(sheet)
        for polygon in pixels:
            draw.polygon([((x - left) * scale, (y - top) * scale) for x, y in polygon], fill=255)
        mask = np.asarray(sheet.reduce(scale), np.float32) / np.float32(255.0)
        if soft:
            mask = blur(mask, soft * self.unit)
        paint = self._paint(mask, colour, foot, rim, rounded)
        cover = mask * np.float32(alpha)
        self.canvas.over(paint, cover, top, left)
        self._parts.append((paint, cover, top, left))

    def _box(self, polygons: list[list[Point]], margin: int) -> tuple[int, int, int, int] | None:
        if not polygons:
            return None
        height, width = self.canvas.lab.shape[1:]
        every = [point for polygon in polygons for point in polygon]
        left = max(0, math.floor(min(x for x, _ in every)) - margin)
        right = min(width, math.ceil(max(x for x, _ in every)) + margin)
        top = max(0, math.floor(min(y for _, y in every)) - margin)
        bottom = min(height, math.ceil(max(y for _, y in every)) + margin)
        return (left, top, right, bottom) if left < right and top < bottom else None

    def _paint(self, mask: Array, colour: Array, foot: Array | None, rim: float, rounded: float) -> Array:
        height, width = mask.shape
        paint = np.empty((3, height, width), np.float32)
        paint[...] = self.in_air(colour)[:, None, None]
        if foot is not None:
            down = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
            paint += (self.in_air(foot)[:, None, None] - paint) * down
        if rounded:
            across = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :] * np.float32(self.light_x)
            paint[0] += across * np.float32(rounded)
        if rim:
            reach = max(1.0, self.unit * 0.018)
            dx, dy = round(self.light_x * reach * 1.5), round(self.light_y * reach * 1.5)
            inner = np.roll(blur(mask, reach * 0.7), (-dy, -dx), axis=(0, 1))
            edge = np.clip(mask - inner, 0.0, 1.0) * np.float32(rim)
            paint += (self.in_air(self.scene.palette.light)[:, None, None] - paint) * edge
        return paint

    def line(self, points: Sequence[Point], width: float, colour: Array, alpha: float = 1.0, rim: float = 0.0) -> None:
        """A line of even width."""
        self.shape(ribbon(points, (width, width)), colour, alpha=alpha, rim=rim)

    def glow(self, x: float, y: float, radius: float, colour: Array, amount: float, core: float = 0.0) -> None:
        """Light around a point; `core` also brightens the picture there at once."""
        px, py = self.place(x, y)
        r = max(1.5, radius * self.unit)
        height, width = self.canvas.lab.shape[1:]
        left, right = max(0, int(px - 3 * r)), min(width, int(px + 3 * r) + 1)
        top, bottom = max(0, int(py - 3 * r)), min(height, int(py + 3 * r) + 1)
        if left >= right or top >= bottom:
            return
        gx = (np.arange(left, right, dtype=np.float32) + 0.5 - px)[None, :] / r
        gy = (np.arange(top, bottom, dtype=np.float32) + 0.5 - py)[:, None] / r
        fall = np.exp(-(gx * gx + gy * gy)).astype(np.float32)
        self.canvas.shine(colour, fall * np.float32(amount), top, left)
        if core:
            self.canvas.over(colour, fall * np.float32(core), top, left)

    def reflect(self, strength: float = 0.6) -> None:
        """Mirror everything drawn so far in calm water at the foot."""
        line = round(self.y)
        body = self.in_air(self.scene.palette.water)
        for paint, cover, top, left in self._parts:
            bottom = top + cover.shape[0]
            mirrored = np.ascontiguousarray(cover[::-1])
            paint_down = paint[:, ::-1] * np.array((0.9, 1.0, 1.0), np.float32)[:, None, None]
            start = 2 * line - bottom
            rows = (np.arange(mirrored.shape[0]) + start - line).astype(np.float32)
            deep = np.maximum(rows, 0.0) / np.float32(max(1.0, self.unit))
            wave = profile(
                self.scene.seed,
                "mirror",
                rows * np.float32(26.0 / max(self.unit, 1.0)) + np.float32(self.view.time * 2.0),
                octaves=2,
            )
            for row, shift in enumerate(np.round(wave * (0.5 + deep * self.unit * 0.10)).astype(int)):
                mirrored[row] = np.roll(mirrored[row], int(shift))
            fade = np.clip(1.0 - deep * 0.75, 0.0, 1.0) * (rows >= 0) * np.float32(strength)
            paint_down = paint_down + (body[:, None, None] - paint_down) * np.float32(0.35)
            self.canvas.over(paint_down, mirrored * fade[:, None].astype(np.float32), start, left)
