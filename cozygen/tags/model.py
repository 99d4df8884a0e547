"""What a tag list consists of, before it is made searchable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag: its posts, its category as shown, and other names that stand for it."""

    name: str
    count: int = 0
    category: str = "general"
    aliases: tuple[str, ...] = ()


@dataclass
class TagList:
    """Tags as a file has them. `declared` are the sizes that the file itself states for its categories."""

    tags: list[Tag] = field(default_factory=list)
    declared: dict[str, int] = field(default_factory=dict)


class TagFileError(ValueError):
    """The file is no tag list; the message says why."""


def unique(tags: Iterable[Tag]) -> Iterator[Tag]:
    """Each tag once, whatever its case: the one with the most posts."""
    best: dict[str, Tag] = {}
    for tag in tags:
        key = tag.name.lower()
        known = best.get(key)
        if known is None or tag.count > known.count:
            best[key] = tag
    yield from best.values()
