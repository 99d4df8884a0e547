"""ComfyUI's core nodes that join and part batches of pictures, with its names, inputs and results."""

from __future__ import annotations

from typing import Any

import numpy as np

from cozygen.engines.embedded.library.resample import resized
from cozygen.nodes.checked import checked
from cozygen.nodes.limits import check_size
from cozygen.nodes.pictures import FloatArray


def with_channels(images: FloatArray, channels: int) -> FloatArray:
    """`images` with so many channels: surplus ones are left off, and those that lack are 1 (opaque)."""
    missing = channels - images.shape[3]
    if missing <= 0:
        return images[..., :channels]
    return np.concatenate([images, np.ones((*images.shape[:3], missing), np.float32)], axis=3)


class ImageBatch:
    """Two batches as one."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "batch"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"image1": ("IMAGE",), "image2": ("IMAGE",)}}

    def batch(self, image1: FloatArray, image2: FloatArray) -> tuple[FloatArray]:
        """Both; the second is cropped and scaled to the size of the first, and an alpha that one lacks is opaque."""
        channels = max(image1.shape[3], image2.shape[3])
        image1, image2 = with_channels(image1, channels), with_channels(image2, channels)
        check_size("The batch", len(image1) + len(image2), *image1.shape[1:])
        if image1.shape[1:] != image2.shape[1:]:
            image2 = resized(image2, image1.shape[2], image1.shape[1], "bilinear", crop="center")
        return (np.concatenate([image1, image2]),)


class RepeatImageBatch:
    """A batch, repeated."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "repeat"
    CATEGORY = "image/batch"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"image": ("IMAGE",), "amount": ("INT", {"default": 1, "min": 1, "max": 4096})}}

    def repeat(self, image: FloatArray, amount: int) -> tuple[FloatArray]:
        """The batch `amount` times. Raises `TooLarge`."""
        check_size("The batch", len(image) * amount, *image.shape[1:])
        return (np.tile(image, (amount, 1, 1, 1)),)


class ImageFromBatch:
    """Some pictures of a batch."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "frombatch"
    CATEGORY = "image/batch"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "image": ("IMAGE",),
                "batch_index": ("INT", {"default": 0, "min": 0, "max": 4095}),
                "length": ("INT", {"default": 1, "min": 1, "max": 4096}),
            }
        }

    def frombatch(self, image: FloatArray, batch_index: int, length: int) -> tuple[FloatArray]:
        """`length` pictures from `batch_index` on, as far as there are any: at least one."""
        first = min(len(image) - 1, batch_index)
        return (image[first : first + length].copy(),)


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    node.__name__: checked(node)
    for node in (
        ImageBatch,
        RepeatImageBatch,
        ImageFromBatch,
    )
}

NODE_DISPLAY_NAME_MAPPINGS = {"ImageBatch": "Batch Images"}
