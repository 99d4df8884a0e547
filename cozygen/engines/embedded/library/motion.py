"""Nodes that set still pictures in motion: pan and zoom, morph, parallax. All by geometry, without a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from cozygen.engines.embedded.painter.noise import blur, remap, resize
from cozygen.nodes.host import host
from cozygen.nodes.limits import check_size
from cozygen.nodes.pictures import FloatArray

_CATEGORY = "CozyGen/Motion"
_MOST_FRAMES = 1000
_MOST_BYTES = 2 * 2**30
_PREVIEW_SIDE = 512
_PLAINLY = "It moves the picture by procedural geometry; it is not a diffusion model and invents nothing."

_EASINGS: dict[str, Callable[[float], float]] = {
    "linear": lambda t: t,
    "ease in": lambda t: t * t,
    "ease out": lambda t: t * (2.0 - t),
    "ease in-out": lambda t: t * t * (3.0 - 2.0 * t),
}


def _easing() -> tuple[list[str], dict[str, Any]]:
    return (list(_EASINGS), {"default": "ease in-out"})


def _frames(default: int = 48) -> tuple[str, dict[str, Any]]:
    return ("INT", {"default": default, "min": 1, "max": _MOST_FRAMES})


def _share(default: float) -> tuple[str, dict[str, Any]]:
    return ("FLOAT", {"default": default, "min": 0.0, "max": 1.0, "step": 0.01})


def _moment(number: int, frames: int) -> float:
    """Where a frame lies between the first (0) and the last (1)."""
    return number / (frames - 1) if frames > 1 else 0.0


def _film(frames: int, height: int, width: int, picture: Callable[[int], FloatArray]) -> Any:
    """A batch of frames, made one by one with progress and previews. Raises `TooLarge`."""
    check_size("The film", frames, height, width, 3, limit=_MOST_BYTES)
    film = np.empty((frames, height, width, 3), np.float32)
    for number in range(frames):
        film[number] = picture(number)
        host().progress(number + 1, frames, _preview(film[number]))
    return host().tensor(film)


def _preview(picture: FloatArray) -> FloatArray:
    factor = math.ceil(max(picture.shape[:2]) / _PREVIEW_SIDE)
    return np.ascontiguousarray(picture[::factor, ::factor])


def _planes(image: FloatArray) -> FloatArray:
    """``[h, w, c]`` as three planes ``[3, h, w]``."""
    return np.ascontiguousarray(image[:, :, :3].transpose(2, 0, 1), dtype=np.float32)


def _chunky(planes: FloatArray) -> FloatArray:
    return np.clip(planes.transpose(1, 2, 0), 0.0, 1.0)


class CozyGenPanZoom:
    """A camera that moves over a picture."""

    DESCRIPTION = f"Pans and zooms over a picture, accurate to fractions of a pixel. {_PLAINLY}"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "move"
    CATEGORY = _CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        zoom = {"min": 1.0, "max": 16.0, "step": 0.01}
        size = {"default": 0, "min": 0, "max": 4096, "step": 8, "tooltip": "0 keeps the picture's size."}
        return {
            "required": {
                "image": ("IMAGE",),
                "frames": _frames(),
                "start_zoom": ("FLOAT", {"default": 1.0, **zoom}),
                "end_zoom": ("FLOAT", {"default": 1.3, **zoom}),
                "start_x": _share(0.5),
                "start_y": _share(0.5),
                "end_x": _share(0.5),
                "end_y": _share(0.5),
                "easing": _easing(),
            },
            "optional": {"width": ("INT", size), "height": ("INT", size)},
        }

    def move(
        self,
        image: Any,
        frames: int,
        start_zoom: float,
        end_zoom: float,
        start_x: float,
        start_y: float,
        end_x: float,
        end_y: float,
        easing: str,
        width: int = 0,
        height: int = 0,
    ) -> tuple[Any]:
        """The frames. The centre is given in shares of the picture; the camera never leaves it.

        A batch of several pictures is a film already: its pictures are taken in turn. Raises `TooLarge`.
        """
        pictures = host().array(image)
        out_height, out_width = _wanted_size(pictures.shape[1:3], width, height)

        def frame(number: int) -> FloatArray:
            t = _EASINGS[easing](_moment(number, frames))
            # Even steps of the logarithm look like an even speed.
            zoom = start_zoom * (end_zoom / start_zoom) ** t
            centre = (start_x + (end_x - start_x) * t, start_y + (end_y - start_y) * t)
            picture = pictures[number * len(pictures) // frames if frames > 1 else 0]
            return _seen(_planes(picture), centre, zoom, out_width, out_height)

        return (_film(frames, out_height, out_width, frame),)


def _wanted_size(shape: tuple[int, ...], width: int, height: int) -> tuple[int, int]:
    """The height and width asked for; what is 0 follows from the other and the picture's shape."""
    rows, columns = shape
    if not width and not height:
        return rows, columns
    if not width:
        return height, max(1, round(columns * height / rows))
    if not height:
        return max(1, round(rows * width / columns)), width
    return height, width


