"""CozyGen's own node classes, by name.

They follow ComfyUI's conventions and reach the program that runs them through `cozygen.nodes.host`.
"""

from __future__ import annotations

from typing import Any

from cozygen.nodes.form_nodes import (
    CozyGenChoiceInput,
    CozyGenDynamicInput,
    CozyGenFloatInput,
    CozyGenImageInput,
    CozyGenIntInput,
    CozyGenStringInput,
)
from cozygen.nodes.output_nodes import CozyGenOutput, CozyGenVideoOutput

NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    "CozyGenDynamicInput": CozyGenDynamicInput,
    "CozyGenFloatInput": CozyGenFloatInput,
    "CozyGenIntInput": CozyGenIntInput,
    "CozyGenStringInput": CozyGenStringInput,
    "CozyGenChoiceInput": CozyGenChoiceInput,
    "CozyGenImageInput": CozyGenImageInput,
    "CozyGenOutput": CozyGenOutput,
    "CozyGenVideoOutput": CozyGenVideoOutput,
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "CozyGenDynamicInput": "CozyGen Dynamic Input",
    "CozyGenFloatInput": "CozyGen Float Input",
    "CozyGenIntInput": "CozyGen Int Input",
    "CozyGenStringInput": "CozyGen String Input",
    "CozyGenChoiceInput": "CozyGen Choice Input",
    "CozyGenImageInput": "CozyGen Image Input",
    "CozyGenOutput": "CozyGen Output",
    "CozyGenVideoOutput": "CozyGen Video Output",
}

for _node in NODE_CLASS_MAPPINGS.values():
    _node.RELATIVE_PYTHON_MODULE = "custom_nodes.cozygen"  # what `/object_info` calls a pack that is not the core
