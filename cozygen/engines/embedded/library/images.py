"""ComfyUI's core nodes that load, make and save pictures, with its names, inputs and results."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cozygen.engines.embedded.library.declare import HIDDEN, PREFIX_TOOLTIP, pixels
from cozygen.nodes import locate, metadata, pictures, saving
from cozygen.nodes.checked import checked
from cozygen.nodes.host import host
from cozygen.nodes.limits import check_size
from cozygen.nodes.output_nodes import save_pngs
from cozygen.nodes.pictures import Animation, FloatArray, load_picture, save_animated

_NO_MASK = (64, 64)  # what ComfyUI gives for a picture without transparency
_CHANNELS = ["alpha", "red", "green", "blue"]


class LoadImage:
    """A picture of the input folder."""

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load_image"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"image": (locate.listing("input", "image"), {"image_upload": True})}}

    @classmethod
    def VALIDATE_INPUTS(cls, image: Any) -> bool | str:
        """Whether the file is there and a picture."""
        return _is_picture(image)

    @classmethod
    def IS_CHANGED(cls, image: str | None = None) -> str | float:
        """A hash of the file."""
        return locate.fingerprint(image)

    def load_image(self, image: str) -> tuple[FloatArray, FloatArray]:
        """The picture and 1 - alpha. Raises `FileRefused`."""
        picture = load_picture(image, host().progress)
        if picture.alpha is None:
            return picture.rgb, np.zeros((len(picture.rgb), *_NO_MASK), np.float32)
        return picture.rgb, picture.mask()


class LoadImageOutput(LoadImage):
    """A picture of the output folder."""

    DESCRIPTION = "Takes a picture from the results."
    EXPERIMENTAL = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        remote = {"route": "/internal/files/output", "refresh_button": True, "control_after_refresh": "first"}
        return {
            "required": {"image": ("COMBO", {"image_upload": True, "image_folder": "output", "remote": remote})},
        }


class LoadImageMask:
    """One channel of a picture, as a mask."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "load_image"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"image": (locate.listing("input"), {"image_upload": True}), "channel": (_CHANNELS,)}}

    @classmethod
    def VALIDATE_INPUTS(cls, image: Any) -> bool | str:
        """Whether the file is there and a picture."""
        return _is_picture(image)

    @classmethod
    def IS_CHANGED(cls, image: str | None = None, channel: str | None = None) -> str | float:
        """A hash of the file."""
        return locate.fingerprint(image)

    def load_image(self, image: str, channel: str) -> tuple[FloatArray]:
        """The channel of the first frame; 1 - alpha for ``alpha``. Raises `FileRefused`."""
        picture = load_picture(image, host().progress)
        if channel == "alpha":
            return (picture.mask()[:1],)
        return (np.ascontiguousarray(picture.rgb[:1, :, :, _CHANNELS.index(channel) - 1]),)


def _is_picture(image: Any) -> bool | str:
    if image is None:
        return True
    try:
        pictures.check_picture(image)
    except ValueError as error:
        return f"Invalid image file: {image}. {error}"
    return True


class SaveImage:
    """A PNG for each picture."""

    DESCRIPTION = "Saves each picture as a PNG in the output folder."
    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": ("STRING", {"default": "ComfyUI", "tooltip": PREFIX_TOOLTIP}),
            },
            "hidden": HIDDEN,
        }

    def save_images(
        self, images: FloatArray, filename_prefix: str = "ComfyUI", prompt: Any = None, extra_pnginfo: Any = None
    ) -> dict[str, Any]:
        """Write the files. Raises `FileRefused`."""
        saved = save_pngs("output", images, filename_prefix, metadata.texts(prompt, extra_pnginfo), 4)
        return {"ui": {"images": saved}}


def save_previews(images: FloatArray, prompt: Any, extra_pnginfo: Any, compress_level: int) -> dict[str, Any]:
    """Write PNGs to the temporary folder, under names that no other node uses."""
    prefix = "ComfyUI_temp_" + "".join(random.choices(string.ascii_lowercase, k=5))
    found = metadata.texts(prompt, extra_pnginfo)
    return {"ui": {"images": save_pngs("temp", images, prefix, found, compress_level)}}


class PreviewImage:
    """Shows pictures without keeping them."""

    DESCRIPTION = "Shows the pictures without keeping them."
    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"images": ("IMAGE",)}, "hidden": HIDDEN}

    def save_images(self, images: FloatArray, prompt: Any = None, extra_pnginfo: Any = None) -> dict[str, Any]:
        """Write the files to the temporary folder. Raises `FileRefused`."""
        return save_previews(images, prompt, extra_pnginfo, 1)


