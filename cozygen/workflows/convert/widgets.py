"""The values of a node's widgets by name. The editor keeps them in a list without names.

Which widgets a class has, in their order, is known from ``/object_info``; where the engine does not know the class,
from the names that newer editors keep beside the values, from the table of `cozygen.workflows.convert.known`, or from
the inputs that the widgets can be replaced by.

The editor adds widgets of its own, whose values are in the list but not in the prompt: what becomes of a seed after
each render, and the button to upload a file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cozygen.workflows.convert.document import Slot, UiNode
from cozygen.workflows.convert.known import KNOWN

MISSING: Any = object()
"""Stands for no value; None is one."""

CONTROL = "control_after_generate"
_CONTROLS = frozenset({"fixed", "increment", "decrement", "randomize", "increment-wrap"})
_SEEDS = ("seed", "noise_seed")
_TYPES = frozenset(
    {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "COMFY_DYNAMICCOMBO_V3", "COLOR", "MARKDOWN", "TEXTAREA"}
    | {"LOAD_3D", "LOAD_3D_ANIMATION", "PREVIEW_3D", "PREVIEW_3D_ANIMATION", "WEBCAM", "CURVE", "RANGE"}
    | {"BOUNDING_BOX", "BOUNDING_BOXES", "COLORS", "PAINTER", "AUDIO_RECORD", "CHART", "GALLERIA", "TREESELECT"}
)
"""The types that the editor has a widget for; those of other custom nodes' scripts are not known."""

_UPLOADS = ("image_upload", "video_upload", "animated_image_upload", "audio_upload", "file_upload", "mesh_upload")
_ZERO: dict[str, Any] = {"INT": 0, "FLOAT": 0, "STRING": "", "BOOLEAN": False}


@dataclass(frozen=True, slots=True)
class Widget:
    """One widget. `sent`: its value is part of the prompt. `options`: what a combo offers, where that is known.

    `words`: the only values that it can have, for the editor's own widgets, which not every file has values for.
    """

    name: str
    type: str = ""
    default: Any = MISSING
    sent: bool = True
    words: frozenset[Any] | None = None
    options: tuple[Any, ...] | None = None
    children: Mapping[str, tuple[Widget, ...]] = field(default_factory=dict)


_CONTROL = Widget(CONTROL, sent=False, words=_CONTROLS | {True, False, None})  # older editors: a boolean
_FILTER = Widget("control_filter_list", sent=False)
_UPLOAD = Widget("upload", sent=False)
_LOAD_3D_BUTTONS = ("upload3dmodel", "uploadExtraResources", "clear")


def groups(info: Mapping[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any], list[Any] | None]]:
    """The inputs of a class in ``/object_info``: (group, name, type, options, choices), in the editor's order."""
    inputs = info.get("input")
    order = info.get("input_order")
    for group in ("required", "optional"):
        members = inputs.get(group) if isinstance(inputs, Mapping) else None
        if not isinstance(members, Mapping):
            continue
        listed = order.get(group) if isinstance(order, Mapping) else None
        names = [name for name in listed if name in members] if isinstance(listed, list) else []
        for name in dict.fromkeys([*names, *members]):
            kind, options, choices = read_spec(members[name])
            yield group, str(name), kind, options, choices


def read_spec(spec: Any) -> tuple[str, dict[str, Any], list[Any] | None]:
    """The type of an input, its options, and its choices where it has them.

    Three forms: ``["INT", {...}]``, ``[["a", "b"], {...}]`` and ``["COMBO", {"options": ["a", "b"], ...}]``.
    """
    if not isinstance(spec, list | tuple) or not spec:
        return "*", {}, None
    options = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    if isinstance(spec[0], list | tuple):
        return "COMBO", options, list(spec[0])
    kind = str(spec[0])
    listed = options.get("options")
    return kind, options, list(listed) if kind == "COMBO" and isinstance(listed, list) else None


