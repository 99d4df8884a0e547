"""Wildcards: choices made anew for every render. The syntax is that of the dynamic-prompts family.

``{red|green|blue}`` picks one; ``{2::red|blue}`` picks red twice as often; ``{2$$a|b|c}`` picks two different ones,
``{1-3$$ and $$a|b|c}`` one to three, joined by `` and `` (else by ``, ``). ``__colour__`` picks a line of the file
``colour.txt``, ``__animal/*__`` a line of any file that matches. All of it nests. ``\\{``, ``\\}`` and ``\\|`` are the
plain characters; braces without a bar are left as they are, since other syntaxes use them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MAX_DEPTH = 20
"""How deep a line of a file may lead to other files."""

MAX_LENGTH = 1_000_000
"""Characters of a result; more raises `WildcardError`."""

_FILE = re.compile(r"__([A-Za-z0-9_./*-]+?)__")
_COUNT = re.compile(r"\s*(\d{1,4})?(-)?(\d{1,4})?\s*\$\$")
_WEIGHT = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)::")
_ESCAPED = re.compile(r"\\([{}|])")

Lookup = Callable[[str], Sequence[str]]
"""The lines of a wildcard's name or pattern; empty when there is no such wildcard."""


class WildcardError(ValueError):
    """A wildcard cannot be resolved; the message names it."""


def has_wildcards(text: str) -> bool:
    """Whether resolving `text` could change it."""
    return ("{" in text and "|" in text) or "$$" in text or _FILE.search(text) is not None


@dataclass
class Wildcards:
    """Resolves wildcards with the lines of `lookup` and the dice of `rng`."""

    lookup: Lookup
    rng: random.Random

    def resolve(self, text: str) -> str:
        """`text` with every choice made. An unknown ``__name__`` stays as typed.

        Raises `WildcardError` for files that lead to each other without end and for results that grow too long.
        """
        result = self._resolve(text, 0)
        return _ESCAPED.sub(r"\1", result)

    def _resolve(self, text: str, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise WildcardError(f"wildcards lead to each other more than {MAX_DEPTH} times")
        text = self._braces(text, depth)
        parts: list[str] = []
        position = size = 0
        for match in _FILE.finditer(text):
            parts += (text[position : match.start()], self._line(match, depth))
            size += len(parts[-1]) + len(parts[-2])
            if size > MAX_LENGTH:
                raise WildcardError("the prompt grows too long")
            position = match.end()
        return "".join((*parts, text[position:]))

    def _line(self, match: re.Match[str], depth: int) -> str:
        lines = self.lookup(match[1])
        if not lines:
            return match[0]
        chosen = self._draw([_weight(line) for line in lines], 1)
        return self._resolve(chosen[0], depth + 1) if chosen else ""

    def _braces(self, text: str, depth: int) -> str:
        """Resolve the braces, innermost first, in one pass over the text."""
        stack: list[list[str]] = [[""]]  # for every open brace its options so far
        characters = iter(text)
        for character in characters:
            if character == "\\":
                stack[-1][-1] += character + next(characters, "")
            elif character == "{":
                stack.append([""])
            elif character == "|" and len(stack) > 1:
                stack[-1].append("")
            elif character == "}" and len(stack) > 1:
                options = stack.pop()
                stack[-1][-1] += self._choose(options, depth)
                if len(stack[-1][-1]) > MAX_LENGTH:
                    raise WildcardError("the prompt grows too long")
            else:
                stack[-1][-1] += character
        while len(stack) > 1:  # a brace that nobody closed
            options = stack.pop()
            stack[-1][-1] += "{" + "|".join(options)
        return stack[0][0]

    def _choose(self, options: list[str], depth: int) -> str:
        count = _COUNT.match(options[0])
        if len(options) == 1 and count is None:
            return "{" + options[0] + "}"
        low = high = 1
        separator = ", "
        if count is not None:
            options = [options[0][count.end() :], *options[1:]]
            low, high = _bounds(count, len(options))
            first, found, rest = options[0].partition("$$")
            if found:
                separator, options = first, [rest, *options[1:]]
        weighted = [_weight(option) for option in options]
        chosen = self._draw(weighted, min(self.rng.randint(low, high), len(weighted)))
        return separator.join(chosen)

    def _draw(self, weighted: list[tuple[float, str]], count: int) -> list[str]:
        """`count` different ones, in the order drawn; those of weight 0 never."""
        left = [(weight, text) for weight, text in weighted if weight > 0]
        chosen = []
        for _ in range(min(count, len(left))):
            place = self.rng.choices(range(len(left)), [weight for weight, _ in left])[0]
            chosen.append(left.pop(place)[1])
        return chosen


def _bounds(match: re.Match[str], available: int) -> tuple[int, int]:
    low, dash, high = match.groups()
    lowest = int(low) if low else (0 if dash else 1)
    highest = (int(high) if high else available) if dash else lowest
    return min(lowest, highest), max(lowest, highest)


def _weight(text: str) -> tuple[float, str]:
    match = _WEIGHT.match(text)
    return (1.0, text) if match is None else (float(match[1]), text[match.end() :])
