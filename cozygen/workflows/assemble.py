"""From form values to a graph that can be queued. Pure, given a source of randomness."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cozygen.workflows.form import MORE, FormField, convert
from cozygen.workflows.graph import Graph, bypass, consumers, is_link

MAX_RANDOM_INT = 2**53 - 1
"""The largest integer that every JSON reader (a browser's too) keeps exact."""

_MAX_TEXT = 1_000_000


class ValuesError(ValueError):
    """Some values do not fit. `fields` maps each field's key to a sentence for people."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("; ".join(f"{key} {message}" for key, message in fields.items()))
        self.fields = fields


@dataclass(frozen=True)
class Assembled:
    """A graph with its values in, and the values as they were used (random ones drawn).

    Of the fields that are folded away, `values` has those that were given.
    """

    graph: Graph
    values: dict[str, Any]
    prompt_raw: dict[str, str] = field(default_factory=dict)


def assemble(
    graph: Graph,
    fields: Iterable[FormField],
    values: Mapping[str, Any],
    *,
    randomize: Iterable[str] = (),
    bypassed: Iterable[str] = (),
    object_info: Mapping[str, Any] | None = None,
    expand: Callable[[str], str] = str,
    rng: random.Random,
) -> Assembled:
    """Put `values` (by field key, or by ``<node id>.<input>``) into a copy of `graph`.

    Fields named in `randomize` get a fresh number within their bounds; those in `bypassed` take the node that they
    feed out of the graph (`object_info` gives the types to reconnect by). Texts go through `expand`; as they were
    typed they are kept in the result's `values` and `prompt_raw`. Raises `ValuesError` for unknown keys, wrong types,
    values out of bounds, and texts that `expand` refuses with a `ValueError`.
    """
    graph = copy.deepcopy(graph)
    by_key = {f.key: f for f in fields}
    problems: dict[str, str] = {}
    used: dict[str, Any] = {}
    raw: dict[str, str] = {}
    random_keys, bypassed_keys = set(randomize), set(bypassed)
    for key in (*random_keys, *bypassed_keys):
        if key not in by_key:
            problems[key] = "is not a field of this workflow"
    for key in bypassed_keys & by_key.keys():
        if by_key[key].is_native and not by_key[key].can_bypass:
            problems[key] = "cannot be left out"
    for key, value in values.items():
        if key in by_key:
            continue
        problem = _set_input(graph, key, value)
        if problem:
            problems[key] = problem
        else:
            used[key] = value
    for key, form_field in by_key.items():
        try:
            value = _value(form_field, values, key in random_keys, rng)
        except ValueError as error:
            problems[key] = str(error)
            continue
        if key in values or key in random_keys or form_field.group != MORE:
            used[key] = value
        inputs = graph[form_field.node_id].setdefault("inputs", {})
        if key in values or key in random_keys:
            inputs[form_field.input] = _as_input(form_field, value)
        if form_field.type == "string" and form_field.is_prompt and not is_link(inputs.get(form_field.input)):
            raw[f"{form_field.node_id}.{form_field.input}"] = value
            _expand(inputs, form_field, value, expand, problems)
    if problems:
        raise ValuesError(problems)
    for key in bypassed_keys:
        take_out = _bypass_node if by_key[key].is_native else _bypass_fed
        graph = take_out(graph, by_key[key].node_id, object_info or {})
    return Assembled(graph, used, raw)


def _expand(
    inputs: dict[str, Any], form_field: FormField, text: str, expand: Callable[[str], str], problems: dict[str, str]
) -> None:
    try:
        expanded = expand(text)
    except ValueError as error:
        problems[form_field.key] = str(error)
        return
    if expanded != text:
        inputs[form_field.input] = expanded


def _value(form_field: FormField, values: Mapping[str, Any], randomised: bool, rng: random.Random) -> Any:
    if randomised:
        return draw(form_field, rng)
    value = convert(form_field.type, values.get(form_field.key, form_field.default))
    if form_field.key not in values:
        return value
    if isinstance(value, str) and len(value) > _MAX_TEXT:
        raise ValueError("is too long")
    if form_field.min is not None and value < form_field.min:
        raise ValueError(f"must be at least {form_field.min:g}")
    if form_field.max is not None and value > form_field.max:
        raise ValueError(f"must be at most {form_field.max:g}")
    if form_field.choices and value not in form_field.choices:
        raise ValueError("is not one of the choices")
    return value


def draw(form_field: FormField, rng: random.Random) -> int | float:
    """A random value within a numeric field's bounds, on its step. Raises `ValueError` for other fields."""
    if form_field.type not in ("int", "float"):
        raise ValueError("cannot be randomised")
    low = form_field.min if form_field.min is not None else 0
    if form_field.type == "int":
        high = int(min(form_field.max if form_field.max is not None else MAX_RANDOM_INT, MAX_RANDOM_INT))
        start = math.ceil(max(low, -MAX_RANDOM_INT))
        step = max(1, int(form_field.step or 1))
        return start + step * rng.randint(0, max(0, high - start) // step)
    high_f = form_field.max if form_field.max is not None else low + 1.0
    if not form_field.step:
        return rng.uniform(low, high_f)
    steps = math.floor((high_f - low) / form_field.step + 1e-9)
    return round(low + form_field.step * rng.randint(0, max(0, steps)), 10)


def _set_input(graph: Graph, key: str, value: Any) -> str | None:
    node_id, dot, name = key.rpartition(".")
    if not dot or node_id not in graph or not name:
        return "is not a field of this workflow"
    if name not in graph[node_id].get("inputs", {}):
        return f"is not an input of node {node_id}"
    if not isinstance(value, str | int | float | bool) or (isinstance(value, float) and not math.isfinite(value)):
        return "must be a text, a number or true/false"
    graph[node_id]["inputs"][name] = value
    return None


def _as_input(form_field: FormField, value: Any) -> Any:
    """A value as the node takes it. Ours take choices and pictures as the form has them."""
    if not form_field.is_native:
        return value
    if form_field.type == "image" and isinstance(value, str) and value.startswith("output::"):
        folder, _, name = value.removeprefix("output::").rpartition("::")
        return f"{folder}/{name} [output]" if folder else f"{name} [output]"
    if form_field.type == "choice":
        return next((option for option in form_field.options or () if str(option) == value), value)
    return value


def _bypass_node(graph: Graph, node_id: str, object_info: Mapping[str, Any]) -> Graph:
    """Take out one node; what took from it takes from its inputs of the same type."""
    if node_id not in graph:
        return graph  # another field of the node has taken it out
    info = object_info.get(graph[node_id]["class_type"], {})
    return bypass(graph, node_id, {node_id: _input_types(info)}, [str(kind) for kind in info.get("output", [])])


def _bypass_fed(graph: Graph, input_id: str, object_info: Mapping[str, Any]) -> Graph:
    """Take out the nodes that an input node feeds, then the input node itself."""
    for fed in {consumer for consumer, _, _ in consumers(graph, input_id)}:
        graph = _bypass_node(graph, fed, object_info)
    graph.pop(input_id, None)
    return graph


def _input_types(info: Mapping[str, Any]) -> dict[str, str]:
    types = {}
    for group in ("required", "optional"):
        for name, spec in (info.get("input", {}).get(group) or {}).items():
            kind = spec[0] if isinstance(spec, list | tuple) and spec else "*"
            types[name] = kind if isinstance(kind, str) else "COMBO"
    return types