def from_info(info: Mapping[str, Any]) -> list[Widget]:
    """The widgets of a class, in the order of the values."""
    found: list[Widget] = []
    has_upload = False
    last_group = "required"
    for group, name, kind, options, choices in groups(info):
        if group != last_group and has_upload:
            found.append(_UPLOAD)
            has_upload = False
        last_group = group
        found.extend(_widget(name, kind, options, choices))
        has_upload = has_upload or (group == "required" and any(options.get(key) for key in _UPLOADS))
    if has_upload:
        found.append(_UPLOAD)
    return found


def _widget(name: str, kind: str, options: Mapping[str, Any], choices: list[Any] | None) -> Iterator[Widget]:
    kind = str(options.get("widgetType") or kind)
    if kind not in _TYPES or options.get("forceInput") or options.get("rawLink"):
        return
    default = options.get("default", MISSING)
    if kind == "LOAD_3D":
        yield from (Widget(word, sent=False, words=frozenset({word})) for word in _LOAD_3D_BUTTONS)
    if kind == "COMFY_DYNAMICCOMBO_V3":
        children = {str(key): tuple(_children(name, inputs)) for key, inputs in dynamic_options(options)}
        first = next(iter(children), MISSING)
        yield Widget(name, kind, first if default is MISSING else default, options=tuple(children), children=children)
        return
    if default is MISSING:
        default = (choices[0] if choices else MISSING) if kind == "COMBO" else _ZERO.get(kind, MISSING)
    yield Widget(name, kind, default, options=None if choices is None else tuple(choices))
    control = options.get(CONTROL)
    if control is None:
        control = kind == "INT" and name in _SEEDS
    if control and kind in ("INT", "COMBO"):
        yield _CONTROL
        if kind == "COMBO":
            yield _FILTER


