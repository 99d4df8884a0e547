"""Browse over HTTP: how files are spread over time, and deleting many of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Client
from tests.api.test_gallery_api import listing, names, png, post, put

TIMELINE = "/cozygen/api/gallery/timeline"
TRASH = "/cozygen/api/gallery/trash"
RESTORE = "/cozygen/api/trash/restore"


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def at(year: int, month: int, day: int, hour: int = 12) -> float:
    return datetime(year, month, day, hour).timestamp()


async def timeline(client: Client, **query: Any) -> dict[str, Any]:
    response = await client.get(TIMELINE, params={key: str(value) for key, value in query.items()})
    assert response.status == 200, await response.text()
    body: dict[str, Any] = await response.json()
    return body


async def days(client: Client, **query: Any) -> list[tuple[str, int]]:
    return [(period["date"], period["count"]) for period in (await timeline(client, **query))["periods"]]


async def test_days_the_latest_first(client: Client, out: Path) -> None:
    put(out, "a.png", at(2026, 10, 5, 0))
    put(out, "b/c.png", at(2026, 10, 5, 23))
    put(out, "b/d.mp4", at(2026, 10, 4, 23))
    put(out, "e.png", at(2025, 1, 1, 0))
    assert await days(client, recursive=1) == [("2026-10-05", 2), ("2026-10-04", 1), ("2025-01-01", 1)]
    assert await days(client, recursive=1, kind="video") == [("2026-10-04", 1)]
    assert await days(client, subfolder="b") == [("2026-10-05", 1), ("2026-10-04", 1)]
    assert await days(client) == [("2026-10-05", 1), ("2025-01-01", 1)]
    assert await days(client, recursive=1, q="date:2026-10-04") == [("2026-10-04", 1)]


async def test_it_counts_what_the_listing_shows(client: Client, out: Path) -> None:
    for number in range(7):
        put(out, f"fox {number}.png" if number % 2 else f"owl {number}.png", at(2026, 10, 1 + number // 3))
    for query in ({}, {"q": "fox"}, {"q": "nothing of that"}):
        found = await timeline(client, recursive=1, **query)
        listed = await listing(client, recursive=1, sort="newest", **query)
        assert found["total"] == listed["total_items"] == sum(period["count"] for period in found["periods"])
        assert found["unit"] == "day"


async def test_hidden_files_count_on_request_only(client: Client, out: Path) -> None:
    put(out, ".hidden.png", at(2026, 10, 5))
    put(out, "shown.png", at(2026, 10, 5))
    assert await days(client, recursive=1) == [("2026-10-05", 1)]
    assert await days(client, recursive=1, show_hidden=1) == [("2026-10-05", 2)]


async def test_shapes_of_files_that_were_read(client: Client, out: Path) -> None:
    put(out, "square.png", at(2026, 10, 5), png())
    put(out, "no picture.png", at(2026, 10, 4))
    assert (await listing(client, recursive=1, q="name:square"))["items"][0]["width"] == 4
    found = await timeline(client, recursive=1, q="name:square OR name:picture")
    assert [period["ratio"] for period in found["periods"]] == [1.0, None]
    assert found["ratio"] == 1.0


async def test_nothing(client: Client, out: Path) -> None:
    assert await timeline(client, recursive=1) == {
        "unit": "day",
        "periods": [],
        "total": 0,
        "ratio": None,
        "indexing": False,
    }


async def test_it_follows_what_happens(client: Client, out: Path) -> None:
    put(out, "a.png", at(2026, 10, 5))
    assert await days(client, recursive=1) == [("2026-10-05", 1)]
    put(out, "b.png", at(2026, 10, 6))
    assert await days(client, recursive=1) == [("2026-10-06", 1), ("2026-10-05", 1)]
    (out / "a.png").unlink()
    assert await days(client, recursive=1) == [("2026-10-06", 1)]


async def test_times_out_of_this_world(client: Client, out: Path) -> None:
    put(out, "early.png", -(2.0**31))
    put(out, "late.png", 2.0**33)
    found = await timeline(client, recursive=1)
    assert [period["count"] for period in found["periods"]] == [1, 1]


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ({"kind": "text"}, 400, "invalid kind"),
        ({"q": "steps:many"}, 400, "invalid query"),
        ({"root": "nowhere"}, 400, "invalid root"),
        ({"subfolder": "../.."}, 403, "forbidden"),
        ({"subfolder": "missing"}, 404, "not found"),
    ],
)
async def test_refusals(client: Client, out: Path, query: dict[str, str], status: int, error: str) -> None:
    response = await client.get(TIMELINE, params=query)
    assert (response.status, (await response.json())["error"]) == (status, error)


# Deleting many files


async def test_delete_many_and_bring_them_back(client: Client, out: Path) -> None:
    for name in ("a.png", "b/c.png", "b/d.png"):
        put(out, name)
    items = [{"filename": "a.png"}, {"filename": "c.png", "subfolder": "b"}, {"filename": "gone.png"}]
    status, body = await post(client, TRASH, {"items": items})
    assert (status, body["count"]) == (200, 2)
    assert body["missing"] == [{"filename": "gone.png", "subfolder": ""}]
    assert sorted((file["subfolder"], file["filename"]) for file in body["trashed"]) == [("", "a.png"), ("b", "c.png")]
    assert await names(client, recursive=1) == ["d.png"]
    assert not (out / "a.png").exists()
    status, body = await post(client, RESTORE, {"ids": [file["trash_id"] for file in body["trashed"]]})
    assert (status, len(body["restored"])) == (200, 2)
    assert sorted(await names(client, recursive=1)) == ["a.png", "c.png", "d.png"]


async def test_delete_all_that_is_found(client: Client, out: Path) -> None:
    for name in ("fox 1.png", "a/fox 2.png", "a/owl.png"):
        put(out, name)
    status, body = await post(client, TRASH, {"select": {"q": "fox"}})
    assert (status, body["count"], "missing" in body) == (200, 2, False)
    assert await names(client, recursive=1) == ["owl.png"]


async def test_delete_from_another_library(client: Client, out: Path, data_dir: Path) -> None:
    put(data_dir / "input", "sketch.png")
    status, body = await post(client, TRASH, {"root": "input", "items": [{"filename": "sketch.png"}]})
    assert (status, body["trashed"][0]["root"]) == (200, "input")
    assert not (data_dir / "input" / "sketch.png").exists()
    status, _ = await post(client, RESTORE, {"root": "input", "ids": [body["trashed"][0]["trash_id"]]})
    assert status == 200
    assert (data_dir / "input" / "sketch.png").exists()


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 400, "missing items"),
        ({"items": []}, 400, "missing items"),
        ({"items": [{"filename": "gone.png"}]}, 404, "not found"),
        ({"items": [{"filename": "../x.png"}]}, 400, "invalid filename"),
        ({"items": [{"filename": "x.png", "subfolder": "../.."}]}, 403, "forbidden"),
        ({"select": {"q": "steps:many"}}, 400, "invalid query"),
        ({"select": {"subfolder": "missing"}}, 404, "not found"),
        ({"root": "nowhere", "items": [{"filename": "x.png"}]}, 400, "invalid root"),
    ],
)
async def test_refused_deletes(client: Client, out: Path, body: dict[str, Any], status: int, error: str) -> None:
    answer = await post(client, TRASH, body)
    assert (answer[0], answer[1]["error"]) == (status, error)
