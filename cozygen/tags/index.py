"""A tag list made searchable: a few flat arrays, so that 150,000 tags cost little memory and load at once.

Tags stand in the order of popularity (most posts first, then by name without case); their place there is their number.
All names lie in one text in that order, lower-cased and separated by line feeds. Where each pair of neighbouring bytes
stands in it is known, so that a search looks only at the places of the rarest pair of what is looked for.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, TypeVar

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from cozygen.tags.model import Tag, TagList

T = TypeVar("T")

Order = Literal["count", "alpha"]
Numbers = np.ndarray[Any, np.dtype[Any]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Sets = np.ndarray[Any, np.dtype[np.uint64]]

SUGGESTIONS = 8
_SEPARATORS = re.compile(r"[_\-\s]+")
_MAX_TERM = 200
_LINE_FEED = 10
_CHUNK = 4096
_SPAN = 2**18
_START = np.zeros(1, dtype=np.int32)


@dataclass(frozen=True)
class Category:
    """A category as shown: `count` is what the file declares, else `actual`."""

    key: str
    count: int
    actual: int


class TagIndex:
    """Search and suggestions. Immutable; every method may run in any thread."""

    def __init__(
        self,
        names: str,
        counts: Sequence[int],
        categories: Sequence[int],
        keys: Sequence[str],
        declared: dict[str, int],
        aliases: str,
    ) -> None:
        """`names` and `aliases` (``alias\\tnumber of its tag``) are lines; the rest as `build` makes it."""
        self.names = names.split("\n") if names else []
        self.keys = list(keys)
        self.counts = np.asarray(counts, dtype=np.int64)
        self.categories = np.asarray(categories, dtype=np.int16)
        self.declared = declared
        self.aliases = aliases
        # Most names are in lower case already: one text serves for both.
        self._lower = [name if (lower := name.lower()) == name else lower for name in self.names]
        text = "".join(f"\n{name}" for name in self._lower) + "\n"
        self._bytes = np.frombuffer(_utf8(text), dtype=np.uint8)
        self._starts = np.flatnonzero(self._bytes == _LINE_FEED).astype(np.int32)[:-1] + 1
        self._numbers = {name: number for number, name in enumerate(self._lower)}

    @classmethod
    def build(cls, found: TagList) -> TagIndex:
        """Order and lay out a list of unique tags."""
        tags = _in_order(found.tags, key=lambda tag: (-tag.count, tag.name.lower(), tag.name))
        keys = sorted({tag.category for tag in tags})
        places = {key: place for place, key in enumerate(keys)}
        return cls(
            "\n".join(tag.name for tag in tags),
            [tag.count for tag in tags],
            [places[tag.category] for tag in tags],
            keys,
            {key: size for key, size in found.declared.items() if key in places},
            "\n".join(_alias_lines(tags)),
        )

    def prepare(self) -> None:
        """Do beforehand what the first search and the first suggestion would be slow for."""
        self._pair_places, self._by_length, self._alias_numbers  # noqa: B018 -- they are made when they are read

    def __len__(self) -> int:
        return len(self.names)

    def tag(self, number: int) -> tuple[str, int, str]:
        """Name, posts and category of the tag at a place."""
        return self.names[number], int(self.counts[number]), self.keys[int(self.categories[number])]

    def find(self, name: str) -> int | None:
        """The number of a tag by its name, or by another name for it, in any case; None where there is none."""
        key = name.strip().lower()
        number = self._numbers.get(key)
        return self._alias_numbers.get(key) if number is None else number

    def aliases_of(self, number: int) -> list[str]:
        """The other names of the tag at a place, in the order of the list."""
        return re.findall(rf"^(.*)\t{number}$", self.aliases, re.MULTILINE)

    def overview(self) -> list[Category]:
        """The categories, largest first, then by name."""
        sizes = np.bincount(self.categories, minlength=len(self.keys))
        shown = [
            Category(key, self.declared.get(key, int(size)), int(size))
            for key, size in zip(self.keys, sizes, strict=True)
        ]
        return sorted(shown, key=lambda category: (-category.count, category.key))

    def search(
        self, query: str, *, category: str, order: Order, min_count: int, limit: int, offset: int
    ) -> tuple[list[int], int]:
        """Numbers of the tags on one page, and how many match in all.

        A tag matches when its name has all parts of `query` in it (parts are what ``_``, ``-`` and spaces separate).
        """
        numbers = self._having(_parts(query.lower()))
        if category:
            if category not in self.keys:
                return [], 0
            numbers = numbers[self.categories[numbers] == self.keys.index(category)]
        if min_count > 0:
            numbers = numbers[self.counts[numbers] >= min_count]
        if order == "alpha":
            numbers = self._by_name[self._mask(numbers)[self._by_name]]
        page: list[int] = numbers[offset : offset + limit].tolist()
        return page, len(numbers)

    @cached_property
    def _by_name(self) -> Numbers:
        """The numbers in the order of the names without case."""
        return np.array(_in_order(range(len(self)), key=self._lower.__getitem__), dtype=np.int32)

    def _having(self, parts: Sequence[str]) -> Numbers:
        """The numbers of the tags whose names have all parts in them, ascending."""
        if not parts:
            return np.arange(len(self))
        numbers, *others = (self._containing(_utf8(part)) for part in sorted(parts, key=len, reverse=True))
        for found in others:
            numbers = numbers[self._mask(found)[numbers]]
        return numbers

    def _mask(self, numbers: Numbers) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """For each tag whether it is among `numbers`."""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[numbers] = True
        return mask

    def _containing(self, needle: bytes) -> Numbers:
        """The numbers of the tags whose names have `needle` in them, ascending."""
        if len(needle) == 1 and needle.isascii():
            return np.flatnonzero(self._letter_sets[needle[0] >> 6] & (np.uint64(1) << np.uint64(needle[0] & 63)))
        if len(needle) < 2 or b"\n" in needle:
            return np.empty(0, dtype=np.int64)
        places, begins = self._pair_places
        pairs = [first << 8 | second for first, second in pairwise(needle)]
        rarest = min(range(len(pairs)), key=lambda place: begins[pairs[place] + 1] - begins[pairs[place]])
        found = places[begins[pairs[rarest]] : begins[pairs[rarest] + 1]] - rarest
        for place, byte in enumerate(needle):
            if place not in (rarest, rarest + 1):
                # What lies beyond the text is read as the line feed at its end, which is in no needle.
                found = found[self._bytes.take(found + place, mode="clip") == byte]
        numbers = np.searchsorted(self._starts, found, side="right") - 1
        return numbers[np.flatnonzero(np.diff(numbers, prepend=-1))]

    @cached_property
    def _pair_places(self) -> tuple[Numbers, Numbers]:
        """Where the pairs of neighbouring bytes stand in the text: all places by pair, and where each pair's begin."""
        pairs = self._bytes[:-1].astype(np.uint16) << 8 | self._bytes[1:]
        parts = [pairs[start : start + _SPAN] for start in range(0, max(1, pairs.size), _SPAN)]
        sizes = [np.bincount(part, minlength=2**16) for part in parts]
        begins = np.zeros(2**16 + 1, dtype=np.int64)
        np.cumsum(np.sum(sizes, axis=0), out=begins[1:])
        places = np.empty(pairs.size, dtype=np.int32)
        free = begins[:-1].copy()
        # Sorting all at once would take five times the memory for a moment, and not all of it is given back.
        for number, (part, size) in enumerate(zip(parts, sizes, strict=True)):
            shift = free - (np.cumsum(size) - size)
            places[np.arange(part.size) + np.repeat(shift, size)] = np.argsort(part, kind="stable") + number * _SPAN
            free += size
        return places, begins

    # Validation

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._numbers

    def suggest(self, term: str, limit: int = SUGGESTIONS) -> list[str]:
        """Tags that may have been meant by an unknown one, best first.

        Other separators come first, then the tag that this is another name of, then tags that have all its parts in
        them by popularity, then tags that are spelled alike.
        """
        key = term.strip().lower()
        if not key or len(key) > _MAX_TERM:
            return []
        found: dict[int, None] = {}
        for source in (self._variants, self._meant_by, self._having_parts, self._spelled_alike):
            for number in source(key):
                found.setdefault(number)
                if len(found) >= limit:
                    return [self.names[number] for number in found]
        return [self.names[number] for number in found]

    def _variants(self, key: str) -> Iterator[int]:
        parts = _parts(key)
        others = [
            key.replace("_", "-"),
            key.replace("-", "_"),
            key.replace(" ", "_"),
            key.replace(" ", "-"),
            key.replace("_", " "),
            key.replace("-", " "),
            *(separator.join(parts) for separator in ("_", "-", " ", "")),
        ]
        for other in others:
            if other != key and other in self._numbers:
                yield self._numbers[other]

    def _meant_by(self, key: str) -> Iterator[int]:
        for name in dict.fromkeys([key, "_".join(_parts(key))]):
            number = self._alias_numbers.get(name)
            if number is not None:
                yield number

    @cached_property
    def _alias_numbers(self) -> dict[str, int]:
        lines = (line.split("\t") for line in self.aliases.split("\n") if line)
        return {alias: int(number) for alias, number in lines}

    def _having_parts(self, key: str) -> Iterator[int]:
        """Tags with all parts in their name, by popularity."""
        for number in self._having(_parts(key)):
            yield int(number)

    def _spelled_alike(self, key: str) -> Iterator[int]:
        """Tags at most two slips away (one for short names), the nearest first, then by popularity."""
        key = "_".join(_parts(key)) or key
        slips = 1 if len(key) <= 4 else 2
        candidates = np.sort(self._perhaps_alike(key, slips))
        places: list[int] = candidates.tolist()
        names = [self._lower[number] for number in places]
        found = process.extract(key, names, scorer=OSA.distance, score_cutoff=slips, limit=SUGGESTIONS)
        for _, _, place in sorted(found, key=lambda match: (match[1], match[2])):
            yield places[place]

    def _perhaps_alike(self, key: str, slips: int) -> Numbers:
        """The tags that are not too different to be `slips` away: by their length and their sets of letters and pairs.

        A slip changes the length by one and the set by one, or not the length and the set by two. Of the bytes, it
        touches those of one or two characters, which have up to four each, and thereby up to ten pairs.
        """
        numbers, begins, (low, high), pairs = self._by_length
        text = np.frombuffer(_utf8(key), dtype=np.uint8)
        (want_low, want_high), want_pairs = _letters(text, _START), _pairs(text, _START)
        found = []
        for length in range(max(0, len(key) - slips), min(len(begins) - 1, len(key) + slips + 1)):
            first, most = begins[length], 2 * slips - abs(length - len(key))
            differing = _bit_count(high[first : begins[length + 1]] ^ want_high)
            near = np.flatnonzero(differing <= most)
            kept = near + first
            kept = kept[differing[near] + _bit_count(low[kept] ^ want_low) <= most]
            found.append(kept[_bit_count(pairs[kept] ^ want_pairs) <= (7 if key.isascii() else 10) * slips])
        return numbers[np.concatenate(found)] if found else numbers[:0]

    @cached_property
    def _by_length(self) -> tuple[Numbers, list[int], tuple[Sets, Sets], Sets]:
        """The numbers by length of the name in characters, where each length begins, and the sets of letters and pairs
        in this order."""
        lengths = np.fromiter(map(len, self._lower), dtype=np.int32, count=len(self))
        numbers = np.argsort(lengths, kind="stable").astype(np.int32)
        begins = [0, *np.cumsum(np.bincount(lengths)).tolist()]
        low, high = self._letter_sets
        return numbers, begins, (low[numbers], high[numbers]), _pairs(self._bytes, self._starts)[numbers]

    @cached_property
    def _letter_sets(self) -> tuple[Sets, Sets]:
        return _letters(self._bytes, self._starts)


