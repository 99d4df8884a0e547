"""From a prompt's words to what the picture should be: pure text processing."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cozygen.engines.embedded.painter.lexicon import EFFECTS, IDEOGRAPHS, LONGEST, MOODS

MAX_PROMPT = 20_000
"""Characters that are read; the rest of a longer prompt only takes part in the hash of unknown words."""

_MAX_WEIGHT = 3.0
_SHIFTS = 8
_EMPHASIS = 1.1  # what a pair of round brackets is worth, as everywhere in prompts
_EXTRA = re.compile(r"<[^<>]{0,200}>")  # <lora:name:1>: names of models, not of things
_TOKEN = re.compile(r"\\[()\[\]]|[()\[\],;|\n.!?]|:\s*[+-]?\d*\.?\d+\s*(?=\))|[^\s()\[\],;|\\:.!?]+|[\\:]")
_COMMON = (
    "a an the of in on at to and or with for by from over under into near is are it its this that as very some "
    "masterpiece best quality high detailed highly ultra hd 4k 8k absurdres art painting picture image style "
    "beautiful scene view background foreground wallpaper"
)
_STOP_WORDS = frozenset(_COMMON.split())
_NEGATIONS = frozenset({"no", "without", "not"})


@dataclass(frozen=True)
class Wish:
    """What the words ask for. Weights are positive, 1 = plainly named.

    `shift`: eight numbers in -1..1 from the unknown words, which vary palette and composition.
    """

    subjects: Mapping[str, float] = field(default_factory=dict)
    colours: Mapping[str, float] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    seasons: Mapping[str, float] = field(default_factory=dict)
    weather: Mapping[str, float] = field(default_factory=dict)
    moods: Mapping[str, float] = field(default_factory=dict)
    styles: Mapping[str, float] = field(default_factory=dict)
    unwanted: Mapping[str, float] = field(default_factory=dict)
    shift: tuple[float, ...] = (0.0,) * _SHIFTS

    def feel(self, name: str) -> float:
        """The sum of one property (such as ``chroma``) over the moods asked for."""
        return sum(MOODS[mood].get(name, 0.0) * min(weight, 1.6) for mood, weight in self.moods.items())

    def wants(self, subject: str) -> float:
        """How much a subject is asked for; 0 when it is not, or unwanted."""
        return self.subjects.get(subject, 0.0)

    def rejects(self, effect: str) -> bool:
        """Whether the negative prompt names an effect, such as ``subject:tree``."""
        return effect in self.unwanted


def read_wish(prompt: str, negative: str = "") -> Wish:
    """Parse both prompts. Any text is fine: brackets need not match, words need not be known."""
    wanted: dict[str, float] = {}
    unwanted: dict[str, float] = {}
    unknown: dict[str, float] = {}
    for word, weight, negated in _words(prompt):
        effects = _effects(word)
        for effect in effects:
            target = unwanted if negated or weight < 0 else wanted
            target[effect] = target.get(effect, 0.0) + abs(weight)
        if not effects and word not in _STOP_WORDS:
            unknown[word] = unknown.get(word, 0.0) + abs(weight)
    for word, weight, _ in _words(negative):
        for effect in _effects(word):
            unwanted[effect] = unwanted.get(effect, 0.0) + abs(weight)
    if len(prompt) > MAX_PROMPT:
        unknown[prompt[MAX_PROMPT:]] = 1.0
    groups: dict[str, dict[str, float]] = {}
    for effect, weight in wanted.items():
        kind, _, value = effect.partition(":")
        if effect in unwanted and unwanted[effect] >= weight:
            continue
        if weight > 0.05:
            groups.setdefault(kind, {})[value] = min(weight, _MAX_WEIGHT)
    return Wish(
        subjects=groups.get("subject", {}),
        colours=groups.get("colour", {}),
        times=groups.get("time", {}),
        seasons=groups.get("season", {}),
        weather=groups.get("weather", {}),
        moods=groups.get("mood", {}),
        styles=groups.get("style", {}),
        unwanted=unwanted,
        shift=_shift(unknown),
    )


def _words(text: str) -> Iterator[tuple[str, float, bool]]:
    """Known words, and unknown ones, with their weights and whether they are negated."""
    text = unicodedata.normalize("NFKC", text[:MAX_PROMPT]).casefold().replace("_", " ").replace("’", "'")
    for phrase, weights in _phrases(_EXTRA.sub(" ", text)):
        negated = False
        start = 0
        while start < len(phrase):
            if phrase[start] in _NEGATIONS:
                negated = True
                start += 1
                continue
            length, word = _longest(phrase, start)
            yield word, weights[start], negated
            start += length


def _longest(phrase: list[str], start: int) -> tuple[int, str]:
    for length in range(min(LONGEST, len(phrase) - start), 0, -1):
        parts = phrase[start : start + length]
        for last in (parts[-1], *_singular(parts[-1])):
            candidate = "-".join([*parts[:-1], last])
            if candidate in EFFECTS:
                return length, candidate
    return 1, phrase[start]


def _singular(word: str) -> list[str]:
    """What the word may be the plural (or another form) of."""
    forms = []
    for ending, stem in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""), ("'s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            forms.append(word[: -len(ending)] + stem)
    if word.endswith("es"):
        forms.insert(0, word[:-1])
    return forms


def _phrases(text: str) -> Iterator[tuple[list[str], list[float]]]:
    """Words between commas, each with its weight: ``(a b:1.4)``, ``((a))``, ``[a]``, nested at will."""
    tokens = _TOKEN.findall(text)
    scales = _bracket_scales(tokens)
    words: list[str] = []
    weights: list[float] = []
    stack = [1.0]
    for place, token in enumerate(tokens):
        if token in "([":
            stack.append(stack[-1] * scales.get(place, 1.0))
        elif token in ")]":
            if len(stack) > 1:
                stack.pop()
        elif token in (",", ";", "|", "\n", ".", "!", "?"):
            yield words, weights
            words, weights = [], []
        elif token[0] not in ":\\":
            for part in _split(token):
                words.append(part)
                weights.append(max(-_MAX_WEIGHT, min(stack[-1], _MAX_WEIGHT)))
    yield words, weights


def _bracket_scales(tokens: list[str]) -> dict[int, float]:
    """Each opening bracket's place -> its factor."""
    scales: dict[int, float] = {}
    opened: list[tuple[int, str]] = []
    for place, token in enumerate(tokens):
        if token in "([":
            opened.append((place, token))
            scales[place] = _EMPHASIS if token == "(" else 1 / _EMPHASIS
        elif token in ")]" and opened:
            start, kind = opened.pop()
            before = tokens[place - 1]
            if kind == "(" and before[0] == ":" and len(before) > 1:
                scales[start] = float(before[1:])
    return scales


def _split(token: str) -> list[str]:
    """A token as words: known words of scripts without spaces are cut out; known hyphenated words stay whole."""
    if token in EFFECTS or any(form in EFFECTS for form in _singular(token)):
        return [token]
    found = [word for word in IDEOGRAPHS if word in token]
    if found:
        rest = token
        for word in sorted(found, key=len, reverse=True):
            if word in rest:
                rest = rest.replace(word, " ")
            else:
                found.remove(word)
        return [*found, *rest.split()]
    return [part for part in token.strip("-'\"").split("-") if part] or [token]


def _effects(word: str) -> tuple[str, ...]:
    return EFFECTS.get(word, ())


def _shift(unknown: Mapping[str, float]) -> tuple[float, ...]:
    total = [0.0] * _SHIFTS
    for word, weight in unknown.items():
        digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
        for i in range(_SHIFTS):
            total[i] += (int.from_bytes(digest[2 * i : 2 * i + 2], "little") / 32767.5 - 1.0) * min(weight, 2.0)
    # Many words average out; each should still be felt.
    return tuple(max(-1.0, min(1.3 * value / (1.0 + abs(value)), 1.0)) for value in total)
