from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery import hamming
from cozygen.gallery.hamming import MAX_DISTANCE, Hashes, bits_of, distances, group, nearest

WORDS = st.integers(0, 2**64 - 1)


@st.composite
def crowded(draw: st.DrawFn) -> list[int]:
    """Hashes of which many differ in a few bits, or in none, and some in the bits of one part only."""
    centres = draw(st.lists(WORDS, min_size=1, max_size=4))
    part = draw(st.sampled_from([0xFFFF, 0xFFFF << 48, 0x1111111111111111, 2**64 - 1]))
    flips = st.lists(st.integers(0, 63), max_size=4)
    picked = draw(st.lists(st.tuples(st.sampled_from(centres), flips, WORDS), max_size=60))
    found = []
    for centre, bits, noise in picked:
        for bit in bits:
            centre ^= 1 << bit
        found.append(centre if noise % 3 else centre ^ (noise & part))
    return found


def as_hashes(values: list[int]) -> Hashes:
    return np.array(values, np.uint64)


def by_comparing_all(values: list[int], distance: int) -> list[int]:
    """The same groups, made in the plainest way."""
    numbers = list(range(len(values)))
    for one in range(len(values)):
        for other in range(one):
            if (values[one] ^ values[other]).bit_count() <= distance and numbers[one] != numbers[other]:
                low, high = sorted((numbers[one], numbers[other]))
                numbers = [low if number == high else number for number in numbers]
    return numbers


@given(st.lists(WORDS))
def test_counting_bits(values: list[int]) -> None:
    wanted = [value.bit_count() for value in values]
    assert bits_of(as_hashes(values)).tolist() == wanted
    assert hamming._count_bits(as_hashes(values)).tolist() == wanted


@given(crowded(), st.integers(0, MAX_DISTANCE))
def test_groups_are_those_of_comparing_all(values: list[int], distance: int) -> None:
    assert group(as_hashes(values), distance).tolist() == by_comparing_all(values, distance)


@given(crowded(), st.integers(1, MAX_DISTANCE))
def test_groups_are_the_same_where_many_stand_side_by_side(values: list[int], distance: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "_CROWD", 2)
        patch.setattr(hamming, "_CROWDED", 0)
        patch.setattr(hamming, "_BLOCK", 3)
        assert group(as_hashes(values), distance).tolist() == by_comparing_all(values, distance)


@given(crowded(), st.integers(0, MAX_DISTANCE), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(values: list[int], distance: int, random: object) -> None:
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight = group(as_hashes(values), distance).tolist()
    mixed = group(as_hashes([values[place] for place in order]), distance).tolist()

    def sets(numbers: list[int], names: list[int]) -> set[frozenset[int]]:
        found: dict[int, set[int]] = {}
        for number, name in zip(numbers, names, strict=True):
            found.setdefault(number, set()).add(name)
        return {frozenset(names) for names in found.values()}

    assert sets(straight, list(range(len(values)))) == sets(mixed, order)


def test_many_hashes_with_known_groups() -> None:
    random = np.random.default_rng(3)
    centres = random.integers(0, 2**63, 2000, np.uint64) * np.uint64(2)
    members = np.repeat(centres[:200], 10)
    flipped = members ^ (np.uint64(1) << random.integers(0, 64, len(members), np.uint64))
    hashes = np.concatenate([centres, flipped])
    numbers = group(hashes, 2)
    assert numbers[:2000].tolist() == list(range(2000))
    assert numbers[2000:].tolist() == np.repeat(np.arange(200), 10).tolist()


def test_a_chain_is_one_group() -> None:
    chain = [(1 << length) - 1 for length in range(0, 60, 3)]
    assert set(group(as_hashes(chain), 3).tolist()) == {0}
    assert group(as_hashes(chain), 2).tolist() == list(range(len(chain)))


def test_a_crowd_of_one_neighbourhood_and_strangers() -> None:
    random = np.random.default_rng(5)
    crowd = np.uint64(0x0F0F0F0F0F0F0F0F) ^ (np.uint64(1) << random.integers(0, 64, 5000, np.uint64))
    strangers = random.integers(0, 2**63, 300, np.uint64)
    numbers = group(np.concatenate([crowd, strangers]), 4)
    assert set(numbers[:5000].tolist()) == {0}
    assert numbers[5000:].tolist() == list(range(5000, 5300))


@given(crowded(), WORDS, st.integers(0, 70), st.integers(0, 64))
def test_the_nearest_ones(values: list[int], wanted: int, count: int, most: int) -> None:
    far = [(value ^ wanted).bit_count() for value in values]
    assert distances(as_hashes(values), wanted).tolist() == far
    every = sorted((distance, place) for place, distance in enumerate(far) if distance <= most)
    assert nearest(as_hashes(values), wanted, count, most) == [(place, far) for far, place in every[:count]]


@pytest.mark.parametrize("distance", [0, 6])
def test_no_hashes_and_a_single_one(distance: int) -> None:
    assert group(as_hashes([]), distance).tolist() == []
    assert group(as_hashes([7]), distance).tolist() == [0]
