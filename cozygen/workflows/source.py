"""Finds the workflow in whatever JSON people have of one: either format, bare or wrapped. Pure.

Wrapped: ``{"prompt": ..., "workflow": ...}`` (what pictures carry, and what is posted to ``/prompt``, which has the
workflow in ``extra_data.extra_pnginfo``), ``{"output": ..., "workflow": ...}`` (what the editor makes), and an entry of
``/history``, whose ``prompt`` is ``[number, id, graph, extra data, outputs]``. Values may be JSON in a text once more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cozygen.workflows.convert import is_ui
from cozygen.workflows.graph import Graph, GraphError, as_graph

_MAX_LEVELS = 4


class NoWorkflowError(ValueError):
    """There is no workflow in it; the message says what there is, for people."""


@dataclass(frozen=True)
class FoundWorkflow:
    """A workflow. `graph`: in API format, `ui`: in UI format; one of them at least."""

    graph: Graph | None
    ui: dict[str, Any] | None


def find_workflow(value: Any) -> FoundWorkflow:
    """The workflow in a JSON value. Raises `NoWorkflowError`."""
    graph: Graph | None = None
    ui: dict[str, Any] | None = None
    for candidate in _candidates(value, 0):
        if ui is None and is_ui(candidate):
            ui = candidate
        elif graph is None:
            graph = _graph(candidate)
        if ui is not None and graph is not None:
            break
    if graph is None and ui is None:
        raise NoWorkflowError(_what(value))
    return FoundWorkflow(graph, ui)


def _candidates(value: Any, level: int) -> Iterator[Any]:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    if isinstance(value, list):  # an entry of the history
        for item in value[2:4]:
            yield from _candidates(item, level)
        return
    if not isinstance(value, dict) or level > _MAX_LEVELS:
        return
    yield value
    if is_ui(value) or _graph(value) is not None:
        return
    for key in ("prompt", "output", "workflow", "extra_data", "extra_pnginfo", "graph"):
        if key in value:
            yield from _candidates(value[key], level + 1)
    if len(value) == 1:  # ``/history/{id}``
        yield from _candidates(next(iter(value.values())), level + 1)


def _graph(value: Any) -> Graph | None:
    """The graph that `value` is, without the entries beside the nodes that some programs add."""
    if not isinstance(value, dict) or is_ui(value):
        return None
    nodes = {key: node for key, node in value.items() if isinstance(node, dict) and "class_type" in node}
    try:
        return as_graph(nodes)
    except GraphError:
        return None


def _what(value: Any) -> str:
    if not isinstance(value, dict):
        return "A workflow is a JSON object."
    if not value:
        return "The JSON object is empty."
    return "The JSON has neither a list of nodes (UI format) nor nodes with a class_type (API format)."
