"""Nodes that look at what other nodes give them.

The engine checks the constants of a prompt against a node's declaration before the run. What comes through a link is
known only in it, and a form's fields come through links: without another look a width of -1 or a method of another
name would end in an error that says nothing to a person.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import wraps
from typing import Any, TypeVar

from cozygen.nodes.values import WrongValue, boolean, choice, integer, real

Node = TypeVar("Node", bound=type[Any])

_PLAIN = (str, int, float, bool)
_ARRAYS = {"IMAGE": "pictures", "MASK": "a mask", "VIDEO": "a video", "AUDIO": "sound"}


def checked(node: Node) -> Node:
    """Have the function of a node class convert and check its arguments by ``INPUT_TYPES``.

    Inputs that ``VALIDATE_INPUTS`` takes are left alone. The function then also raises `WrongValue`.
    """
    function = getattr(node, node.FUNCTION)
    signature = inspect.signature(function)
    own = getattr(node, "VALIDATE_INPUTS", None)
    skipped = set(inspect.signature(own).parameters) if own is not None else set()

    @wraps(function)
    def call(self: Any, *arguments: Any, **inputs: Any) -> Any:
        given = signature.bind(self, *arguments, **inputs)
        declared = node.INPUT_TYPES()
        for group in ("required", "optional"):
            for name, specification in declared.get(group, {}).items():
                if name in given.arguments and name not in skipped:
                    value = given.arguments[name]
                    if value is not None or group == "required":
                        given.arguments[name] = _fitted(name, value, *specification)
        return function(*given.args, **given.kwargs)

    setattr(node, node.FUNCTION, call)
    return node


def _fitted(name: str, value: Any, kind: Any, options: Mapping[str, Any] | None = None) -> Any:
    """A value as the type that is declared, within its bounds. Raises `WrongValue`."""
    options = options or {}
    try:
        if isinstance(kind, list) or kind == "COMBO":
            return choice(value, kind if isinstance(kind, list) else options.get("options", []))
        if kind == "INT":
            return _bounded(integer(value), options)
        if kind == "FLOAT":
            return _bounded(real(value), options)
        if kind == "BOOLEAN":
            return boolean(value)
        if kind == "STRING":
            return _text(value)
    except WrongValue as error:
        raise WrongValue(f"{name}: {error}") from None
    if kind in _ARRAYS and (value is None or isinstance(value, _PLAIN)):
        raise WrongValue(f"{name}: {_ARRAYS[kind]} must come from another node, and a plain value did")
    return value


def _bounded(value: Any, options: Mapping[str, Any]) -> Any:
    low, high = options.get("min"), options.get("max")
    if low is not None and value < low:
        raise WrongValue(f"{value:g} is less than {low:g}")
    if high is not None and value > high:
        raise WrongValue(f"{value:g} is more than {high:g}")
    return value


def _text(value: Any) -> str:
    if isinstance(value, _PLAIN):
        return str(value)
    raise WrongValue("text is needed")