def _seen(planes: FloatArray, centre: tuple[float, float], zoom: float, width: int, height: int) -> FloatArray:
    """What a camera sees: the largest part of the output's shape, reduced by the zoom, inside the picture."""
    rows, columns = planes.shape[1:]
    scale = min(columns / width, rows / height) / zoom
    view_w, view_h = width * scale, height * scale
    left = min(max(centre[0] * columns - view_w / 2, 0.0), columns - view_w)
    top = min(max(centre[1] * rows - view_h / 2, 0.0), rows - view_h)
    # Rounding must not put the box a hair outside of the picture.
    box = (max(0.0, left), max(0.0, top), min(float(columns), left + view_w), min(float(rows), top + view_h))
    seen = [
        np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC, box=box))
        for plane in planes
    ]
    return _chunky(np.stack(seen))


class CozyGenMorph:
    """One picture turning into another."""

    DESCRIPTION = f"Morphs one picture into another: both are bent towards each other while they dissolve. {_PLAINLY}"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "morph"
    CATEGORY = _CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "image_a": ("IMAGE",),
                "image_b": ("IMAGE",),
                "frames": _frames(),
                "easing": _easing(),
            },
            "optional": {
                "warp": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.0,
                        "max": 2.0,
                        "step": 0.05,
                        "tooltip": "How far forms move; 0 only dissolves.",
                    },
                )
            },
        }

    def morph(self, image_a: Any, image_b: Any, frames: int, easing: str, warp: float = 1.0) -> tuple[Any]:
        """The frames, of the first picture's size; the first and last are the pictures. Raises `TooLarge`."""
        first = _planes(host().array(image_a)[0])
        rows, columns = first.shape[1:]
        check_size("The film", frames, rows, columns, 3, limit=_MOST_BYTES)
        second = _covering(_planes(host().array(image_b)[0]), columns, rows)
        flow_x, flow_y = (plane * np.float32(warp) for plane in motion_between(first, second))
        x, y = np.arange(columns, dtype=np.float32)[None, :], np.arange(rows, dtype=np.float32)[:, None]

        def frame(number: int) -> FloatArray:
            t = np.float32(_EASINGS[easing](_moment(number, frames)))
            leaving = remap(first, x - flow_x * t, y - flow_y * t)
            coming = remap(second, x + flow_x * (1 - t), y + flow_y * (1 - t))
            return _chunky((leaving + (coming - leaving) * t).astype(np.float32, copy=False))

        return (_film(frames, rows, columns, frame),)


def _covering(planes: FloatArray, width: int, height: int) -> FloatArray:
    if planes.shape[1:] == (height, width):
        return planes
    return np.ascontiguousarray(_seen(planes, (0.5, 0.5), 1.0, width, height).transpose(2, 0, 1))


