"""Brush strokes: passes from coarse to fine that follow the forms of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from cozygen.engines.embedded.painter.color import Array
from cozygen.engines.embedded.painter.noise import blur, fbm, generator, resize

_MOST_STROKES = 7000
_SPINE = 5


@dataclass
class Brushwork:
    """A picture ``[h, w, 3]`` (sRGB 0..1) on its way to being painted anew, stroke by stroke.

    `target` is what is painted; `surface` how it stands; `relief` the paint's thickness, 0..1.
    """

    target: Array
    seed: int
    surface: Array
    relief: Array
    flow_x: Array
    flow_y: Array
    scale: int
    sheet: Image.Image
    thick: Image.Image

    @classmethod
    def begin(cls, target: Array, seed: int) -> Brushwork:
        """Lay the ground: the picture out of focus."""
        height, width = target.shape[:2]
        ground = _blurred(target, max(1.5, 0.030 * (height * width) ** 0.5))
        flow_x, flow_y = _flow(target, seed)
        # Strokes are drawn on sheets of twice the size, which makes their edges smooth.
        scale = 2 if height * width <= 3_000_000 else 1
        size = (width * scale, height * scale)
        sheet = _image(ground).resize(size, Image.Resampling.BILINEAR)
        relief = np.full((height, width), 0.5, np.float32)
        return cls(target, seed, ground, relief, flow_x, flow_y, scale, sheet, Image.new("L", size, 128))

    def stroke(self, number: int, radius: float, *, everywhere: bool) -> None:
        """One pass with a brush of `radius` pixels, where the picture is not right yet (or `everywhere`)."""
        height, width = self.target.shape[:2]
        rng = generator(self.seed, "brush", number)
        aim = _blurred(self.target, radius * 0.45)
        spacing = max(1.6, radius * (1.15 if everywhere else 0.95))
        columns, rows = int(width / spacing) + 2, int(height / spacing) + 2
        x = ((np.arange(columns)[None, :] + rng.uniform(-0.5, 0.5, (rows, columns))) * spacing).ravel()
        y = ((np.arange(rows)[:, None] + rng.uniform(-0.5, 0.5, (rows, columns))) * spacing).ravel()
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        x, y = x[inside], y[inside]
        error = np.abs(blur(np.abs(aim - self.surface).sum(axis=2), radius * 0.5))
        wrong = error[y.astype(np.int32), x.astype(np.int32)]
        keep = np.ones(len(x), bool) if everywhere else wrong > 0.035
        x, y, wrong = x[keep], y[keep], wrong[keep]
        if len(x) > _MOST_STROKES:
            chosen = np.argsort(-wrong, kind="stable")[:_MOST_STROKES]
            x, y = x[chosen], y[chosen]
        order = rng.permutation(len(x))
        self._draw(x[order], y[order], radius, aim, rng)

    def _draw(self, x: Array, y: Array, radius: float, aim: Array, rng: np.random.Generator) -> None:
        if not len(x):
            return
        colours = aim[y.astype(np.int32), x.astype(np.int32)]
        colours = colours + rng.normal(0.0, 0.012, (len(x), 1)) + rng.normal(0.0, 0.006, (len(x), 3))
        fills = (np.clip(colours, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
        outline = self._outlines(x, y, radius, rng)
        draw, draw_thick = ImageDraw.Draw(self.sheet), ImageDraw.Draw(self.thick)
        heights = rng.integers(70, 215, len(x)).tolist()
        for points, fill, load in zip(
            (outline * self.scale).tolist(), map(tuple, fills.tolist()), heights, strict=True
        ):
            draw.polygon(points, fill=fill)
            draw_thick.polygon(points, fill=load)
        self.surface = np.asarray(self.sheet.reduce(self.scale), np.float32) / np.float32(255.0)
        self.relief = np.asarray(self.thick.reduce(self.scale), np.float32) / np.float32(255.0)

    def _outlines(self, x: Array, y: Array, radius: float, rng: np.random.Generator) -> Array:
        """Tapered, curved outlines of strokes, flat ``[n, 4 * spine]`` lists of x and y."""
        height, width = self.target.shape[:2]
        length = radius * rng.uniform(2.2, 4.6, len(x))
        start = rng.normal(0.0, 0.25, len(x))
        cos, sin = np.cos(start), np.sin(start)
        spine_x, spine_y = [x], [y]
        for direction in (-1.0, 1.0):
            px, py = x.copy(), y.copy()
            side_x, side_y = [], []
            for _ in range(_SPINE // 2):
                ix = np.clip(px, 0, width - 1).astype(np.int32)
                iy = np.clip(py, 0, height - 1).astype(np.int32)
                fx, fy = self.flow_x[iy, ix], self.flow_y[iy, ix]
                fx, fy = fx * cos - fy * sin, fx * sin + fy * cos
                px = px + direction * fx * length / (_SPINE - 1)
                py = py + direction * fy * length / (_SPINE - 1)
                side_x.append(px)
                side_y.append(py)
            if direction < 0:
                spine_x, spine_y = [*reversed(side_x), *spine_x], [*reversed(side_y), *spine_y]
            else:
                spine_x, spine_y = [*spine_x, *side_x], [*spine_y, *side_y]
        sx, sy = np.stack(spine_x, axis=1), np.stack(spine_y, axis=1)
        dx, dy = np.gradient(sx, axis=1), np.gradient(sy, axis=1)
        norm = np.hypot(dx, dy) + 1e-6
        taper = np.array([0.35, 0.92, 1.0, 0.85, 0.25])[None, :] * radius * rng.uniform(0.40, 0.62, (len(x), 1))
        ox, oy = -dy / norm * taper, dx / norm * taper
        left = np.stack([sx + ox, sy + oy], axis=2)
        right = np.stack([sx - ox, sy - oy], axis=2)[:, ::-1]
        return np.concatenate([left, right], axis=1).reshape(len(x), -1)

    def finished(self, amount: float, relief: float) -> Array:
        """The picture with `amount` (0..1) of brushwork in it, the paint's `relief` lit from above left."""
        result = self.target + (self.surface - self.target) * np.float32(amount)
        if relief > 0:
            height, width = self.relief.shape
            fine = fbm(self.seed, "bristle", (0.0, 0.0), (0.45, 0.45), (width, height), octaves=2) * 0.16
            plane = blur(self.relief, 0.7) + fine
            lit = (plane - np.roll(plane, (1, 1), axis=(0, 1))) * np.float32(relief)
            lit[0], lit[:, 0] = 0.0, 0.0
            result = result + np.clip(lit, -0.10, 0.10)[:, :, None]
        return np.clip(result, 0.0, 1.0).astype(np.float32)


