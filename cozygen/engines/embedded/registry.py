"""The node classes that the embedded engine has."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NodeClass = type[Any]

_BASE_MODULES = ("cozygen.nodes.classes",)
_LIBRARY = "cozygen.engines.embedded.library"


@dataclass(frozen=True)
class NodeRegistry:
    """Node classes and display names by class type."""

    classes: Mapping[str, NodeClass]
    display_names: Mapping[str, str] = field(default_factory=dict)

    def get(self, class_type: str) -> NodeClass | None:
        """The class of a type, None when there is none."""
        return self.classes.get(class_type)


def load_nodes(extra_modules: Iterable[str] = ()) -> NodeRegistry:
    """Import every node module: CozyGen's own, the library's, then `extra_modules` (a later one wins).

    A module exports ``NODE_CLASS_MAPPINGS`` and, if it likes, ``NODE_DISPLAY_NAME_MAPPINGS``, as in ComfyUI.
    """
    library = importlib.import_module(_LIBRARY)
    found = sorted(module.name for module in pkgutil.iter_modules(library.__path__))
    names = [*_BASE_MODULES, *(f"{_LIBRARY}.{name}" for name in found), *extra_modules]
    classes: dict[str, NodeClass] = {}
    display_names: dict[str, str] = {}
    for name in names:
        module = importlib.import_module(name)
        classes.update(getattr(module, "NODE_CLASS_MAPPINGS", {}))
        display_names.update(getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", {}))
    return NodeRegistry(classes, display_names)


def input_specs(node_class: NodeClass) -> dict[str, tuple[str, Any, dict[str, Any]]]:
    """The visible inputs of a class: name -> (``required`` or ``optional``, type or list of choices, options)."""
    declared = node_class.INPUT_TYPES()
    specs = {}
    for category in ("required", "optional"):
        for name, spec in declared.get(category, {}).items():
            options = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
            specs[name] = (category, spec[0], options)
    return specs


def hidden_inputs(node_class: NodeClass) -> dict[str, str]:
    """The hidden inputs of a class: name -> PROMPT, EXTRA_PNGINFO, UNIQUE_ID or DYNPROMPT."""
    declared = node_class.INPUT_TYPES().get("hidden", {})
    return {name: spec if isinstance(spec, str) else str(spec[0]) for name, spec in declared.items()}


def is_output_node(node_class: NodeClass) -> bool:
    """Whether a prompt may end in this node."""
    return getattr(node_class, "OUTPUT_NODE", False) is True