def _in_order(items: Sequence[T], key: Callable[[T], Any]) -> list[T]:
    """As `sorted`, but piece by piece: no other thread, the event loop's neither, runs while a list is sorted."""
    pieces = [sorted(items[first : first + _CHUNK], key=key) for first in range(0, len(items), _CHUNK)]
    return list(heapq.merge(*pieces, key=key))


def _parts(text: str) -> list[str]:
    """The parts of a query; text that is all separators is one part."""
    return [part for part in _SEPARATORS.split(text) if part] or ([text] if text.strip() else [])


def _alias_lines(tags: Sequence[Tag]) -> Iterator[str]:
    names = {tag.name.lower() for tag in tags}
    seen: set[str] = set()
    for number, tag in enumerate(tags):
        for alias in map(str.lower, tag.aliases):
            if alias not in names and alias not in seen and "\t" not in alias:
                seen.add(alias)
                yield f"{alias}\t{number}"


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _letters(text: Bytes, starts: Numbers) -> tuple[Sets, Sets]:
    """For each name in `text` (it begins at its place in `starts`) the set of its ASCII characters: 2 x 64 bits."""

    def half(which: int, part: Bytes) -> Sets:
        bits = np.left_shift(np.uint64(1), (part & 63).astype(np.uint64))
        bits[(part >> 6 != which) | (part == _LINE_FEED)] = 0
        return bits

    return _sets(lambda part: half(0, part), text, starts), _sets(lambda part: half(1, part), text, starts)