def motion_between(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A smooth field that carries the forms of `first` to those of `second` (both ``[3, h, w]``), in pixels.

    Horn and Schunck's optical flow (1981), from coarse to fine.
    """
    height, width = first.shape[1:]
    weights = np.array((0.3, 0.59, 0.11), np.float32)[:, None, None]
    grey_a, grey_b = (first * weights).sum(axis=0), (second * weights).sum(axis=0)
    flow_x = flow_y = np.zeros((1, 1), np.float32)
    for side in (12, 24, 48, 96):
        scale = side / max(height, width)
        size = (max(4, round(width * scale)), max(4, round(height * scale)))
        a, b = (blur(resize(plane, size, Image.Resampling.BOX), 0.8) for plane in (grey_a, grey_b))
        growth = size[0] / flow_x.shape[1]
        flow_x = resize(flow_x, size, Image.Resampling.BILINEAR) * np.float32(growth)
        flow_y = resize(flow_y, size, Image.Resampling.BILINEAR) * np.float32(growth)
        flow_x, flow_y = _refined(a, b, flow_x, flow_y)
    full = width / flow_x.shape[1]
    return (
        resize(flow_x, (width, height)) * np.float32(full),
        resize(flow_y, (width, height)) * np.float32(full),
    )


def _refined(a: FloatArray, b: FloatArray, flow_x: FloatArray, flow_y: FloatArray) -> tuple[FloatArray, FloatArray]:
    rows, columns = a.shape
    x, y = np.arange(columns, dtype=np.float32)[None, :], np.arange(rows, dtype=np.float32)[:, None]
    smoothness = np.float32(0.012)
    for _ in range(3):
        moved = remap(b[None], x + flow_x, y + flow_y)[0]
        slope_y, slope_x = np.gradient((a + moved) / 2)
        change = moved - a
        base_x, base_y = flow_x, flow_y
        for _ in range(24):
            mean_x, mean_y = _neighbours(flow_x), _neighbours(flow_y)
            residual = slope_x * (mean_x - base_x) + slope_y * (mean_y - base_y) + change
            residual = residual / (smoothness + slope_x**2 + slope_y**2)
            flow_x, flow_y = mean_x - slope_x * residual, mean_y - slope_y * residual
    return flow_x, flow_y


def _neighbours(plane: FloatArray) -> FloatArray:
    padded = np.pad(plane, 1, mode="edge")
    return (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) * np.float32(0.25)


_DEPTHS = ("bottom is near", "bright is near", "dark is near", "centre is near")
_PATHS = ("sway", "orbit", "push in")


class CozyGenParallax:
    """A picture in depth."""

    DESCRIPTION = f"Moves near parts of a picture more than far ones; the depth is guessed, or a mask. {_PLAINLY}"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "move"
    CATEGORY = _CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "image": ("IMAGE",),
                "frames": _frames(),
                "depth": (list(_DEPTHS), {"default": _DEPTHS[0]}),
                "path": (list(_PATHS), {"default": _PATHS[0]}),
                "amount": (
                    "FLOAT",
                    {"default": 0.03, "min": 0.0, "max": 0.2, "step": 0.005, "tooltip": "In shares of the width."},
                ),
            },
            "optional": {"mask": ("MASK", {"tooltip": "White is near."})},
        }

    def move(self, image: Any, frames: int, depth: str, path: str, amount: float, mask: Any = None) -> tuple[Any]:
        """The frames; `sway` and `orbit` end where they begin. Raises `TooLarge`."""
        planes = _planes(host().array(image)[0])
        rows, columns = planes.shape[1:]
        check_size("The film", frames, rows, columns, 3, limit=_MOST_BYTES)
        near = _near(planes, depth, None if mask is None else host().array(mask)[0])
        x, y = np.arange(columns, dtype=np.float32)[None, :], np.arange(rows, dtype=np.float32)[:, None]
        middle_x, middle_y = (columns - 1) / 2, (rows - 1) / 2
        # Far parts stay; a little zoom hides the edges that near ones leave behind.
        inset = 1.0 - 1.1 * amount

        def frame(number: int) -> FloatArray:
            angle = 2 * math.pi * number / frames
            shift_x, shift_y, grow = 0.0, 0.0, 0.0
            if path == "push in":
                grow = 4.0 * amount * _EASINGS["ease in-out"](_moment(number, frames))
            else:
                shift_x = math.sin(angle) * amount * columns
                shift_y = math.cos(angle) * amount * columns * 0.4 if path == "orbit" else 0.0
            zoom = np.float32(inset) / (1.0 + np.float32(grow) * near)
            source_x = middle_x + (x - middle_x) * zoom - np.float32(shift_x) * (near - 0.5)
            source_y = middle_y + (y - middle_y) * zoom - np.float32(shift_y) * (near - 0.5)
            return _chunky(remap(planes, source_x.astype(np.float32), source_y.astype(np.float32)))

        return (_film(frames, rows, columns, frame),)


def _near(planes: FloatArray, depth: str, mask: FloatArray | None) -> FloatArray:
    """How near each place is, 0..1, smooth enough not to tear the picture."""
    rows, columns = planes.shape[1:]
    light = planes.mean(axis=0)
    x, y = np.linspace(-1, 1, columns, dtype=np.float32)[None, :], np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    if mask is not None:
        near = resize(np.ascontiguousarray(mask, dtype=np.float32), (columns, rows), Image.Resampling.BILINEAR)
    elif depth == "bright is near":
        near = light
    elif depth == "dark is near":
        near = 1.0 - light
    elif depth == "centre is near":
        near = np.exp(-(x * x + y * y) * 1.6)
    else:
        near = np.broadcast_to(0.5 + 0.5 * y, light.shape) * 0.85 + 0.15 * (1.0 - light)
    return np.clip(blur(np.ascontiguousarray(near, dtype=np.float32), 0.012 * max(rows, columns)), 0.0, 1.0)


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    "CozyGenPanZoom": CozyGenPanZoom,
    "CozyGenMorph": CozyGenMorph,
    "CozyGenParallax": CozyGenParallax,
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "CozyGenPanZoom": "Pan and Zoom (no model)",
    "CozyGenMorph": "Morph (no model)",
    "CozyGenParallax": "Parallax (no model)",
}
