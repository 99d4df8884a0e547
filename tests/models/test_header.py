"""Reading the headers of safetensors files, those of nobody's making among them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.models.header import MAX_HEADER, HeaderError, parse_metadata, read_metadata
from tests.models.making import header, safetensors

TEXTS = st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=8)


def test_metadata_is_read(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "a.safetensors", {"modelspec.title": "Fog"})
    assert read_metadata(path) == {"modelspec.title": "Fog"}


@given(TEXTS)
def test_metadata_is_found_wherever_it_stands(metadata: dict[str, str]) -> None:
    tensor = {"dtype": "F16", "shape": [], "data_offsets": [0, 2]}
    last = json.dumps({"a": tensor, "__metadata__": metadata}).encode()
    assert parse_metadata(header(metadata, a=tensor)) == parse_metadata(last) == metadata


def test_what_is_no_text_is_left_out() -> None:
    assert parse_metadata(header({"a": 1, "b": "two", "c": None})) == {"b": "two"}
    assert parse_metadata(b'{"a": {}}') == parse_metadata(b"[]") == parse_metadata(header(["x"])) == {}


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(data: bytes) -> None:
    try:
        found = parse_metadata(data)
    except HeaderError:
        return
    assert all(isinstance(value, str) for value in found.values())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        struct.pack("<Q", 2**64 - 1) + b"{}",
        struct.pack("<Q", MAX_HEADER + 1) + b"{}",
        struct.pack("<Q", 0),
        struct.pack("<Q", 1000) + b"{}",
        struct.pack("<Q", 4) + b"{\xff\xfe}",
        struct.pack("<Q", 5) + b"{NaN}",
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        struct.pack("<Q", 100_017) + b'{"__metadata__": ' + b"[" * 100_000,
    ],
    ids=["empty", "short", "largest", "too long", "nothing", "cut", "not UTF-8", "no JSON", "deep", "deep within"],
)
def test_hostile_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(HeaderError):
        read_metadata(path)
