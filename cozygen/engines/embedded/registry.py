"""The node classes that the embedded engine has, and what they declare."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

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

    A module exports ``NODE_CLASS_MAPPINGS`` and, if it likes, ``NODE_DISPLAY_NAME_MAPPINGS``, as in ComfyUI. A module
    that cannot be imported is logged and left out: its nodes are missing, the others work.
    """
    library = importlib.import_module(_LIBRARY)
    found = sorted(module.name for module in pkgutil.iter_modules(library.__path__))
    names = [*_BASE_MODULES, *(f"{_LIBRARY}.{name}" for name in found), *extra_modules]
    classes: dict[str, NodeClass] = {}
    display_names: dict[str, str] = {}
    for name in names:
        try:
            module = importlib.import_module(name)
        except Exception:
            log.exception("the nodes of %s are missing: it could not be imported", name)
            continue
        classes.update(getattr(module, "NODE_CLASS_MAPPINGS", {}))
        display_names.update(getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", {}))
    return NodeRegistry(classes, display_names)


@dataclass(frozen=True)
class InputSpec:
    """One visible input: ``required`` or ``optional``, its type or list of choices, its options."""

    category: str
    kind: Any
    options: Mapping[str, Any]

    @property
    def type_name(self) -> str | None:
        """The type as plain text, None for a list of choices. A class's own kind of text may equal anything."""
        return str.__str__(self.kind) if isinstance(self.kind, str) else None


@dataclass(frozen=True)
class Declaration:
    """What a class's ``INPUT_TYPES`` said. `hidden`: name -> PROMPT, EXTRA_PNGINFO, UNIQUE_ID or DYNPROMPT."""

    node_class: NodeClass
    inputs: Mapping[str, InputSpec]
    hidden: Mapping[str, str]


class Declarations:
    """What the classes of a registry declare, asked once each.

    ``INPUT_TYPES`` may list a folder: an object of this class lives for one prompt, so that the lists are fresh for
    every prompt and yet are not read again for every node.
    """

    def __init__(self, registry: NodeRegistry) -> None:
        self._registry = registry
        self._known: dict[str, Declaration] = {}

    def of(self, class_type: str) -> Declaration:
        """The declaration of a class that is in the registry. Raises whatever its ``INPUT_TYPES`` raises."""
        known = self._known.get(class_type)
        if known is None:
            known = self._known[class_type] = declaration(self._registry.classes[class_type])
        return known


def declaration(node_class: NodeClass) -> Declaration:
    """Ask a class for its inputs."""
    declared = node_class.INPUT_TYPES()
    inputs = {}
    for category in ("required", "optional"):
        for name, spec in declared.get(category, {}).items():
            options = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
            inputs[name] = InputSpec(category, spec[0], options)
    hidden = {
        name: spec if isinstance(spec, str) else str(spec[0]) for name, spec in declared.get("hidden", {}).items()
    }
    return Declaration(node_class, inputs, hidden)


def is_output_node(node_class: NodeClass) -> bool:
    """Whether a prompt may end in this node."""
    return getattr(node_class, "OUTPUT_NODE", False) is True


def is_link(value: Any) -> bool:
    """Whether an input's value stands for another node's output: ``[node id, slot]``."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and not isinstance(value[1], bool)
    )
