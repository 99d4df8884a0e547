"""Making a file again: its graph with some values changed, its values back in the form that they came from. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cozygen.workflows.assemble import Assembled, ValuesError, assemble
from cozygen.workflows.form import FormField, convert
from cozygen.workflows.graph import Graph

MAX_EXACT = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""


def exact(value: Any) -> Any:
    """A value as JSON carries it without loss: integers that a browser would round become text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_EXACT else value


def seeds(fields: Iterable[FormField]) -> list[str]:
    """The keys of the numbers that a render may draw anew: those that the form declares, else those found in nodes."""
    listed = [field for field in fields if field.can_randomize]
    declared = [field.key for field in listed if not field.is_native]
    return declared or [field.key for field in listed]


def again(
    graph: Graph,
    fields: list[FormField],
    values: Mapping[str, Any],
    *,
    fresh: Collection[str],
    texts: Mapping[str, Any],
    raw: Mapping[str, str],
    expand: Callable[[str], str],
    rng: random.Random,
) -> Assembled:
    """The graph of a file with `values` (by field key) changed and the numbers in `fresh` drawn.

    Everything else stays as the engine got it: prompts that are not changed are not expanded once more. `texts` are the
    form's values that the graph came from and `raw` its prompts as typed; both go on in the result. Raises
    `ValuesError`.
    """
    changed = {value for value in values.values() if isinstance(value, str)}
    made = assemble(
        graph,
        fields,
        values,
        randomize=fresh,
        expand=lambda text: expand(text) if text in changed else text,
        rng=rng,
    )
    touched = {f"{field.node_id}.{field.input}" for field in fields if field.key in values}
    kept = {key: text for key, text in raw.items() if key not in touched}
    used = {key: value for key, value in texts.items() if key not in values and key not in fresh}
    return Assembled(made.graph, {**made.values, **used}, {**made.prompt_raw, **kept})


@dataclass(frozen=True)
class Filled:
    """What a form is filled in with. Numbers are texts, as they are typed; numbers that may be random are kept."""

    values: dict[str, str | bool]
    random: dict[str, bool]
    bypass: dict[str, bool]


def kept(fields: Iterable[FormField]) -> Filled:
    """The form as its workflow has it, with no number left to chance."""
    return Filled({}, {field.key: False for field in fields if field.can_randomize}, {})


def fill(
    workflow: Graph,
    fields: list[FormField],
    graph: Graph,
    values: Mapping[str, Any],
    object_info: Mapping[str, Any],
) -> Filled | None:
    """How to fill in a workflow's form so that it makes `graph`, which it made before with `values`.

    None when it would not: the workflow has changed since, or inputs were set that its form does not have.
    """
    bypass = [field.key for field in fields if field.can_bypass and field.node_id not in graph]
    if values.keys() - {field.key for field in fields}:
        return None
    try:  # nothing is drawn
        made = assemble(workflow, fields, values, bypassed=bypass, object_info=object_info, rng=random.Random(0))
    except ValuesError:
        return None
    if _bare(made.graph, fields, made.prompt_raw) != _bare(graph, fields, made.prompt_raw):
        return None
    return Filled(
        {key: value if isinstance(value, bool) else _typed(value) for key, value in values.items()},
        kept(fields).random,
        dict.fromkeys(bypass, True),
    )


def _typed(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) and float(f"{value:.15g}") == value else str(value)


def _bare(graph: Graph, fields: Iterable[FormField], prompts: Collection[str]) -> dict[str, Any]:
    """What counts of a graph: classes and inputs, values as the form reads them.

    Prompts are left out, since they are expanded on their way.
    """
    kinds = {(field.node_id, field.input): field.type for field in fields}

    def read(node_id: str, name: str, value: Any) -> Any:
        kind = kinds.get((node_id, name))
        if kind is not None and kind != "image":
            with suppress(ValueError):
                return convert(kind, value)
        return value

    return {
        node_id: (
            node["class_type"],
            {
                name: read(node_id, name, value)
                for name, value in node.get("inputs", {}).items()
                if f"{node_id}.{name}" not in prompts
            },
        )
        for node_id, node in graph.items()
    }
