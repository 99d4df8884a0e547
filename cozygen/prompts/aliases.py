"""Aliases: short names for pieces of a prompt.

Written as ``$name$``, ``$category:name$``, ``$category::name$`` or bare ``category::name``, in any case; names consist
of ``a-z 0-9 _ : -``. ``($name$:1.2)`` gives every comma-separated part of the alias that weight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_PASSES = 10
"""How deep aliases may use aliases."""

MAX_LENGTH = 1_000_000
"""Characters that an expansion may have; one that would grow beyond stops where it is."""

_NAME = r"[a-z0-9_:-]+"
_WEIGHT = r"\d+(?:\.\d+)?"
_FLAGS = re.IGNORECASE | re.ASCII
_WEIGHTED = re.compile(rf"\(\s*\$({_NAME})\$\s*:\s*({_WEIGHT})\s*\)", _FLAGS)
_MARKED = re.compile(rf"\$({_NAME})\$", _FLAGS)
_BARE = re.compile(rf"(?<!\$)\b([a-z0-9_]+)::({_NAME})\b(?!\$)", _FLAGS)
_WEIGHTED_PART = re.compile(rf"\(\s*(.+?)\s*:\s*{_WEIGHT}\s*\)", re.DOTALL | re.ASCII)


class _TooLong(Exception):
    """The text would grow beyond `MAX_LENGTH`."""


@dataclass(frozen=True)
class Aliases:
    """What each name stands for. `exact` answers to names with and without a category, `short` to short names only."""

    exact: Mapping[str, str]
    short: Mapping[str, str]

    @classmethod
    def from_document(cls, document: Any) -> Aliases:
        """Aliases of a document ``{"items": {name: text}, "categories": {name: category}}`` or ``{name: text}``.

        What is not a text, or empty, is left out.
        """
        items, categories = _parts(document)
        exact: dict[str, str] = {}
        for name, text in items.items():
            exact[name] = text
        for name, text in items.items():
            for other in _other_names(name, categories.get(name, "").lower()):
                exact.setdefault(other, text)
        return cls(exact, _short_names(items))

    def find(self, name: str) -> str | None:
        """The text of an alias, None when there is none or the short name is claimed by different texts."""
        key = name.lower()
        found = self.exact.get(key)
        return found if found is not None or ":" in key else self.short.get(key)

    def expand(self, text: str) -> str:
        """`text` with every alias replaced by what it stands for, aliases in aliases too.

        A cycle stops where it would repeat. An unknown ``$name$`` stays; of an unknown bare ``x::name`` the ``name``
        stays, unless ``x`` is a number: ``0.5::name`` is the weight of a choice between wildcards.
        """
        if "$" not in text and "::" not in text:
            return text
        seen = {text}
        for _ in range(MAX_PASSES):
            try:
                expanded = self._expand_once(text)
            except _TooLong:
                break
            if expanded in seen:
                break
            seen.add(expanded)
            text = expanded
        return text

    def _expand_once(self, text: str) -> str:
        text = _replace(_WEIGHTED, self._weighted, text)
        text = _replace(_MARKED, self._marked, text)
        return _replace(_BARE, self._bare, text)

    def _weighted(self, match: re.Match[str]) -> str:
        found = self.find(match[1])
        return match[0] if found is None else with_weight(found, match[2])

    def _marked(self, match: re.Match[str]) -> str:
        found = self.find(match[1])
        return match[0] if found is None else found

    def _bare(self, match: re.Match[str]) -> str:
        if match.string.startswith(":", match.end()):
            return match[0]
        found = self.exact.get(match[0].lower())
        if found is not None:
            return found
        return match[0] if match[1].isdecimal() else match[2]


def _replace(pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str], text: str) -> str:
    """`pattern.sub` that raises `_TooLong` before it has built what nobody can use."""
    parts: list[str] = []
    size = position = 0
    for match in pattern.finditer(text):
        piece = replacement(match)
        size += match.start() - position + len(piece)
        if size > MAX_LENGTH:
            raise _TooLong
        parts += (text[position : match.start()], piece)
        position = match.end()
    return "".join((*parts, text[position:])) if parts else text


def with_weight(text: str, weight: str) -> str:
    """Every comma-separated part of `text` as ``(part:weight)``; a weight that a part already has is replaced."""
    parts = [part.strip() for part in text.split(",")]
    cores = [match[1] if (match := _WEIGHTED_PART.fullmatch(part)) else part for part in parts if part]
    return ", ".join(f"({core}:{weight})" for core in cores) or text


def _parts(document: Any) -> tuple[dict[str, str], dict[str, str]]:
    """The texts and the categories by lower-case name."""
    if not isinstance(document, Mapping):
        return {}, {}
    wrapped = document.get("items")
    items, categories = (wrapped, document.get("categories")) if isinstance(wrapped, Mapping) else (document, None)
    return _texts(items), _texts(categories)


def _texts(values: Any) -> dict[str, str]:
    if not isinstance(values, Mapping):
        return {}
    stripped = ((str(name).strip().lower(), value.strip()) for name, value in values.items() if isinstance(value, str))
    return {name: text for name, text in stripped if name and text}


def _other_names(name: str, category: str) -> list[str]:
    if "::" in name:
        return [name.replace("::", ":", 1)]
    return [f"{category}::{name}", f"{category}:{name}"] if category else []


def _short_names(items: Mapping[str, str]) -> dict[str, str]:
    """Name without its category -> text, where all that claim the name agree."""
    claims: dict[str, set[str]] = {}
    for name, text in items.items():
        short = name.rpartition(":")[2]
        if short:
            claims.setdefault(short, set()).add(text)
    return {short: next(iter(texts)) for short, texts in claims.items() if len(texts) == 1}


def references(text: str) -> set[str]:
    """The names, in lower case, by which `text` may mean aliases, as they are written in it."""
    found = {match[1].lower() for match in _MARKED.finditer(text)}
    return found | {match[0].lower() for match in _BARE.finditer(text)}


def answering(document: Any, name: str) -> set[str]:
    """All the names that an alias of the document answers to, in lower case; none where there is no such alias."""
    items, categories = _parts(document)
    key = name.strip().lower()
    text = items.get(key)
    if text is None:
        return set()
    others = {key, *_other_names(key, categories.get(key, "").lower())}
    named = {other for other in others if other == key or other not in items}
    short = key.rpartition(":")[2]
    if short not in items and _short_names(items).get(short) == text:
        named.add(short)
    return named
