from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.prompts.wildcards import MAX_LENGTH, WildcardError, Wildcards, has_wildcards

FILES = {
    "colour": ["red", "blue"],
    "animal": ["a {big|small} cat", "__colour__ dog"],
    "weighted": ["9::often", "0::never"],
    "none": ["0::never"],
    "self": ["__self__"],
    "explode": ["__big__ " * 100],
    "big": ["x" * 20_000],
}


def resolve(text: str, seed: int = 1) -> str:
    return Wildcards(lambda name: FILES.get(name, ()), random.Random(seed)).resolve(text)


def outcomes(text: str) -> Counter[str]:
    return Counter(resolve(text, seed) for seed in range(300))


def test_one_of_several() -> None:
    assert set(outcomes("a {red|green|blue} car")) == {"a red car", "a green car", "a blue car"}


def test_an_empty_option_is_one_too() -> None:
    assert set(outcomes("{|x}")) == {"", "x"}


def test_weights() -> None:
    counts = outcomes("{9::a|1::b|0::c}")
    assert counts["a"] > 4 * counts["b"] > 0 and set(counts) == {"a", "b"}


def test_several_different_ones() -> None:
    assert set(outcomes("{2$$a|b|c}")) == {"a, b", "b, a", "a, c", "c, a", "b, c", "c, b"}
    assert set(outcomes("{1-2$$ and $$a|b}")) == {"a", "b", "a and b", "b and a"}
    assert set(outcomes("{-1$$a}")) == {"", "a"}
    assert set(outcomes("{5$$a|b}")) == {"a, b", "b, a"}


def test_files_and_nesting() -> None:
    assert set(outcomes("__animal__")) == {"a big cat", "a small cat", "red dog", "blue dog"}
    assert set(outcomes("{__colour__|{x|y}}")) == {"red", "blue", "x", "y"}
    assert set(outcomes("__weighted__")) == {"often"}
    assert resolve("a __none__ b {0::x}{0::x|0::y}") == "a  b {0::x}"


@pytest.mark.parametrize(
    "text", ["plain", "{tag}", "{{tag}}", "__nothing__", "a | b", "{open|x", "x}", "a__b", "", "$x$"]
)
def test_what_is_no_wildcard_stays(text: str) -> None:
    assert resolve(text) == text


def test_escapes() -> None:
    assert resolve(r"\{a\|b\}") == "{a|b}"


def test_the_same_dice_give_the_same_text() -> None:
    text = "{a|b|c} __animal__ {2$$x|y|z}"
    assert resolve(text, 7) == resolve(text, 7)


def test_files_without_end_are_named() -> None:
    with pytest.raises(WildcardError, match="lead to each other"):
        resolve("__self__")


def test_too_long() -> None:
    with pytest.raises(WildcardError, match="too long"):
        resolve("__explode__")


@pytest.mark.parametrize(
    ("text", "answer"), [("{a|b}", True), ("__x__", True), ("{2$$a}", True), ("{tag}", False), ("a, b", False)]
)
def test_is_there_anything_to_resolve(text: str, answer: bool) -> None:
    assert has_wildcards(text) is answer


@given(st.lists(st.sampled_from([*"{}|$\\_:1-a ", "__colour__", "{a|b}", "$$", "2::"]), max_size=60).map("".join))
def test_any_text_is_resolved(text: str) -> None:
    result = resolve(text)
    assert len(result) <= MAX_LENGTH
    assert has_wildcards(text) or "\\" in text or result == text


def test_deep_nesting() -> None:
    assert resolve("{a|" * 5000 + "a" + "}" * 5000) == "a"
