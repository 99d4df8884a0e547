from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from cozygen.tags import index as module
from cozygen.tags import loaders
from cozygen.tags.index import TagIndex, validate
from cozygen.tags.model import Tag, TagList, unique

TAGS = [
    Tag("long_hair", 900, "body"),
    Tag("hair_ornament", 800, "clothing"),
    Tag("very_long_hair", 700, "body"),
    Tag("Hair-Band", 600, "clothing"),
    Tag("blue_eyes", 500, "color", ("azure_eyes",)),
    Tag("eyes_of_blue", 400, "color"),
    Tag("1girl", 300, "meta", ("sole_female", "1girls")),
    Tag("\u96ea", 200, "scene"),
    Tag("snow_\u96ea_day", 100, "scene"),
    Tag("long", 0, "body"),
]
INDEX = TagIndex.build(TagList(TAGS, {"body": 10, "nothing": 4}))


def search(query: str, index: TagIndex = INDEX, **options: object) -> list[str]:
    settings = {"category": "", "order": "count", "min_count": 0, "limit": 200, "offset": 0, **options}
    numbers, total = index.search(query, **settings)  # type: ignore[arg-type]
    if settings["offset"] == 0:
        assert total == len(numbers) or total > settings["limit"]  # type: ignore[operator]
    return [index.names[number] for number in numbers]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("long", ["long_hair", "very_long_hair", "long"]),
        ("hair long", ["long_hair", "very_long_hair"]),
        ("HAIR", ["long_hair", "hair_ornament", "very_long_hair", "Hair-Band"]),
        ("hair-", ["long_hair", "hair_ornament", "very_long_hair", "Hair-Band"]),
        ("g_h", ["long_hair", "very_long_hair"]),
        ("blue-eyes", ["blue_eyes", "eyes_of_blue"]),
        ("1", ["1girl"]),
        ("\u96ea", ["\u96ea", "snow_\u96ea_day"]),
        ("zzz", []),
        ("long\nhair", ["long_hair", "very_long_hair"]),
        ("_", [name for name in (t.name for t in TAGS) if "_" in name]),
        ("\0", []),
        ("x" * 1000, []),
    ],
)
def test_parts_in_any_order(query: str, names: list[str]) -> None:
    assert search(query) == names


def test_everything_without_a_query() -> None:
    assert search("") == [tag.name for tag in TAGS]
    assert search("", order="alpha")[:3] == ["1girl", "blue_eyes", "eyes_of_blue"]


def test_filters_and_pages() -> None:
    assert search("", category="color") == ["blue_eyes", "eyes_of_blue"]
    assert search("", category="nowhere") == []
    assert search("hair", min_count=700) == ["long_hair", "hair_ornament", "very_long_hair"]
    assert search("hair", limit=2, offset=1) == ["hair_ornament", "very_long_hair"]
    assert search("hair", offset=10) == []


def test_overview() -> None:
    shown = [(c.key, c.count, c.actual) for c in INDEX.overview()]
    assert shown == [("body", 10, 3), ("clothing", 2, 2), ("color", 2, 2), ("scene", 2, 2), ("meta", 1, 1)]


def test_an_empty_list() -> None:
    empty = TagIndex.build(TagList([]))
    empty.prepare()
    assert search("x", empty) == search("", empty) == [] and empty.overview() == [] and empty.suggest("x") == []


@pytest.mark.parametrize(
    ("term", "best"),
    [
        ("long hair", "long_hair"),
        ("LONG-HAIR", "long_hair"),
        ("longhair", "long_hair"),
        ("hair_band", "Hair-Band"),
        ("sole female", "1girl"),
        ("azure_eyes", "blue_eyes"),
        ("bule_eyes", "blue_eyes"),
        ("blue_eye", "blue_eyes"),
        ("hair_ornment", "hair_ornament"),
        ("1gril", "1girl"),
    ],
)
def test_what_may_have_been_meant(term: str, best: str) -> None:
    assert INDEX.suggest(term)[0] == best


def test_variants_come_before_popular_ones() -> None:
    tags = [Tag("very_blue_eyes", 9), Tag("blue-eyes", 1), Tag("x_blue_y_eyes", 5)]
    assert TagIndex.build(TagList(tags)).suggest("blue_eyes") == ["blue-eyes", "very_blue_eyes", "x_blue_y_eyes"]


