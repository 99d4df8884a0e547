"""A UI-format workflow as data: what ComfyUI's editor saves, of any version, read without trusting any of it.

Format (version 0.4 and 1 of the editor's schema)::

    {"nodes": [{"id", "type", "title"?, "mode", "inputs": [{"name", "type", "link", "widget"?: {"name"}}],
                "outputs": [{"name", "type"}], "widgets_values": [...] or {...}, "properties": {...}}],
     "links": [[id, origin, origin slot, target, target slot, type], ...] or [{"id", "origin_id", ...}, ...],
     "definitions": {"subgraphs": [{"id", "nodes", "links", "inputs", "outputs"}]}, "extra": {...}}

Ids are numbers or texts; here they are texts. In a subgraph, node ``-10`` stands for its inputs and ``-20`` for its
outputs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MUTED, BYPASSED = 2, 4
SUBGRAPH_INPUT, SUBGRAPH_OUTPUT = "-10", "-20"

_MAX_SLOT = 100_000


class ConversionError(ValueError):
    """The workflow cannot be converted; the message says why, for people."""


@dataclass(slots=True)
class Slot:
    """An input or an output of a node. `widget`: the name of the widget that the input can take the place of."""

    name: str
    type: str
    link: str | None = None
    widget: str | None = None


@dataclass(slots=True)
class UiNode:
    """A node as the editor keeps it. `named`: the values of its widgets by name, which newer editors add."""

    id: str
    type: str
    title: str
    mode: int
    inputs: list[Slot]
    outputs: list[Slot]
    values: list[Any] | dict[str, Any]
    named: dict[str, Any]
    properties: dict[str, Any]

    def text(self) -> str:
        """The first text among the values: the name of a variable, for nodes that set or get one."""
        values = self.values.values() if isinstance(self.values, dict) else self.values
        return next((value for value in values if isinstance(value, str)), "")


@dataclass(frozen=True, slots=True)
class Link:
    """A connection, from an output to an input."""

    origin: str
    origin_slot: int
    target: str
    target_slot: int


@dataclass(slots=True)
class Port:
    """An input or an output of a subgraph, and the links in the subgraph that start or end there."""

    name: str
    links: list[str]


@dataclass(slots=True)
class Sheet:
    """The nodes and links of the workflow itself, or of a subgraph."""

    name: str
    nodes: dict[str, UiNode] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)


@dataclass(slots=True)
class Document:
    """A whole workflow: the top sheet, the subgraphs by id, and what else the editor keeps."""

    top: Sheet
    subgraphs: dict[str, Sheet]
    extra: dict[str, Any]


def is_ui(value: Any) -> bool:
    """Whether `value` is a workflow in UI format."""
    return isinstance(value, dict) and isinstance(value.get("nodes"), list)


def read(value: Any) -> Document:
    """Take a UI-format workflow apart. Raises `ConversionError`."""
    if not is_ui(value):
        raise ConversionError("This is no UI-format workflow: it has no list of nodes.")
    top = read_sheet(value, "the workflow")
    if not top.nodes:
        raise ConversionError("The workflow has no nodes.")
    definitions = value.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    if isinstance(subgraphs, dict):  # some tools key them by id
        subgraphs = list(subgraphs.values())
    extra = value.get("extra")
    return Document(
        top,
        {name: read_sheet(item, f"the subgraph “{item.get('name') or name}”") for name, item in _by_id(subgraphs)},
        extra if isinstance(extra, dict) else {},
    )


def _by_id(items: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in objects(items):
        name = as_id(item.get("id"))
        if name is not None:
            yield name, item


def read_sheet(value: dict[str, Any], name: str) -> Sheet:
    """The nodes and links of a workflow or of a subgraph. Raises `ConversionError`."""
    sheet = Sheet(name)
    nodes = value.get("nodes")
    if not isinstance(nodes, list):
        raise ConversionError(f"The nodes of {name} are not a list.")
    for place, item in enumerate(nodes):
        if not isinstance(item, dict):
            raise ConversionError(f"Node number {place + 1} of {name} is not an object.")
        node = read_node(item, as_id(item.get("id")))
        if node is None:
            raise ConversionError(f"Node number {place + 1} of {name} has no id or no type.")
        sheet.nodes[node.id] = node
    sheet.links = dict(_links(value.get("links")))
    sheet.inputs = _ports(value.get("inputs"))
    sheet.outputs = _ports(value.get("outputs"))
    for link_id, link in sheet.links.items():
        # Where a port does not list its links, the links know their port.
        if link.origin == SUBGRAPH_INPUT and link.origin_slot < len(sheet.inputs):
            _note(sheet.inputs[link.origin_slot], link_id)
        if link.target == SUBGRAPH_OUTPUT and link.target_slot < len(sheet.outputs):
            _note(sheet.outputs[link.target_slot], link_id)
    return sheet


def read_node(item: dict[str, Any], node_id: str | None) -> UiNode | None:
    """A node; None for what has no id or no type."""
    kind = item.get("type")
    if node_id is None or not isinstance(kind, str) or not kind:
        return None
    title, mode, values, named = (item.get(key) for key in ("title", "mode", "widgets_values", "widgets_values_named"))
    properties = item.get("properties")
    return UiNode(
        id=node_id,
        type=kind,
        title=title if isinstance(title, str) else "",
        mode=mode if isinstance(mode, int) else 0,
        inputs=[_slot(slot) for slot in objects(item.get("inputs"))],
        outputs=[_slot(slot) for slot in objects(item.get("outputs"))],
        values=values if isinstance(values, list | dict) else [],
        named=named if isinstance(named, dict) else {},
        properties=properties if isinstance(properties, dict) else {},
    )


def _slot(item: dict[str, Any]) -> Slot:
    widget = item.get("widget")
    name = widget.get("name") if isinstance(widget, dict) else None
    return Slot(
        name=str(item.get("name") or ""),
        type=_type(item.get("type")),
        link=as_id(item.get("link")),
        widget=name if isinstance(name, str) else str(item.get("name") or "") if isinstance(widget, dict) else None,
    )


def _type(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "COMBO" if isinstance(value, list) else "*"


def _ports(value: Any) -> list[Port]:
    ports = []
    for item in objects(value):
        listed = item.get("linkIds")
        links = [as_id(link) for link in listed] if isinstance(listed, list) else []
        ports.append(Port(str(item.get("name") or ""), [link for link in links if link is not None]))
    return ports


def _note(port: Port, link_id: str) -> None:
    if len(port.links) < 1000 and link_id not in port.links:
        port.links.append(link_id)


def _links(value: Any) -> Iterator[tuple[str, Link]]:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        if isinstance(item, dict):
            item = [item.get(key) for key in ("id", "origin_id", "origin_slot", "target_id", "target_slot")]
        if not isinstance(item, list) or len(item) < 5:
            continue
        link_id, origin, target = as_id(item[0]), as_id(item[1]), as_id(item[3])
        if link_id is not None and origin is not None and target is not None:
            yield link_id, Link(origin, _index(item[2]), target, _index(item[4]))


def _index(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < _MAX_SLOT else 0


def as_id(value: Any) -> str | None:
    """An id as text: of a number or a text; None for all else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | str) and len(str(value)) <= 200 else None


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; nothing where it is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def promoted_names(node: UiNode) -> list[tuple[str, str]]:
    """What an instance of a subgraph lists in its property ``proxyWidgets``: (node in the subgraph, its widget).

    The node is ``-1`` for an input of the subgraph.
    """
    listed = node.properties.get("proxyWidgets")
    if isinstance(listed, str):
        try:
            listed = json.loads(listed)
        except (ValueError, RecursionError):
            listed = None
    names = []
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, list) and len(entry) >= 2 and isinstance(entry[1], str):
            names.append((as_id(entry[0]) or "", entry[1]))
    return names
