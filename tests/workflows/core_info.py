"""A little ``/object_info`` in ComfyUI's forms, and a way to draw UI-format workflows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SEED = {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}
SIDE = {"default": 512, "min": 16, "max": 16384, "step": 8}


def _class(inputs: dict[str, Any], outputs: list[str], *, optional: dict[str, Any] | None = None, **more: Any) -> Any:
    return {"input": {"required": inputs, "optional": optional or {}}, "output": outputs, **more}


INFO: dict[str, Any] = {
    "CheckpointLoaderSimple": _class({"ckpt_name": [["a.safetensors", "sub/b.safetensors"]]}, ["MODEL", "CLIP", "VAE"], display_name="Load Checkpoint"),
    "LoraLoader": _class(
        {
            "model": ["MODEL"],
            "clip": ["CLIP"],
            "lora_name": [["detail.safetensors", "style.safetensors"]],
            "strength_model": ["FLOAT", {"default": 1.0, "min": -100.0, "max": 100.0, "step": 0.01}],
            "strength_clip": ["FLOAT", {"default": 1.0, "min": -100.0, "max": 100.0, "step": 0.01}],
        },
        ["MODEL", "CLIP"],
        display_name="Load LoRA",
    ),
    "CLIPTextEncode": _class({"text": ["STRING", {"multiline": True}], "clip": ["CLIP"]}, ["CONDITIONING"], display_name="CLIP Text Encode (Prompt)"),
    "ConditioningZeroOut": _class({"conditioning": ["CONDITIONING"]}, ["CONDITIONING"]),
    "ControlNetApplyAdvanced": _class(
        {"positive": ["CONDITIONING"], "negative": ["CONDITIONING"], "control_net": ["CONTROL_NET"], "image": ["IMAGE"], "strength": ["FLOAT", {"default": 1.0}]},
        ["CONDITIONING", "CONDITIONING"],
    ),
    "EmptyLatentImage": _class({"width": ["INT", SIDE], "height": ["INT", SIDE], "batch_size": ["INT", {"default": 1, "min": 1, "max": 4096}]}, ["LATENT"]),
    "KSampler": _class(
        {
            "model": ["MODEL"],
            "seed": ["INT", SEED],
            "steps": ["INT", {"default": 20, "min": 1, "max": 10000}],
            "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1}],
            "sampler_name": [["euler", "ddim"]],
            "scheduler": ["COMBO", {"options": ["normal", "karras"]}],
            "positive": ["CONDITIONING"],
            "negative": ["CONDITIONING"],
            "latent_image": ["LATENT"],
            "denoise": ["FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}],
        },
        ["LATENT"],
    ),
    "VAEDecode": _class({"samples": ["LATENT"], "vae": ["VAE"]}, ["IMAGE"]),
    "LoadImage": _class({"image": [["example.png"], {"image_upload": True}]}, ["IMAGE", "MASK"]),
    "LoadImageMask": _class({"image": [["example.png"], {"image_upload": True}], "channel": [["alpha", "red"]]}, ["MASK"], optional={"invert": ["BOOLEAN", {"default": False}]}),
    "ImageScale": _class({"image": ["IMAGE"], "upscale_method": [["area", "lanczos"]], "width": ["INT", SIDE], "height": ["INT", SIDE], "crop": [["disabled", "center"]]}, ["IMAGE"]),
    "SaveImage": _class({"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "ComfyUI"}]}, [], output_node=True, display_name="Save Image"),
    "PrimitiveInt": _class({"value": ["INT", {"min": -100, "max": 100_000, "control_after_generate": True}]}, ["INT"]),
    "Resize": _class(
        {
            "image": ["IMAGE"],
            "mode": [
                "COMFY_DYNAMICCOMBO_V3",
                {
                    "options": [
                        {"key": "box", "inputs": {"required": {"w": ["INT", {"default": 1}], "h": ["INT", {"default": 2}]}}},
                        {"key": "scale", "inputs": {"required": {"by": ["FLOAT", {"default": 1.5, "max": 4.0}]}}},
                    ]
                },
            ],
            "method": [["area", "lanczos"]],
        },
        ["IMAGE"],
    ),
}  # fmt: skip


def node(
    node_id: int | str,
    kind: str,
    inputs: Iterable[tuple[str, str, int | None]] = (),
    outputs: Iterable[str] = (),
    values: list[Any] | dict[str, Any] | None = None,
    *,
    widgets: Iterable[str] = (),
    **more: Any,
) -> dict[str, Any]:
    """A node as the editor saves it; `inputs` are (name, type, link), `widgets` those that stand for a widget."""
    slots = [
        {"name": name, "type": type_, "link": link, **({"widget": {"name": name}} if name in widgets else {})}
        for name, type_, link in inputs
    ]
    made: dict[str, Any] = {
        "id": node_id,
        "type": kind,
        "mode": 0,
        "inputs": slots,
        "outputs": [{"name": o, "type": o} for o in outputs],
    }
    if values is not None:
        made["widgets_values"] = values
    return {**made, **more}


def workflow(nodes: list[dict[str, Any]], links: list[list[Any]], **more: Any) -> dict[str, Any]:
    """A workflow; links are [id, origin, slot, target, slot, type]."""
    return {"nodes": nodes, "links": links, "groups": [{"title": "a group"}], "version": 0.4, **more}


def text_to_image() -> dict[str, Any]:
    """ComfyUI's first workflow, as older editors save it."""
    return workflow(
        [
            node(4, "CheckpointLoaderSimple", (), ["MODEL", "CLIP", "VAE"], ["a.safetensors"]),
            node(5, "EmptyLatentImage", (), ["LATENT"], [512, 768, 1]),
            node(6, "CLIPTextEncode", [("clip", "CLIP", 3)], ["CONDITIONING"], ["a cat"], title="What to see"),
            node(7, "CLIPTextEncode", [("clip", "CLIP", 5)], ["CONDITIONING"], ["blurry"]),
            node(
                3,
                "KSampler",
                [("model", "MODEL", 1), ("positive", "CONDITIONING", 4), ("negative", "CONDITIONING", 6), ("latent_image", "LATENT", 2)],
                ["LATENT"],
                [156680208700286, "randomize", 20, 7.5, "euler", "normal", 1],
            ),
            node(8, "VAEDecode", [("samples", "LATENT", 7), ("vae", "VAE", 8)], ["IMAGE"]),
            node(9, "SaveImage", [("images", "IMAGE", 9)], (), ["ComfyUI"]),
            node(10, "Note", (), (), ["Read me"]),
        ],
        [
            [1, 4, 0, 3, 0, "MODEL"],
            [2, 5, 0, 3, 3, "LATENT"],
            [3, 4, 1, 6, 0, "CLIP"],
            [4, 6, 0, 3, 1, "CONDITIONING"],
            [5, 4, 1, 7, 0, "CLIP"],
            [6, 7, 0, 3, 2, "CONDITIONING"],
            [7, 3, 0, 8, 0, "LATENT"],
            [8, 4, 2, 8, 1, "VAE"],
            [9, 8, 0, 9, 0, "IMAGE"],
        ],
    )  # fmt: skip
