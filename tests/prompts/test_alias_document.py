from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.prompts.alias_document import (
    Alias,
    BadNameError,
    Change,
    ChangedMeanwhileError,
    aliases_in,
    apply,
)

DOCUMENT = {
    "items": {"Cat": "a cat", "n::dog": "a dog", "odd": [1]},
    "categories": {"Cat": "Animals"},
    "categoryList": ["Animals", "Empty"],
    "more": 1,
}


def test_a_change_leaves_all_else_as_it_is() -> None:
    after = apply(DOCUMENT, [Change("fox", None, Alias("a fox", "Wild"))])
    assert after == {
        "items": {"Cat": "a cat", "n::dog": "a dog", "odd": [1], "fox": "a fox"},
        "categories": {"Cat": "Animals", "fox": "Wild"},
        "categoryList": ["Animals", "Empty", "Wild"],
        "more": 1,
    }
    assert DOCUMENT["items"] == {"Cat": "a cat", "n::dog": "a dog", "odd": [1]}


def test_names_mean_the_same_in_any_case_and_keep_the_one_they_have() -> None:
    after = apply(DOCUMENT, [Change("cat", Alias("a cat", "Animals"), Alias("two cats", ""))])
    assert after["items"]["Cat"] == "two cats" and "cat" not in after["items"]
    assert after["categories"] == {} and after["categoryList"] == ["Empty"]


def test_renaming_and_deleting() -> None:
    was = Alias("a cat", "Animals")
    after = apply(DOCUMENT, [Change("CAT", was, None), Change("kitten", None, was)])
    assert aliases_in(after) == {"n::dog": Alias("a dog"), "kitten": was}
    assert after["categoryList"] == ["Animals", "Empty"]


def test_the_former_format_becomes_the_present_one() -> None:
    after = apply({"a": "b"}, [Change("c", None, Alias("d"))])
    assert after == {"items": {"a": "b", "c": "d"}, "categories": {}, "categoryList": []}


def test_nothing_is_changed_when_one_is_not_what_it_was() -> None:
    changes = [
        Change("fox", None, Alias("a fox")),
        Change("Cat", Alias("an old cat", "Animals"), Alias("x")),
        Change("gone", Alias("x"), None),
        Change("n::dog", None, Alias("y")),
    ]
    with pytest.raises(ChangedMeanwhileError) as caught:
        apply(DOCUMENT, changes)
    assert caught.value.current == {"Cat": Alias("a cat", "Animals"), "gone": None, "n::dog": Alias("a dog")}


@pytest.mark.parametrize("name", ["", "two words", "ä", "$a$", "a" * 201, "a\n"])
def test_a_new_name_must_be_one_that_a_prompt_can_have(name: str) -> None:
    with pytest.raises(BadNameError) as caught:
        apply({}, [Change(name, None, Alias("x"))])
    assert caught.value.name == name


def test_an_old_name_may_stay_whatever_it_is() -> None:
    after = apply({"two words": "x"}, [Change("two words", Alias("x"), Alias("y"))])
    assert after["items"] == {"two words": "y"}


@pytest.mark.parametrize(
    "document", [None, 5, [], "x", {"items": []}, {"items": {}, "categories": 5, "categoryList": 7}]
)
def test_whatever_was_stored_can_be_added_to(document: Any) -> None:
    assert aliases_in(apply(document, [Change("a", None, Alias("b", "C"))])) == {"a": Alias("b", "C")}


NAMES = st.sampled_from(["a", "A", "b", "x::a", "c-d"])
VALUES = st.builds(Alias, st.text(max_size=5), st.sampled_from(["", "C", "D"]))


@given(st.dictionaries(NAMES, VALUES), st.dictionaries(NAMES.map(str.lower), st.none() | VALUES))
def test_the_opposite_changes_bring_everything_back(before: dict[str, Alias], wanted: dict[str, Alias | None]) -> None:
    document: Any = {
        "items": {name: alias.text for name, alias in before.items()},
        "categories": {name: alias.category for name, alias in before.items() if alias.category},
    }
    known = aliases_in(document)
    changes = [Change(name, known.get(name), now) for name, now in wanted.items()]
    after = apply(document, changes)
    assert aliases_in(after) == {name: now for name, now in (known | wanted).items() if now is not None}
    assert {alias.category for alias in aliases_in(after).values() if alias.category} <= set(after["categoryList"])
    back = apply(after, [Change(change.name, change.now, change.was) for change in changes])
    assert aliases_in(back) == known
