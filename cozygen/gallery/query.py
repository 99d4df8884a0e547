"""The language of the gallery's search. Pure.

Words and ``"phrases"`` are looked for in prompts, file names, models, LoRAs and the user's tags; all of them must be
there. ``word*`` is the beginning of a word. ``-`` or ``NOT`` excludes, ``OR`` allows either, parentheses group.
``key:value`` is about one property: ``model:dream``, ``steps>20``, ``cfg:5..7``, ``date:2026-10``, ``is:favorite``.
A word with a colon whose key is none of ours is a word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from cozygen.gallery.words import has_words

MAX_LENGTH = 1000
MAX_TERMS = 64
MAX_DEPTH = 16


class QueryError(ValueError):
    """What is wrong with a query, and where: `position` counts characters from 0. The message is fit for people."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class Words:
    """One word or several in a row, in one column of the index or (None) in any. `prefix`: the last one goes on."""

    text: str
    column: Literal["name", "positive", "negative"] | None = None
    prefix: bool = False


@dataclass(frozen=True)
class Label:
    """Files that use a model, have a tag, ...: names that contain `text`, or are it when `whole`; ``*`` is anything."""

    kind: str
    text: str
    whole: bool


@dataclass(frozen=True)
class Between:
    """A number from `low` to `high`, each without itself when open."""

    key: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False


@dataclass(frozen=True)
class Dimensions:
    """Width and height in pixels: exactly these, at least or at most these."""

    width: int
    height: int
    compare: Literal["=", ">=", "<="]


@dataclass(frozen=True)
class Ratio:
    """Width by height, from `low` to `high`, each without itself when open."""

    low: float
    high: float
    open: bool = False


@dataclass(frozen=True)
class Flag:
    """``is:favorite``, ``has:workflow``, ..."""

    name: str


@dataclass(frozen=True)
class Kind:
    """``image``, ``video`` or ``audio``."""

    name: str


@dataclass(frozen=True)
class Folder:
    """Files below a folder whose path has these names in a row."""

    path: str


