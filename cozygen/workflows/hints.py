"""Titles by which authors declare a form: ``<Label:group/row:order>``, anywhere in the title of a node.

``<Prompt:prompt:1>`` is labelled “Prompt”, is in the group “prompt” and comes first there. The row is optional: what
has the same group and row stands side by side. The order is a number, or two (``1/2``: row and place in it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HINT = re.compile(
    r"<\s*([^<>:]{1,100}?)\s*:\s*([^<>:/]{0,100}?)\s*(?:/\s*([^<>:]{0,100}?)\s*)?(?::\s*([^<>:]{0,20}?)\s*)?>"
)
_MAX_TITLE = 300
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?")


@dataclass(frozen=True)
class Hint:
    """What a title declares. `order` sorts; what has none comes last."""

    label: str
    group: str | None
    row: str | None
    order: tuple[float, ...]


def read_hint(title: str) -> Hint | None:
    """The declaration in a title, None when there is none."""
    found = _HINT.search(title[:_MAX_TITLE])
    if found is None:
        return None
    label, group, row, order = found.groups()
    numbers = tuple(float(text) for text in _NUMBER.findall(order or ""))
    if order and not numbers:
        return None  # a title that happens to have brackets and colons in it
    return Hint(label, group or None, row or None, numbers or (float("inf"),))
