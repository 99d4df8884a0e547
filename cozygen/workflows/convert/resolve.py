"""Where a link really comes from, past all that exists in the editor alone.

Reroutes, variables (set and get), bypassed nodes and the borders of subgraphs are followed to a node that runs, or to
the value of a primitive or of a subgraph's widget. One loop, however long the way is; where it has been it remembers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cozygen.workflows.convert.document import BYPASSED, MUTED, SUBGRAPH_INPUT, Slot, UiNode
from cozygen.workflows.convert.scopes import Scope, Scopes, instance_inputs
from cozygen.workflows.convert.virtual import GETTERS, PRIMITIVE, is_virtual
from cozygen.workflows.convert.widgets import MISSING


@dataclass(frozen=True, slots=True)
class Source:
    """An output of a node that runs."""

    node_id: str
    slot: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that takes the place of a link."""

    value: Any


@dataclass(frozen=True, slots=True)
class Removed:
    """The output of a muted node: the input is taken out of the prompt, even where a widget had a value for it."""


Origin = Source | Constant | Removed | None
"""None: nothing is connected, the input keeps its widget's value."""


class Resolver:
    """Follows links through the scopes of one workflow."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self._known: dict[tuple[str, str, str], Origin] = {}
        self._inputs: dict[str, list[Slot]] = {}
        self.loops: set[str] = set()

    def follow(self, scope: Scope, link_id: str, kind: str) -> Origin:
        """What is at the other end of a link, for an input of type `kind`."""
        trail: list[tuple[str, str, str]] = []
        seen: set[tuple[str, str, str]] = set()
        at: tuple[Scope, str] | None = (scope, link_id)
        result: Origin = None
        while at is not None:
            key = (at[0].prefix, at[1], kind)
            if key in self._known:
                result = self._known[key]
                break
            if key in seen:
                self.loops.add(key[0] + key[1])
                break
            seen.add(key)
            trail.append(key)
            at, result = self._step(*at, kind)
        for key in trail:
            self._known[key] = result
        return result

    def _step(self, scope: Scope, link_id: str, kind: str) -> tuple[tuple[Scope, str] | None, Origin]:
        """One step back: the next link, or the end."""
        link = scope.sheet.links.get(link_id)
        if link is None:
            return None, None
        if link.origin == SUBGRAPH_INPUT and scope.outer is not None and scope.instance is not None:
            return self._leave(scope, scope.outer, scope.instance, link.origin_slot)
        node = scope.sheet.nodes.get(link.origin)
        if node is None:
            return None, None
        if node.mode == BYPASSED:
            slots = self._slots(scope, node)
            index = bypassed_input(slots, node.outputs, link.origin_slot, kind)
            return self._next(scope, slots, index)
        child = scope.children.get(node.id)
        if node.mode == MUTED:
            return None, Removed()
        if child is not None:
            ports = child.sheet.outputs
            links = ports[link.origin_slot].links if link.origin_slot < len(ports) else []
            inner = next((name for name in links if name in child.sheet.links), None)
            return ((child, inner), None) if inner is not None else (None, None)
        if is_virtual(node, self._scopes.info(node.type)):
            return self._virtual(scope, node, link.origin_slot)
        return None, Source(scope.prefix + node.id, link.origin_slot)

    def _leave(
        self, scope: Scope, outer: Scope, instance: UiNode, place: int
    ) -> tuple[tuple[Scope, str] | None, Origin]:
        slots = self._slots(outer, instance)
        link_id = slots[place].link if place < len(slots) else None
        if link_id is not None:
            return (outer, link_id), None
        value = self._scopes.promoted(scope, place)
        return None, None if value is MISSING else Constant(value)

    def _virtual(self, scope: Scope, node: UiNode, slot: int) -> tuple[tuple[Scope, str] | None, Origin]:
        if node.type == PRIMITIVE:
            values = node.values if isinstance(node.values, list) else list(node.values.values())
            return None, Constant(values[0]) if values else None
        if node.type in GETTERS:
            return self._variable(scope, node.text())
        return self._next(scope, node.inputs, slot)

    def _variable(self, scope: Scope, name: str) -> tuple[tuple[Scope, str] | None, Origin]:
        """A variable is looked for where it is read, then further out."""
        at: Scope | None = scope
        while at is not None:
            setter = at.setters.get(name)
            if setter is not None:
                return self._next(at, setter.inputs, 0)
            at = at.outer
        return None, None

    def _next(self, scope: Scope, slots: list[Slot], index: int | None) -> tuple[tuple[Scope, str] | None, Origin]:
        link_id = slots[index].link if index is not None and index < len(slots) else None
        return ((scope, link_id), None) if link_id is not None else (None, None)

    def _slots(self, scope: Scope, node: UiNode) -> list[Slot]:
        if node.id not in scope.children:
            return node.inputs
        key = scope.prefix + node.id
        if key not in self._inputs:
            self._inputs[key] = instance_inputs(scope, node)
        return self._inputs[key]


def bypassed_input(inputs: list[Slot], outputs: list[Slot], slot: int, kind: str) -> int | None:
    """The input that a bypassed node hands on at its output `slot` to an input of type `kind`."""
    made = outputs[slot].type if slot < len(outputs) else kind
    if "*" in (kind, made):
        return slot if slot < len(inputs) else 0
    if slot < len(inputs) and fits(inputs[slot].type, made):
        return slot
    exact = next((place for place, item in enumerate(inputs) if item.type == kind), None)
    if exact is not None:
        return exact
    return next((place for place, item in enumerate(inputs) if fits(item.type, made)), None)


def fits(one: str, other: str) -> bool:
    """Whether an output of a type may be linked to an input of a type; types may be lists, ``"INT,FLOAT"``."""
    if one == other or one in ("*", "", "0") or other in ("*", "", "0"):
        return True
    return not {kind.strip().lower() for kind in one.split(",")}.isdisjoint(
        kind.strip().lower() for kind in other.split(",")
    )
