"""Group nodes, which editors had before subgraphs: turned into subgraphs, each use into one of its own.

The definition is in ``extra.groupNodes``: the nodes without ids (their place is their number), their links
``[origin, origin slot, target, target slot, ...]`` and in ``external`` the outputs that are shown although something in
the group takes from them. A group node has the open inputs, the shown outputs and the widgets of its nodes, node by
node. Its nodes are called ``<id of the group node>:<place>`` in the prompt.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cozygen.workflows.convert.document import (
    SUBGRAPH_INPUT,
    SUBGRAPH_OUTPUT,
    ConversionError,
    Document,
    Link,
    Port,
    Sheet,
    UiNode,
    objects,
    read_node,
)
from cozygen.workflows.convert.widgets import assign, of_node, values_of

_PREFIXES = ("workflow/", "workflow>")
_MAX_GROUPS = 10_000


@dataclass(slots=True)
class _Group:
    nodes: list[UiNode]
    links: list[tuple[int, int, int, int]]
    external: set[tuple[int, int]]
    config: Mapping[str, Any]

    def shows(self, place: int, kind: str, name: str, *, otherwise: bool) -> bool:
        """Whether the author left an input or output of a node visible."""
        entry = self.config.get(str(place))
        slots = entry.get(kind) if isinstance(entry, Mapping) else None
        slot = slots.get(name) if isinstance(slots, Mapping) else None
        visible = slot.get("visible") if isinstance(slot, Mapping) else None
        return visible if isinstance(visible, bool) else otherwise


def unfold_groups(document: Document, object_info: Mapping[str, Any]) -> None:
    """Give every group node a subgraph. Raises `ConversionError` for a group that is not defined."""
    defined = document.extra.get("groupNodes")
    groups = defined if isinstance(defined, Mapping) else {}
    sheets = [document.top, *document.subgraphs.values()]
    count = 0
    for number, sheet in enumerate(sheets):
        for node in sheet.nodes.values():
            if not node.type.startswith(_PREFIXES):
                continue
            name = node.type[len(_PREFIXES[0]) :]
            if not isinstance(groups.get(name), Mapping):
                raise ConversionError(f"The group node “{name}” is not defined in the workflow.")
            count += 1
            if count > _MAX_GROUPS:
                raise ConversionError(f"The workflow has more than {_MAX_GROUPS} group nodes.")
            key = f"{node.type} {number}:{node.id}"
            document.subgraphs[key] = _sheet(_read(groups[name]), node, name, object_info)
            node.type = key


def _read(value: Mapping[str, Any]) -> _Group:
    nodes = [read_node(item, str(place)) for place, item in enumerate(objects(value.get("nodes")))]
    listed = value.get("links")
    links = [
        (link[0], link[1], link[2], link[3])
        for link in (listed if isinstance(listed, list) else [])
        if isinstance(link, list) and len(link) >= 4 and all(_is_place(number) for number in link[:4])
    ]
    shown = value.get("external")
    external = {
        (entry[0], entry[1])
        for entry in (shown if isinstance(shown, list) else [])
        if isinstance(entry, list) and len(entry) >= 2 and _is_place(entry[0]) and _is_place(entry[1])
    }
    config = value.get("config")
    return _Group(
        [node for node in nodes if node is not None], links, external, config if isinstance(config, Mapping) else {}
    )


def _is_place(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 100_000


def _sheet(group: _Group, outer: UiNode, name: str, object_info: Mapping[str, Any]) -> Sheet:
    sheet = Sheet(f"the group node “{name}”")
    sheet.nodes = {node.id: copy.deepcopy(node) for node in group.nodes}
    for node in sheet.nodes.values():
        for slot in node.inputs:
            slot.link = None  # of the workflow that the group was made in
    for number, (origin, origin_slot, target, target_slot) in enumerate(group.links):
        link_id = f"g{number}"
        sheet.links[link_id] = Link(str(origin), origin_slot, str(target), target_slot)
        _connect(sheet, str(target), target_slot, link_id)
    _hand_values_in(sheet, outer, object_info)
    _add_inputs(sheet, outer, group)
    for number, (place, output) in enumerate(_shown_outputs(group)):
        link_id = f"o{number}"
        sheet.links[link_id] = Link(str(place), output, SUBGRAPH_OUTPUT, number)
        sheet.outputs.append(Port(str(number), [link_id]))
    outer.values = []
    return sheet


def _connect(sheet: Sheet, target: str, slot: int, link_id: str) -> None:
    node = sheet.nodes.get(target)
    if node is not None and slot < len(node.inputs):
        node.inputs[slot].link = link_id


def _hand_values_in(sheet: Sheet, outer: UiNode, object_info: Mapping[str, Any]) -> None:
    """The group node keeps the values of all widgets that are not replaced by an input, node by node."""
    values = list(outer.values) if isinstance(outer.values, list) else []
    for node in sheet.nodes.values():
        info = object_info.get(node.type)
        info = info if isinstance(info, Mapping) else None
        own, _ = values_of(node, info)
        replaced = {slot.widget for slot in node.inputs if slot.widget is not None}
        widgets = [widget for widget in of_node(node, info) or [] if widget.name not in replaced]
        taken = min(len(values), len(widgets))
        given = assign(widgets[:taken], values[:taken])
        values = values[taken:]
        node.values = {**own, **given}


def _add_inputs(sheet: Sheet, outer: UiNode, group: _Group) -> None:
    waiting = list(_open_inputs(sheet, group))
    for number, slot in enumerate(outer.inputs):
        slot.name = str(number)  # unique, as the inputs of subgraphs are
        found = _take(waiting, slot.type)
        links = []
        if found is not None:
            node, at = found
            link_id = f"i{number}"
            sheet.links[link_id] = Link(SUBGRAPH_INPUT, number, node.id, at)
            node.inputs[at].link = link_id
            links.append(link_id)
        sheet.inputs.append(Port(slot.name, links))


def _open_inputs(sheet: Sheet, group: _Group) -> Iterator[tuple[UiNode, int]]:
    """The inputs that the group node has: of each node those that are open, then those that replace a widget."""
    for node in sheet.nodes.values():
        for replaces_widget in (False, True):
            for at, slot in enumerate(node.inputs):
                is_open = slot.link is None and (slot.widget is not None) == replaces_widget
                if is_open and group.shows(int(node.id), "input", slot.name, otherwise=True):
                    yield node, at


def _take(waiting: list[tuple[UiNode, int]], kind: str) -> tuple[UiNode, int] | None:
    """The next open input of the type; the order is that of the group node's inputs."""
    for place, (node, at) in enumerate(waiting):
        if node.inputs[at].type == kind or "*" in (node.inputs[at].type, kind):
            return waiting.pop(place)
    return None


def _shown_outputs(group: _Group) -> Iterator[tuple[int, int]]:
    """The outputs that the group node has: those that nothing in the group takes from, and those set external."""
    used = {(origin, slot) for origin, slot, _, _ in group.links}
    for node in group.nodes:
        place = int(node.id)
        for slot in range(len(node.outputs)):
            is_open = (place, slot) not in used or (place, slot) in group.external
            if group.shows(place, "output", str(slot), otherwise=is_open):
                yield place, slot
