"""A workflow made ready: its graph, and the form that it declares, that is inferred, or that was exposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cozygen.workflows import form
from cozygen.workflows.convert import is_ui
from cozygen.workflows.exposed import Exposure, apply
from cozygen.workflows.form import MORE, FormField, FormOutput
from cozygen.workflows.graph import Graph
from cozygen.workflows.infer import infer
from cozygen.workflows.parameters import native_outputs
from cozygen.workflows.service import as_workflow, describe


@dataclass(frozen=True)
class LoadedForm:
    """A form. `available` are all fields that could be in it; `problems` are sentences on what got lost."""

    title: str
    fields: list[FormField]
    available: list[FormField] = field(default_factory=list)
    outputs: list[FormOutput] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def needs_engine(value: Any, exposure: Exposure | None, *, inferred: bool = False) -> bool:
    """Whether what the engine knows of its nodes makes a difference to the form of a workflow."""
    if inferred or exposure is not None or is_ui(value):
        return True
    return not form.fields(as_workflow(value, {}).graph)


def load(
    value: Any,
    object_info: Mapping[str, Any],
    exposure: Exposure | None = None,
    *,
    name: str = "",
    inferred: bool = False,
) -> tuple[Graph, LoadedForm]:
    """The graph of a workflow in either format, and its form. Raises `GraphError`.

    What CozyGen nodes declare is the form; a workflow without any has an inferred one, and with `inferred` all others
    have the inferred fields besides, folded away. An `exposure` decides over both.
    """
    converted = as_workflow(value, object_info)
    graph = converted.graph
    problems = list(converted.problems)
    declared = form.fields(graph)
    others: list[FormField] = []
    if inferred or exposure is not None or not declared:
        others = infer(graph, object_info)
        if declared:
            others = [replace(item, group=MORE) for item in others]
    available = [*declared, *others]
    fields = available
    if exposure is not None:
        fields, lost = apply(exposure, available)
        problems += lost
    return graph, LoadedForm(
        title=describe(graph).get("title", name),
        fields=fields,
        available=available,
        outputs=form.outputs(graph) or native_outputs(graph, object_info),
        problems=problems,
    )
