from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Client

URL = "/cozygen/api/aliases"
DOCUMENT = {
    "items": {"b": "two", "a::x": "ö, (one:1.2)"},
    "categories": {"b": "N"},
    "categoryList": ["N", "M"],
    "more": 1,
}


async def test_without_aliases_there_is_an_empty_document(client: Client) -> None:
    response = await client.get(URL)
    assert response.status == 200 and await response.json() == {}


@pytest.mark.parametrize("document", [DOCUMENT, {"a": "b"}, {}, {"items": [1, None, {"deep": [1.5, True]}]}])
async def test_what_was_posted_is_what_is_returned(client: Client, document: Any) -> None:
    response = await client.post(URL, json=document)
    assert response.status == 200 and await response.json() == {"status": "ok"}
    assert await (await client.get(URL)).json() == document


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"1", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}']
)
async def test_what_is_no_object_is_refused_and_nothing_is_lost(client: Client, body: bytes) -> None:
    await client.post(URL, json=DOCUMENT)
    response = await client.post(URL, data=body)
    assert response.status == 400 and "error" in await response.json()
    assert await (await client.get(URL)).json() == DOCUMENT


async def test_two_writers_leave_one_whole_document(client: Client) -> None:
    documents = [{"items": {f"n{n}": "x" * 2000}} for n in range(20)]
    await asyncio.gather(*(client.post(URL, json=document) for document in documents))
    assert await (await client.get(URL)).json() in documents


async def test_a_damaged_file_falls_back_to_the_last_good_one(client: Client, data_dir: Path) -> None:
    await client.post(URL, json=DOCUMENT)
    (data_dir / "documents" / "aliases.json").write_text('{"items": ')
    assert await (await client.get(URL)).json() == DOCUMENT


async def test_expanding(client: Client) -> None:
    await client.post(URL, json=DOCUMENT)
    response = await client.post(URL + "/expand", json={"text": "$b$, ($x$:1.5)"})
    assert await response.json() == {"text": "two, (ö:1.5), (one:1.5)"}
    refused = await client.post(URL + "/expand", json={"text": 5})
    assert refused.status == 400 and (await refused.json())["field"] == "text"
