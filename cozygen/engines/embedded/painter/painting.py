"""The painter's door: still pictures and films from a prompt, step by step."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import numpy as np
from PIL import Image

from cozygen.engines.embedded.painter import brush, finish, landscape, realms, restyle
from cozygen.engines.embedded.painter.canvas import Canvas, View
from cozygen.engines.embedded.painter.color import Array, mix
from cozygen.engines.embedded.painter.landscape import Layer
from cozygen.engines.embedded.painter.lexicon import STYLES
from cozygen.engines.embedded.painter.noise import blur, fbm, generator, resize_planes
from cozygen.engines.embedded.painter.palette import Palette, make_palette
from cozygen.engines.embedded.painter.scene import Scene, compose
from cozygen.engines.embedded.painter.styles import FINISHES
from cozygen.engines.embedded.painter.wish import Wish, read_wish

Progress = Callable[[int, int, Array | None], None]
"""Told after each step: the step, their number, and a preview ``[h, w, 3]`` (sRGB 0..1). May raise to stop."""

STYLE_CHOICES = ("auto", *STYLES)
MOTIONS = ("drift", "zoom in", "zoom out", "orbit", "rise", "sun path", "waves")
MAX_SIDE = 4096
MIN_SIDE = 64
MAX_STEPS = 60

_PAINTED_PIXELS = 6_000_000  # larger pictures are painted at this size and enlarged
_PREVIEW_SIDE = 512
_SKETCH_SIDE = 176
_SECONDS_A_FRAME = 1 / 12


class PainterError(ValueError):
    """The painter was asked for what it cannot paint; the message is for people."""


def paint(
    prompt: str,
    negative: str = "",
    seed: int = 0,
    width: int = 768,
    height: int = 512,
    *,
    steps: int = 20,
    style: str = "auto",
    image: Array | None = None,
    strength: float = 0.6,
    mask: Array | None = None,
    progress: Progress | None = None,
) -> Array:
    """One picture, float32 ``[height, width, 3]``, sRGB 0..1.

    The same arguments give the same picture, bit by bit. With `image` (``[h, w, 3]``, any size) the picture is painted
    over by `strength` (0 leaves it as it is), where `mask` (``[h, w]``, 1 = paint) lets it. More `steps` mean more and
    finer brush strokes. Raises `PainterError` for sizes, steps and styles that there are not.
    """
    _check(width, height, steps, style)
    source = None if image is None else restyle.fitted(image, width, height)
    if source is not None and strength <= 0.0:
        return _report_all(source, steps, progress)
    wish = read_wish(prompt, negative)
    work_width, work_height = _working_size(width, height)
    small = (
        source if source is None or source.shape[1] == work_width else restyle.fitted(source, work_width, work_height)
    )
    work = _Work(wish, seed, work_width, work_height, _chosen_style(style, wish), steps, small, min(strength, 1.0))
    for step in range(1, steps + 1):
        work.advance(step)
        if progress is not None:
            progress(step, steps, work.preview(step))
    result = work.picture()
    if (work_width, work_height) != (width, height):
        planes = np.ascontiguousarray(result.transpose(2, 0, 1))
        result = resize_planes(planes, (width, height), Image.Resampling.LANCZOS).transpose(1, 2, 0)
    result = finish.with_grain(np.ascontiguousarray(result), seed, work.grain)
    if source is not None and mask is not None:
        where = _fitted_mask(mask, width, height)[:, :, None]
        result = source + (result - source) * where
    return np.ascontiguousarray(result, dtype=np.float32)


def _check(width: int, height: int, steps: int, style: str) -> None:
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise PainterError(f"width and height must be {MIN_SIDE} to {MAX_SIDE} pixels, not {width} x {height}")
    if not 1 <= steps <= MAX_STEPS:
        raise PainterError(f"steps must be 1 to {MAX_STEPS}, not {steps}")
    if style not in STYLE_CHOICES:
        raise PainterError(f"style must be one of {', '.join(STYLE_CHOICES)}, not {style}")


def _report_all(picture: Array, steps: int, progress: Progress | None) -> Array:
    if progress is not None:
        progress(steps, steps, _reduced(picture))
    return picture


def _working_size(width: int, height: int) -> tuple[int, int]:
    if width * height <= _PAINTED_PIXELS:
        return width, height
    scale = math.sqrt(_PAINTED_PIXELS / (width * height))
    return max(MIN_SIDE, round(width * scale)), max(MIN_SIDE, round(height * scale))


def _chosen_style(style: str, wish: Wish) -> str:
    if style != "auto":
        return style
    allowed = {name: weight for name, weight in wish.styles.items() if not wish.rejects(f"style:{name}")}
    return max(allowed, key=lambda name: allowed[name]) if allowed else "painting"


def _fitted_mask(mask: Array, width: int, height: int) -> Array:
    plane = restyle.fitted(np.repeat(mask[:, :, None], 3, axis=2), width, height)[:, :, 0]
    result: Array = np.clip(blur(plane, 0.002 * math.sqrt(width * height)), 0.0, 1.0)
    return result


def _reduced(picture: Array) -> Array:
    """A copy no larger than a preview should be."""
    height, width = picture.shape[:2]
    factor = math.ceil(max(height, width) / _PREVIEW_SIDE)
    if factor <= 1:
        return picture.copy()
    return np.stack(
        [
            np.asarray(Image.fromarray(np.ascontiguousarray(picture[:, :, channel])).reduce(factor), np.float32)
            for channel in range(3)
        ],
        axis=2,
    )


class _Work:
    """A still picture in the making: layers first, then brushwork or another finish."""

    def __init__(
        self,
        wish: Wish,
        seed: int,
        width: int,
        height: int,
        style: str,
        steps: int,
        source: Array | None,
        strength: float,
    ) -> None:
        self._wish, self._seed, self._style, self._steps = wish, seed, style, steps
        self._view = View(width, height)
        self._scene = landscape.settled(compose(wish, seed, self._view.span))
        self._source, self._strength = source, strength
        self._canvas = Canvas.blank(width, height)
        self._layers: list[Layer] = (
            realms.layers(self._scene) if source is None else restyle.layers(self._scene, source, strength)
        )
        self._radii = _brush_radii(style, steps, width, height)
        self._tasks: list[Callable[[], None]] = [
            *(lambda layer=layer: layer(self._canvas, self._view) for layer in self._layers),
            self._develop,
            *(lambda number=number: self._brush(number) for number in range(len(self._radii))),
            self._complete,
        ]
        self._done = 0
        self._picture: Array | None = None
        self._brushwork: brush.Brushwork | None = None
        self._sketch: Array | None = None
        self.grain = {"film": 3.5, "painting": 1.8}.get(style, 0.9)

    def advance(self, step: int) -> None:
        """Do this step's share of the work."""
        goal = round(len(self._tasks) * step / self._steps)
        while self._done < goal:
            self._tasks[self._done]()
            self._done += 1

    def picture(self) -> Array:
        """The finished picture."""
        assert self._picture is not None
        return self._picture

    def _develop(self) -> None:
        finish.grade(self._canvas.lab, self._wish)
        light = finish.to_light(self._canvas, self._wish)
        if self._style not in ("watercolour", "ink", "line art"):
            finish.vignette(light, 0.30 if self._source is None else 0.15 * self._strength)
        self._picture = finish.encode(light)
        self._canvas = Canvas.blank(1, 1)

    def _brush(self, number: int) -> None:
        if self._brushwork is None:
            self._brushwork = brush.Brushwork.begin(self.picture(), self._seed)
        self._brushwork.stroke(number, self._radii[number], everywhere=number == 0)

    def _complete(self) -> None:
        if self._brushwork is not None:
            amount, relief = (0.95, 0.16) if self._style == "oil" else (0.42, 0.035)
            if self._source is not None:
                amount *= 0.4 + 0.6 * self._strength
            self._picture = self._brushwork.finished(amount, relief)
        elif self._style in FINISHES:
            painted = FINISHES[self._style](self.picture(), self._seed, self._wish)
            share = 1.0 if self._source is None else min(1.0, 0.35 + self._strength)
            self._picture = self.picture() + (painted - self.picture()) * np.float32(share)

    # What is shown on the way

    def preview(self, step: int) -> Array:
        """How the picture stands: a sketch that comes out of noise, then the painted surface."""
        if self._done == len(self._tasks):
            return _reduced(self.picture())
        if self._brushwork is not None:
            return _reduced(self._brushwork.surface)
        return self._emerging(step / self._steps)

    def _emerging(self, t: float) -> Array:
        if self._sketch is None:
            self._sketch = self._make_sketch()
        sketch = self._sketch
        height, width = sketch.shape[:2]
        clear = min(1.0, t * 1.35)
        soft = np.stack([blur(sketch[:, :, c], 14.0 * (1.0 - clear) ** 2) for c in range(3)], axis=2)
        rng = generator(self._seed, "preview", round(t * 1000))
        noise = rng.normal(0.5, 0.26, sketch.shape).astype(np.float32)
        coarse = fbm(self._seed, "preview", (0.0, 0.0), (0.12, 0.12), (width, height), octaves=3) * 0.12
        share = np.float32((1.0 - clear) ** 1.3 * 0.85)
        picture = soft + (noise + coarse[:, :, None] - soft) * share
        scale = max(1, _PREVIEW_SIDE // (2 * max(width, height)) + 1)
        big = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8)).resize(
            (width * scale, height * scale), Image.Resampling.BICUBIC
        )
        return np.asarray(big, np.float32) / np.float32(255.0)

    def _make_sketch(self) -> Array:
        """The whole picture at thumbnail size, as painters try a composition."""
        scale = min(1.0, _SKETCH_SIDE / max(self._view.width, self._view.height))
        width, height = max(8, round(self._view.width * scale)), max(8, round(self._view.height * scale))
        view, canvas = View(width, height), Canvas.blank(width, height)
        layers = self._layers
        if self._source is not None:
            layers = restyle.layers(self._scene, restyle.fitted(self._source, width, height), self._strength)
        for layer in layers:
            layer(canvas, view)
        finish.grade(canvas.lab, self._wish)
        return finish.encode(finish.to_light(canvas, self._wish))


