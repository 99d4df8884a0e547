"""Painting over a picture: its forms and lights stay, palette, sky and air become the prompt's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from cozygen.engines.embedded.painter import landscape, realms, sky
from cozygen.engines.embedded.painter.canvas import Canvas, View, gradient
from cozygen.engines.embedded.painter.color import Array
from cozygen.engines.embedded.painter.landscape import Layer
from cozygen.engines.embedded.painter.noise import blur, fbm, resize_planes, smoothstep
from cozygen.engines.embedded.painter.scene import Scene
from cozygen.engines.embedded.painter.styles import lab_of


def fitted(picture: Array, width: int, height: int) -> Array:
    """The picture ``[h, w, 3]`` scaled to cover a size, its middle kept."""
    rows, columns = picture.shape[:2]
    if (columns, rows) == (width, height):
        return np.ascontiguousarray(picture[:, :, :3], dtype=np.float32)
    scale = max(width / columns, height / rows)
    crop_w, crop_h = width / scale, height / scale
    left, top = max(0.0, (columns - crop_w) / 2), max(0.0, (rows - crop_h) / 2)
    box = (left, top, min(float(columns), left + crop_w), min(float(rows), top + crop_h))
    planes = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(picture[:, :, channel], dtype=np.float32)).resize(
                (width, height), Image.Resampling.LANCZOS, box=box
            )
        )
        for channel in range(3)
    ]
    result: Array = np.clip(np.stack(planes, axis=2), np.float32(0.0), np.float32(1.0))
    return result


def layers(scene: Scene, picture: Array, strength: float) -> list[Layer]:
    """The steps that turn a picture (of the canvas's size) into the scene's world; `strength` 0..1."""
    return list(_steps(scene, picture, strength))


def _steps(scene: Scene, picture: Array, strength: float) -> Iterator[Layer]:
    def begin(canvas: Canvas, _: View) -> None:
        canvas.lab[...] = _recoloured(lab_of(picture), scene, strength)

    yield begin
    if strength > 0.25 and scene.realm != "abstract":
        yield lambda canvas, view: _new_sky(canvas, view, scene, picture, strength)
    if strength > 0.6:
        share = (strength - 0.6) / 0.4
        yield lambda canvas, view: _scene_within(canvas, view, scene, picture, share)
    yield lambda canvas, view: _air(canvas, view, scene, strength)
    if strength > 0.4:
        yield from landscape.additions(scene)


def _recoloured(lab: Array, scene: Scene, strength: float) -> Array:
    """The picture in the scene's colours: each lightness gets the hue that the palette has there."""
    palette = scene.palette
    share = np.float32(min(1.0, 1.2 * strength))
    light = lab[0]
    low, high = np.percentile(light[::3, ::3], (1.0, 99.0))
    spread = np.clip((light - low) / max(float(high - low), 0.15), 0.0, 1.0)
    # Day and night differ in where the middle tones lie.
    curve = spread ** np.float32(1.65 - 0.85 * palette.level)
    darkest = float(palette.near[0]) * 0.8
    brightest = min(0.97, 0.45 + 0.55 * palette.level + 0.06)
    toned = darkest + curve * (brightest - darkest)
    stops = sorted(
        [
            (0.0, palette.near),
            (0.30, palette.zenith if palette.level < 0.5 else palette.foliage),
            (0.52, palette.middle),
            (0.76, palette.horizon),
            (1.0, palette.light),
        ],
        key=lambda stop: stop[0],
    )
    ramp = gradient([(place, colour) for place, colour in stops], curve)
    out = lab.copy()
    out[0] = light + (toned * 0.8 + ramp[0] * 0.2 - light) * share
    for channel in (1, 2):
        wanted = ramp[channel] * 1.1 + lab[channel] * 0.22
        out[channel] = lab[channel] + (wanted - lab[channel]) * share
    return out


def _open_sky(picture: Array) -> Array:
    """Where the picture is probably sky: even, and connected to the upper edge without a contour between; 0..1."""
    height, width = picture.shape[:2]
    small_size = (max(8, width // 5), max(8, height // 5))
    small = resize_planes(lab_of(picture), small_size, Image.Resampling.BOX)
    light = blur(small[0], 0.8)
    contour = np.abs(_step(light, 0)) + np.abs(_step(light, 1)) + 0.7 * np.abs(_step(blur(small[2], 0.8), 0))
    even = 1.0 - smoothstep(0.018, 0.058, blur(contour, 0.8))
    # Walking down each column, what was not sky above is not sky below.
    reach = np.minimum.accumulate(even, axis=0)
    low = smoothstep(0.85, 0.55, np.linspace(0.0, 1.0, small_size[1], dtype=np.float32))[:, None]
    soft = blur(smoothstep(0.25, 0.7, reach) * low, 1.6).astype(np.float32)
    full = np.asarray(Image.fromarray(soft).resize((width, height), Image.Resampling.BICUBIC), np.float32)
    result: Array = np.clip(full, 0.0, 1.0)
    return result


def _step(plane: Array, axis: int) -> Array:
    result: Array = np.gradient(plane, axis=axis)
    return result


def _new_sky(canvas: Canvas, view: View, scene: Scene, picture: Array, strength: float) -> None:
    cover = _open_sky(picture) * np.float32(min(0.9, 1.3 * (strength - 0.15)))
    other = Canvas.blank(view.width, view.height)
    sky.paint_sky(other, view, scene)
    sky.paint_clouds(other, view, scene)
    canvas.over(other.lab, cover)
    fading = np.repeat(cover[None, ::4, ::4], 3, axis=0)
    rows, columns = min(fading.shape[1], canvas.glow.shape[1]), min(fading.shape[2], canvas.glow.shape[2])
    canvas.glow[:, :rows, :columns] += other.glow[:, :rows, :columns] * fading[:, :rows, :columns]


def _scene_within(canvas: Canvas, view: View, scene: Scene, picture: Array, share: float) -> None:
    """Let the imagined scene show, most where the picture has little to say."""
    other = Canvas.blank(view.width, view.height)
    for layer in realms.layers(scene):
        layer(other, view)
    light = lab_of(picture)[0]
    detail = np.abs(light - blur(light, max(1.0, 0.012 * (view.width * view.height) ** 0.5)))
    quiet = 1.0 - smoothstep(0.02, 0.12, blur(detail, max(1.0, 0.006 * (view.width * view.height) ** 0.5)))
    canvas.over(other.lab, (quiet * np.float32(0.75 * share) + np.float32(0.18 * share)).astype(np.float32))


def _air(canvas: Canvas, view: View, scene: Scene, strength: float) -> None:
    """Glow around the light and a breath of haze."""
    frame = view.frame(0.0)
    soft = frame.scaled(4)
    xs, ys = soft.xs()[None, :], soft.ys()[:, None]
    distance = np.hypot(
        (xs - np.float32(scene.light_at[0])) * np.float32(view.squeeze), ys - np.float32(scene.light_at[1])
    )
    amount = 0.42 if scene.light != "hidden" else 0.2
    glow = np.exp(-distance / 0.32) * np.float32(amount * strength)
    mist = fbm(scene.seed, "air", (0.0, 0.0), (soft.dx * 1.4, soft.dy * 3.0), (soft.width, soft.height), octaves=4)
    fog = min(1.3, scene.weather.get("fog", 0.0))
    veil = (
        np.clip(0.5 + 0.5 * mist, 0.0, 1.0)
        * np.exp(-((ys - 0.55) ** 2) / 0.09)
        * np.float32((0.10 + 0.55 * fog) * strength)
    )
    size = (frame.width, frame.height)
    planes = resize_planes(np.stack([glow, veil]).astype(np.float32), size)
    canvas.over(scene.palette.haze, np.clip(planes[1], 0.0, 0.85))
    canvas.over(scene.palette.light, np.clip(planes[0], 0.0, 0.7))