def dynamic_options(options: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a combo that brings inputs of its own offers: (choice, the inputs that it brings as in ``/object_info``)."""
    listed = options.get("options")
    for option in listed if isinstance(listed, list) else []:
        if isinstance(option, Mapping) and isinstance(option.get("key"), str):
            inputs = option.get("inputs")
            yield option["key"], inputs if isinstance(inputs, Mapping) else {}


def _children(parent: str, inputs: Mapping[str, Any]) -> Iterator[Widget]:
    for _, name, kind, options, choices in groups({"input": inputs}):
        yield from _widget(f"{parent}.{name}", kind, options, choices)


def of_node(node: UiNode, info: Mapping[str, Any] | None) -> list[Widget] | None:
    """The widgets of a node, None where nothing tells them."""
    if info is not None:
        return from_info(info)
    if node.named:
        return [_plain(name) for name in node.named]
    known = KNOWN.get(node.type)
    if known is not None:
        return [widget for name in known for widget in _with_control(name)]
    names = [slot.widget for slot in node.inputs if slot.widget]
    widgets = [widget for name in dict.fromkeys(names) for widget in _with_control(name)]
    if isinstance(node.values, dict) or _is_enough(widgets, node.values):
        return widgets
    return None


def _plain(name: str) -> Widget:
    if name.startswith(CONTROL):  # of several: ``control_after_generate#1``
        return _CONTROL
    return Widget(name, sent=name not in (_FILTER.name, _UPLOAD.name))


def _with_control(name: str) -> Iterator[Widget]:
    yield Widget(name)
    if name.rpartition(".")[2] in _SEEDS or name.endswith("_seed"):
        yield _CONTROL


def _is_enough(widgets: list[Widget], values: list[Any]) -> bool:
    """Whether names that the inputs give account for all values: newer editors leave out inputs without a link."""
    controls = sum(1 for value in values if isinstance(value, str) and value in _CONTROLS)
    sent = sum(1 for widget in widgets if widget.sent)
    rest = [value for value in values[sent + controls :] if value not in ("image", "", None)]
    return not rest


def assign(widgets: Iterable[Widget], values: list[Any]) -> dict[str, Any]:
    """Names and values together, in their order; a widget without a value has its default, where it has one."""
    waiting = deque(widgets)
    result: dict[str, Any] = {}
    at = 0
    while waiting:
        widget = waiting.popleft()
        value = values[at] if at < len(values) else MISSING
        if widget.words is not None and not _is_among(value, widget.words):
            continue  # written by a program that knows nothing of the editor's own widgets
        if at < len(values):
            at += 1
        if widget.sent:
            value = widget.default if value is MISSING else value
            if value is not MISSING:
                result[widget.name] = value
            if widget.type == "INT" and at < len(values) and _is_stray_control(values[at], waiting):
                at += 1
        if widget.children:
            waiting.extendleft(reversed(widget.children.get(str(value), ())))
    return result


def _is_among(value: Any, words: frozenset[Any]) -> bool:
    return value is MISSING or (isinstance(value, str | bool | None) and value in words)


def _is_stray_control(value: Any, waiting: deque[Widget]) -> bool:
    """Whether a value belongs to a switch that the engine's list does not mention."""
    if not isinstance(value, str) or value not in _CONTROLS:
        return False
    following = waiting[0] if waiting else None
    if following is None:
        return True
    if following is _CONTROL or following.type in ("STRING", ""):
        return False
    return following.options is None or value not in following.options


def values_of(node: UiNode, info: Mapping[str, Any] | None) -> tuple[dict[str, Any], bool]:
    """What a node's widgets put into the prompt, and whether the names of all values are known."""
    widgets = of_node(node, info)
    if isinstance(node.values, dict):
        return _from_dict(node.values, widgets or []), True
    listed = _listed_loras(node.values) if not any(widget.sent for widget in widgets or ()) else {}
    if widgets is None or listed:
        return listed, bool(listed) or not node.values
    values = _without_replaced(node.values, info)
    return assign(widgets, values), True


def _from_dict(values: Mapping[str, Any], widgets: list[Widget]) -> dict[str, Any]:
    """Some nodes keep their values by name (VideoHelperSuite), with those of buttons and previews among them."""
    result = {w.name: w.default for w in widgets if w.sent and w.default is not MISSING}
    known = {widget.name for widget in widgets}
    for name, value in values.items():
        is_button = name not in known and (isinstance(value, dict | list) or (value == "image" and "upload" in name))
        if not is_button and name != CONTROL:
            result[str(name)] = value
    return result


def _listed_loras(values: list[Any]) -> dict[str, Any]:
    """LoRAs that a node keeps as objects, as rgthree's Power Lora Loader does: ``lora_1``, ``lora_2`` ..."""
    loras = [value for value in values if isinstance(value, dict) and "lora" in value and "on" in value]
    return {
        f"lora_{place}": {key: item for key, item in lora.items() if not (key == "strengthTwo" and item is None)}
        for place, lora in enumerate(loras, 1)
    }


def _without_replaced(values: list[Any], info: Mapping[str, Any] | None) -> list[Any]:
    """The values without those of inputs that can only be linked: old editors kept a place for them."""
    if info is None:
        return values
    forced: list[bool] = []
    for _, name, kind, options, choices in groups(info):
        is_forced = bool(options.get("forceInput"))
        made = list(_widget(name, kind, {**options, "forceInput": False}, choices))
        if made and (is_forced or any(widget.sent for widget in made)):
            has_control = bool(options.get(CONTROL)) or len(made) > 1
            forced.extend([is_forced, False] if has_control else [is_forced])
    if any(forced) and len(forced) == len(values):
        return [value for value, is_forced in zip(values, forced, strict=True) if not is_forced]
    return values


def wrapped(value: Any) -> Any:
    """A value as the prompt carries it: a list would be taken for a link."""
    return {"__value__": value} if isinstance(value, list) else value


def is_widget(slot: Slot, values: Mapping[str, Any]) -> bool:
    """Whether an input stands for a widget."""
    return slot.widget is not None or slot.name in values
