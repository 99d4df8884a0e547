"""Perceptual hashes that differ in a few bits only: the nearest ones, and which belong together. Pure computing.

Hashes are 64 bits (`cozygen.media.looks`). To compare each with each would take a minute for 100,000 of them. But when
two differ in `distance` bits at most, and the bits are dealt into `distance` + m hands, then at least m hands are
equal. So for each choice of m hands a table is sorted by the bits in those hands, and only what is side by side in one
of the tables is compared. Nothing is missed. Memory is a few numbers a hash; where very many hashes stand side by side,
each of those that do not belong together yet is compared with the others, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Groups = NDArray[np.int64]

BITS = 64
MAX_DISTANCE = 10
"""Bits in which hashes that are grouped may differ at most. Of 100,000 random ones, 50 pairs differ in so few."""

_KEY_BITS = 16  # NumPy sorts numbers of so many bits in time that is proportional to how many they are
_SORT, _COMPARE = 4, 1  # what they cost, for each hash and each pair
_CROWD = 64  # side by side, from which on they are not all compared with each other; or
_CROWDED = 6  # times as many as there would be of random hashes
_BLOCK = 1 << 18  # pairs that are compared at once


def bits_of(values: Hashes) -> NDArray[np.uint8]:
    """How many bits of each value are set."""
    if hasattr(np, "bitwise_count"):  # NumPy 2
        counted: NDArray[np.uint8] = np.bitwise_count(values)
        return counted
    return _count_bits(values)


def _count_bits(values: Hashes) -> NDArray[np.uint8]:
    """The same by sums within ever longer parts of each value."""
    rest = values - ((values >> np.uint64(1)) & np.uint64(0x5555555555555555))
    rest = (rest & np.uint64(0x3333333333333333)) + ((rest >> np.uint64(2)) & np.uint64(0x3333333333333333))
    rest = (rest + (rest >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    counted: NDArray[np.uint8] = ((rest * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.uint8)
    return counted


def distances(hashes: Hashes, hash: int) -> NDArray[np.uint8]:
    """In how many bits each hash differs from `hash`."""
    return bits_of(hashes ^ np.uint64(hash))


def nearest(hashes: Hashes, hash: int, count: int, most: int = BITS) -> list[tuple[int, int]]:
    """Place and distance of the `count` hashes that differ least, by `most` at most; equal ones in their order."""
    far = distances(hashes, hash)
    places = np.flatnonzero(far <= most)
    order = np.argsort(far[places], kind="stable")[:count]
    return [(int(places[at]), int(far[places[at]])) for at in order]


def group(hashes: Hashes, distance: int) -> Groups:
    """A number for each hash, the same for those that belong together.

    Hashes that differ in `distance` (0..`MAX_DISTANCE`) bits at most belong together, and so do those that a chain of
    such ones links. The number is the place of the first one of the group.
    """
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    # In the order in which they come, so that the smallest number of a group is that of its first hash.
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    distinct = hashes[first[order]]
    joined = Joined(len(distinct))
    if distance and len(distinct) > 1:
        for key, crowd in _tables(distinct, distance):
            _join_neighbours(distinct, key, crowd, distance, joined)
    numbers: Groups = first[order][joined.all()][rank[inverse.reshape(-1)]]
    return numbers


class Joined:
    """Which of `count` things belong together (union-find); the smallest one stands for all."""

    def __init__(self, count: int) -> None:
        self._above = np.arange(count, dtype=np.int64)

    def of(self, things: NDArray[Any]) -> Groups:
        """The ones that stand for these."""
        above = self._above
        found: Groups = above[things]
        while True:
            higher = above[found]
            if np.array_equal(higher, found):
                above[things] = found
                return found
            found = higher

    def all(self) -> Groups:
        """The ones that stand for all."""
        return self.of(np.arange(len(self._above)))

    def join(self, ones: NDArray[Any], others: NDArray[Any]) -> None:
        """Each of `ones` belongs together with the one of `others` at the same place."""
        while len(ones):
            left, right = self.of(ones), self.of(others)
            apart = left != right
            if not apart.any():
                return
            ones, others = ones[apart], others[apart]
            low, high = np.minimum(left[apart], right[apart]), np.maximum(left[apart], right[apart])
            # Of several that would stand above the same one, the smallest does; the next round sees to the others.
            np.minimum.at(self._above, high, low)


def _tables(hashes: Hashes, distance: int) -> Iterator[tuple[NDArray[np.uint16], int]]:
    """The keys of each table, and how many equal ones are a crowd."""
    equal = min(range(1, 4), key=lambda equal: _cost(len(hashes), distance, equal))
    hands = distance + equal
    dealt = [_hand(hashes, range(hand, BITS, hands)) for hand in range(hands)]
    crowd = max(_CROWD, _CROWDED * len(hashes) >> _width(distance, equal))
    for chosen in combinations(dealt, equal):
        key = np.zeros(len(hashes), np.uint16)
        for values, width in chosen:
            key = (key << np.uint16(width)) | values  # what does not fit is lost, which costs no more than time
        yield key, crowd


def _cost(count: int, distance: int, equal: int) -> float:
    """What it takes to look through all tables when `equal` hands have to be equal."""
    pairs: float = count**2 / 2 ** (_width(distance, equal) + 1)
    return math.comb(distance + equal, equal) * (_SORT * count + _COMPARE * pairs)


def _width(distance: int, equal: int) -> int:
    """Bits that all keys have at least."""
    return min(_KEY_BITS, equal * (BITS // (distance + equal)))


def _hand(hashes: Hashes, bits: range) -> tuple[NDArray[np.uint16], int]:
    """These bits of each hash as a number, as many as a key has at most, and how many they are."""
    values = np.zeros(len(hashes), np.uint16)
    for bit in bits[:_KEY_BITS]:
        one = ((hashes >> np.uint64(bit)) & np.uint64(1)).astype(np.uint16)
        values = (values << np.uint16(1)) | one
    return values, min(len(bits), _KEY_BITS)


def _join_neighbours(hashes: Hashes, key: NDArray[np.uint16], crowd: int, distance: int, joined: Joined) -> None:
    """Join those of equal keys that differ little enough."""
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1 if len(key) else 0).astype(bool))
    lengths = np.diff(starts, append=len(order))
    groups = joined.of(order)
    # What belongs together as a whole already need not be looked at.
    mixed = np.minimum.reduceat(groups, starts) != np.maximum.reduceat(groups, starts)
    for start, length in zip(starts[mixed & (lengths > crowd)], lengths[mixed & (lengths > crowd)], strict=True):
        _join_crowd(hashes, order[start : start + length], distance, joined)
    few = mixed & (lengths <= crowd)
    ends = np.repeat(starts[few] + lengths[few], lengths[few])
    inside = np.repeat(few, lengths)
    places = np.flatnonzero(inside)
    for shift in range(1, crowd):
        more = places + shift < ends
        places, ends = places[more], ends[more]
        if not len(places):
            return
        for start in range(0, len(places), _BLOCK):
            part = places[start : start + _BLOCK]
            ones, others = order[part], order[part + shift]
            close = bits_of(hashes[ones] ^ hashes[others]) <= distance
            joined.join(ones[close], others[close])


def _join_crowd(hashes: Hashes, members: NDArray[np.int64], distance: int, joined: Joined) -> None:
    """Join those of many that differ little enough.

    Those of the largest group need not be compared with each other, nor with what was compared with all.
    """
    values = hashes[members]
    done = np.zeros(len(members), bool)
    turn = 0
    while True:
        close = np.flatnonzero(bits_of(values ^ values[turn]) <= distance)
        joined.join(members[close], np.full(len(close), members[turn]))
        done[turn] = True
        groups = joined.of(members)
        numbers, counts = np.unique(groups, return_counts=True)
        rest = np.flatnonzero(~done & (groups != numbers[np.argmax(counts)]))
        if not len(rest):
            return
        turn = int(rest[0])