def _image(picture: Array) -> Image.Image:
    return Image.fromarray((np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))


def _blurred(picture: Array, sigma: float) -> Array:
    return np.stack([blur(picture[:, :, channel], sigma) for channel in range(3)], axis=2)


def _slope(plane: Array, axis: int) -> Array:
    result: Array = np.gradient(plane, axis=axis)
    return result


def _flow(picture: Array, seed: int) -> tuple[Array, Array]:
    """Along the edges of the picture, and where there are none along a slow swirl."""
    height, width = picture.shape[:2]
    small = (max(8, width // 4), max(8, height // 4))
    light = picture[:, :, 0] * 0.3 + picture[:, :, 1] * 0.6 + picture[:, :, 2] * 0.1
    grey = resize(light.astype(np.float32, copy=False), small, Image.Resampling.BOX)
    soft = blur(grey, 1.0)
    gy, gx = _slope(soft, 0), _slope(soft, 1)
    sigma = 3.0
    xx, yy, xy = blur(gx * gx, sigma), blur(gy * gy, sigma), blur(gx * gy, sigma)
    # Half the angle of the structure tensor points across the edge.
    swirl = fbm(seed, "swirl", (0.0, 0.0), (2.6 / small[1], 2.6 / small[1]), small, octaves=2) * 1.1
    calm = 2.0e-5
    double_x = -(xx - yy) + calm * np.cos(2 * swirl)
    double_y = -2.0 * xy + calm * np.sin(2 * swirl)
    strength = np.hypot(double_x, double_y) + 1e-12
    c = resize((double_x / strength).astype(np.float32), (width, height), Image.Resampling.BILINEAR)
    s = resize((double_y / strength).astype(np.float32), (width, height), Image.Resampling.BILINEAR)
    angle = 0.5 * np.arctan2(s, c)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