def _brush_radii(style: str, steps: int, width: int, height: int) -> list[float]:
    """The brushes of all passes in pixels, coarse to fine; more steps, more and finer passes."""
    if style not in ("painting", "oil"):
        return []
    passes = max(1, min(9, round(0.9 + steps * 0.25)))
    side = math.sqrt(width * height)
    largest = max(3.0, side * (0.032 if style == "oil" else 0.024))
    smallest = max(1.3, side * (0.0052 if style == "oil" else 0.0034) * (1.0 + 2.0 / passes))
    if passes == 1:
        return [math.sqrt(largest * smallest)]
    return [largest * (smallest / largest) ** (k / (passes - 1)) for k in range(passes)]


# Films


def paint_frames(
    prompt: str,
    negative: str = "",
    seed: int = 0,
    width: int = 384,
    height: int = 256,
    frames: int = 48,
    *,
    motion: str = "drift",
    style: str = "auto",
    progress: Progress | None = None,
) -> Array:
    """A film, float32 ``[frames, height, width, 3]``, sRGB 0..1: one scene, seen by a moving camera.

    Raises `PainterError` as `paint`, and for an unknown `motion`.
    """
    _check(width, height, 1, style)
    if motion not in MOTIONS:
        raise PainterError(f"motion must be one of {', '.join(MOTIONS)}, not {motion}")
    if frames < 1:
        raise PainterError(f"frames must be at least 1, not {frames}")
    wish = read_wish(prompt, negative)
    chosen = _chosen_style(style, wish)
    film = np.empty((frames, height, width, 3), np.float32)
    for number, picture in enumerate(_filmed(wish, seed, width, height, frames, motion, chosen)):
        film[number] = picture
        if progress is not None:
            progress(number + 1, frames, _reduced(picture))
    return film