def _pairs(text: Bytes, starts: Numbers) -> Sets:
    """The same for hashes of the pairs of neighbouring bytes, in 64 bits."""

    def pairs(part: Bytes) -> Sets:
        following = np.append(part[1:], np.uint8(_LINE_FEED))
        hashed = (part.astype(np.uint16) * 37 + following) & 63
        bits = np.left_shift(np.uint64(1), hashed.astype(np.uint64))
        bits[(part == _LINE_FEED) | (following == _LINE_FEED)] = 0
        return bits

    return _sets(pairs, text, starts)


def _sets(bits_of: Callable[[Bytes], Sets], text: Bytes, starts: Numbers) -> Sets:
    """The union of the bits of each name's bytes; a few thousand names at a time, to use little memory."""
    sets = np.zeros(starts.size, np.uint64)
    for first in range(0, starts.size, _CHUNK):
        places = starts[first : first + _CHUNK]
        end = starts[first + _CHUNK] if first + _CHUNK < starts.size else text.size
        part = text[places[0] : end]
        sets[first : first + _CHUNK] = np.bitwise_or.reduceat(bits_of(part), places - places[0])
    return sets


def _bit_count(values: Sets) -> Numbers:
    if hasattr(np, "bitwise_count"):  # NumPy 2
        counts: Numbers = np.bitwise_count(values)
        return counts
    bits: Numbers = np.unpackbits(values.view(np.uint8).reshape(-1, 8), axis=1).sum(axis=1, dtype=np.int32)
    return bits


def validate(index: TagIndex, tags: Iterable[object]) -> tuple[list[str], dict[str, list[str]]]:
    """Which of `tags` are unknown (as typed, each once), and suggestions for each."""
    suggestions: dict[str, list[str]] = {}
    seen: set[str] = set()
    for raw in tags:
        tag = raw.strip() if isinstance(raw, str) else ""
        if not tag or tag.lower() in seen:
            continue
        seen.add(tag.lower())
        if tag not in index:
            suggestions[tag] = index.suggest(tag)
    return list(suggestions), suggestions
