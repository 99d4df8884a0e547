"""ComfyUI's core nodes for single values, and the one that shows any value."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from cozygen.nodes.checked import checked

_MODULE = "comfy_extras.nodes_primitive"
_LONGEST_SHOWN = 100_000


def _primitive(name: str, kind: str, options: dict[str, Any]) -> type[Any]:
    """A node class that gives the value that it is given."""

    class Primitive:
        RELATIVE_PYTHON_MODULE = _MODULE
        RETURN_TYPES = (kind,)
        FUNCTION = "execute"
        CATEGORY = "utils/primitive"

        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            """The inputs, in ComfyUI's form."""
            return {"required": {"value": (kind, dict(options))}}

        def execute(self, value: Any) -> tuple[Any]:
            """The value."""
            return (value,)

    Primitive.__name__ = Primitive.__qualname__ = name
    return Primitive


_BOUNDS = {"min": -sys.maxsize, "max": sys.maxsize}

PrimitiveInt = _primitive("PrimitiveInt", "INT", {**_BOUNDS, "control_after_generate": True})
PrimitiveFloat = _primitive("PrimitiveFloat", "FLOAT", _BOUNDS)
PrimitiveString = _primitive("PrimitiveString", "STRING", {"multiline": False})
PrimitiveStringMultiline = _primitive("PrimitiveStringMultiline", "STRING", {"multiline": True})
PrimitiveBoolean = _primitive("PrimitiveBoolean", "BOOLEAN", {})


class PreviewAny:
    """Shows any value as text."""

    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_preview_any"
    RETURN_TYPES = ()
    FUNCTION = "main"
    OUTPUT_NODE = True
    CATEGORY = "utils"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"source": ("*", {})}}

    def main(self, source: Any = None) -> dict[str, Any]:
        """The text: of structures as JSON, of pictures their shape."""
        return {"ui": {"text": (_as_text(source)[:_LONGEST_SHOWN],)}}


def _as_text(source: Any) -> str:
    if isinstance(source, np.ndarray):
        return f"array {source.dtype} {list(source.shape)}"
    if source is None or isinstance(source, str | int | float | bool):
        return str(source)
    try:
        return json.dumps(source)
    except (TypeError, ValueError, RecursionError):
        return f"a {type(source).__name__}"


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    node.__name__: checked(node)
    for node in (
        PrimitiveInt,
        PrimitiveFloat,
        PrimitiveString,
        PrimitiveStringMultiline,
        PrimitiveBoolean,
        PreviewAny,
    )
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "PrimitiveInt": "Int",
    "PrimitiveFloat": "Float",
    "PrimitiveString": "String",
    "PrimitiveStringMultiline": "String (Multiline)",
    "PrimitiveBoolean": "Boolean",
    "PreviewAny": "Preview Any",
}
