"""Changing the document that aliases are kept in, one alias at a time, so that two who save at once lose nothing.

The document is ``{"items": {name: text}, "categories": {name: category}, "categoryList": [category, ...]}``, or
``{name: text}``, which becomes the former with the first change. Names mean the same in any case; what is no alias of
ours, such as further keys, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_NAME = 200
"""Characters of a name."""

_NAME = re.compile(r"[a-z0-9_:-]+", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Alias:
    """What an alias stands for; the category is empty for none."""

    text: str
    category: str = ""


@dataclass(frozen=True)
class Change:
    """What an alias was when it was last seen (None: there was none), and what it is to be (None: gone)."""

    name: str
    was: Alias | None
    now: Alias | None


class ChangedMeanwhileError(Exception):
    """Some aliases are not what they were thought to be; `current` is what they are, None where there is none."""

    def __init__(self, current: Mapping[str, Alias | None]) -> None:
        super().__init__("changed in the meantime: " + ", ".join(current))
        self.current = dict(current)


class BadNameError(ValueError):
    """A prompt could not name such an alias; `name` is the name at fault."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a name consists of a-z 0-9 _ : - (at most {MAX_NAME}): {name[:80]!r}")
        self.name = name


def aliases_in(document: Any) -> dict[str, Alias]:
    """The aliases of a document by lower-case name. Of names that differ in case alone, the last one counts."""
    items, categories, _ = _parts(document)
    shown = {_key(name): category for name, category in categories.items() if isinstance(category, str)}
    return {_key(name): Alias(text, shown.get(_key(name), "")) for name, text in items.items() if isinstance(text, str)}


def apply(document: Any, changes: Sequence[Change]) -> dict[str, Any]:
    """The document with all of `changes`, or none of them.

    A category that is new comes to the list of categories, and one that the changes left empty goes from it. Raises
    `ChangedMeanwhileError` and `BadNameError`.
    """
    known = aliases_in(document)
    differing = {
        change.name: known.get(_key(change.name)) for change in changes if known.get(_key(change.name)) != change.was
    }
    if differing:
        raise ChangedMeanwhileError(differing)
    for change in changes:
        if change.was is None and change.now is not None and not is_name(change.name):
            raise BadNameError(change.name)
    items, categories, rest = _parts(document)
    _write(items, categories, changes)
    after = aliases_in({"items": items, "categories": categories})
    listed = _listed(rest.get("categoryList"), known.values(), after.values())
    return {**rest, "items": items, "categories": categories, "categoryList": listed}


def is_name(name: str) -> bool:
    """Whether a prompt can name an alias so."""
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


def _write(items: dict[str, Any], categories: dict[str, Any], changes: Iterable[Change]) -> None:
    """Change the texts and categories in place; an alias that stays keeps its place and the case of its name."""
    spelled: dict[str, list[str]] = {}
    for name in (*items, *categories):
        spelled.setdefault(_key(name), []).append(name)
    for change in changes:
        names = list(dict.fromkeys(spelled.get(_key(change.name), ())))
        kept = next((name for name in reversed(names) if isinstance(items.get(name), str)), change.name)
        for name in names:
            if name != kept or change.now is None:
                items.pop(name, None)
            categories.pop(name, None)
        if change.now is not None:
            items[kept] = change.now.text
            if change.now.category:
                categories[kept] = change.now.category
            spelled[_key(change.name)] = [kept]


def _listed(stored: Any, before: Iterable[Alias], after: Iterable[Alias]) -> list[Any]:
    used = dict.fromkeys(alias.category for alias in after if alias.category)
    left = {alias.category for alias in before} - set(used)
    kept = [category for category in stored if category not in left] if isinstance(stored, list) else []
    return [*kept, *(category for category in used if category not in kept)]


def _parts(document: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Copies of the texts and of the categories, and all else."""
    if not isinstance(document, Mapping):
        return {}, {}, {}
    if not isinstance(document.get("items"), Mapping):
        return dict(document), {}, {}
    categories = document.get("categories")
    rest = {key: value for key, value in document.items() if key not in ("items", "categories")}
    return dict(document["items"]), dict(categories) if isinstance(categories, Mapping) else {}, rest


def _key(name: object) -> str:
    return str(name).strip().lower()
