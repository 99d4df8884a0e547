"""The form of a workflow that has no CozyGen nodes, inferred from its graph and the engine's ``/object_info``. Pure.

Prompts come first, then seed, sampling, size, models, LoRAs and pictures; all other values are in the group ``more``,
which is shown folded. Where titles declare a form (see `cozygen.workflows.hints`), what they declare comes first, as
they say, and all the rest is in ``more``. A field's key is ``<node id>.<input>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cozygen.workflows.form import MORE, FormField, convert, fields
from cozygen.workflows.graph import Graph
from cozygen.workflows.hints import Hint, read_hint
from cozygen.workflows.parameters import CHOICE_TYPES, Parameter, parameters
from cozygen.workflows.roles import Role, roles

MAX_FIELDS = 2000
"""The longest form; of larger graphs the fields of least interest are left out."""

_LABELS = {
    "ckpt_name": "Checkpoint",
    "unet_name": "Diffusion model",
    "vae_name": "VAE",
    "lora_name": "LoRA",
    "clip_name": "Text encoder",
    "clip_name1": "Text encoder 1",
    "clip_name2": "Text encoder 2",
    "clip_name3": "Text encoder 3",
    "clip_name4": "Text encoder 4",
    "control_net_name": "ControlNet",
    "sampler_name": "Sampler",
    "noise_seed": "Seed",
    "cfg": "CFG",
    "fps": "FPS",
    "strength_model": "LoRA strength",
    "strength_clip": "LoRA strength (text)",
    "filename_prefix": "File name",
}
_SIDES = ("width", "height")


def infer(graph: Graph, object_info: Mapping[str, Any]) -> list[FormField]:
    """The fields in display order. Nodes that declare a field themselves, as CozyGen's do, are left out."""
    declaring = {field.node_id for field in fields(graph)}
    listed = [item for item in parameters(graph, object_info) if item.node_id not in declaring]
    meant = roles(graph, listed, object_info)
    hints = {node_id: _hint(graph, node_id) for node_id in dict.fromkeys(item.node_id for item in listed)}
    declared = _declared(listed, meant, hints)
    entries = [_entry(place, item, meant[item.key], declared, hints) for place, item in enumerate(listed)]
    entries.sort(key=lambda entry: entry[0])
    made = [
        _field(number, item, role, hint, object_info)
        for number, (_, item, role, hint) in enumerate(entries[:MAX_FIELDS])
    ]
    return _distinct(made, {item.key: item for item in listed})


def _hint(graph: Graph, node_id: str) -> Hint | None:
    meta = graph[node_id].get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return read_hint(title) if isinstance(title, str) else None


def _declared(
    listed: Iterable[Parameter], meant: Mapping[str, Role], hints: Mapping[str, Hint | None]
) -> dict[str, Hint]:
    """The value of each node that its title is about: that of most interest, else the first; a size has two sides."""
    by_node: dict[str, list[Parameter]] = {}
    for item in listed:
        if hints[item.node_id] is not None:
            by_node.setdefault(item.node_id, []).append(item)
    declared: dict[str, Hint] = {}
    for node_id, items in by_node.items():
        hint = hints[node_id]
        best = min(items, key=lambda item: meant[item.key])
        sides = [item for item in items if meant[item.key] is Role.SIZE and item.input in _SIDES]
        if hint is not None and best in sides and len(sides) > 1:
            declared |= {item.key: replace(hint, label=f"{hint.label} · {human(item.input)}") for item in sides}
        elif hint is not None:
            declared[best.key] = hint
    return declared


_Entry = tuple[tuple[Any, ...], Parameter, Role, Hint | None]


def _entry(
    place: int, item: Parameter, role: Role, declared: Mapping[str, Hint], hints: Mapping[str, Hint | None]
) -> _Entry:
    """A parameter with what it is sorted by."""
    hint = declared.get(item.key)
    if hint is not None:
        return (0, hint.order, place), item, role, hint
    if declared:
        role = Role.OTHER if role in (Role.PROMPT, Role.NEGATIVE) and hints[item.node_id] else role
        return (1, (role,), place), item, role, Hint("", MORE, None, ())
    if role is Role.DENOISE and item.value == 1:
        role = Role.OTHER  # all of it: nothing to start from
    return (1, (role,), place), item, role, None


