"""From UI format to API format: what ComfyUI's editor does when it queues a prompt or exports one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cozygen.workflows.convert.document import (
    BYPASSED,
    MUTED,
    ConversionError,
    Document,
    UiNode,
    as_id,
    objects,
    read,
)
from cozygen.workflows.convert.groups import unfold_groups
from cozygen.workflows.convert.resolve import Constant, Origin, Removed, Resolver, Source
from cozygen.workflows.convert.scopes import Scope, Scopes
from cozygen.workflows.convert.virtual import is_virtual
from cozygen.workflows.convert.widgets import wrapped
from cozygen.workflows.graph import Graph, is_link


@dataclass(frozen=True)
class Converted:
    """A workflow in API format, and what could not be taken over, in sentences."""

    graph: Graph
    problems: list[str]


def to_api(workflow: dict[str, Any], object_info: Mapping[str, Any]) -> Converted:
    """Convert a UI-format workflow. `object_info` is the engine's, as far as there is one.

    Muted nodes are left out, bypassed ones handed on past; what exists in the editor alone (reroutes, primitives, set
    and get nodes, notes) is resolved; subgraphs and group nodes are unfolded, their nodes called ``outer:inner``.
    Raises `ConversionError` for what is no workflow, and nothing else.
    """
    try:
        document = read(workflow)
        unfold_groups(document, object_info)
        return _Conversion(document, object_info).run()
    except RecursionError:
        raise ConversionError("The workflow is nested too deeply.") from None


class _Conversion:
    def __init__(self, document: Document, object_info: Mapping[str, Any]) -> None:
        self._scopes = Scopes(document, object_info)
        self._resolver = Resolver(self._scopes)
        self._everywhere = dict(_everywhere(document.extra))

    def run(self) -> Converted:
        graph: Graph = {}
        for scope in self._scopes.all:
            if scope.is_off:
                continue
            for node in scope.sheet.nodes.values():
                if self._runs(scope, node):
                    graph[scope.prefix + node.id] = self._convert(scope, node)
        if not graph:
            raise ConversionError("No node of the workflow runs: all are muted, bypassed or notes.")
        for converted in graph.values():
            inputs = converted["inputs"]
            for name in [name for name, value in inputs.items() if is_link(value) and value[0] not in graph]:
                del inputs[name]
        return Converted(graph, list(self._problems()))

    def _runs(self, scope: Scope, node: UiNode) -> bool:
        if node.id in scope.children or node.mode in (MUTED, BYPASSED):
            return False
        return not is_virtual(node, self._scopes.info(node.type))

    def _convert(self, scope: Scope, node: UiNode) -> dict[str, Any]:
        values = scope.values[node.id]
        inputs = {name: wrapped(value) for name, value in values.items()}
        for place, slot in enumerate(node.inputs):
            if slot.link is None:
                if not scope.prefix and (node.id, place) in self._everywhere:
                    self._put(inputs, slot.name, Source(*self._everywhere[node.id, place]))
                continue
            self._put(inputs, slot.name, self._resolver.follow(scope, slot.link, slot.type))
        info = self._scopes.info(node.type) or {}
        title = node.title or str(info.get("display_name") or "") or node.type
        return {"inputs": inputs, "class_type": node.type, "_meta": {"title": title}}

    def _put(self, inputs: dict[str, Any], name: str, origin: Origin) -> None:
        match origin:
            case Source(node_id, slot):
                inputs[name] = [node_id, slot]
            case Constant(value):
                inputs[name] = wrapped(value)
            case Removed():
                inputs.pop(name, None)

    def _problems(self) -> Iterator[str]:
        for class_type, node_id in self._scopes.unnamed.items():
            yield (
                f"The engine has no node {class_type}, so that nobody knows the names of its values "
                f"(node {node_id}): they were left out."
            )
        if self._resolver.loops:
            yield "Some reroutes, variables or bypassed nodes lead in a circle; what they feed has no source."


def _everywhere(extra: Mapping[str, Any]) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    """The connections that use-everywhere makes without links: it keeps them as ``ue_links`` when it saves."""
    for link in objects(extra.get("ue_links")):
        target, source = as_id(link.get("downstream")), as_id(link.get("upstream"))
        place, slot = link.get("downstream_slot"), link.get("upstream_slot")
        if (
            target is not None
            and source is not None
            and isinstance(place, int)
            and isinstance(slot, int)
            and min(place, slot) >= 0
        ):
            yield (target, place), (source, slot)
