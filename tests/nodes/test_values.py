from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.nodes import values
from cozygen.nodes.values import WrongValue


@pytest.mark.parametrize(
    ("value", "expected"),
    [("20", 20), (" 7 ", 7), ("7.0", 7), ("1e3", 1000), (3.0, 3), (-5, -5), (2**64 - 1, 2**64 - 1), ("18446744073709551615", 2**64 - 1), (2**64, 2**64)],
)  # fmt: skip
def test_whole_numbers(value: Any, expected: int) -> None:
    assert values.integer(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "3.5",
        3.5,
        None,
        True,
        [],
        {},
        "nan",
        math.inf,
        "1e400",
        10**30,
        "9" * 6000,
        pytest.param(10**6000, id="huge"),
    ],
)
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(WrongValue) as caught:
        values.integer(value)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("value", ["", "x", None, False, "inf", math.nan])
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(WrongValue, match="is not a number"):
        values.real(value)


@given(st.floats(-1e19, 1e19))
def test_numbers_survive_being_text(value: float) -> None:
    assert values.real(str(value)) == value


@given(st.integers(-(2**63), 2**64 - 1))
def test_whole_numbers_survive_being_text(value: int) -> None:
    assert values.integer(str(value)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [("True", True), ("on", True), (1, True), (True, True), ("no", False), ("", False), (0, False)],
)
def test_true_and_false(value: Any, expected: bool) -> None:
    assert values.boolean(value) is expected


def test_what_is_neither() -> None:
    with pytest.raises(WrongValue, match='"maybe" is neither'):
        values.boolean("maybe")


def test_choices() -> None:
    assert values.listed("a, b,,c ") == ["a", "b", "c"]
    assert values.listed(None) == []
    assert values.choice("b", ["a", "b"]) == "b"
    assert values.choice(5, [4, 5]) == 5
    assert values.choice("anything", []) == "anything"
    for wrong in ("c", ""):
        with pytest.raises(WrongValue, match=f'"{wrong}" is not one of the choices'):
            values.choice(wrong, ["a", "b"])


def test_bounds_count_only_when_they_leave_room() -> None:
    values.within(5, 0, 10)
    values.within(5, 0, 0)
    values.within(5, 3, 1)
    for value in (-0.1, 10.5):
        with pytest.raises(WrongValue, match="is not between 0 and 10"):
            values.within(value, 0, 10)