def test_eight_suggestions_at_most() -> None:
    many = TagIndex.build(TagList([Tag(f"cat_{n:03}", 100 - n) for n in range(50)]))
    assert many.suggest("cat") == [f"cat_{n:03}" for n in range(8)]


def test_validation() -> None:
    typed = ["Long_Hair", "1GIRL", "bule_eyes", " Bule_Eyes ", "", "  ", 5, None, ["x"], "qqqqqqqq", "\u96ea"]
    invalid, suggestions = validate(INDEX, typed)
    assert invalid == ["bule_eyes", "qqqqqqqq"]
    assert suggestions == {"bule_eyes": ["blue_eyes"], "qqqqqqqq": []}


names = st.text("ab_-\u00e9\U0001f431 ()", min_size=1, max_size=8).map(str.strip).filter(bool)
lists = st.lists(st.builds(Tag, names, st.integers(0, 5), st.sampled_from(["x", "y"])), max_size=40).map(
    lambda tags: TagList(list(unique(tags)))
)


@given(lists, st.text("ab_- \u00e9(", max_size=6), st.sampled_from(["", "x"]), st.sampled_from(["count", "alpha"]))
def test_searching_agrees_with_the_definition(found: TagList, query: str, category: str, order: str) -> None:
    parts = [part for part in re.split(r"[_\-\s]+", query.lower()) if part]

    def matches(tag: Tag) -> bool:
        name = tag.name.lower()
        return query.lower().strip() in name if not parts else all(part in name for part in parts)

    expected = [tag for tag in found.tags if matches(tag) and category in ("", tag.category)]
    expected.sort(key=lambda tag: ((-tag.count,) if order == "count" else (), tag.name.lower()))
    index = TagIndex.build(found)
    assert search(query.strip(), index, category=category, order=order) == [tag.name for tag in expected]


@given(lists, st.text(max_size=12))
def test_suggestions_are_tags_and_different(found: TagList, term: str) -> None:
    suggested = TagIndex.build(found).suggest(term)
    assert len(set(suggested)) == len(suggested) <= 8
    assert set(suggested) <= {tag.name for tag in found.tags}


@given(lists, st.text("ab_-\u00e9\U0001f431", min_size=1, max_size=8), st.sampled_from([1, 2]))
def test_nothing_that_is_spelled_alike_is_passed_over(found: TagList, key: str, slips: int) -> None:
    index = TagIndex.build(found)
    alike = {number for number, name in enumerate(index.names) if OSA.distance(key.lower(), name.lower()) <= slips}
    assert alike <= set(index._perhaps_alike(key.lower(), slips).tolist())


@pytest.mark.parametrize("span", [1, 7, 64])
def test_the_places_of_pairs(span: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SPAN", span)
    index = TagIndex.build(TagList(TAGS))
    text = ("\n" + "\n".join(name.lower() for name in index.names) + "\n").encode()
    places, begins = index._pair_places
    for pair in {text[place : place + 2] for place in range(len(text) - 1)}:
        key = pair[0] << 8 | pair[1]
        found = places[begins[key] : begins[key + 1]].tolist()
        assert found == [place for place in range(len(text) - 1) if text[place : place + 2] == pair]
    assert begins[-1] == len(text) - 1


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_counting_bits(values: list[int]) -> None:
    array = np.array(values, dtype=np.uint64)
    assert module._bit_count(array).tolist() == [value.bit_count() for value in values]


@pytest.mark.skipif(
    "COZYGEN_SHARED_DATA" not in os.environ, reason="COZYGEN_SHARED_DATA names no folder with danbooru.csv"
)
def test_a_real_list() -> None:
    index = TagIndex.build(loaders.load(Path(os.environ["COZYGEN_SHARED_DATA"]) / "danbooru.csv"))
    assert len(index) > 140_000
    assert search("girl 1", index)[:1] == ["1girl"]
    assert search("long hair", index)[0] == "long_hair"
    assert index.suggest("loong_hair")[0] == "long_hair"
    assert index.suggest("sole_female")[0] == "1girl"
    assert validate(index, ["1girl", "SOLO", "sole_femalee"])[0] == ["sole_femalee"]
    numbers, total = index.search("", category="", order="count", min_count=0, limit=80, offset=total_offset(index))
    assert total == len(index) and len(numbers) == 10


def total_offset(index: TagIndex) -> int:
    return len(index) - 10