def _field(number: int, item: Parameter, role: Role, hint: Hint | None, object_info: Mapping[str, Any]) -> FormField:
    numeric = item.type in ("int", "float")
    low, high, step = (_number(item.options.get(key)) if numeric else None for key in ("min", "max", "step"))
    choices = _choices(item)
    is_guess = item.type == "choice" and not item.is_known
    hinted_group = hint.group if hint is not None else None
    return FormField(
        key=item.key,
        node_id=item.node_id,
        class_type=item.class_type,
        input=item.input,
        label=(hint.label if hint is not None else "") or _label(item, role),
        type=item.type,
        default=_default(item),
        multiline=item.type == "string" and _is_multiline(item, role),
        min=low,
        max=high,
        step=step if step is not None and step > 0 else None,
        choices=choices,
        choice_type=CHOICE_TYPES.get(item.input) if is_guess else None,
        can_randomize=numeric and role is Role.SEED,
        can_bypass=role is Role.LORA and item.type == "choice" and _can_bypass(item, object_info),
        priority=number,
        group=hinted_group if hint is not None else (MORE if role is Role.OTHER else None),
        row=hint.row if hint is not None and hint.row else _row(item, role),
        is_native=True,
        options=item.choices,
        is_prompt=role in (Role.PROMPT, Role.NEGATIVE),
    )


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _choices(item: Parameter) -> list[str] | None:
    if item.type != "choice" or item.choices is None:
        return None
    return [str(choice) for choice in item.choices]


def _default(item: Parameter) -> Any:
    try:
        return convert(item.type, item.value)
    except ValueError:
        given = item.options.get("default")
        try:
            return convert(item.type, given)
        except ValueError:
            return False if item.type == "boolean" else 0


def _is_multiline(item: Parameter, role: Role) -> bool:
    if item.is_known:
        return bool(item.options.get("multiline"))
    return role in (Role.PROMPT, Role.NEGATIVE) or "\n" in item.value


def _can_bypass(item: Parameter, object_info: Mapping[str, Any]) -> bool:
    """Whether the node hands on what it takes, so that it can be left out."""
    info = object_info.get(item.class_type)
    outputs = info.get("output") if isinstance(info, Mapping) else None
    inputs = info.get("input") if isinstance(info, Mapping) else None
    if not isinstance(outputs, list) or not isinstance(inputs, Mapping):
        return False
    taken = {
        spec[0]
        for group in ("required", "optional")
        for spec in (inputs.get(group) or {}).values()
        if isinstance(spec, list) and spec and isinstance(spec[0], str)
    }
    return bool(outputs) and all(kind in taken for kind in outputs)


def _row(item: Parameter, role: Role) -> str | None:
    if role is Role.SIZE and item.input in _SIDES:
        return f"{item.node_id}.size"
    if role is Role.LORA:
        return f"{item.node_id}.lora"
    if role in (Role.SAMPLER, Role.SCHEDULER):
        return f"{item.node_id}.sampler"
    return None


def human(name: str) -> str:
    """The name of an input for people."""
    if name in _LABELS:
        return _LABELS[name]
    words = re.sub(r"[_.\s]+", " ", name).strip()
    return words[:1].upper() + words[1:] if words else name


def _label(item: Parameter, role: Role) -> str:
    if role is Role.PROMPT or role is Role.NEGATIVE:
        return item.title or ("Negative prompt" if role is Role.NEGATIVE else "Prompt")
    if role is Role.IMAGE:
        return item.title or human(item.input)
    if item.input == "value":  # a primitive: its title says more than the input
        return item.title or item.name
    return f"{item.title} · {human(item.input)}" if item.title else human(item.input)


def _distinct(made: list[FormField], listed: Mapping[str, Parameter]) -> list[FormField]:
    """The fields with labels that tell them apart: by the title of their node, else by its id."""
    same: dict[str, list[FormField]] = {}
    for field in made:
        same.setdefault(field.label, []).append(field)
    labels = {}
    for label, twins in same.items():
        if len(twins) > 1:
            names = [listed[field.key].name[:100] for field in twins]
            is_telling = len(set(names)) == len(names)
            for field, name in zip(twins, names, strict=True):
                labels[field.key] = f"{label} · {name}" if is_telling else f"{label} · #{field.node_id}"
    return [replace(field, label=labels.get(field.key, field.label)) for field in made]
