"""Text and JSON from outside."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery.metadata import texts

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return (
        {key.replace("\0", ""): _without_nul(item) for key, item in value.items()} if isinstance(value, dict) else value
    )


@given(_json)
def test_json_is_read_as_it_is(value: Any) -> None:
    assert texts.json_value(json.dumps(value)) == _without_nul(value)


@given(st.text(st.characters(), max_size=30))
def test_no_surrogate_survives(text: str) -> None:
    texts.clean(text).encode()
    json.dumps(texts.json_value(json.dumps({text: [text]})), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "{",
        "{} x",
        "[1,]",
        "[" * 2000,
        "[" * 65 + "]" * 65,
        "9" * 5000,
        '"' + "a" * (16 * 1024 * 1024),
        "[" + "[]," * 500_000 + "0]",
    ],
)
def test_what_is_no_json_or_too_much(text: str) -> None:
    assert texts.json_value(text) is None


def test_numbers_that_json_has_not() -> None:
    assert texts.json_value("[NaN, Infinity, -Infinity, 1e999, -1e999, 1.5]") == [None, None, None, None, None, 1.5]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5), ("5", 5), (" -7 ", -7), (5.0, 5), ("5.0", 5), (2**64 - 1, 2**64 - 1), (True, None), (5.5, None), ("x", None), ("", None), (None, None), ([], None), (10**25, None), ("9" * 30, None)],
)  # fmt: skip
def test_integers(value: Any, expected: int | None) -> None:
    assert texts.integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5.0),
        ("0.5", 0.5),
        (True, None),
        ("nan", None),
        (math.inf, None),
        (10**400, None),
        ("1" * 100, None),
        ({}, None),
    ],
)
def test_numbers(value: Any, expected: float | None) -> None:
    assert texts.number(value) == expected


@given(st.text(st.characters(codec="ascii"), min_size=1), st.booleans(), st.booleans())
def test_utf16_in_the_order_that_it_has(text: str, big_endian: bool, declared: bool) -> None:
    data = text.encode("utf-16-be" if big_endian else "utf-16-le")
    if text.strip("\0") == text:
        assert texts.decode_utf16(data, big_endian=declared) == text


@given(st.binary())
def test_any_bytes_are_some_text(data: bytes) -> None:
    assert isinstance(texts.decode(data), str)
    assert isinstance(texts.decode_utf16(data, big_endian=True), str)
