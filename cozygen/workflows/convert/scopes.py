"""The sheets of a workflow unfolded: each use of a subgraph has nodes, links and values of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cozygen.workflows.convert.document import (
    BYPASSED,
    MUTED,
    SUBGRAPH_INPUT,
    ConversionError,
    Document,
    Port,
    Sheet,
    Slot,
    UiNode,
    promoted_names,
)
from cozygen.workflows.convert.virtual import SETTERS, is_virtual
from cozygen.workflows.convert.widgets import MISSING, is_widget, values_of

MAX_NODES = 100_000
"""Nodes of a workflow with its subgraphs unfolded: few bytes can describe many more than anybody draws."""

_MAX_LEVELS = 64


@dataclass(slots=True)
class Scope:
    """The workflow itself (no `outer`), or one use of a subgraph: `instance` is the node that stands for it.

    Nodes are called `prefix` and their own id, as ComfyUI calls them: ``12:5`` is node 5 of the subgraph at node 12.
    """

    sheet: Sheet
    prefix: str
    outer: Scope | None = None
    instance: UiNode | None = None
    children: dict[str, Scope] = field(default_factory=dict)
    is_off: bool = False
    overrides: dict[tuple[str, str], Any] = field(default_factory=dict)
    ports: dict[str, Any] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    setters: dict[str, UiNode] = field(default_factory=dict)

    def port(self, index: int) -> Port | None:
        """An input of the subgraph."""
        return self.sheet.inputs[index] if index < len(self.sheet.inputs) else None


class Scopes:
    """All scopes of a workflow, outer ones first. Raises `ConversionError` for subgraphs without an end."""

    def __init__(self, document: Document, object_info: Mapping[str, Any]) -> None:
        self._info = object_info
        self.unnamed: dict[str, str] = {}
        self._widget_ports: dict[tuple[str, int], bool] = {}
        self._port_values: dict[tuple[str, int], Any] = {}
        self.all: list[Scope] = [Scope(document.top, "")]
        self._unfold(document)
        for scope in self.all:
            self._read_values(scope)
        for scope in self.all:
            self._promote(scope)

    def _unfold(self, document: Document) -> None:
        count = len(document.top.nodes)
        for scope in self.all:  # grows meanwhile
            for node in scope.sheet.nodes.values():
                if node.type in SETTERS:
                    scope.setters.setdefault(node.text(), node)
                sheet = document.subgraphs.get(node.type)
                if sheet is None:
                    continue
                if scope.prefix.count(":") >= _MAX_LEVELS or _contains(scope, sheet):
                    raise ConversionError(f"The subgraph “{sheet.name}” contains itself.")
                count += len(sheet.nodes)
                if count > MAX_NODES:
                    raise ConversionError(f"The workflow has more than {MAX_NODES} nodes.")
                is_off = scope.is_off or node.mode in (MUTED, BYPASSED)
                inner = Scope(sheet, f"{scope.prefix}{node.id}:", scope, node, is_off=is_off)
                scope.children[node.id] = inner
                self.all.append(inner)

    def info(self, class_type: str) -> Mapping[str, Any] | None:
        """A class in ``/object_info``, None when the engine does not know it."""
        found = self._info.get(class_type)
        return found if isinstance(found, Mapping) else None

    def _read_values(self, scope: Scope) -> None:
        """The widgets' values of every node, with a note of the classes whose widgets have no known names."""
        for node in scope.sheet.nodes.values():
            if node.id in scope.children:
                continue
            values, is_complete = values_of(node, self.info(node.type))
            scope.values[node.id] = values
            runs = not scope.is_off and node.mode not in (MUTED, BYPASSED)
            if not is_complete and runs and not is_virtual(node, self.info(node.type)):
                self.unnamed.setdefault(node.type, scope.prefix + node.id)

    def _promote(self, scope: Scope) -> None:
        """Hand what is set on a subgraph's node down to the widgets in the subgraph."""
        for node_id, child in scope.children.items():
            node = scope.sheet.nodes[node_id]
            for name, value in self._given(node, child).items():
                child.ports[name] = value
            for (inner, widget), value in _listed(node).items():
                child.overrides[inner, widget] = value
        for (node_id, widget), value in scope.overrides.items():
            if node_id in scope.children:
                scope.children[node_id].ports[widget] = value
            elif widget in scope.values.get(node_id, {}):
                scope.values[node_id] = {**scope.values[node_id], widget: value}

    def _given(self, node: UiNode, child: Scope) -> dict[str, Any]:
        """The values that an instance gives the inputs of its subgraph."""
        names = promoted_names(node)
        values = node.values
        if isinstance(values, dict):
            return values
        if names:
            pairs = zip(names, values, strict=False)
            return {name: value for (inner, name), value in pairs if inner == "-1" and value is not None}
        ports = (port.name for place, port in enumerate(child.sheet.inputs) if self.has_widget(child, place))
        return dict(zip(ports, values, strict=False))

    def has_widget(self, scope: Scope, place: int) -> bool:
        """Whether an input of a subgraph leads to a widget in it, or in a subgraph within it."""
        key = (scope.prefix, place)
        if key not in self._widget_ports:
            self._widget_ports[key] = False  # for ports that lead to themselves
            self._widget_ports[key] = any(
                self.has_widget(*ends) if inner else True for inner, ends in self._ends(scope, place)
            )
        return self._widget_ports[key]

    def _ends(self, scope: Scope, place: int) -> Iterator[tuple[bool, Any]]:
        """Where an input of a subgraph leads: (True, an input of a subgraph within), (False, (node, widget))."""
        port = scope.port(place)
        for link_id in port.links if port is not None else ():
            link = scope.sheet.links.get(link_id)
            node = scope.sheet.nodes.get(link.target) if link is not None else None
            slot = next((slot for slot in node.inputs if slot.link == link_id), None) if node is not None else None
            if node is None or slot is None:
                continue
            inner = scope.children.get(node.id)
            if inner is None:
                if is_widget(slot, scope.values.get(node.id, {})):
                    yield False, (node, slot.widget or slot.name)
                continue
            within = next((at for at, port in enumerate(inner.sheet.inputs) if port.name == slot.name), None)
            if within is not None:
                yield True, (inner, within)

    def promoted(self, scope: Scope, place: int) -> Any:
        """The value of an input of a subgraph that nothing is connected to, `MISSING` when it has none.

        Where the instance does not say, it is the value of the first widget that the input leads to.
        """
        port = scope.port(place)
        if port is None or not self.has_widget(scope, place):
            return MISSING
        if port.name in scope.ports:
            return scope.ports[port.name]
        key = (scope.prefix, place)
        if key not in self._port_values:
            self._port_values[key] = MISSING
            self._port_values[key] = self._first_value(scope, place)
        return self._port_values[key]

    def _first_value(self, scope: Scope, place: int) -> Any:
        for inner, end in self._ends(scope, place):
            if not inner:
                node, widget = end
                return scope.values[node.id].get(widget, MISSING)
            if self.has_widget(*end):
                return self.promoted(*end)
        return MISSING


