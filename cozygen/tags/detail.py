"""What a tag list knows about one tag: its other names, its place, and tags that share parts of its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cozygen.tags.index import TagIndex

RELATED = 24
"""How many related tags are shown."""

_EACH = 60
_SEPARATORS = re.compile(r"[_\-\s]+")


@dataclass(frozen=True)
class TagDetail:
    """A tag. `rank` is its place in the list by posts, from 1; `related` are numbers of tags."""

    number: int
    aliases: list[str]
    rank: int
    related: list[int]


def describe(index: TagIndex, name: str) -> TagDetail | None:
    """The tag of a name, in any case, or of another name for it; None where there is none."""
    number = index.find(name)
    if number is None:
        return None
    return TagDetail(number, index.aliases_of(number), number + 1, list(_related(index, number)))


def _related(index: TagIndex, number: int) -> Iterator[int]:
    """Tags that share whole parts of the name: the rarer a part is among names, the more it says."""
    own = _parts(index.tag(number)[0])
    scores: dict[int, float] = {}
    for part in own:
        found, total = index.search(part, category="", order="count", min_count=0, limit=_EACH, offset=0)
        for other in found:
            if other != number and part in _parts(index.tag(other)[0]):
                scores[other] = scores.get(other, 0.0) + 1 / total
    yield from sorted(scores, key=lambda other: (-scores[other], other))[:RELATED]


def _parts(name: str) -> set[str]:
    """The parts of a name that say something: not `a` or `of`, nor the signs around a word."""
    words = (part.strip("()!?.,:;'\"") for part in _SEPARATORS.split(name.lower()))
    return {word for word in words if len(word) > 2 or (word and not word.isascii())}
