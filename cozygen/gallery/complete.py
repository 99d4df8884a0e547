"""What could come next while a search is being typed. Pure, but for the counts that it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from cozygen.gallery import query
from cozygen.gallery.words import fold

MOST = 20

Counts = Callable[[str], Sequence[tuple[str, int]]]
"""For a key: its values with the number of files that have them, the most frequent first."""

_TERM = re.compile(r'(-*)(?:([A-Za-z]{2,12})(>=|<=|[:=<>]))?("?)(.*)', re.DOTALL)
_COUNTED = ("tag", "lora", "model", "album", "sampler", "scheduler", "source", "folder", "size", "date", "rating")
_OFFERED = ("tag", "lora", "model", "album")
_FIXED: dict[str, Sequence[str]] = {
    "is": query.IS,
    "has": query.HAS,
    "kind": query.KINDS,
    "ratio": (*query.SHAPES, "2:3", "3:2", "16:9", "9:16", "1:1"),
}


@dataclass(frozen=True)
class Completion:
    """A text that may take the place of the word that is being typed. `count`: files that it would find."""

    text: str
    kind: Literal["key", "value"]
    count: int | None = None


@dataclass(frozen=True)
class Completions:
    """What may replace the characters from `start` to `end`."""

    start: int
    end: int
    items: list[Completion]


def complete(text: str, at: int, counts: Counts) -> Completions:
    """Completions of the word of `text` in which, or at the end of which, the position `at` is."""
    start, end = _word_at(text, max(0, min(at, len(text))))
    found = _TERM.fullmatch(text[start : max(start, min(at, end))])
    assert found is not None
    minus, key, operator, _, typed = found.groups()
    canonical = query.canonical(key) if key else None
    if key and canonical:
        items = [
            Completion(f"{minus}{key}{operator}{_quoted(value)}", "value", count)
            for value, count in _values(canonical, typed, counts)
        ]
    elif key:
        items = []
    else:
        items = [*_keys(minus, typed), *_offers(minus, typed, counts)]
    return Completions(start, end, items[:MOST])


def _word_at(text: str, at: int) -> tuple[int, int]:
    """Where the word around a position begins and ends. Quotation marks hold words together."""
    start = place = 0
    while place < len(text):
        character = text[place]
        if character == '"' and (place == start or text[place - 1] in ":=<>-"):
            closing = text.find('"', place + 1)
            place = len(text) if closing < 0 else closing + 1
            continue
        if character.isspace() or (character == "(" and not text[start:place].strip("-")):
            if place >= at:
                break
            start = place + 1
        place += 1
    return min(start, at), max(place, at)


def _keys(minus: str, typed: str) -> Iterable[Completion]:
    if not typed:
        return [Completion(f"{minus}{key}:", "key") for key in query.KEYS]
    found = [Completion(f"{minus}{key}:", "key") for key in query.KEYS if key.startswith(typed.lower())]
    if typed.lower() in query.NUMBERS:
        found += [Completion(f"{minus}{typed.lower()}{operator}", "key") for operator in (">=", "<=", ">", "<")]
    return found


def _offers(minus: str, typed: str, counts: Counts) -> Iterable[Completion]:
    """Values of the keys that people look for most."""
    if len(typed) < 2:
        return []
    found = [(count, key, value) for key in _OFFERED for value, count in _values(key, typed, counts) if count]
    found.sort(key=lambda entry: (-entry[0], entry[1:]))
    return [Completion(f"{minus}{key}:{_quoted(value)}", "value", count) for count, key, value in found]


def _values(key: str, typed: str, counts: Counts) -> list[tuple[str, int | None]]:
    known: list[tuple[str, int | None]] = [(value, None) for value in _FIXED.get(key, ())]
    if key in _COUNTED:
        known = [(value, count) for value, count in counts(key) if '"' not in value]
    wanted = fold(typed.rstrip('"'))
    fitting = [(value, count) for value, count in known if wanted in fold(value)]
    return sorted(fitting, key=lambda entry: not fold(entry[0]).startswith(wanted))[:MOST]


def _quoted(value: str) -> str:
    return f'"{value}"' if re.search(r"[\s()]", value) else value