def _contains(scope: Scope, sheet: Sheet) -> bool:
    at: Scope | None = scope
    while at is not None:
        if at.sheet is sheet:
            return True
        at = at.outer
    return False


def _listed(node: UiNode) -> dict[tuple[str, str], Any]:
    """Values that an instance keeps for widgets in its subgraph that no input leads to."""
    names = promoted_names(node)
    if not names or not isinstance(node.values, list):
        return {}
    pairs = zip(names, node.values, strict=False)
    return {name: value for name, value in pairs if name[0] != "-1" and value is not None}


def instance_inputs(scope: Scope, node: UiNode) -> list[Slot]:
    """The inputs of a node. An instance has those of its subgraph; the file leaves out some that are not linked."""
    child = scope.children.get(node.id)
    if child is None:
        return node.inputs
    by_name = {slot.name: slot for slot in node.inputs}
    is_whole = len(node.inputs) == len(child.sheet.inputs)
    slots = []
    for place, port in enumerate(child.sheet.inputs):
        slot = by_name.get(port.name) or (node.inputs[place] if is_whole else None)
        slots.append(slot or Slot(port.name, _type_within(child, port)))
    return slots


def _type_within(scope: Scope, port: Port) -> str:
    for link_id in port.links:
        link = scope.sheet.links.get(link_id)
        if link is not None and link.origin == SUBGRAPH_INPUT:
            node = scope.sheet.nodes.get(link.target)
            if node is not None and link.target_slot < len(node.inputs):
                return node.inputs[link.target_slot].type
    return "*"
