"""Water: the reflected picture, rippled in perspective, with the light's path on it."""

from __future__ import annotations

import numpy as np

from cozygen.engines.embedded.painter.canvas import Canvas, Frame, View
from cozygen.engines.embedded.painter.color import Array, lch, mix, shade
from cozygen.engines.embedded.painter.noise import blur, profile, remap, sample, smoothstep, texture
from cozygen.engines.embedded.painter.scene import Scene


def paint_water(canvas: Canvas, view: View, scene: Scene) -> None:
    """Everything below the shore becomes water that reflects what is painted above it."""
    frame = view.frame(0.35)
    shore = frame.row(scene.shore)
    if shore >= frame.height - 1:
        return
    band = frame.band(shore, frame.height)
    away = np.maximum(band.ys()[:, None] - np.float32(scene.shore), 0.0) + np.float32(0.4 * frame.dy)
    ripple, slope = _ripples(view, scene, band, away)
    surface = _mirror(canvas, scene, band, shore, away, ripple, slope)
    palette = scene.palette
    near = np.clip(away / np.float32(1.0 - scene.shore), 0.0, 1.0)
    wild = _wildness(scene)
    # Steeper sight shows the water itself, flat sight the sky.
    deep = np.clip(0.12 + 0.55 * near**0.8 + slope * np.float32(0.16 + 0.3 * wild), 0.0, 0.92)
    body = mix(palette.water, shade(palette.zenith, -0.08), 0.25)
    surface += (body[:, None, None] - surface) * deep
    crest = smoothstep(0.25, 1.0, slope) * np.float32(0.16 + 0.20 * wild) * (0.3 + near)
    surface += (mix(palette.horizon, palette.light, 0.4)[:, None, None] - surface) * np.clip(crest, 0.0, 0.8)
    if wild > 0.5 and not scene.wish.rejects("subject:wave"):
        foam = smoothstep(0.62, 0.95, ripple) * near * np.float32(0.85 * (wild - 0.2))
        surface += (lch(0.95, 0.01, 220)[:, None, None] * (0.5 + 0.5 * palette.level) - surface) * np.clip(foam, 0, 0.9)
    canvas.over(surface, 1.0, shore)
    _glitter(canvas, view, scene, band, shore, away, slope)
    _shoreline(canvas, scene, band, shore, away)


def _wildness(scene: Scene) -> float:
    base = {"sea": 0.42, "lake": 0.0, "river": 0.2, "none": 0.0}[scene.water]
    storm = 0.7 * min(1.0, scene.weather.get("storm", 0.0))
    return min(1.2, max(0.0, base + storm - 0.28 * scene.wish.feel("calm")))


def _ripples(view: View, scene: Scene, band: Frame, away: Array) -> tuple[Array, Array]:
    """The waves' height and their slope towards the viewer, both about -1..1, in perspective."""
    tile = texture(scene.seed, "water", view.texture_side, cells=16, octaves=6, gain=0.55)
    x = (band.xs()[None, :] - np.float32(scene.span / 2)) * np.float32(view.squeeze)
    # A plane seen from a low height: distance is the inverse of the height below the horizon.
    far = np.float32(0.085) / (away + 0.020)
    u, v = x * far * 0.42, far * np.float32(1.55)
    time = np.float32(view.time)
    drift = time * 0.018
    swell = sample(tile, u * 0.55 + drift, v * 0.9 + drift * 1.4)
    chop = sample(tile, u * 1.9 - drift * 1.3, v * 2.6 + drift * 2.2 + 0.3)
    ripple = swell * 0.7 + chop * 0.45
    ahead = sample(tile, u * 0.55 + drift, v * 0.9 + drift * 1.4 + 0.006) * 0.7
    ahead += sample(tile, u * 1.9 - drift * 1.3, v * 2.6 + drift * 2.2 + 0.310) * 0.45
    slope = np.clip((ahead - ripple) * 5.0, -1.2, 1.2)
    # What is smaller than a pixel is no longer seen.
    visible = smoothstep(0.0, 0.05, away)
    return ripple, slope * visible