def _filmed(wish: Wish, seed: int, width: int, height: int, frames: int, motion: str, style: str) -> Iterator[Array]:
    rest = View(width, height)
    scene = landscape.settled(compose(wish, seed, rest.span))
    evening = _evening(scene)
    for number in range(frames):
        t = number / max(1, frames - 1)
        view = _camera(motion, t, number, frames, rest)
        now = _later(scene, evening, t) if motion == "sun path" else scene
        canvas = Canvas.blank(width, height)
        for layer in realms.layers(now):
            layer(canvas, view)
        finish.grade(canvas.lab, wish)
        light = finish.to_light(canvas, wish)
        finish.vignette(light, 0.28)
        picture = finish.encode(light)
        if style in FINISHES:
            picture = FINISHES[style](picture, seed, wish)
        yield finish.with_grain(picture, seed, 1.0)


def _camera(motion: str, t: float, number: int, frames: int, rest: View) -> View:
    time = number * _SECONDS_A_FRAME
    # Starts and stops softly.
    eased = t * t * (3.0 - 2.0 * t) * 0.6 + t * 0.4
    match motion:
        case "drift":
            return replace(rest, pan=0.34 * (eased - 0.5), zoom=1.06, time=time)
        case "zoom in":
            return replace(rest, zoom=1.0 + 0.42 * eased, time=time)
        case "zoom out":
            return replace(rest, zoom=1.42 - 0.42 * eased, time=time)
        case "orbit":
            angle = 2.0 * math.pi * number / frames
            return replace(rest, pan=0.20 * math.sin(angle), zoom=1.12 - 0.05 * math.cos(angle), time=time)
        case "rise":
            return replace(rest, rise=0.12 * (0.5 - eased), zoom=1.16, time=time)
        case _:
            return replace(rest, time=time)


_NEXT_TIME = {"dawn": "day", "day": "sunset", "sunset": "dusk", "dusk": "night", "night": "dawn"}


def _evening(scene: Scene) -> Palette:
    """The palette of the time of day that follows."""
    later = _NEXT_TIME[scene.time]
    return make_palette(scene.wish, scene.seed, later, scene.season, desert="desert" in scene.subjects)


def _later(scene: Scene, evening: Palette, t: float) -> Scene:
    """The scene some way towards the next time of day, the light on its arc."""
    rising = scene.time in ("dawn", "night")
    share = t * t * (3.0 - 2.0 * t)
    roles = {
        f.name: mix(getattr(scene.palette, f.name), getattr(evening, f.name), share)
        for f in fields(Palette)
        if f.name != "level"
    }
    level = scene.palette.level + (evening.level - scene.palette.level) * share
    height = -0.30 * t if rising else 0.30 * t
    at = (scene.light_at[0] + (t - 0.5) * 0.25, min(scene.horizon + 0.12, max(0.08, scene.light_at[1] + height)))
    return replace(scene, palette=Palette(**roles, level=level), light_at=at)


def example_image() -> bytes:
    """A PNG, 768 x 512, for the image workflows to start from."""
    picture = paint("mountain lake at sunset, pine forest, a sailboat", seed=9, width=768, height=512, steps=12)
    buffer = io.BytesIO()
    Image.fromarray((picture * 255.0 + 0.5).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
