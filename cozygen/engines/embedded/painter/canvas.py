"""The picture that is being painted, and how its pixels lie in the scene."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cozygen.engines.embedded.painter.color import Array, linear_from_oklab
from cozygen.engines.embedded.painter.noise import blur, resize


@dataclass(frozen=True)
class Frame:
    """Where the pixels of a layer are. Scene units: y is 0 at the top and 1 at the bottom of a picture at rest; x
    counts from the left in the same unit, or in narrower ones where a picture is tall, so that a tall picture is
    as eventful as a broad one. `left`, `top`: the scene position of the first pixel's corner; `dx`, `dy`: its size.
    """

    left: float
    top: float
    dx: float
    dy: float
    width: int
    height: int

    def xs(self) -> Array:
        """Scene x of each column's centre."""
        return (self.left + (np.arange(self.width) + 0.5) * self.dx).astype(np.float32)

    def ys(self) -> Array:
        """Scene y of each row's centre."""
        return (self.top + (np.arange(self.height) + 0.5) * self.dy).astype(np.float32)

    def px(self, x: float) -> float:
        """The pixel position of a scene x."""
        return (x - self.left) / self.dx

    def py(self, y: float) -> float:
        """The pixel position of a scene y."""
        return (y - self.top) / self.dy

    def row(self, y: float) -> int:
        """The row at a scene y, clipped to the picture."""
        return min(self.height, max(0, round(self.py(y))))

    def scaled(self, factor: int) -> Frame:
        """The same view with `factor` times fewer pixels each way."""
        width, height = max(1, self.width // factor), max(1, self.height // factor)
        return Frame(self.left, self.top, self.dx * self.width / width, self.dy * self.height / height, width, height)

    def band(self, first: int, last: int) -> Frame:
        """The rows from `first` up to `last`."""
        return Frame(self.left, self.top + first * self.dy, self.dx, self.dy, self.width, last - first)


@dataclass(frozen=True)
class View:
    """A camera. `pan` and `rise` move it in scene units (near layers follow, far ones lag), `zoom` draws near layers
    closer faster than far ones; `time` in seconds moves clouds, water and lights."""

    width: int
    height: int
    pan: float = 0.0
    rise: float = 0.0
    zoom: float = 1.0
    time: float = 0.0

    @property
    def squeeze(self) -> float:
        """Scene x units a unit of height: below 1 in tall pictures."""
        return min(1.0, max(0.3, self.width / self.height * 1.1))

    @property
    def texture_side(self) -> int:
        """How large textures need be for this view."""
        return 1024 if self.width * self.height > 150_000 else 512

    @property
    def span(self) -> float:
        """The scene's width at rest."""
        return self.width / self.height / self.squeeze

    def frame(self, depth: float) -> Frame:
        """The view of a layer; depth 0 is infinitely far, 1 the foreground."""
        zoom = 1.0 + (self.zoom - 1.0) * (0.25 + 0.75 * depth)
        dy = 1.0 / self.height / zoom
        dx = dy / self.squeeze
        middle = self.span / 2 + self.pan * depth
        centre = 0.55 + self.rise * depth
        return Frame(middle - dx * self.width / 2, centre - 0.55 / zoom, dx, dy, self.width, self.height)


@dataclass
class Canvas:
    """Colour in OKLab, planar ``[3, height, width]``, and light that will bloom over it: linear, a quarter the size."""

    lab: Array
    glow: Array = field(init=False)

    def __post_init__(self) -> None:
        height, width = self.lab.shape[1:]
        self.glow = np.zeros((3, -(-height // 4), -(-width // 4)), np.float32)

    @classmethod
    def blank(cls, width: int, height: int) -> Canvas:
        """A black canvas."""
        return cls(np.zeros((3, height, width), np.float32))

    def over(self, colour: Array, alpha: Array | float, top: int = 0, left: int = 0) -> None:
        """Lay a colour (``[3]`` or ``[3, h, w]``) over the picture from a corner on; what sticks out is cut."""
        height, width = self.lab.shape[1:]
        shape = (
            alpha.shape if isinstance(alpha, np.ndarray) and alpha.ndim == 2 else colour.shape[1:] or (height, width)
        )
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + shape[0], height), min(left + shape[1], width)
        if y0 >= y1 or x0 >= x1:
            return
        inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        cover = alpha[inner] if isinstance(alpha, np.ndarray) and alpha.ndim == 2 else alpha
        for plane, value in zip(self.lab, colour, strict=True):
            region = plane[y0:y1, x0:x1]
            paint = value[inner] if value.ndim == 2 else value
            region += (paint - region) * cover

    def hide_glow(self, cover: Array, top: int) -> None:
        """Take light away that lies behind an opaque layer; `cover` is as wide as the picture."""
        rows = cover.shape[0]
        first = top // 4
        padded = np.zeros((-(-(rows + top % 4) // 4) * 4, self.glow.shape[2] * 4), np.float32)
        padded[top % 4 : top % 4 + rows, : cover.shape[1]] = cover
        small = padded.reshape(padded.shape[0] // 4, 4, -1, 4).mean(axis=(1, 3))[: self.glow.shape[1] - first]
        self.glow[:, first : first + small.shape[0]] *= 1.0 - small

    def shine(self, colour: Array, amount: Array, top: int = 0, left: int = 0) -> None:
        """Add light of an OKLab colour, `amount` of it for each pixel ``[h, w]``, to what will bloom."""
        rgb = np.maximum(linear_from_oklab(colour), 0.0)
        rows, columns = self.glow.shape[1:]
        y0, x0 = top // 4, left // 4
        padded = np.zeros(
            (-(-(amount.shape[0] + top % 4) // 4) * 4, -(-(amount.shape[1] + left % 4) // 4) * 4), np.float32
        )
        padded[top % 4 : top % 4 + amount.shape[0], left % 4 : left % 4 + amount.shape[1]] = amount
        small = padded.reshape(padded.shape[0] // 4, 4, padded.shape[1] // 4, 4).mean(axis=(1, 3))
        sy, sx = max(0, -y0), max(0, -x0)
        small = small[sy : rows - y0, sx : columns - x0] if y0 < rows and x0 < columns else small[:0]
        if small.size:
            y0, x0 = max(0, y0), max(0, x0)
            self.glow[:, y0 : y0 + small.shape[0], x0 : x0 + small.shape[1]] += rgb[:, None, None] * small

    def bloom(self, strength: float) -> Array:
        """The gathered light, spread: linear, full size ``[3, h, w]``."""
        height, width = self.lab.shape[1:]
        reach = max(2.0, 0.012 * (height * width) ** 0.5 / 4)
        spread = []
        for plane in self.glow:
            wide = blur(plane, reach) * 0.6 + blur(plane, reach * 3.5) * 0.9 + blur(plane, reach * 9.0) * 0.9
            spread.append(resize(wide, (width, height)) * np.float32(strength))
        return np.stack(spread)


def gradient(stops: list[tuple[float, Array]], positions: Array) -> Array:
    """Colours along stops (position, colour), smoothly joined: planar, of the shape of `positions`."""
    places = np.array([place for place, _ in stops], np.float32)
    fine = np.linspace(float(places[0]), float(places[-1]), 1024, dtype=np.float32)
    table = np.stack([_smooth_interpolation(fine, places, np.array([c[i] for _, c in stops])) for i in range(3)])
    scale = np.float32(1023.0 / (places[-1] - places[0]))
    where = np.clip((positions - places[0]) * scale, 0.0, 1022.999)
    index = where.astype(np.int32)
    part = where - index
    return np.stack([np.take(row, index) * (1.0 - part) + np.take(row, index + 1) * part for row in table]).astype(
        np.float32, copy=False
    )


def _smooth_interpolation(x: Array, places: Array, values: Array) -> Array:
    """Monotone cubic interpolation (Fritsch-Carlson slopes)."""
    step = np.diff(places)
    slope = np.diff(values) / step
    tangents = np.zeros_like(values)
    tangents[0], tangents[-1] = slope[0], slope[-1]
    for k in range(1, len(values) - 1):
        if slope[k - 1] * slope[k] > 0:
            w1, w2 = 2 * step[k] + step[k - 1], step[k] + 2 * step[k - 1]
            tangents[k] = (w1 + w2) / (w1 / slope[k - 1] + w2 / slope[k])
    i = np.clip(np.searchsorted(places, x, side="right") - 1, 0, len(step) - 1)
    t = (x - places[i]) / step[i]
    t2, t3 = t * t, t * t * t
    result: Array = (
        (2 * t3 - 3 * t2 + 1) * values[i]
        + (t3 - 2 * t2 + t) * step[i] * tangents[i]
        + (3 * t2 - 2 * t3) * values[i + 1]
        + (t3 - t2) * step[i] * tangents[i + 1]
    ).astype(np.float32)
    return result


def disc(frame: Frame, x: float, y: float, radius: float) -> tuple[Array, int, int] | None:
    """An anti-aliased disc: its coverage and the (top, left) of it; None when out of view. `radius` in y units."""
    cx, cy, r = frame.px(x), frame.py(y), radius / frame.dy
    left, top = int(cx - r - 2), int(cy - r - 2)
    right, bottom = int(cx + r + 3), int(cy + r + 3)
    left, top, right, bottom = max(0, left), max(0, top), min(frame.width, right), min(frame.height, bottom)
    if left >= right or top >= bottom:
        return None
    gx = (np.arange(left, right, dtype=np.float32) + 0.5 - cx)[None, :]
    gy = (np.arange(top, bottom, dtype=np.float32) + 0.5 - cy)[:, None]
    return np.clip(r - np.sqrt(gx * gx + gy * gy) + 0.5, 0.0, 1.0).astype(np.float32), top, left
