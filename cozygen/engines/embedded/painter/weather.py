"""What falls and drifts in the air before a scene."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from cozygen.engines.embedded.painter.canvas import Canvas, View
from cozygen.engines.embedded.painter.color import lch, mix
from cozygen.engines.embedded.painter.noise import fbm, generator, resize, smoothstep
from cozygen.engines.embedded.painter.scene import Scene
from cozygen.engines.embedded.painter.sky import splat


def paint_rain(canvas: Canvas, view: View, scene: Scene, amount: float) -> None:
    """Slanting streaks in three depths, and a veil."""
    width, height = view.width, view.height
    rng = generator(scene.seed, "rain")
    slant = 0.10 + 0.18 * min(1.0, scene.weather.get("storm", 0.0))
    veil = mix(scene.palette.haze, scene.palette.zenith, 0.4)
    canvas.over(veil, 0.10 * min(1.2, amount))
    scale = 2
    sheet = Image.new("L", (width * scale, height * scale), 0)
    draw = ImageDraw.Draw(sheet)
    for depth in (0.35, 0.6, 1.0):
        count = int(260 * amount * max(0.4, view.span / 1.5) / depth)
        x0, y0 = rng.uniform(-0.2, 1.2, count), rng.uniform(0.0, 1.0, count)
        length = (0.035 + 0.06 * depth) * rng.uniform(0.6, 1.2, count) * height
        fall = (y0 + view.time * (1.1 + depth)) % 1.25 - 0.15
        tone = int(60 + 90 * depth)
        thick = max(1, round(scale * height * 0.0011 * (0.6 + depth)))
        for x, y, run in zip(x0 * width - fall * slant * height, fall * height, length, strict=True):
            draw.line((x * scale, y * scale, (x - slant * run) * scale, (y + run) * scale), fill=tone, width=thick)
    streaks = np.asarray(sheet.reduce(scale), np.float32) / np.float32(255.0)
    canvas.over(mix(scene.palette.horizon, scene.palette.light, 0.5), streaks * np.float32(0.62))


def paint_snow(canvas: Canvas, view: View, scene: Scene, amount: float) -> None:
    """Flakes, the near ones large and out of focus."""
    width, height = view.width, view.height
    rng = generator(scene.seed, "snow")
    colour = mix(scene.palette.snow, scene.palette.light, 0.5)
    for size, count, strength in ((0.0013, 620, 0.85), (0.0026, 190, 0.8), (0.0058, 34, 0.42)):
        number = int(count * min(1.6, amount) * max(0.4, view.width / view.height / 1.5))
        x, y = rng.uniform(0.0, 1.0, number), rng.uniform(0.0, 1.0, number)
        phase = rng.uniform(0.0, 6.28, number)
        x = (x + 0.012 * np.sin(view.time * 1.1 + phase) + view.time * 0.01) % 1.0
        y = (y + view.time * (0.05 + size * 16)) % 1.0
        light = splat(width, height, x * width, y * height, np.full(number, strength), max(0.6, size * height))
        canvas.over(colour, np.clip(light, 0.0, 0.92))


def paint_fog(canvas: Canvas, view: View, scene: Scene, amount: float) -> None:
    """A veil that thickens towards the horizon."""
    frame = view.frame(0.5)
    soft = frame.scaled(4)
    noise = fbm(
        scene.seed,
        "fog",
        (soft.left * 1.3 + view.time * 0.03, soft.top * 4),
        (soft.dx * 1.3, soft.dy * 4),
        (soft.width, soft.height),
        octaves=5,
    )
    height = np.abs(soft.ys()[:, None] - np.float32(scene.horizon + 0.04))
    alpha = np.exp(-((height / 0.20) ** 2)) * (0.55 + 0.40 * noise) + 0.05
    alpha = np.clip(alpha * np.float32(0.75 * amount), 0.0, 0.9)
    canvas.over(
        mix(scene.palette.haze, scene.palette.light, 0.15), resize(alpha.astype(np.float32), (view.width, view.height))
    )


def paint_lightning(canvas: Canvas, view: View, scene: Scene) -> None:
    """One forked bolt; in a film it flashes now and then."""
    if view.time and math.sin(view.time * 2.9) + math.sin(view.time * 4.7 + 1.0) < 1.2:
        return
    rng = generator(scene.seed, "lightning", int(view.time * 1.3))
    frame = view.frame(0.05)
    scale = 2
    sheet = Image.new("L", (frame.width * scale, frame.height * scale), 0)
    draw = ImageDraw.Draw(sheet)
    start = (scene.span * float(rng.uniform(0.2, 0.8)), scene.horizon * 0.10)
    waiting = [(start, 0.0, 1.0)]
    while waiting:
        (x, y), drift, strength = waiting.pop()
        while y < scene.horizon + 0.02 and strength > 0.15:
            nx = x + float(rng.normal(drift, 0.020)) * view.squeeze
            ny = y + float(rng.uniform(0.012, 0.034))
            thick = max(1, round(scale * 0.0030 * strength / frame.dy))
            line = [frame.px(x) * scale, frame.py(y) * scale, frame.px(nx) * scale, frame.py(ny) * scale]
            draw.line(line, fill=int(255 * min(1.0, strength + 0.2)), width=thick)
            if rng.uniform() < 0.12 and strength > 0.5:
                waiting.append(((nx, ny), float(rng.choice((-1.0, 1.0))) * 0.018, strength * 0.5))
            x, y = nx, ny
            strength *= 0.992 if strength > 0.6 else 0.93
    bolt = np.asarray(sheet.reduce(scale), np.float32) / np.float32(255.0)
    canvas.over(lch(0.98, 0.02, 270), bolt)
    canvas.shine(lch(0.85, 0.09, 275), bolt * np.float32(1.5))


def paint_rays(canvas: Canvas, view: View, scene: Scene, amount: float) -> None:
    """Soft shafts of light that fan out from the sun."""
    frame = view.frame(0.0)
    soft = frame.scaled(4)
    dx = (soft.xs()[None, :] - np.float32(scene.light_at[0])) * np.float32(view.squeeze)
    dy = soft.ys()[:, None] - np.float32(scene.light_at[1])
    angle = np.arctan2(dy, dx)
    distance = np.hypot(dx, dy)
    rng = generator(scene.seed, "rays")
    beams = np.zeros_like(angle)
    for _ in range(5):
        count, phase = int(rng.integers(7, 31)), float(rng.uniform(0, 6.28))
        beams += np.sin(angle * count + phase + view.time * 0.05)
    alpha = smoothstep(-1.0, 4.0, beams) * np.exp(-distance / 0.42) * smoothstep(0.02, 0.25, distance)
    alpha *= smoothstep(0.22, -0.05, soft.ys()[:, None] - np.float32(scene.horizon))
    cover = np.clip(resize(alpha.astype(np.float32), (view.width, view.height)) * np.float32(amount), 0.0, 0.6)
    canvas.over(scene.palette.light, cover)