def _mirror(canvas: Canvas, scene: Scene, band: Frame, shore: int, away: Array, ripple: Array, slope: Array) -> Array:
    wild = 0.35 + _wildness(scene)
    rows = np.arange(band.height, dtype=np.float32)[:, None]
    height = canvas.lab.shape[1]
    shift_y = slope * away * np.float32(0.55 * wild / band.dy)
    shift_x = (ripple * away * np.float32(0.10 * wild)) / np.float32(band.dx)
    source_y = (shore - 1) - rows * np.float32(0.92) + shift_y
    # A mirror shows what is above, never the water itself; beyond the top it folds back.
    source_y = np.abs(np.clip(source_y, -(height - 1.0), shore - 1.0))
    source_x = np.arange(band.width, dtype=np.float32)[None, :] + shift_x
    source = canvas.lab[:, :shore]
    if source.shape[1] == 0:
        source = np.repeat(scene.palette.horizon[:, None, None], band.width, axis=2)
        source_y = np.zeros_like(source_y)
    surface = remap(source, np.broadcast_to(source_x, ripple.shape), np.minimum(source_y, source.shape[1] - 1.0))
    surface[0] *= 0.93
    return surface


def _glitter(canvas: Canvas, view: View, scene: Scene, band: Frame, shore: int, away: Array, slope: Array) -> None:
    """The light's broken path towards the viewer."""
    if scene.light == "hidden":
        return
    x = (band.xs()[None, :] - np.float32(scene.light_at[0])) * np.float32(view.squeeze)
    low = max(0.25, scene.light_at[1] / scene.horizon)
    width = 0.020 + 0.26 * away * (1.15 - 0.5 * low)
    path = np.exp(-((x / width) ** 2))
    sparkle = smoothstep(0.10, 0.75, slope + 0.25) * path
    sheen = path * 0.22
    amount = {"sun": 0.95, "moon": 0.7}[scene.light] * (0.55 + 0.45 * low) * (0.6 if scene.time == "day" else 1.0)
    light = np.clip((sparkle + sheen) * np.float32(amount), 0.0, 0.96).astype(np.float32)
    canvas.over(scene.palette.light, light, shore)
    canvas.shine(scene.palette.light, light * np.float32(0.22), shore)


def _shoreline(canvas: Canvas, scene: Scene, band: Frame, shore: int, away: Array) -> None:
    """A thin bright line of air and light where water meets land."""
    line = np.exp(-((away / 0.006) ** 2)) * 0.45 + np.exp(-away / 0.035) * 0.25
    wobble = 0.7 + 0.3 * profile(scene.seed, "shoreline", band.xs() * np.float32(5.0), octaves=3)
    canvas.over(mix(scene.palette.haze, scene.palette.light, 0.35), (line * wobble[None, :]).astype(np.float32), shore)


def paint_river(canvas: Canvas, view: View, scene: Scene) -> None:
    """A winding river on the ground, from the horizon to the viewer, that reflects the sky."""
    frame = view.frame(0.45)
    start = scene.horizon + 0.055
    first = frame.row(start)
    if first >= frame.height - 2:
        return
    band = frame.band(first, frame.height)
    away = np.maximum(band.ys() - np.float32(start), 0.0)
    t = away / np.float32(max(1.0 - start, 0.05))
    bend = profile(scene.seed, "river", (np.log1p(t * 9.0) * 1.5).astype(np.float32), octaves=2)
    centre = scene.span * (0.5 + 0.22 * (0.5 - scene.light_at[0] / scene.span)) + bend * (0.05 + 0.55 * t) * 0.55
    half = (0.006 + 0.30 * t**1.6) / view.squeeze
    xs = band.xs()[None, :]
    tile = texture(scene.seed, "water", view.texture_side, cells=16, octaves=6, gain=0.55)
    banks = sample(tile, xs * 0.6 + np.zeros_like(away)[:, None], (away * 1.2)[:, None] + np.zeros_like(xs)) * 0.10
    inside = (half[:, None] * (1.0 + banks) - np.abs(xs - centre[:, None])) / np.float32(frame.dx)
    cover = np.clip(inside * 0.6 + 0.5, 0.0, 1.0).astype(np.float32)
    far = np.float32(0.085) / (away[:, None] + 0.03)
    ripple = sample(tile, xs * far * 0.5, far * 1.7 + np.float32(view.time * 0.03))
    top = frame.row(scene.horizon) - 1
    rows = np.clip(
        top - (np.arange(band.height)[:, None] + ripple * t[:, None] * 60 * band.height / 600), 0, max(top, 0)
    )
    columns = np.broadcast_to(np.arange(band.width, dtype=np.float32)[None, :] + ripple * 3.0, rows.shape)
    surface = remap(canvas.lab, columns, rows.astype(np.float32))
    palette = scene.palette
    share = np.clip(0.15 + 0.4 * t[:, None] + ripple * 0.14, 0.0, 0.85)
    surface += (palette.water[:, None, None] - surface) * share
    edge = np.exp(-((inside * frame.dx / 0.012) ** 2)) * 0.4
    surface += (mix(palette.haze, palette.light, 0.5)[:, None, None] - surface) * edge
    canvas.over(surface, blur(cover, 0.5), first)
