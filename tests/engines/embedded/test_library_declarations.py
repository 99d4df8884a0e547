"""The core nodes declare what ComfyUI 0.3.64 says of them in ``/object_info``, but for texts and lists of files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cozygen.engines.embedded.object_info import node_info
from cozygen.engines.embedded.registry import load_nodes

REGISTRY = load_nodes()

IMAGE, MASK, VIDEO, AUDIO = ["IMAGE"], ["MASK"], ["VIDEO"], ["AUDIO"]
METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
LARGEST = 16384
SIZE = ["INT", {"default": 512, "min": 1, "max": LARGEST, "step": 1}]
SIZE_OR_NONE = ["INT", {"default": 512, "min": 0, "max": LARGEST, "step": 1}]
PLACE = ["INT", {"default": 0, "min": 0, "max": LARGEST, "step": 1}]
SIDE = ["INT", {"default": 0, "min": 0, "max": LARGEST, "step": 8}]
PREFIX = ["STRING", {"default": "ComfyUI"}]
RADIUS = ["INT", {"default": 1, "min": 1, "max": 31, "step": 1}]
UNIT = {"min": 0.0, "max": 1.0, "step": 0.01}
FPS = ["FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0, "step": 0.01}]
WHOLE = {"min": -9223372036854775807, "max": 9223372036854775807}


def combo(*options: str, **more: Any) -> list[Any]:
    return ["COMBO", {"multiselect": False, "options": list(options), **more}]


INPUTS: dict[str, dict[str, Any]] = {
    "LoadImage": {"image": [[], {"image_upload": True}]},
    "LoadImageMask": {"image": [[], {"image_upload": True}], "channel": [["alpha", "red", "green", "blue"]]},
    "LoadImageOutput": {
        "image": [
            "COMBO",
            {
                "image_upload": True,
                "image_folder": "output",
                "remote": {
                    "route": "/internal/files/output",
                    "refresh_button": True,
                    "control_after_refresh": "first",
                },
            },
        ]
    },
    "SaveImage": {"images": IMAGE, "filename_prefix": PREFIX},
    "PreviewImage": {"images": IMAGE},
    "EmptyImage": {
        "width": SIZE,
        "height": SIZE,
        "batch_size": ["INT", {"default": 1, "min": 1, "max": 4096}],
        "color": ["INT", {"default": 0, "min": 0, "max": 16777215, "step": 1, "display": "color"}],
    },
    "GetImageSize": {"image": IMAGE},
    "SaveAnimatedWEBP": {
        "images": IMAGE,
        "filename_prefix": PREFIX,
        "fps": FPS,
        "lossless": ["BOOLEAN", {"default": True}],
        "quality": ["INT", {"default": 80, "min": 0, "max": 100}],
        "method": [["default", "fastest", "slowest"]],
    },
    "SaveAnimatedPNG": {
        "images": IMAGE,
        "filename_prefix": PREFIX,
        "fps": FPS,
        "compress_level": ["INT", {"default": 4, "min": 0, "max": 9}],
    },
    "ImageScale": {
        "image": IMAGE,
        "upscale_method": [METHODS],
        "width": SIZE_OR_NONE,
        "height": SIZE_OR_NONE,
        "crop": [["disabled", "center"]],
    },
    "ImageScaleBy": {
        "image": IMAGE,
        "upscale_method": [METHODS],
        "scale_by": ["FLOAT", {"default": 1.0, "min": 0.01, "max": 8.0, "step": 0.01}],
    },
    "ImageScaleToTotalPixels": {
        "image": IMAGE,
        "upscale_method": combo(*METHODS),
        "megapixels": ["FLOAT", {"default": 1.0, "min": 0.01, "max": 16.0, "step": 0.01}],
    },
    "ImageCrop": {"image": IMAGE, "width": SIZE, "height": SIZE, "x": PLACE, "y": PLACE},
    "ImageFlip": {"image": IMAGE, "flip_method": [["x-axis: vertically", "y-axis: horizontally"]]},
    "ImageRotate": {"image": IMAGE, "rotation": [["none", "90 degrees", "180 degrees", "270 degrees"]]},
    "ImagePadForOutpaint": {
        "image": IMAGE,
        "left": SIDE,
        "top": SIDE,
        "right": SIDE,
        "bottom": SIDE,
        "feathering": ["INT", {"default": 40, "min": 0, "max": LARGEST, "step": 1}],
    },
    "ImageInvert": {"image": IMAGE},
    "ImageBlend": {
        "image1": IMAGE,
        "image2": IMAGE,
        "blend_factor": ["FLOAT", {"default": 0.5, **UNIT}],
        "blend_mode": combo("normal", "multiply", "screen", "overlay", "soft_light", "difference"),
    },
    "ImageBlur": {
        "image": IMAGE,
        "blur_radius": RADIUS,
        "sigma": ["FLOAT", {"default": 1.0, "min": 0.1, "max": 10.0, "step": 0.1}],
    },
    "ImageSharpen": {
        "image": IMAGE,
        "sharpen_radius": RADIUS,
        "sigma": ["FLOAT", {"default": 1.0, "min": 0.1, "max": 10.0, "step": 0.01}],
        "alpha": ["FLOAT", {"default": 1.0, "min": 0.0, "max": 5.0, "step": 0.01}],
    },
    "ImageBatch": {"image1": IMAGE, "image2": IMAGE},
    "RepeatImageBatch": {"image": IMAGE, "amount": ["INT", {"default": 1, "min": 1, "max": 4096}]},
    "ImageFromBatch": {
        "image": IMAGE,
        "batch_index": ["INT", {"default": 0, "min": 0, "max": 4095}],
        "length": ["INT", {"default": 1, "min": 1, "max": 4096}],
    },
    "ImageCompositeMasked": {
        "destination": IMAGE,
        "source": IMAGE,
        "x": PLACE,
        "y": PLACE,
        "resize_source": ["BOOLEAN", {"default": False}],
    },
    "SolidMask": {"value": ["FLOAT", {"default": 1.0, **UNIT}], "width": SIZE, "height": SIZE},
    "InvertMask": {"mask": MASK},
    "CropMask": {"mask": MASK, "x": PLACE, "y": PLACE, "width": SIZE, "height": SIZE},
    "ThresholdMask": {"mask": MASK, "value": ["FLOAT", {"default": 0.5, **UNIT}]},
    "MaskToImage": {"mask": MASK},
    "ImageToMask": {"image": IMAGE, "channel": [["red", "green", "blue", "alpha"]]},
    "MaskPreview": {"mask": MASK},
    "CreateVideo": {
        "images": IMAGE,
        "fps": ["FLOAT", {"default": 30.0, "min": 1.0, "max": 120.0, "step": 1.0}],
    },
    "GetVideoComponents": {"video": VIDEO},
    "LoadVideo": {"file": combo(video_upload=True)},
    "SaveVideo": {
        "video": VIDEO,
        "filename_prefix": ["STRING", {"default": "video/ComfyUI", "multiline": False}],
        "format": combo("auto", "mp4", default="auto"),
        "codec": combo("auto", "h264", default="auto"),
    },
    "SaveWEBM": {
        "images": IMAGE,
        "filename_prefix": ["STRING", {"default": "ComfyUI", "multiline": False}],
        "codec": combo("vp9", "av1"),
        "fps": ["FLOAT", {"default": 24.0, "min": 0.01, "max": 1000.0, "step": 0.01}],
        "crf": ["FLOAT", {"default": 32.0, "min": 0, "max": 63.0, "step": 1}],
    },
    "PrimitiveInt": {"value": ["INT", {**WHOLE, "control_after_generate": True}]},
    "PrimitiveFloat": {"value": ["FLOAT", WHOLE]},
    "PrimitiveString": {"value": ["STRING", {"multiline": False}]},
    "PrimitiveStringMultiline": {"value": ["STRING", {"multiline": True}]},
    "PrimitiveBoolean": {"value": ["BOOLEAN"]},
    "PreviewAny": {"source": ["*"]},
}

OPTIONAL = {"ImageCompositeMasked": {"mask": MASK}, "CreateVideo": {"audio": AUDIO}}

SAVES = {"prompt", "extra_pnginfo"}
HIDDEN = {
    "SaveImage": SAVES,
    "PreviewImage": SAVES,
    "SaveAnimatedWEBP": SAVES,
    "SaveAnimatedPNG": SAVES,
    "MaskPreview": SAVES,
    "SaveVideo": SAVES,
    "SaveWEBM": SAVES,
    "GetImageSize": {"unique_id"},
}

# class: (outputs, category, display name, module)
REST: dict[str, tuple[str, str, str, str]] = {
    "LoadImage": ("IMAGE MASK", "image", "Load Image", "nodes"),
    "LoadImageMask": ("MASK", "mask", "Load Image (as Mask)", "nodes"),
    "LoadImageOutput": ("IMAGE MASK", "image", "Load Image (from Outputs)", "nodes"),
    "SaveImage": ("", "image", "Save Image", "nodes"),
    "PreviewImage": ("", "image", "Preview Image", "nodes"),
    "EmptyImage": ("IMAGE", "image", "EmptyImage", "nodes"),
    "GetImageSize": ("INT INT INT", "image", "Get Image Size", "comfy_extras.nodes_images"),
    "SaveAnimatedWEBP": ("", "image/animation", "SaveAnimatedWEBP", "comfy_extras.nodes_images"),
    "SaveAnimatedPNG": ("", "image/animation", "SaveAnimatedPNG", "comfy_extras.nodes_images"),
    "ImageScale": ("IMAGE", "image/upscaling", "Upscale Image", "nodes"),
    "ImageScaleBy": ("IMAGE", "image/upscaling", "Upscale Image By", "nodes"),
    "ImageScaleToTotalPixels": (
        "IMAGE",
        "image/upscaling",
        "Scale Image to Total Pixels",
        "comfy_extras.nodes_post_processing",
    ),
    "ImageCrop": ("IMAGE", "image/transform", "Image Crop", "comfy_extras.nodes_images"),
    "ImageFlip": ("IMAGE", "image/transform", "ImageFlip", "comfy_extras.nodes_images"),
    "ImageRotate": ("IMAGE", "image/transform", "ImageRotate", "comfy_extras.nodes_images"),
    "ImagePadForOutpaint": ("IMAGE MASK", "image", "Pad Image for Outpainting", "nodes"),
    "ImageInvert": ("IMAGE", "image", "Invert Image", "nodes"),
    "ImageBlend": ("IMAGE", "image/postprocessing", "Image Blend", "comfy_extras.nodes_post_processing"),
    "ImageBlur": ("IMAGE", "image/postprocessing", "Image Blur", "comfy_extras.nodes_post_processing"),
    "ImageSharpen": ("IMAGE", "image/postprocessing", "Image Sharpen", "comfy_extras.nodes_post_processing"),
    "ImageBatch": ("IMAGE", "image", "Batch Images", "nodes"),
    "RepeatImageBatch": ("IMAGE", "image/batch", "RepeatImageBatch", "comfy_extras.nodes_images"),
    "ImageFromBatch": ("IMAGE", "image/batch", "ImageFromBatch", "comfy_extras.nodes_images"),
    "ImageCompositeMasked": ("IMAGE", "image", "ImageCompositeMasked", "comfy_extras.nodes_mask"),
    "SolidMask": ("MASK", "mask", "SolidMask", "comfy_extras.nodes_mask"),
    "InvertMask": ("MASK", "mask", "InvertMask", "comfy_extras.nodes_mask"),
    "CropMask": ("MASK", "mask", "CropMask", "comfy_extras.nodes_mask"),
    "ThresholdMask": ("MASK", "mask", "ThresholdMask", "comfy_extras.nodes_mask"),
    "MaskToImage": ("IMAGE", "mask", "Convert Mask to Image", "comfy_extras.nodes_mask"),
    "ImageToMask": ("MASK", "mask", "Convert Image to Mask", "comfy_extras.nodes_mask"),
    "MaskPreview": ("", "mask", "MaskPreview", "comfy_extras.nodes_mask"),
    "CreateVideo": ("VIDEO", "image/video", "Create Video", "comfy_extras.nodes_video"),
    "GetVideoComponents": ("IMAGE AUDIO FLOAT", "image/video", "Get Video Components", "comfy_extras.nodes_video"),
    "LoadVideo": ("VIDEO", "image/video", "Load Video", "comfy_extras.nodes_video"),
    "SaveVideo": ("", "image/video", "Save Video", "comfy_extras.nodes_video"),
    "SaveWEBM": ("", "image/video", "SaveWEBM", "comfy_extras.nodes_video"),
    "PrimitiveInt": ("INT", "utils/primitive", "Int", "comfy_extras.nodes_primitive"),
    "PrimitiveFloat": ("FLOAT", "utils/primitive", "Float", "comfy_extras.nodes_primitive"),
    "PrimitiveString": ("STRING", "utils/primitive", "String", "comfy_extras.nodes_primitive"),
    "PrimitiveStringMultiline": ("STRING", "utils/primitive", "String (Multiline)", "comfy_extras.nodes_primitive"),
    "PrimitiveBoolean": ("BOOLEAN", "utils/primitive", "Boolean", "comfy_extras.nodes_primitive"),
    "PreviewAny": ("", "utils", "Preview Any", "comfy_extras.nodes_preview_any"),
}

OUTPUT_NAMES = {"GetImageSize": ["width", "height", "batch_size"], "GetVideoComponents": ["images", "audio", "fps"]}


def info(name: str) -> dict[str, Any]:
    declared = node_info(name, REGISTRY.classes[name], REGISTRY.display_names.get(name, name))
    as_sent: dict[str, Any] = json.loads(json.dumps(declared))
    return as_sent


def without_texts(inputs: dict[str, Any]) -> dict[str, Any]:
    """The declarations without tooltips and empty options."""
    plain = {}
    for name, (kind, *rest) in inputs.items():
        options = {key: value for key, value in (rest[0] if rest else {}).items() if key != "tooltip"}
        plain[name] = [kind, options] if options else [kind]
    return plain


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(name: str) -> None:
    declared = info(name)["input"]
    assert without_texts(declared["required"]) == INPUTS[name]
    assert without_texts(declared.get("optional", {})) == OPTIONAL.get(name, {})
    assert set(declared.get("hidden", {})) == HIDDEN.get(name, set())


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_come_in_order(name: str) -> None:
    order = info(name)["input_order"]
    assert order["required"] == list(INPUTS[name])
    assert order.get("optional", []) == list(OPTIONAL.get(name, {}))


@pytest.mark.parametrize("name", REST)
def test_outputs_and_names(name: str) -> None:
    outputs, category, display_name, module = REST[name]
    declared = info(name)
    assert declared["output"] == outputs.split()
    assert declared["output_name"] == OUTPUT_NAMES.get(name, outputs.split())
    assert declared["output_is_list"] == [False] * len(outputs.split())
    assert (declared["category"], declared["display_name"], declared["name"]) == (category, display_name, name)
    assert declared["python_module"] == module
    assert declared["output_node"] is (name == "PreviewAny" or "extra_pnginfo" in HIDDEN.get(name, ()))


def test_both_tables_are_whole() -> None:
    assert set(INPUTS) == set(REST)
    assert set(INPUTS) <= set(REGISTRY.classes)


def test_every_class_has_its_function() -> None:
    for name, node in REGISTRY.classes.items():
        assert callable(getattr(node, node.FUNCTION)), name
