"""The values that stand in a graph, each with what the engine says of its input. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cozygen.workflows.convert.widgets import dynamic_options, groups
from cozygen.workflows.form import FieldType, FormOutput
from cozygen.workflows.graph import Graph, is_link, title
from cozygen.workflows.hints import read_hint

_TYPES: dict[str, FieldType] = {
    "INT": "int",
    "FLOAT": "float",
    "STRING": "string",
    "BOOLEAN": "boolean",
    "COMBO": "choice",
    "COMFY_DYNAMICCOMBO_V3": "choice",
}
_PICTURE_OPTIONS = ("image_upload", "animated_image_upload", "video_upload")
_PICTURE_LOADERS = re.compile(r"load\w*(image|video|mask)", re.IGNORECASE)
_PICTURE_INPUTS = ("image", "video", "file", "mask")
_FRACTIONS = re.compile(r"cfg|denoise|guidance|strength|shift|megapixels|percent|scale|temperature|top_p|threshold")
"""Names of numbers that are no whole ones, although ``8`` may be what stands in the file."""

_EDITOR_ONLY = frozenset({"upload", "audioUI", "control_after_generate", "control_filter_list", "viewport_state"})

CHOICE_TYPES = {
    "ckpt_name": "checkpoints",
    "unet_name": "diffusion_models",
    "vae_name": "vae",
    "lora_name": "loras",
    "clip_name": "text_encoders",
    "clip_name1": "text_encoders",
    "clip_name2": "text_encoders",
    "clip_name3": "text_encoders",
    "clip_name4": "text_encoders",
    "control_net_name": "controlnet",
    "style_model_name": "style_models",
    "sampler_name": "sampler",
    "scheduler": "scheduler",
}
"""What an input offers by its name, for classes that the engine does not know."""

MODEL_FILE = re.compile(r"\.(safetensors|sft|ckpt|pth?|bin|gguf|onnx|pkl)$", re.IGNORECASE)
"""The names of model files."""


@dataclass(frozen=True)
class Parameter:
    """A value of a node. `options` are those of ``/object_info``; `choices` is None where nothing is listed.

    `title` is the node's as its author has chosen it, empty where it is the default; `name` is never empty.
    """

    node_id: str
    class_type: str
    title: str
    name: str
    input: str
    value: Any
    type: FieldType
    options: Mapping[str, Any]
    choices: tuple[Any, ...] | None
    is_known: bool

    @property
    def key(self) -> str:
        """How it is addressed: ``<node id>.<input>``."""
        return f"{self.node_id}.{self.input}"


def parameters(graph: Graph, object_info: Mapping[str, Any]) -> Iterator[Parameter]:
    """The values in the graph, in its order. Links, and what is neither text, number nor boolean, are left out."""
    specs: dict[str, dict[str, Any]] = {}
    for node_id, node in graph.items():
        class_type = node["class_type"]
        info = object_info.get(class_type)
        inputs = node.get("inputs", {})
        known = info if isinstance(info, Mapping) else {}
        if class_type not in specs:
            specs[class_type] = {name: spec for _, name, *spec in groups(known)}
        own = dict(specs[class_type])
        _add_dynamic(own, inputs)
        for name, value in inputs.items():
            if name in _EDITOR_ONLY or is_link(value) or not _is_plain(value):
                continue
            kind, options, choices = own.get(name) or ("", {}, None)
            yield Parameter(
                node_id=node_id,
                class_type=class_type,
                title=_own_title(node, known),
                name=title(node),
                input=name,
                value=value,
                type=_type(class_type, name, value, kind, options),
                options=options,
                choices=None if choices is None else tuple(item for item in choices if _is_plain(item)),
                is_known=bool(own.get(name)),
            )


_DEFAULT_TITLES = frozenset(
    {"load checkpoint", "load image", "load video", "load audio", "load vae", "load clip", "load diffusion model"}
    | {"load lora", "load lora (model)", "load controlnet model", "apply controlnet", "empty latent image", "primitive"}
    | {"save image", "save video", "preview image", "video combine", "create video", "int", "float", "string"}
    | {"boolean", "string (multiline)", "text", "reroute", "ksampler (advanced)", "random noise"}
)
_TEXT_ENCODER = re.compile(r"clip ?text ?encode|text ?encode", re.IGNORECASE)
_MAX_TITLE = 100


def _own_title(node: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    text = title(dict(node)).strip()
    hint = read_hint(text)
    if hint is not None:
        return hint.label
    class_type = str(node["class_type"])
    plain = text.lower()
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", class_type).lower()
    is_default = text in (class_type, info.get("display_name")) or plain in _DEFAULT_TITLES or plain == spaced
    if is_default or (_TEXT_ENCODER.search(text[:_MAX_TITLE]) and _TEXT_ENCODER.search(class_type)):
        return ""
    return text[:_MAX_TITLE]


def _add_dynamic(specs: dict[str, Any], inputs: Mapping[str, Any]) -> None:
    """The inputs that a chosen option of a combo brings; those may bring some themselves."""
    waiting = list(specs)
    while waiting:
        name = waiting.pop()
        kind, options, _ = specs[name]
        if kind != "COMFY_DYNAMICCOMBO_V3":
            continue
        offered = dict(dynamic_options(options))
        specs[name] = (kind, options, list(offered))
        chosen = offered.get(str(inputs.get(name)), {})
        for _, child, *spec in groups({"input": chosen}):
            specs[f"{name}.{child}"] = spec
            waiting.append(f"{name}.{child}")


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _type(class_type: str, name: str, value: Any, kind: str, options: Mapping[str, Any]) -> FieldType:
    if any(options.get(option) for option in _PICTURE_OPTIONS):
        return "image"
    is_loader = _PICTURE_LOADERS.search(class_type) is not None and name in _PICTURE_INPUTS
    if is_loader and isinstance(value, str) and kind in ("", "COMBO"):
        return "image"
    if kind in _TYPES:
        return _TYPES[kind]
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "float" if isinstance(value, float) or _FRACTIONS.search(name) else "int"
    return "choice" if name in CHOICE_TYPES or MODEL_FILE.search(value) else "string"


_DELIVERS = re.compile(r"^(save|preview|export)|combine$|compare", re.IGNORECASE)
_FILMS = re.compile(r"video|webm|webp|gif|film|animat", re.IGNORECASE)
_PICTURES = re.compile(r"image|png|jpe?g|picture", re.IGNORECASE)


def native_outputs(graph: Graph, object_info: Mapping[str, Any]) -> list[FormOutput]:
    """The nodes of others that deliver pictures or films."""
    found = []
    for node_id, node in graph.items():
        class_type = node["class_type"]
        info = object_info.get(class_type)
        if isinstance(info, Mapping):
            delivers = info.get("output_node") is True
        else:
            delivers = _DELIVERS.search(class_type) is not None
        if delivers and _FILMS.search(class_type):
            found.append(FormOutput(node_id, "video"))
        elif delivers and _PICTURES.search(class_type):
            found.append(FormOutput(node_id, "image"))
    return found
