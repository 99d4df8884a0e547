"""The form that a workflow's CozyGen nodes imply. Pure: choices are filled in by the caller.

A field's `key` is the node's ``param_name``; where two nodes claim the same name, the later one (in display order) is
called ``<param_name> #<node id>``. Values are addressed by key, or by ``<node id>.<input>`` for any input of the graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from cozygen.workflows.graph import Graph, Node, title

FieldType = Literal["string", "int", "float", "boolean", "choice", "image"]

MORE = "more"
"""The group of the fields that are folded away."""

OUTPUT_CLASSES: dict[str, Literal["image", "video"]] = {"CozyGenOutput": "image", "CozyGenVideoOutput": "video"}
_DYNAMIC_TYPES: dict[str, FieldType] = {
    "STRING": "string",
    "INT": "int",
    "FLOAT": "float",
    "BOOLEAN": "boolean",
    "DROPDOWN": "choice",
}
_CLASSES: dict[str, tuple[FieldType, str]] = {
    "CozyGenFloatInput": ("float", "default_value"),
    "CozyGenIntInput": ("int", "default_value"),
    "CozyGenStringInput": ("string", "default_value"),
    "CozyGenChoiceInput": ("choice", "value"),
    "CozyGenImageInput": ("image", "image_filename"),
}
_DEFAULT_PRIORITY = 10


@dataclass(frozen=True)
class FormField:
    """One control. `min`, `max` and `step` are in the value's own unit; `choices` is None where there are none.

    `group` is the heading that the field stands under (``more``: folded away), `row` the same for fields that stand
    side by side. `is_native`: the input belongs to a node of somebody else's, not to one of ours; then `options` are
    its choices as the node wants them, and `is_prompt` says whether its text is written in the prompt language.
    """

    key: str
    node_id: str
    class_type: str
    input: str
    label: str
    type: FieldType
    default: Any
    multiline: bool
    min: float | None
    max: float | None
    step: float | None
    choices: list[str] | None
    choice_type: str | None
    can_randomize: bool
    can_bypass: bool
    priority: int
    group: str | None = None
    row: str | None = None
    is_native: bool = False
    options: tuple[Any, ...] | None = None
    is_prompt: bool = True


@dataclass(frozen=True)
class FormOutput:
    """A node that delivers results."""

    node_id: str
    kind: Literal["image", "video"]


def fields(graph: Graph) -> list[FormField]:
    """The fields in display order: by priority, then as they stand in the file."""
    found = sorted(_all_fields(graph), key=lambda field: field.priority)
    seen: set[str] = set()
    result = []
    for field in found:
        key = field.key if field.key not in seen else f"{field.key} #{field.node_id}"
        seen.add(key)
        result.append(replace(field, key=key))
    return result


def outputs(graph: Graph) -> list[FormOutput]:
    """The nodes that deliver results."""
    return [
        FormOutput(node_id, OUTPUT_CLASSES[node["class_type"]])
        for node_id, node in graph.items()
        if node["class_type"] in OUTPUT_CLASSES
    ]


def _all_fields(graph: Graph) -> Iterator[FormField]:
    for node_id, node in graph.items():
        class_type = node["class_type"]
        inputs = node.get("inputs", {})
        if class_type == "CozyGenDynamicInput":
            kind = _DYNAMIC_TYPES.get(str(inputs.get("param_type", "STRING")).upper(), "string")
            yield _field(node_id, node, kind, "default_value")
        elif class_type in _CLASSES:
            kind, name = _CLASSES[class_type]
            yield _field(node_id, node, kind, name)


def _field(node_id: str, node: Node, kind: FieldType, input_name: str) -> FormField:
    inputs = node.get("inputs", {})
    label = inputs.get("param_name")
    numeric = kind in ("int", "float")
    low = _bound(inputs.get("min_value")) if numeric else None
    high = _bound(inputs.get("max_value")) if numeric else None
    if low is not None and high is not None and low >= high:
        low = high = None  # both zero is how the node says "no bounds"
    choice_type = str(inputs.get("choice_type") or "") if kind == "choice" else ""
    choices = _listed(inputs.get("choices")) if kind == "choice" else None
    return FormField(
        key=label if isinstance(label, str) and label else title(node) or node_id,
        node_id=node_id,
        class_type=node["class_type"],
        input=input_name,
        label=label if isinstance(label, str) and label else title(node) or node_id,
        type=kind,
        default=_default(kind, inputs, input_name, choices),
        multiline=kind == "string" and (truthy(inputs.get("multiline")) or truthy(inputs.get("display_multiline"))),
        min=low,
        max=high,
        step=_step(kind, inputs.get("step")),
        choices=choices,
        choice_type=choice_type if choice_type and choice_type != "none" else None,
        can_randomize=numeric and truthy(inputs.get("add_randomize_toggle")),
        can_bypass=kind == "choice" and truthy(inputs.get("display_bypass")),
        priority=_priority(inputs.get("priority")),
    )


def _default(kind: FieldType, inputs: dict[str, Any], name: str, choices: list[str] | None) -> Any:
    value = inputs.get(name)
    if kind == "choice":
        if isinstance(value, str) and value and value != "none":
            return value
        given = inputs.get("default_choice", inputs.get("default_value"))
        return given if isinstance(given, str) and given else (choices[0] if choices else "")
    if isinstance(value, list):
        return "" if kind in ("string", "image") else False if kind == "boolean" else 0
    try:
        return convert(kind, value)
    except ValueError:
        return "" if kind in ("string", "image") else False if kind == "boolean" else 0


def convert(kind: FieldType, value: Any) -> Any:
    """A form value as the type of its field. Raises `ValueError` with a sentence for people."""
    match kind:
        case "boolean":
            if isinstance(value, bool):
                return value
            if isinstance(value, str) and value.strip().lower() in ("true", "1", "yes", "on"):
                return True
            if isinstance(value, str) and value.strip().lower() in ("false", "0", "no", "off", ""):
                return False
            if isinstance(value, int | float) and value in (0, 1):
                return bool(value)
            raise ValueError("must be true or false")
        case "int":
            number = _as_number(value)
            if not float(number).is_integer():
                raise ValueError("must be a whole number")
            return int(number)
        case "float":
            return float(_as_number(value))
        case _:
            if value is None:
                return ""
            if isinstance(value, str | int | float):
                return str(value)
            raise ValueError("must be text")


def _as_number(value: Any) -> int | float:
    if isinstance(value, str):
        text = value.strip()
        try:
            value = int(text)
        except ValueError:
            try:
                value = float(text)
            except ValueError:
                raise ValueError("must be a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("must be a number")
    if abs(value) > 2**64:
        raise ValueError("is too large")
    return value


def truthy(value: Any) -> bool:
    """A switch of a node: a boolean, or its text."""
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "1", "yes"))


def _bound(value: Any) -> float | None:
    try:
        return _as_number(value)
    except (ValueError, OverflowError):
        return None


def _step(kind: FieldType, value: Any) -> float | None:
    if kind not in ("int", "float"):
        return None
    step = _bound(value)
    return step if step is not None and step > 0 else None


def _priority(value: Any) -> int:
    try:
        return int(_as_number(value))
    except (ValueError, OverflowError):
        return _DEFAULT_PRIORITY


def _listed(value: Any) -> list[str] | None:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        return None
    names = [str(item).strip() for item in value if isinstance(item, str | int | float)]
    return [name for name in names if name] or None
