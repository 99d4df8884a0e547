"""ComfyUI's core nodes for masks, with its names, inputs and results. A MASK is float32 ``[batch, height, width]``."""

from __future__ import annotations

from typing import Any

import numpy as np

from cozygen.engines.embedded.library.batches import with_channels
from cozygen.engines.embedded.library.declare import HIDDEN, pixels
from cozygen.engines.embedded.library.images import save_previews
from cozygen.engines.embedded.library.resample import resized
from cozygen.nodes.checked import checked
from cozygen.nodes.host import host
from cozygen.nodes.limits import check_size
from cozygen.nodes.pictures import FloatArray

_MODULE = "comfy_extras.nodes_mask"
_COLOURS = ["red", "green", "blue", "alpha"]


def _batched(mask: FloatArray) -> FloatArray:
    """A mask with its batch, which node packs are known to drop."""
    return mask.reshape(-1, *mask.shape[-2:])


class SolidMask:
    """A mask of one value."""

    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ("MASK",)
    FUNCTION = "solid"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "value": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
                "width": pixels(),
                "height": pixels(),
            }
        }

    def solid(self, value: float, width: int, height: int) -> tuple[FloatArray]:
        """The mask."""
        check_size("The mask", height, width)
        return (np.full((1, height, width), value, np.float32),)


class InvertMask:
    """A mask inside out."""

    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ("MASK",)
    FUNCTION = "invert"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"mask": ("MASK",)}}

    def invert(self, mask: FloatArray) -> tuple[FloatArray]:
        """1 - the mask."""
        return (np.subtract(np.float32(1), mask, dtype=np.float32),)


class CropMask:
    """A part of a mask."""

    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ("MASK",)
    FUNCTION = "crop"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "mask": ("MASK",),
                "x": pixels(0, 0),
                "y": pixels(0, 0),
                "width": pixels(),
                "height": pixels(),
            }
        }

    def crop(self, mask: FloatArray, x: int, y: int, width: int, height: int) -> tuple[FloatArray]:
        """The part. Raises `ValueError` when it lies outside."""
        part = _batched(mask)[:, y : y + height, x : x + width]
        if not part.size:
            raise ValueError(f"The mask is {mask.shape[-1]} x {mask.shape[-2]} pixels: nothing is at {x}, {y}.")
        return (part.copy(),)


class ThresholdMask:
    """A mask of nothing but 0 and 1."""

    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ("MASK",)
    FUNCTION = "image_to_mask"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "mask": ("MASK",),
                "value": ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}),
            }
        }

    def image_to_mask(self, mask: FloatArray, value: float) -> tuple[FloatArray]:
        """1 where the mask is greater than `value`."""
        return ((mask > np.float32(value)).astype(np.float32),)


class MaskToImage:
    """A mask as a grey picture."""

    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "mask_to_image"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"mask": ("MASK",)}}

    def mask_to_image(self, mask: FloatArray) -> tuple[FloatArray]:
        """The picture."""
        return (_greys(mask),)


def _greys(mask: FloatArray) -> FloatArray:
    batched = _batched(mask)
    check_size("The picture of the mask", *batched.shape, 3)
    return np.repeat(batched[..., None], 3, axis=3)


class ImageToMask:
    """A channel as a mask."""

    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ("MASK",)
    FUNCTION = "image_to_mask"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"image": ("IMAGE",), "channel": (_COLOURS,)}}

    def image_to_mask(self, image: FloatArray, channel: str) -> tuple[FloatArray]:
        """The channel as it is. Raises `ValueError` when the pictures do not have it."""
        place = _COLOURS.index(channel)
        if place >= image.shape[3]:
            raise ValueError(f"The pictures have no {channel} channel.")
        return (np.ascontiguousarray(image[..., place]),)


class ImageCompositeMasked:
    """A picture laid on another."""

    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "composite"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "destination": ("IMAGE",),
                "source": ("IMAGE",),
                "x": pixels(0, 0),
                "y": pixels(0, 0),
                "resize_source": ("BOOLEAN", {"default": False}),
            },
            "optional": {"mask": ("MASK",)},
        }

    def composite(
        self,
        destination: FloatArray,
        source: FloatArray,
        x: int,
        y: int,
        resize_source: bool,
        mask: FloatArray | None = None,
    ) -> tuple[FloatArray]:
        """`source`, where the mask is 1, over `destination` at (x, y).

        Source and mask repeat to as many pictures as the destination has; the mask is scaled to the source.
        """
        batch, height, width, channels = destination.shape
        source = with_channels(source, channels)
        if resize_source:
            source = resized(source, width, height, "bilinear")
        x, y = min(x, width), min(y, height)
        visible = (slice(0, height - y), slice(0, width - x))
        over = None if mask is None else self._fitted(mask, source)
        result = destination.copy()
        for number in range(batch):
            above = source[number % len(source)][visible]
            below = result[number, y : y + above.shape[0], x : x + above.shape[1]]
            if over is None:
                below[:] = above
            else:
                share = over[number % len(over)][visible]
                below[:] = share * above + (np.float32(1) - share) * below
            host().progress(number + 1, batch)
        return (result,)

    @staticmethod
    def _fitted(mask: FloatArray, source: FloatArray) -> FloatArray:
        """The mask in the size of the source, ``[batch, h, w, 1]``."""
        return resized(_batched(mask)[..., None], source.shape[2], source.shape[1], "bilinear")


class MaskPreview:
    """Shows a mask without keeping it."""

    DESCRIPTION = "Shows the mask without keeping it."
    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ()
    FUNCTION = "execute"
    OUTPUT_NODE = True
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"mask": ("MASK",)}, "hidden": HIDDEN}

    def execute(self, mask: FloatArray, prompt: Any = None, extra_pnginfo: Any = None) -> dict[str, Any]:
        """Write the mask as a grey picture to the temporary folder. Raises `FileRefused`."""
        return save_previews(_greys(mask), prompt, extra_pnginfo, 4)


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    node.__name__: checked(node)
    for node in (
        SolidMask,
        InvertMask,
        CropMask,
        ThresholdMask,
        MaskToImage,
        ImageToMask,
        ImageCompositeMasked,
        MaskPreview,
    )
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "ImageToMask": "Convert Image to Mask",
    "MaskToImage": "Convert Mask to Image",
}
