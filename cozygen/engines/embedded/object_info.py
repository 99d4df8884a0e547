"""What ComfyUI's ``/object_info`` says of a node class."""

from __future__ import annotations

import logging
from typing import Any

from cozygen.engines.embedded.registry import NodeClass, NodeRegistry, is_output_node

log = logging.getLogger(__name__)


def node_info(name: str, node_class: NodeClass, display_name: str) -> dict[str, Any]:
    """One class in the shape of ComfyUI's ``/object_info``. Raises whatever its ``INPUT_TYPES`` raises."""
    declared = node_class.INPUT_TYPES()
    returns = list(node_class.RETURN_TYPES)
    info: dict[str, Any] = {
        "input": declared,
        "input_order": {group: list(inputs) for group, inputs in declared.items()},
        "output": returns,
        "output_is_list": list(getattr(node_class, "OUTPUT_IS_LIST", [False] * len(returns))),
        "output_name": list(getattr(node_class, "RETURN_NAMES", returns)),
        "name": name,
        "display_name": display_name,
        "description": getattr(node_class, "DESCRIPTION", ""),
        "python_module": getattr(node_class, "RELATIVE_PYTHON_MODULE", "nodes"),
        "category": getattr(node_class, "CATEGORY", "sd"),
        "output_node": is_output_node(node_class),
    }
    if hasattr(node_class, "OUTPUT_TOOLTIPS"):
        info["output_tooltips"] = list(node_class.OUTPUT_TOOLTIPS)
    for flag in ("deprecated", "experimental"):
        if getattr(node_class, flag.upper(), False):
            info[flag] = True
    if hasattr(node_class, "API_NODE"):
        info["api_node"] = node_class.API_NODE
    return info


def all_info(registry: NodeRegistry) -> dict[str, Any]:
    """Every class of a registry; one that cannot say what it takes is logged and left out."""
    info = {}
    for name, node_class in registry.classes.items():
        try:
            info[name] = node_info(name, node_class, registry.display_names.get(name, name))
        except Exception:
            log.exception("node class %s does not describe itself", name)
    return info
