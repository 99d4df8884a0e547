"""Nodes that exist in the editor alone: they never reach an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cozygen.workflows.convert.document import UiNode

SETTERS = frozenset({"SetNode", "easy setNode"})
GETTERS = frozenset({"GetNode", "easy getNode"})
NOTES = frozenset({"Note", "MarkdownNote", "Note Plus (mtb)", "Label (rgthree)", "Bookmark (rgthree)"})
PRIMITIVE = "PrimitiveNode"
_VIRTUAL = frozenset(
    {PRIMITIVE, "Reroute", "Reroute (rgthree)", "Anything Everywhere", "Anything Everywhere3", "Anything Everywhere?"}
    | {"Prompts Everywhere", "Seed Everywhere", "Fast Muter (rgthree)", "Fast Bypasser (rgthree)"}
    | {"Fast Groups Muter (rgthree)", "Fast Groups Bypasser (rgthree)", "Fast Actions Button (rgthree)"}
    | {"Mute / Bypass Relay (rgthree)", "Mute / Bypass Repeater (rgthree)", "Node Collector (rgthree)"}
    | {"Random Unmuter (rgthree)"}
)
"""Nodes that exist in the editor alone: ComfyUI's own, use-everywhere's and rgthree's."""


def is_virtual(node: UiNode, info: Mapping[str, Any] | None) -> bool:
    """Whether a node exists in the editor alone."""
    if node.type in _VIRTUAL or node.type in SETTERS or node.type in GETTERS or node.type in NOTES:
        return True
    return info is None and _is_reroute(node)


def _is_reroute(node: UiNode) -> bool:
    """A reroute of a pack whose nodes the engine does not list, by its name and shape."""
    return "reroute" in node.type.lower() and len(node.inputs) == 1 and len(node.outputs) == 1
