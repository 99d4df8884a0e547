from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Client, MakeStudio

MARKDOWN = """## anatomy_body (40)
- `long_hair` — 900
- `short_hair` — 800
- `hair_bun` — 700
## color
- `blue_eyes` — 600
- `red-eyes` — 500
## subject_count (3)
- `1girl` — 1000
"""


@pytest.fixture
async def tagged(studio: MakeStudio, tmp_path: Path) -> Client:
    file = tmp_path / "danbooru_tags.md"
    file.write_text(MARKDOWN, "utf-8")
    return await studio(tags_file=file)


async def get(client: Client, url: str, status: int = 200) -> Any:
    response = await client.get(url)
    assert response.status == status, await response.text()
    return await response.json()


async def search(client: Client, query: str) -> Any:
    return await get(client, f"/cozygen/api/tags/search?{query}")


async def test_categories(tagged: Client) -> None:
    assert await get(tagged, "/cozygen/api/tags/categories") == {
        "categories": [
            {"key": "body", "count": 40, "actual": 3},
            {"key": "meta", "count": 3, "actual": 1},
            {"key": "color", "count": 2, "actual": 2},
        ],
        "total": 6,
    }


async def test_search_and_what_it_says_of_itself(tagged: Client) -> None:
    assert await search(tagged, "q=HAIR%20Long&category=body") == {
        "items": [{"tag": "long_hair", "count": 900, "category": "body"}],
        "total": 1,
        "limit": 80,
        "offset": 0,
        "q": "hair long",
        "category": "body",
        "sort": "count",
    }
    everything = await search(tagged, "")
    assert [item["tag"] for item in everything["items"]] == [
        "1girl", "long_hair", "short_hair", "hair_bun", "blue_eyes", "red-eyes",
    ]  # fmt: skip
    by_name = await search(tagged, "sort=alpha&q=hair")
    assert [item["tag"] for item in by_name["items"]] == ["hair_bun", "long_hair", "short_hair"]
    assert by_name["sort"] == "alpha"
    page = await search(tagged, "limit=2&offset=1&min_count=600")
    assert [item["tag"] for item in page["items"]] == ["long_hair", "short_hair"]
    assert (page["total"], page["limit"], page["offset"]) == (5, 2, 1)


@pytest.mark.parametrize(
    ("query", "limit", "offset", "sort"),
    [
        ("limit=0", 1, 0, "count"),
        ("limit=-3", 1, 0, "count"),
        ("limit=201", 200, 0, "count"),
        ("limit=abc", 80, 0, "count"),
        ("limit=", 80, 0, "count"),
        ("limit=1.5", 80, 0, "count"),
        ("limit=" + "9" * 400, 80, 0, "count"),
        ("offset=-1", 80, 0, "count"),
        ("offset=x", 80, 0, "count"),
        ("min_count=x", 80, 0, "count"),
        ("sort=newest", 80, 0, "count"),
        ("sort=ALPHA", 80, 0, "alpha"),
    ],
)
async def test_numbers_fall_back(tagged: Client, query: str, limit: int, offset: int, sort: str) -> None:
    found = await search(tagged, query)
    assert (found["limit"], found["offset"], found["sort"]) == (limit, offset, sort)
    assert found["total"] == 6


async def test_an_overlong_query_is_refused(tagged: Client) -> None:
    assert (await get(tagged, "/cozygen/api/tags/search?q=" + "x" * 1001, 400))["field"] == "q"


async def test_validation(tagged: Client) -> None:
    body = {"tags": ["LONG_HAIR", "red_eyes", "Red_Eyes", "shrt_hair", 7, None, "", " zzzz "]}
    response = await tagged.post("/cozygen/api/tags/validate", json=body)
    assert response.status == 200
    assert await response.json() == {
        "invalid": ["red_eyes", "shrt_hair", "zzzz"],
        "suggestions": {"red_eyes": ["red-eyes"], "shrt_hair": ["short_hair"], "zzzz": []},
    }
    assert await (await tagged.post("/cozygen/api/tags/validate", json={})).json() == {"invalid": [], "suggestions": {}}


