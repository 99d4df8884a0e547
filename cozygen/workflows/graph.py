"""The API-format graph as a data structure: pure functions that import nothing of ours.

Format: ComfyUI's ``{node id: {"class_type": str, "inputs": {name: value or [node id, output index]}, "_meta"?}}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

Node = dict[str, Any]
Graph = dict[str, Node]


class GraphError(ValueError):
    """The value is not an API-format graph; the message says where it is not."""


def as_graph(value: Any) -> Graph:
    """`value` as a graph. Raises `GraphError`; a UI-format workflow is named as such."""
    if not isinstance(value, dict):
        raise GraphError("a workflow is a JSON object")
    if isinstance(value.get("nodes"), list) and "links" in value:
        raise GraphError("this is a UI-format workflow; export it with “Export (API)” in ComfyUI")
    if not value:
        raise GraphError("the workflow has no nodes")
    for node_id, node in value.items():
        if not isinstance(node, dict) or not isinstance(node.get("class_type"), str):
            raise GraphError(f"node {node_id} has no class_type")
        if not isinstance(node.get("inputs", {}), dict):
            raise GraphError(f"the inputs of node {node_id} are not an object")
    return value


def is_link(value: Any) -> TypeGuard[list[Any]]:
    """Whether an input's value is a link ``[node id, output index]``."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and not isinstance(value[1], bool)
    )


def links(node: Node) -> Iterator[tuple[str, str, int]]:
    """The linked inputs of a node: (input name, source node id, output index)."""
    for name, value in node.get("inputs", {}).items():
        if is_link(value):
            yield name, value[0], value[1]


def consumers(graph: Graph, node_id: str) -> Iterator[tuple[str, str, int]]:
    """Who takes from a node: (consumer's id, its input's name, output index)."""
    for consumer_id, node in graph.items():
        for name, source, index in links(node):
            if source == node_id:
                yield consumer_id, name, index


def upstream(graph: Graph, targets: Iterable[str]) -> set[str]:
    """`targets` and everything that they need."""
    seen: set[str] = set()
    waiting = [node_id for node_id in targets if node_id in graph]
    while waiting:
        node_id = waiting.pop()
        if node_id in seen:
            continue
        seen.add(node_id)
        waiting.extend(source for _, source, _ in links(graph[node_id]) if source in graph)
    return seen


def title(node: Node) -> str:
    """The title that the author gave a node, else its class."""
    meta = node.get("_meta")
    given = meta.get("title") if isinstance(meta, dict) else None
    return str(given or node.get("class_type") or "")


def bypass(graph: Graph, node_id: str, types: dict[str, dict[str, str]], outputs: list[str]) -> Graph:
    """The graph without `node_id`, its consumers connected to its input of the same type.

    `types` maps each node's linked inputs to their type (``{node id: {input: type}}``) and `outputs` are the output
    types of the bypassed node. A consumer whose type has no such input loses that input, as ComfyUI's bypass does.
    """
    incoming: dict[str, list[list[Any]]] = {}
    for name, source, index in links(graph[node_id]):
        incoming.setdefault(types.get(node_id, {}).get(name, "*"), []).append([source, index])
    result = {key: {**node, "inputs": dict(node.get("inputs", {}))} for key, node in graph.items() if key != node_id}
    for consumer_id, name, index in consumers(graph, node_id):
        if consumer_id == node_id:
            continue
        kind = outputs[index] if 0 <= index < len(outputs) else "*"
        candidates = incoming.get(kind) or incoming.get("*") or []
        # ComfyUI pairs the n-th output of a type with the n-th input of that type, else the first one.
        rank = outputs[:index].count(kind)
        if candidates:
            result[consumer_id]["inputs"][name] = candidates[rank if rank < len(candidates) else 0]
        else:
            del result[consumer_id]["inputs"][name]
    return result
