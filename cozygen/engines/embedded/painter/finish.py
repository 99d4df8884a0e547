"""From the painted canvas to a picture: grading, bloom, vignette, grain."""

from __future__ import annotations

import math

import numpy as np

from cozygen.engines.embedded.painter.canvas import Canvas
from cozygen.engines.embedded.painter.color import Array, linear_from_oklab, srgb_from_linear
from cozygen.engines.embedded.painter.noise import fbm, generator, smoothstep
from cozygen.engines.embedded.painter.palette import colour_words, unwanted_hues
from cozygen.engines.embedded.painter.wish import Wish


def grade(lab: Array, wish: Wish) -> None:
    """Lean the whole picture towards the colours and the contrast asked for, in place."""
    contrast = 1.0 + 0.8 * wish.feel("contrast")
    if contrast != 1.0:
        middle = np.float32(lab[0].mean())
        lab[0] = np.clip(middle + (lab[0] - middle) * np.float32(max(0.35, contrast)), 0.0, 1.0)
    if wish.colours:
        total = np.zeros(2, np.float32)
        for place, (colour, weight) in enumerate(colour_words(wish)[:3]):
            total += colour[1:] * np.float32(
                ((1.0, 0.0, 0.0) if len(wish.colours) == 1 else (0.6, 0.5, 0.3))[place]
                * (1.0 - math.exp(-1.2 * weight))
            )
        room = (1.0 - np.abs(2.0 * lab[0] - 1.1)).clip(0.15, 1.0)
        lab[1] += total[0] * np.float32(0.22) * room
        lab[2] += total[1] * np.float32(0.22) * room
    for direction, weight in unwanted_hues(wish):
        chroma = np.hypot(lab[1], lab[2]) + np.float32(1e-6)
        alike = (lab[1] * direction[0] + lab[2] * direction[1]) / chroma
        keep = 1.0 - smoothstep(0.55, 0.92, alike) * np.float32(min(0.92, 0.8 * weight))
        lab[1] *= keep
        lab[2] *= keep
    if "monochrome" in wish.moods and not wish.colours:
        lab[1:] = 0.0


def to_light(canvas: Canvas, wish: Wish) -> Array:
    """Linear light ``[3, h, w]`` of the canvas with its bloom, highlights rolled off."""
    light = np.maximum(linear_from_oklab(canvas.lab), 0.0)
    bloom = canvas.bloom(0.75 + 0.9 * wish.feel("glow"))
    # Screen rather than add: bright skies do not burn out.
    light += bloom * (1.0 - np.clip(light, 0.0, 1.0))
    knee = np.float32(0.80)
    over = np.maximum(light - knee, 0.0)
    return np.minimum(light, knee) + (1.0 - knee) * (over / (over + (1.0 - knee)))


def vignette(light: Array, amount: float) -> None:
    """Darken the corners, in place."""
    height, width = light.shape[1:]
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :] ** 2
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None] ** 2
    light *= 1.0 - np.float32(amount) * smoothstep(0.35, 2.1, x + y)


def encode(light: Array) -> Array:
    """The picture ``[h, w, 3]``, 0..1, gamma-encoded, of linear light."""
    return np.ascontiguousarray(srgb_from_linear(light).transpose(1, 2, 0))


def with_grain(picture: Array, seed: int, strength: float) -> Array:
    """The picture with grain of a strength in 8-bit steps; one step keeps gradients from banding."""
    height, width = picture.shape[:2]
    rng = generator(seed, "grain")
    noise = rng.random((height, width), dtype=np.float32) - rng.random((height, width), dtype=np.float32)
    if strength > 1.0:
        clumps = fbm(seed, "grain", (0.0, 0.0), (0.62, 0.62), (width, height), octaves=2)
        tone = 0.4 + 2.4 * picture[:, :, 1] * (1.0 - picture[:, :, 1])
        noise = (noise * 0.5 + clumps * 0.9) * np.float32(strength) * tone
    return np.clip(picture + noise[:, :, None] * np.float32(1.0 / 255.0), 0.0, 1.0).astype(np.float32)