@pytest.mark.parametrize("tags", ["x", 5, {"a": 1}, None, True, ["x"] * 10_001])
async def test_tags_must_be_a_list(tagged: Client, tags: Any) -> None:
    response = await tagged.post("/cozygen/api/tags/validate", json={"tags": tags})
    assert response.status == 400 and (await response.json())["error"] == "tags must be a list"


async def test_the_starter_list_is_there_from_the_first_moment(client: Client) -> None:
    status = await get(client, "/cozygen/api/tags/status")
    assert status["list"]["kind"] == "starter" and status["list"]["total"] > 500
    assert status["update"] == {"running": False, "phase": None, "fetched": 0, "message": None}
    found = await search(client, "q=long%20hair")
    assert found["items"][0]["count"] == 0


async def test_without_a_list_every_answer_says_how_to_load_one(studio: MakeStudio, tmp_path: Path) -> None:
    client = await studio(tags_file=tmp_path / "gone.md")
    for url in ("categories", "search?q=x"):
        answer = await get(client, f"/cozygen/api/tags/{url}", 503)
        assert answer["error"] == "danbooru tag reference unavailable" and "cozygen tags import" in answer["message"]
    response = await client.post("/cozygen/api/tags/validate", json={"tags": ["x"]})
    assert response.status == 503
    assert (await get(client, "/cozygen/api/tags/status"))["list"] is None


async def test_an_update_that_fails_says_why_and_stopping_does_no_harm(
    studio: MakeStudio, unused_tcp_port: int
) -> None:
    client = await studio(tags_url=f"http://127.0.0.1:{unused_tcp_port}")
    response = await client.post("/cozygen/api/tags/update", json={})
    assert response.status == 202 and (await response.json())["update"]["running"]
    assert (await client.post("/cozygen/api/tags/update", json={})).status == 409
    stopped = await (await client.post("/cozygen/api/tags/update/stop")).json()
    assert not stopped["update"]["running"] and "goes on" in stopped["update"]["message"]
    refused = await client.post("/cozygen/api/tags/update", json={"min_posts": "many"})
    assert refused.status == 400 and (await refused.json())["field"] == "min_posts"


async def test_detail(studio: MakeStudio, tmp_path: Path) -> None:
    file = tmp_path / "tags.csv"
    file.write_text(
        'long_hair,0,900,"longhair,/lh,long_locks"\n'
        "very_long_hair,0,300,\nshort_hair,0,800,\nlong_sleeves,0,700,\nhairband,0,600,\n"
        "fate/stay_night,3,100,\na_of,0,1,\n",
        "utf-8",
    )
    client = await studio(tags_file=file)
    assert await get(client, "/cozygen/api/tags/detail?tag=Long_Hair") == {
        "tag": "long_hair",
        "count": 900,
        "category": "general",
        "rank": 1,
        "aliases": ["longhair", "/lh", "long_locks"],
        "related": [
            {"tag": "very_long_hair", "count": 300, "category": "general"},
            {"tag": "long_sleeves", "count": 700, "category": "general"},
            {"tag": "short_hair", "count": 800, "category": "general"},
        ],
    }
    assert (await get(client, "/cozygen/api/tags/detail?tag=long_locks"))["tag"] == "long_hair"
    named = await get(client, "/cozygen/api/tags/detail?tag=fate/stay_night")
    assert (named["category"], named["rank"], named["aliases"]) == ("copyright", 6, [])
    assert (await get(client, "/cozygen/api/tags/detail?tag=a_of"))["related"] == []
    for query, status in (("tag=nothing_like_it", 404), ("tag=", 400), ("", 400)):
        assert (await get(client, f"/cozygen/api/tags/detail?{query}", status))["field"] == "tag"


async def test_detail_without_a_list(studio: MakeStudio, tmp_path: Path) -> None:
    client = await studio(tags_file=tmp_path / "gone.md")
    assert (await get(client, "/cozygen/api/tags/detail?tag=x", 503))["error"] == "danbooru tag reference unavailable"