@dataclass(frozen=True)
class Dates:
    """From `start` until before `end`, in local time; None is open."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Seed:
    """The seed, in decimal."""

    text: str


@dataclass(frozen=True)
class Everything:
    """No condition."""


@dataclass(frozen=True)
class Not:
    """The opposite."""

    node: Node


@dataclass(frozen=True)
class And:
    """All of them."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """Any of them."""

    nodes: tuple[Node, ...]


Leaf = Words | Label | Between | Dimensions | Ratio | Flag | Kind | Folder | Dates | Seed | Everything
Node = Leaf | Not | And | Or

CONTAINED = ("model", "lora")
"""Keys of names of which a part will do."""
WHOLE = ("sampler", "scheduler", "source", "tag", "album")
NUMBERS = ("steps", "cfg", "guidance", "rating", "duration", "width", "height", "filesize")
KINDS = ("image", "video", "audio")
SHAPES: dict[str, Ratio] = {
    "portrait": Ratio(0.0, 1.0, open=True),
    "square": Ratio(1.0, 1.0),
    "landscape": Ratio(1.0, math.inf, open=True),
}
IS = ("favorite", "hidden", "rated", "tagged", *KINDS, *SHAPES)
HAS = ("workflow", "prompt", "model", "lora", "tag", "album")
KEYS = (
    *(*CONTAINED, *WHOLE, *NUMBERS, "seed", "size", "ratio", "is", "has", "kind", "folder", "date"),
    *("prompt", "negative", "name"),
)
"""All keys, as completion offers them."""

_ALIASES = {
    "models": "model", "checkpoint": "model", "loras": "lora", "tags": "tag", "albums": "album", "program": "source",
    "positive": "prompt", "filename": "name", "type": "kind", "dimensions": "size", "stars": "rating", "path": "folder",
    "length": "duration", "bytes": "filesize",
}  # fmt: skip
_SYNONYMS = {"favourite": "favorite", "tags": "tag", "albums": "album", "loras": "lora", "models": "model"}
_COLUMNS: dict[str, Literal["name", "positive", "negative"]] = {
    "prompt": "positive",
    "negative": "negative",
    "name": "name",
}

OPERATORS = (">=", "<=", ":", "=", ">", "<")
_KEY = re.compile(r"([A-Za-z]{2,12})(>=|<=|[:=<>])")
_SIZE = re.compile(r"(\d{1,6})[x×X*](\d{1,6})")
_RATIO = re.compile(r"(\d{1,5}(?:\.\d{1,4})?)[:/](\d{1,5}(?:\.\d{1,4})?)")
_NUMBER = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})")
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2}(?:\.\d{1,6})?)")
_UNITS = {
    "duration": {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0},
    "filesize": {"b": 1.0, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "kib": 2**10, "mib": 2**20},
}
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def parse(text: str, *, today: date | None = None) -> Node:
    """What is asked for. `today` is what ``date:today`` means. Raises `QueryError`."""
    if len(text) > MAX_LENGTH:
        raise QueryError(f"a query has at most {MAX_LENGTH} characters", MAX_LENGTH)
    return _Parser(text, today or date.today()).whole() or Everything()


class _Parser:
    """Recursive descent. Methods return None for what says nothing, such as a word of punctuation only."""

    def __init__(self, text: str, today: date) -> None:
        self._text = text
        self._today = today
        self._at = 0
        self._terms = 0

    def whole(self) -> Node | None:
        node = self._either(0)
        if self._at < len(self._text):
            raise QueryError("this parenthesis closes nothing", self._at)
        return node

    def _skip(self) -> str:
        """Pass blanks; the next character, empty at the end."""
        while self._at < len(self._text) and _is_blank(self._text[self._at]):
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _word_ahead(self, word: str) -> bool:
        end = self._at + len(word)
        return self._text.startswith(word, self._at) and (
            end == len(self._text) or _is_blank(self._text[end]) or self._text[end] in "()"
        )

    def _either(self, depth: int) -> Node | None:
        nodes = [self._all(depth)]
        while self._skip() and self._word_ahead("OR"):
            at = self._at
            if nodes[-1] is _NOTHING:
                raise QueryError("there is nothing before OR", at)
            self._at += 2
            nodes.append(self._all(depth))
            if nodes[-1] is _NOTHING:
                raise QueryError("there is nothing after OR", at)
        return _joined(Or, [node for node in nodes if node is not _NOTHING])

    def _all(self, depth: int) -> Node | None:
        nodes: list[Node | None] = []
        while (character := self._skip()) and character != ")" and not self._word_ahead("OR"):
            if self._word_ahead("AND"):
                self._at += 3
                continue
            nodes.append(self._one(depth))
        return _joined(And, nodes) if nodes else _NOTHING

    def _one(self, depth: int) -> Node | None:
        at = self._at
        if depth >= MAX_DEPTH:
            raise QueryError("that is nested too deeply", at)
        if self._word_ahead("NOT"):
            self._at += 3
            if self._skip() in ("", ")") or self._word_ahead("OR"):
                raise QueryError("there is nothing after NOT", at)
            return _negated(self._one(depth + 1))
        after = self._text[at + 1 : at + 2]
        if self._text[at] == "-" and after and after not in "-)" and not _is_blank(after):
            self._at += 1
            return _negated(self._one(depth + 1))
        if self._text[at] == "(":
            self._at += 1
            node = self._either(depth + 1)
            if self._skip() != ")":
                raise QueryError("this parenthesis is not closed", at)
            self._at += 1
            return node
        return self._term()

    def _term(self) -> Node | None:
        at = self._at
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise QueryError(f"a query has at most {MAX_TERMS} terms", at)
        found = _KEY.match(self._text, at)
        key = canonical(found[1]) if found else None
        if found and key:
            self._at = found.end()
            quoted = self._text[self._at : self._at + 1] == '"'
            value = self._value()
            if not value.strip():
                raise QueryError(f"{found[1]}{found[2]} needs a value", at)
            return self._about(key, found[2], value, quoted, found.end())
        quoted = self._text[at] == '"'
        return _words(self._value(), None, quoted=quoted)

    def _value(self) -> str:
        """A quoted text, or all up to a blank or the parenthesis that closes a group."""
        text, start = self._text, self._at
        if text[start : start + 1] == '"':
            end = text.find('"', start + 1)
            if end < 0:
                raise QueryError("this quotation mark is not closed", start)
            self._at = end + 1
            return text[start + 1 : end]
        open_here = 0
        while self._at < len(text) and not _is_blank(text[self._at]):
            if text[self._at] == "(":
                open_here += 1
            elif text[self._at] == ")":
                if not open_here:
                    break
                open_here -= 1
            self._at += 1
        return text[start : self._at]

    def _about(self, key: str, operator: str, value: str, quoted: bool, at: int) -> Node | None:
        if key in NUMBERS:
            return _between(key, operator, value, at)
        if key == "date":
            return self._dates(operator, value, at)
        if key == "size":
            return _dimensions(operator, value, at)
        if operator not in (":", "="):
            raise QueryError(f"{key} cannot be compared with {operator}", at - len(operator))
        if key in CONTAINED or key in WHOLE:
            return Label(key, value, whole=key in WHOLE or operator == "=")
        if key in _COLUMNS:
            node = _words(value, _COLUMNS[key], quoted=quoted)
            if node is None:
                raise QueryError(f"{key} needs a word", at)
            return node
        make: Callable[[str, int], Node] = getattr(self, f"_{key}")
        return make(value, at)

    def _seed(self, value: str, at: int) -> Node:
        if not re.fullmatch(r"-?[0-9]{1,40}", value):
            raise QueryError("seed is a whole number", at)
        return Seed(str(int(value)))

    def _ratio(self, value: str, at: int) -> Node:
        shape = SHAPES.get(value.lower())
        if shape is not None:
            return shape
        found = _RATIO.fullmatch(value)
        if found is None or not float(found[1]) or not float(found[2]):
            raise QueryError("ratio is portrait, landscape, square, or such as 2:3", at)
        ratio = float(found[1]) / float(found[2])
        return Ratio(ratio * 0.99, ratio * 1.01)

    def _is(self, value: str, at: int) -> Node:
        name = _one_of(value, IS, "is", at)
        return Kind(name) if name in KINDS else SHAPES.get(name) or Flag(f"is:{name}")

    def _has(self, value: str, at: int) -> Node:
        return Flag(f"has:{_one_of(value, HAS, 'has', at)}")

    def _kind(self, value: str, at: int) -> Node:
        return Kind(_one_of(value, KINDS, "kind", at))

    def _folder(self, value: str, at: int) -> Node:
        path = "/".join(part for part in value.replace("\\", "/").split("/") if part)
        if not path:
            raise QueryError("folder needs a name", at)
        return Folder(path)

    def _dates(self, operator: str, value: str, at: int) -> Node:
        low, dots, high = value.partition("..")
        if dots:
            _needs_equality("date", operator, at)
            if not low and not high:
                raise QueryError("a range needs a beginning or an end", at)
            return Dates(
                self._period(low, at)[0] if low else None,
                self._period(high, at + len(low) + 2)[1] if high else None,
            )
        start, end = self._period(value, at)
        return {
            ">": Dates(end, None),
            ">=": Dates(start, None),
            "<": Dates(None, start),
            "<=": Dates(None, end),
        }.get(operator, Dates(start, end))

    def _period(self, text: str, at: int) -> tuple[datetime, datetime]:
        """When a day, a month or a year begins, and when it is over."""
        if text.lower() in ("today", "yesterday"):
            day = self._today - timedelta(days=text.lower() == "yesterday")
            return _midnight(day.year, day.month, day.day), _midnight(day.year, day.month, day.day + 1)
        found = _DATE.fullmatch(text)
        if found is None:
            raise QueryError("a date is such as 2026, 2026-10, 2026-10-05 or today", at)
        year, month_number, day_number = int(found[1]), int(found[2] or 1), int(found[3] or 1)
        try:
            date(year, month_number, day_number)
            start = _midnight(year, month_number, day_number)
            if found[3]:
                return start, _midnight(year, month_number, day_number + 1)
            return start, _midnight(year, month_number + 1, 1) if found[2] else _midnight(year + 1, 1, 1)
        except (ValueError, OverflowError):
            raise QueryError("there is no such date", at) from None


_NOTHING = Not(Everything())
"""Stands for a place where a condition is missing, as opposed to one that says nothing."""


def canonical(key: str) -> str | None:
    """The key that `key` stands for, None when it is none."""
    key = key.lower()
    key = _ALIASES.get(key, key)
    return key if key in KEYS else None


def _is_blank(character: str) -> bool:
    return character.isspace() or ord(character) < 32 or ord(character) == 127


def _joined(kind: type[And] | type[Or], nodes: list[Node | None]) -> Node | None:
    found = [node for node in nodes if node is not None]
    return kind(tuple(found)) if len(found) > 1 else found[0] if found else None


def _negated(node: Node | None) -> Node | None:
    return None if node is None else Not(node)


def _words(value: str, column: Literal["name", "positive", "negative"] | None, *, quoted: bool) -> Node | None:
    prefix = not quoted and value.endswith("*")
    text = value.rstrip("*") if prefix else value
    if not has_words(text):
        return None
    return Words(text, column, prefix)


def _one_of(value: str, known: tuple[str, ...], key: str, at: int) -> str:
    name = _SYNONYMS.get(value.lower(), value.lower())
    if name not in known:
        raise QueryError(f"{key} is one of {', '.join(known)}", at)
    return name


def _needs_equality(key: str, operator: str, at: int) -> None:
    if operator not in (":", "="):
        raise QueryError(f"a range of {key} is written {key}:from..to", at - len(operator))


def _between(key: str, operator: str, value: str, at: int) -> Node:
    low, dots, high = value.partition("..")
    if dots:
        _needs_equality(key, operator, at)
        if not low and not high:
            raise QueryError("a range needs a beginning or an end", at)
        return Between(
            key,
            _number(key, low, at) if low else -math.inf,
            _number(key, high, at + len(low) + 2) if high else math.inf,
        )
    number = _number(key, value, at)
    return {
        ">": Between(key, low=number, open_low=True),
        ">=": Between(key, low=number),
        "<": Between(key, high=number, open_high=True),
        "<=": Between(key, high=number),
    }.get(operator, Between(key, number, number))


def _number(key: str, text: str, at: int) -> float:
    if key == "duration" and (clock := _CLOCK.fullmatch(text)):
        return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
    found = _NUMBER.match(text)
    factor = _UNITS.get(key, {}).get(text[found.end() :].lower()) if found else None
    if found is None or (factor is None and found.end() < len(text)) or not found[0].isascii():
        raise QueryError(f"{key} is a number", at)
    return float(found[0]) * (factor or 1.0)


def _dimensions(operator: str, value: str, at: int) -> Node:
    found = _SIZE.fullmatch(value)
    if found is None:
        raise QueryError("size is such as 1024x1536", at)
    if operator in (">", "<"):
        raise QueryError(f"size cannot be compared with {operator}, but with {operator}=", at - len(operator))
    compare: Literal["=", ">=", "<="] = ">=" if operator == ">=" else "<=" if operator == "<=" else "="
    return Dimensions(int(found[1]), int(found[2]), compare)


def _midnight(year: int, month: int, day: int) -> datetime:
    """The beginning of a day; a month or a day too many is the next one's first. Raises beyond the year 9999."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return datetime(year, month, 1) + timedelta(days=day - 1)
