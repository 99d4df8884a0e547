"""ComfyUI's core nodes that change the colours of pictures, with its names, inputs and results."""

from __future__ import annotations

from typing import Any

import numpy as np

from cozygen.engines.embedded.library.batches import with_channels
from cozygen.engines.embedded.library.filters import blurred, sharpened
from cozygen.engines.embedded.library.resample import resized
from cozygen.nodes.checked import checked
from cozygen.nodes.host import host
from cozygen.nodes.limits import check_size
from cozygen.nodes.pictures import FloatArray


class ImageInvert:
    """The negative of pictures."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "invert"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"image": ("IMAGE",)}}

    def invert(self, image: FloatArray) -> tuple[FloatArray]:
        """1 - the pictures."""
        return (np.subtract(np.float32(1), image, dtype=np.float32),)


class ImageBlend:
    """Two pictures mixed."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_post_processing"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "blend"
    CATEGORY = "image/postprocessing"

    _MODES = ["normal", "multiply", "screen", "overlay", "soft_light", "difference"]

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "image1": ("IMAGE", {}),
                "image2": ("IMAGE", {}),
                "blend_factor": ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}),
                "blend_mode": ("COMBO", {"multiselect": False, "options": cls._MODES}),
            }
        }

    def blend(self, image1: FloatArray, image2: FloatArray, blend_factor: float, blend_mode: str) -> tuple[FloatArray]:
        """`blend_factor` of the blended picture over the first one; the second is fitted to the first.

        Raises `ValueError` when both have several pictures, and not equally many.
        """
        batch = _common_batch(len(image1), len(image2))
        check_size("The blended pictures", batch, *image1.shape[1:])
        image2 = with_channels(image2, image1.shape[3])
        if image1.shape[1:] != image2.shape[1:]:
            image2 = resized(image2, image1.shape[2], image1.shape[1], "bicubic", crop="center")
        result = np.empty((batch, *image1.shape[1:]), np.float32)
        factor = np.float32(blend_factor)
        for number in range(batch):
            below, above = image1[number % len(image1)], image2[number % len(image2)]
            mixed = below * (np.float32(1) - factor) + _blended(below, above, blend_mode) * factor
            np.clip(mixed, 0, 1, out=result[number])
            host().progress(number + 1, batch)
        return (result,)


def _common_batch(first: int, second: int) -> int:
    if first != second and 1 not in (first, second):
        raise ValueError(f"{first} and {second} pictures cannot be combined: be it equally many, or one with many.")
    return max(first, second)


def _blended(below: FloatArray, above: FloatArray, mode: str) -> FloatArray:
    match mode:
        case "normal":
            return above
        case "multiply":
            return below * above
        case "screen":
            return 1 - (1 - below) * (1 - above)
        case "overlay":
            return np.where(below <= 0.5, 2 * below * above, 1 - 2 * (1 - below) * (1 - above))
        case "soft_light":
            with np.errstate(invalid="ignore"):  # roots of what is not taken
                light = np.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, np.sqrt(below))
            darker = below - (1 - 2 * above) * below * (1 - below)
            return np.where(above <= 0.5, darker, below + (2 * above - 1) * (light - below))
        case "difference":
            return below - above
    raise ValueError(f"There is no blend mode {mode}.")


class ImageBlur:
    """Blurred pictures."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_post_processing"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "blur"
    CATEGORY = "image/postprocessing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "image": ("IMAGE", {}),
                "blur_radius": ("INT", {"default": 1, "min": 1, "max": 31, "step": 1}),
                "sigma": ("FLOAT", {"default": 1.0, "min": 0.1, "max": 10.0, "step": 0.1}),
            }
        }

    def blur(self, image: FloatArray, blur_radius: int, sigma: float) -> tuple[FloatArray]:
        """The blurred pictures."""
        return (blurred(image, blur_radius, sigma),)


class ImageSharpen:
    """Sharpened pictures."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_post_processing"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "sharpen"
    CATEGORY = "image/postprocessing"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "image": ("IMAGE", {}),
                "sharpen_radius": ("INT", {"default": 1, "min": 1, "max": 31, "step": 1}),
                "sigma": ("FLOAT", {"default": 1.0, "min": 0.1, "max": 10.0, "step": 0.01}),
                "alpha": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 5.0, "step": 0.01}),
            }
        }

    def sharpen(self, image: FloatArray, sharpen_radius: int, sigma: float, alpha: float) -> tuple[FloatArray]:
        """The sharpened pictures."""
        return (sharpened(image, sharpen_radius, sigma, alpha),)


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    node.__name__: checked(node)
    for node in (
        ImageInvert,
        ImageBlend,
        ImageBlur,
        ImageSharpen,
    )
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "ImageInvert": "Invert Image",
    "ImageBlend": "Image Blend",
    "ImageBlur": "Image Blur",
    "ImageSharpen": "Image Sharpen",
}
