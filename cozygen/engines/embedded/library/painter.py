"""Nodes that make pictures and films from words without a model: the procedural painter's door to workflows."""

from __future__ import annotations

from typing import Any

import numpy as np

from cozygen.engines.embedded.painter import MAX_SIDE, MAX_STEPS, MIN_SIDE, MOTIONS, STYLE_CHOICES, paint, paint_frames
from cozygen.nodes.host import host
from cozygen.nodes.pictures import FloatArray

_CATEGORY = "CozyGen/Painter"
_LARGEST_SEED = 2**64 - 1
_MOST_PIXELS = 2**26
_MOST_FILM_PIXELS = 2**27
_PLAINLY = (
    "A procedural painter: it composes from the words that it knows by rules and noise, on the CPU. "
    "It is not a diffusion model and has no weights."
)


class TooManyPixels(ValueError):
    """The pictures asked for are too large together; the message says by how much."""


def _words() -> dict[str, Any]:
    return {
        "prompt": (
            "STRING",
            {
                "default": "mountain lake at sunset",
                "multiline": True,
                "dynamicPrompts": True,
                "tooltip": "What to paint. Weights such as (red:1.4) count; words it does not know vary the palette.",
            },
        ),
        "negative": ("STRING", {"default": "", "multiline": True, "tooltip": "Things and colours to leave out."}),
        "seed": (
            "INT",
            {
                "default": 0,
                "min": 0,
                "max": _LARGEST_SEED,
                "control_after_generate": True,
                "tooltip": "The composition.",
            },
        ),
    }


def _side(default: int) -> tuple[str, dict[str, Any]]:
    return ("INT", {"default": default, "min": MIN_SIDE, "max": MAX_SIDE, "step": 8})


def _style() -> tuple[list[str], dict[str, Any]]:
    return (list(STYLE_CHOICES), {"default": "auto", "tooltip": "auto takes the style that the prompt names."})


def _check_pixels(count: int, width: int, height: int, most: int) -> None:
    total = count * width * height
    if total > most:
        raise TooManyPixels(
            f"{count} x {width} x {height} is {total / 1e6:,.0f} million pixels; the painter makes at most "
            f"{most / 1e6:,.0f} million at once. Ask for a smaller size or fewer pictures."
        )


class CozyGenPainter:
    """Pictures from words, or from words and a picture."""

    DESCRIPTION = f"{_PLAINLY} With an image it paints over it, keeping its forms and lights."
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "paint"
    CATEGORY = _CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                **_words(),
                "width": _side(768),
                "height": _side(512),
                "steps": (
                    "INT",
                    {
                        "default": 20,
                        "min": 1,
                        "max": MAX_STEPS,
                        "tooltip": "More steps are more and finer brush strokes.",
                    },
                ),
                "style": _style(),
                "batch_size": (
                    "INT",
                    {"default": 1, "min": 1, "max": 64, "tooltip": "Each picture has the next seed."},
                ),
            },
            "optional": {
                "image": ("IMAGE", {"tooltip": "A picture to paint over."}),
                "strength": (
                    "FLOAT",
                    {
                        "default": 0.6,
                        "min": 0.0,
                        "max": 1.0,
                        "step": 0.01,
                        "tooltip": "0 keeps the picture, 1 repaints it.",
                    },
                ),
                "mask": ("MASK", {"tooltip": "Where to paint over the picture."}),
            },
        }

    def paint(
        self,
        prompt: str,
        negative: str,
        seed: int,
        width: int,
        height: int,
        steps: int,
        style: str,
        batch_size: int,
        image: Any = None,
        strength: float = 0.6,
        mask: Any = None,
    ) -> tuple[Any]:
        """`batch_size` pictures with consecutive seeds, or one for each picture of a larger `image` batch.

        Raises `TooManyPixels`, and `PainterError` for sizes that there are not.
        """
        sources = None if image is None else host().array(image)
        masks = None if mask is None else host().array(mask)
        count = batch_size if sources is None else max(batch_size, len(sources))
        _check_pixels(count, width, height, _MOST_PIXELS)
        pictures = np.empty((count, height, width, 3), np.float32)
        for number in range(count):

            def report(step: int, of: int, preview: FloatArray | None, number: int = number) -> None:
                host().progress(number * steps + step, count * steps, preview)

            pictures[number] = paint(
                prompt,
                negative,
                (seed + number) & _LARGEST_SEED,
                width,
                height,
                steps=steps,
                style=style,
                image=None if sources is None else sources[number % len(sources)],
                strength=strength,
                mask=None if masks is None else masks[number % len(masks)],
                progress=report,
            )
        return (host().tensor(pictures),)


class CozyGenPainterVideo:
    """A film from words."""

    DESCRIPTION = f"{_PLAINLY} It films one scene: a moving camera, drifting clouds, waves, twinkling stars."
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "film"
    CATEGORY = _CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                **_words(),
                "width": _side(384),
                "height": _side(256),
                "frames": ("INT", {"default": 48, "min": 1, "max": 240}),
                "motion": (list(MOTIONS), {"default": "drift", "tooltip": "waves keeps the camera still."}),
                "style": _style(),
            }
        }

    def film(
        self,
        prompt: str,
        negative: str,
        seed: int,
        width: int,
        height: int,
        frames: int,
        motion: str,
        style: str,
    ) -> tuple[Any]:
        """The frames as a batch. Raises `TooManyPixels`, and `PainterError` for sizes that there are not."""
        _check_pixels(frames, width, height, _MOST_FILM_PIXELS)
        film = paint_frames(
            prompt, negative, seed, width, height, frames, motion=motion, style=style, progress=host().progress
        )
        return (host().tensor(film),)


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    "CozyGenPainter": CozyGenPainter,
    "CozyGenPainterVideo": CozyGenPainterVideo,
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "CozyGenPainter": "Painter (no model)",
    "CozyGenPainterVideo": "Painter, film (no model)",
}