class EmptyImage:
    """Pictures of one colour."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "generate"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "width": pixels(),
                "height": pixels(),
                "batch_size": ("INT", {"default": 1, "min": 1, "max": 4096}),
                "color": ("INT", {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1, "display": "color"}),
            }
        }

    def generate(self, width: int, height: int, batch_size: int = 1, color: int = 0) -> tuple[FloatArray]:
        """The pictures; `color` is 0xRRGGBB. Raises `TooLarge`."""
        check_size("The pictures", batch_size, height, width, 3)
        values = [(color >> shift & 0xFF) / 0xFF for shift in (16, 8, 0)]
        return (np.full((batch_size, height, width, 3), values, np.float32),)


class GetImageSize:
    """The size of pictures."""

    DESCRIPTION = "Tells the width and height of the pictures, and how many there are."
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"
    RETURN_TYPES = ("INT", "INT", "INT")
    RETURN_NAMES = ("width", "height", "batch_size")
    FUNCTION = "get_size"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"image": ("IMAGE",)}, "hidden": {"unique_id": "UNIQUE_ID"}}

    def get_size(self, image: FloatArray, unique_id: str | None = None) -> tuple[int, int, int]:
        """Width and height in pixels, and how many pictures there are."""
        batch, height, width = image.shape[:3]
        return width, height, batch


_FPS = ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0, "step": 0.01})


def _milliseconds(fps: float) -> int:
    return int(1000.0 / fps)


class SaveAnimatedWEBP:
    """An animated WebP."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"
    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image/animation"

    _EFFORTS = {"default": 4, "fastest": 0, "slowest": 6}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
                "fps": _FPS,
                "lossless": ("BOOLEAN", {"default": True}),
                "quality": ("INT", {"default": 80, "min": 0, "max": 100}),
                "method": (list(cls._EFFORTS),),
            },
            "hidden": HIDDEN,
        }

    def save_images(
        self,
        images: FloatArray,
        fps: float,
        filename_prefix: str,
        lossless: bool,
        quality: int,
        method: str,
        prompt: Any = None,
        extra_pnginfo: Any = None,
    ) -> dict[str, Any]:
        """Write the file. Raises `FileRefused`."""
        exif = metadata.exif(metadata.texts(prompt, extra_pnginfo))

        def write(path: Path) -> None:
            effort = self._EFFORTS[method]
            animation = Animation(images, host().progress)
            options = {"lossless": lossless, "quality": quality, "method": effort, "exif": exif}
            save_animated(path, "WEBP", animation, duration=_milliseconds(fps), **options)

        return _animated("webp", images, filename_prefix, write)


class SaveAnimatedPNG:
    """An animated PNG."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_images"
    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image/animation"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
                "fps": _FPS,
                "compress_level": ("INT", {"default": 4, "min": 0, "max": 9}),
            },
            "hidden": HIDDEN,
        }

    def save_images(
        self,
        images: FloatArray,
        fps: float,
        compress_level: int,
        filename_prefix: str = "ComfyUI",
        prompt: Any = None,
        extra_pnginfo: Any = None,
    ) -> dict[str, Any]:
        """Write the file. Raises `FileRefused`."""
        info = metadata.apng_info(metadata.texts(prompt, extra_pnginfo))

        def write(path: Path) -> None:
            animation = Animation(images, host().progress)
            options = {"pnginfo": info, "compress_level": compress_level}
            save_animated(path, "PNG", animation, duration=_milliseconds(fps), **options)

        return _animated("png", images, filename_prefix, write)


def _animated(extension: str, images: FloatArray, prefix: str, write: Callable[[Path], None]) -> dict[str, Any]:
    series = saving.series("output", prefix, images.shape[2], images.shape[1])
    return {"ui": {"images": [series.save(extension, write)], "animated": (len(images) > 1,)}}


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    node.__name__: checked(node)
    for node in (
        LoadImage,
        LoadImageOutput,
        LoadImageMask,
        SaveImage,
        PreviewImage,
        EmptyImage,
        GetImageSize,
        SaveAnimatedWEBP,
        SaveAnimatedPNG,
    )
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "LoadImage": "Load Image",
    "LoadImageOutput": "Load Image (from Outputs)",
    "LoadImageMask": "Load Image (as Mask)",
    "SaveImage": "Save Image",
    "PreviewImage": "Preview Image",
    "GetImageSize": "Get Image Size",
}
