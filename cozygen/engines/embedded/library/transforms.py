"""ComfyUI's core nodes that change the size and shape of pictures, with its names, inputs and results."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cozygen.engines.embedded.library.declare import MAX_RESOLUTION, pixels
from cozygen.engines.embedded.library.resample import METHODS, resized
from cozygen.nodes.checked import checked
from cozygen.nodes.limits import check_size
from cozygen.nodes.pictures import FloatArray

_CROPS = ["disabled", "center"]


class ImageScale:
    """Pictures of another size."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (METHODS,),
                "width": pixels(least=0),
                "height": pixels(least=0),
                "crop": (_CROPS,),
            }
        }

    def upscale(self, image: FloatArray, upscale_method: str, width: int, height: int, crop: str) -> tuple[FloatArray]:
        """The resized pictures; a width or height of 0 follows from the other, both 0 change nothing."""
        if width == 0 and height == 0:
            return (image,)
        if width == 0:
            width = max(1, round(image.shape[2] * height / image.shape[1]))
        elif height == 0:
            height = max(1, round(image.shape[1] * width / image.shape[2]))
        return (resized(image, width, height, upscale_method, crop=crop),)


class ImageScaleBy:
    """Pictures of another size, by a factor."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (METHODS,),
                "scale_by": ("FLOAT", {"default": 1.0, "min": 0.01, "max": 8.0, "step": 0.01}),
            }
        }

    def upscale(self, image: FloatArray, upscale_method: str, scale_by: float) -> tuple[FloatArray]:
        """The resized pictures, of at least one pixel each way."""
        width, height = (max(1, round(length * scale_by)) for length in (image.shape[2], image.shape[1]))
        return (resized(image, width, height, upscale_method),)


class ImageScaleToTotalPixels:
    """Pictures of another size, by how many pixels they are to have."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_post_processing"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "image": ("IMAGE", {}),
                "upscale_method": ("COMBO", {"multiselect": False, "options": METHODS}),
                "megapixels": ("FLOAT", {"default": 1.0, "min": 0.01, "max": 16.0, "step": 0.01}),
            }
        }

    def upscale(self, image: FloatArray, upscale_method: str, megapixels: float) -> tuple[FloatArray]:
        """The resized pictures; a megapixel is 1024 x 1024."""
        factor = math.sqrt(int(megapixels * 1024 * 1024) / (image.shape[2] * image.shape[1]))
        width, height = (max(1, round(length * factor)) for length in (image.shape[2], image.shape[1]))
        return (resized(image, width, height, upscale_method),)


class ImageCrop:
    """A part of pictures."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "crop"
    CATEGORY = "image/transform"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "image": ("IMAGE",),
                "width": pixels(),
                "height": pixels(),
                "x": pixels(0, 0),
                "y": pixels(0, 0),
            }
        }

    def crop(self, image: FloatArray, width: int, height: int, x: int, y: int) -> tuple[FloatArray]:
        """The part, as far as it lies in the pictures: at least a pixel."""
        x, y = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
        return (image[:, y : y + height, x : x + width].copy(),)


class ImageFlip:
    """Mirrored pictures."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "flip"
    CATEGORY = "image/transform"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {"image": ("IMAGE",), "flip_method": (["x-axis: vertically", "y-axis: horizontally"],)},
        }

    def flip(self, image: FloatArray, flip_method: str) -> tuple[FloatArray]:
        """The pictures upside down, or left for right."""
        return (np.flip(image, 1 if flip_method.startswith("x") else 2).copy(),)


class ImageRotate:
    """Pictures turned clockwise."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "rotate"
    CATEGORY = "image/transform"

    _TURNS = ["none", "90 degrees", "180 degrees", "270 degrees"]

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"image": ("IMAGE",), "rotation": (cls._TURNS,)}}

    def rotate(self, image: FloatArray, rotation: str) -> tuple[FloatArray]:
        """The turned pictures."""
        return (np.rot90(image, self._TURNS.index(rotation), axes=(2, 1)).copy(),)


class ImagePadForOutpaint:
    """Pictures with a border to be painted."""

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "expand_image"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        side = ("INT", {"default": 0, "min": 0, "max": MAX_RESOLUTION, "step": 8})
        return {
            "required": {
                "image": ("IMAGE",),
                "left": side,
                "top": side,
                "right": side,
                "bottom": side,
                "feathering": pixels(40, 0),
            }
        }

    def expand_image(
        self, image: FloatArray, left: int, top: int, right: int, bottom: int, feathering: int
    ) -> tuple[FloatArray, FloatArray]:
        """The pictures on a grey ground, and one mask of what is to be painted, soft over `feathering` pixels."""
        batch, height, width, channels = image.shape
        new_height, new_width = height + top + bottom, width + left + right
        check_size("The padded pictures", batch, new_height, new_width, channels)
        inside = (slice(top, top + height), slice(left, left + width))
        padded = np.full((batch, new_height, new_width, channels), 0.5, np.float32)
        padded[:, *inside] = image
        mask = np.ones((1, new_height, new_width), np.float32)
        mask[0, *inside] = 0
        if 0 < feathering * 2 < min(height, width):
            rows = _distances(height, before=top > 0, after=bottom > 0)
            columns = _distances(width, before=left > 0, after=right > 0)
            distance = np.minimum(rows[:, None], columns[None, :])
            mask[0, *inside] = np.square(np.maximum(feathering - distance, 0) / np.float32(feathering))
        return padded, mask


def _distances(length: int, *, before: bool, after: bool) -> FloatArray:
    """How far each place along a side is from the nearest border that grows; `length` where none does."""
    places = np.arange(length, dtype=np.float32)
    far = np.full(length, length, np.float32)
    return np.minimum(places if before else far, length - places if after else far)


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    node.__name__: checked(node)
    for node in (
        ImageScale,
        ImageScaleBy,
        ImageScaleToTotalPixels,
        ImageCrop,
        ImageFlip,
        ImageRotate,
        ImagePadForOutpaint,
    )
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "ImageScale": "Upscale Image",
    "ImageScaleBy": "Upscale Image By",
    "ImageScaleToTotalPixels": "Scale Image to Total Pixels",
    "ImageCrop": "Image Crop",
    "ImagePadForOutpaint": "Pad Image for Outpainting",
}
