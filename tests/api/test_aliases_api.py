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


async def change(client: Client, *changes: Any, status: int = 200) -> Any:
    response = await client.post(URL + "/changes", json={"changes": list(changes)})
    assert response.status == status, await response.text()
    return await response.json()


async def test_single_changes_leave_the_rest_alone(client: Client) -> None:
    await client.post(URL, json=DOCUMENT)
    after = await change(
        client,
        {"name": "B", "was": {"text": "two", "category": "N"}, "now": {"text": "three", "category": "New"}},
        {"name": "fresh", "was": None, "now": {"text": "ß"}},
    )
    assert after == {
        "items": {"b": "three", "a::x": "ö, (one:1.2)", "fresh": "ß"},
        "categories": {"b": "New"},
        "categoryList": ["M", "New"],
        "more": 1,
    }
    assert await (await client.get(URL)).json() == after


async def test_devices_that_change_different_aliases_lose_nothing(client: Client) -> None:
    await asyncio.gather(*(change(client, {"name": f"n{n}", "was": None, "now": {"text": "x"}}) for n in range(20)))
    assert set((await (await client.get(URL)).json())["items"]) == {f"n{n}" for n in range(20)}


async def test_what_another_device_changed_is_not_overwritten(client: Client) -> None:
    await client.post(URL, json=DOCUMENT)
    refused = await change(
        client,
        {"name": "fresh", "was": None, "now": {"text": "x"}},
        {"name": "b", "was": {"text": "an older two", "category": "N"}, "now": None},
        {"name": "gone", "was": {"text": "x"}, "now": {"text": "y"}},
        status=409,
    )
    assert refused["error"] == "changed"
    assert refused["current"] == {"b": {"text": "two", "category": "N"}, "gone": None}
    assert await (await client.get(URL)).json() == DOCUMENT


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"changes": {}},
        {"changes": [5]},
        {"changes": [{"name": "a"}]},
        {"changes": [{"name": "a", "was": None, "now": {"text": 5}}]},
        {"changes": [{"name": "", "was": None, "now": None}]},
        {"changes": [{"name": "two words", "was": None, "now": {"text": "x"}}]},
        {"changes": [{"name": "a", "was": None, "now": {"text": "x", "category": "c" * 201}}]},
    ],
)
async def test_changes_that_make_no_sense_are_refused(client: Client, body: Any) -> None:
    response = await client.post(URL + "/changes", json=body)
    assert response.status == 400 and (await response.json())["field"].startswith("changes")
    assert await (await client.get(URL)).json() == {}


async def test_other_devices_hear_of_changes(client: Client) -> None:
    async with client.ws_connect("/cozygen/api/events/ws") as socket:
        assert (await socket.receive_json())["event"] == "hello"
        await change(client, {"name": "a", "was": None, "now": {"text": "x"}})
        assert (await socket.receive_json())["event"] == "aliases"
        await client.post(URL, json={})
        assert (await socket.receive_json())["event"] == "aliases"
