"""Prompts that are refused, each with its reason, where ComfyUI gives none or gives it in an older form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cozygen.engines.base import Graph, PromptRejected


def check_graph(graph: Any) -> None:
    """Refuse what makes ComfyUI fail with a 500 in place of an answer. Raises `PromptRejected`."""
    fault = None if isinstance(graph, dict) else "The prompt is not an object of nodes."
    for node_id, node in graph.items() if fault is None else ():
        if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
            fault = f"Node {node_id} is not an object with inputs."
            break
    if fault is not None:
        raise PromptRejected({"error": _error("invalid_prompt", fault, fault), "node_errors": {}})


def rejection(answer: dict[str, Any], graph: Graph) -> dict[str, Any]:
    """ComfyUI's refusal of `graph` in the shape that it has today: older servers have a text or a list in places.

    ComfyUI refuses nodes that need each other without a word of why; the word is added.
    """
    error = answer["error"]
    if not isinstance(error, dict):
        error = _error("prompt_rejected", str(error))
    node_errors = answer.get("node_errors")
    node_errors = node_errors if isinstance(node_errors, dict) else {}
    if not node_errors and not error.get("details"):
        cycle = find_cycle(graph)
        if cycle:
            error = {**error, "details": f"Nodes {', '.join(cycle)} need each other's results."}
            node_errors = {node_id: _in_cycle(graph, node_id, cycle) for node_id in cycle}
    return {**answer, "error": error, "node_errors": node_errors}


def _error(kind: str, message: str, details: str = "") -> dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "extra_info": {}}


def _in_cycle(graph: Graph, node_id: str, cycle: list[str]) -> dict[str, Any]:
    node = graph[node_id]
    name = next((name for name, source in _links(node) if source in cycle), None)
    error = _error("dependency_cycle", "Dependency cycle detected", f"{name}")
    error["extra_info"] = {"input_name": name, "cycle_nodes": cycle}
    return {"errors": [error], "dependent_outputs": [], "class_type": str(node.get("class_type"))}


def _links(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The linked inputs of a node: (name, source node id)."""
    for name, value in node["inputs"].items():
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
            yield str(name), value[0]


def find_cycle(graph: Graph) -> list[str]:
    """The nodes of one cycle, each followed by one that it takes from; empty when there is none."""
    finished: set[str] = set()
    for start in graph:
        trail: dict[str, Iterator[tuple[str, str]]] = {}
        if start not in finished:
            trail[start] = _links(graph[start])
        while trail:
            node_id = next(reversed(trail))
            source = next((source for _, source in trail[node_id] if source in graph and source not in finished), None)
            if source is None:
                finished.add(node_id)
                del trail[node_id]
            elif source in trail:
                members = list(trail)
                return members[members.index(source) :]
            else:
                trail[source] = _links(graph[source])
    return []
