from __future__ import annotations

import asyncio
import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.ipc import MAX_BODY, MAX_HEADER, WireError, pack_message, read_message, receive_message, write_message

HEADERS = st.dictionaries(st.text(max_size=20), st.none() | st.integers() | st.text(max_size=20), max_size=5)


def receive(data: bytes) -> tuple[dict[str, Any], bytes] | None:
    async def run() -> tuple[dict[str, Any], bytes] | None:
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        return await receive_message(stream)

    return asyncio.run(run())


@given(HEADERS, st.binary(max_size=100))
def test_what_is_sent_arrives(header: dict[str, Any], body: bytes) -> None:
    stream = io.BytesIO()
    write_message(stream, header, body)
    write_message(stream, {"next": 1})
    assert receive(stream.getvalue()) == (header, body)
    stream.seek(0)
    assert read_message(stream) == (header, body)
    assert read_message(stream) == ({"next": 1}, b"")
    assert read_message(stream) is None
    assert receive(b"") is None


def test_names_that_are_no_unicode_arrive() -> None:
    message = pack_message({"path": "a\udcff"})
    assert receive(message) == read_message(io.BytesIO(message)) == ({"path": "a\udcff"}, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        pack_message({"a": 1}, b"body")[:-1],
        pack_message({"a": 1})[:-1],
        struct.pack(">II", MAX_HEADER + 1, 0),
        struct.pack(">II", 2, MAX_BODY + 1) + b"{}",
        struct.pack(">II", 2, 0) + b"[]",
        struct.pack(">II", 2, 0) + b"{x",
        struct.pack(">II", 2, 0) + b"\xff\xff",
        struct.pack(">II", 0, 0),
        struct.pack(">II", 100_000, 0) + b"[" * 100_000,
    ],
    ids=["sizes", "body", "header", "large header", "large body", "list", "no json", "no text", "empty", "deep"],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        receive(data)
    with pytest.raises(WireError):
        read_message(io.BytesIO(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_taken(data: bytes) -> None:
    for read in (receive, lambda data: read_message(io.BytesIO(data))):
        try:
            read(data)
        except WireError:
            continue


def test_what_is_too_large_is_not_sent() -> None:
    with pytest.raises(WireError):
        pack_message({"text": "x" * MAX_HEADER})
    with pytest.raises(WireError):
        write_message(io.BytesIO(), {}, bytes(MAX_BODY + 1))
