from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.storage import jsons

PADDING = " " * (jsons.SMALL + 1)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values, st.sampled_from(["", PADDING]), st.booleans())
def test_a_text_of_any_size_is_read_as_python_does(value: Any, padding: str, ascii_only: bool) -> None:
    text = jsons.dumps(value, ascii_only=ascii_only)
    assert text == json.dumps(value, ensure_ascii=ascii_only)
    assert jsons.loads((text + padding).encode()) == value


@pytest.mark.parametrize("padding", ["", PADDING])
@pytest.mark.parametrize("text", ["", "{", "[1,]", "NaN", "[-Infinity]", "1e999", "-1e999", "1 2", "'a'", '"\n"'])
def test_what_is_no_json(text: str, padding: str) -> None:
    with pytest.raises(ValueError):
        jsons.loads((text + padding).encode())


@pytest.mark.parametrize("data", [b"\xff", b'"\xff"' + PADDING.encode()])
def test_what_is_no_text(data: bytes) -> None:
    with pytest.raises(ValueError):
        jsons.loads(data)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert jsons.loads(b"\xef\xbb\xbf[1]") == [1]


@pytest.mark.parametrize("size", [0, jsons.SMALL])
def test_large_texts_may_be_as_deep_as_small_ones(size: int) -> None:
    depth = 600
    found = jsons.loads(b"[" * depth + b'"' + b"x" * size + b'"' + b"]" * depth)
    for _ in range(depth):
        found = found[0]
    assert found == "x" * size


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": {1, 2}}])
def test_what_cannot_be_written(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        jsons.dumps(value)
