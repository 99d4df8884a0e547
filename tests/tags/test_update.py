from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cozygen.tags import update as module
from cozygen.tags.service import TagService, TagsUnavailable
from cozygen.tags.update import Options, Progress, UpdateError, UpdateRunningError, update

TAGS = [
    {"id": n, "name": f"tag_{n}", "category": 0, "post_count": 100 + n, "is_deprecated": n == 7} for n in range(1, 26)
]
ALIASES = [{"id": 3, "antecedent_name": "old_tag", "consequent_name": "tag_5"}, {"id": 4, "antecedent_name": 5}]


class Danbooru:
    """Answers pages as the real one does: ids above the given one, ten a page, newest first."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.answers: list[Any] = []  # taken one by one instead of a page
        self.agents: set[str] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        self.agents.add(request.headers["User-Agent"])
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, web.StreamResponse):
                return answer
            if isinstance(answer, asyncio.Event):
                await answer.wait()
        assert request.query["limit"] == "1000"
        after = int(request.query["page"].removeprefix("a"))
        entries: list[Any] = TAGS if request.path == "/tags.json" else ALIASES
        page = [entry for entry in entries if entry["id"] > after][:10]
        return web.json_response(page[::-1])


@pytest.fixture
async def danbooru(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Danbooru, Options]]:
    site = Danbooru()
    app = web.Application()
    app.router.add_get("/{path:.*}", site.handle)
    async with TestServer(app) as server:
        yield site, Options(str(server.make_url("")), min_posts=20, pause=0.0)


@pytest.fixture
def tags(tmp_path: Path) -> TagService:
    return TagService(tmp_path / "tags")


async def test_all_pages_make_the_list(danbooru: tuple[Danbooru, Options], tags: TagService) -> None:
    site, options = danbooru
    steps: list[Progress] = []
    loaded = await update(tags, options, steps.append)
    assert len(loaded.index) == 24, "the deprecated one is left out"
    assert loaded.index.suggest("old_tag") == ["tag_5"]
    assert tags.loaded().source.kind == "danbooru" and len(tags.loaded().index) == 24
    assert [(step.phase, step.fetched) for step in steps] == [
        ("tags", 0), ("tags", 10), ("tags", 20), ("tags", 25), ("tags", 25), ("aliases", 0), ("aliases", 2), ("aliases", 2),
    ]  # fmt: skip
    assert "search[post_count]=%3E%3D20" in site.requests[0] or "post_count" in site.requests[0]
    assert all(agent.startswith("CozyGen/") for agent in site.agents)
    assert not (tags.folder / "update.part.jsonl").exists()


async def test_it_goes_on_where_it_stopped(danbooru: tuple[Danbooru, Options], tags: TagService) -> None:
    site, options = danbooru
    held = asyncio.Event()
    site.answers = [None, None, held]
    task = asyncio.create_task(update(tags, options, lambda _: None))
    while len(site.requests) < 3:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    held.set()
    part = tags.folder / "update.part.jsonl"
    part.write_bytes(part.read_bytes() + b'{"phase": "tags", "entr')  # and the power went off
    site.requests.clear()
    assert len((await update(tags, options, lambda _: None)).index) == 24
    assert "page=a20" in site.requests[0]


async def test_what_came_for_other_tags_is_not_used(danbooru: tuple[Danbooru, Options], tags: TagService) -> None:
    site, options = danbooru
    tags.folder.mkdir()
    (tags.folder / "update.part.jsonl").write_text(json.dumps({"url": options.url, "min_posts": 5}) + "\n")
    await update(tags, options, lambda _: None)
    assert "page=a0" in site.requests[0]


async def test_it_waits_and_tries_again(danbooru: tuple[Danbooru, Options], tags: TagService) -> None:
    site, options = danbooru
    site.answers = [
        web.Response(status=503),
        web.Response(status=429, headers={"Retry-After": "0"}),
        web.Response(status=502),
    ]
    assert len((await update(tags, options, lambda _: None)).index) == 24


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda: web.Response(status=403), "403"),
        (lambda: web.Response(text="<html>"), "not JSON"),
        (lambda: web.json_response({"success": False}), "no list"),
        (lambda: web.Response(body=b" " * (module._MAX_ANSWER + 1)), "too large"),
    ],
)
async def test_a_refusal_leaves_the_list_alone(
    danbooru: tuple[Danbooru, Options], tags: TagService, answer: Any, says: str
) -> None:
    site, options = danbooru
    await update(tags, options, lambda _: None)
    before = (tags.folder / "list.npz").read_bytes()
    site.answers = [None, answer()]
    with pytest.raises(UpdateError, match=says):
        await update(tags, options, lambda _: None)
    assert (tags.folder / "list.npz").read_bytes() == before
    assert (tags.folder / "update.part.jsonl").exists(), "what came is kept"


async def test_nobody_there(tags: TagService, unused_tcp_port: int) -> None:
    with pytest.raises(UpdateError, match="does not give the tags"):
        await update(tags, Options(f"http://127.0.0.1:{unused_tcp_port}", pause=0.0), lambda _: None)


async def test_one_at_a_time(danbooru: tuple[Danbooru, Options], tags: TagService) -> None:
    site, options = danbooru
    held = asyncio.Event()
    site.answers = [held]
    first = asyncio.create_task(update(tags, options, lambda _: None))
    while not site.requests:
        await asyncio.sleep(0.01)
    with pytest.raises(UpdateRunningError):
        await update(tags, options, lambda _: None)
    held.set()
    await first


async def test_requests_are_kept_apart() -> None:
    pacer = module._Pacer(0.05)
    loop = asyncio.get_running_loop()
    await pacer.turn()
    first = loop.time()
    await pacer.turn()
    assert loop.time() - first >= 0.04


def test_the_list_in_force(tmp_path: Path) -> None:
    tags = TagService(tmp_path / "tags")
    assert tags.loaded().source.kind == "starter" and len(tags.loaded().index) > 500
    file = tmp_path / "mine.csv"
    file.write_text("one,0,5\ntwo,0,4\n")
    tags.import_file(file)
    assert tags.loaded().source.kind == "imported" and tags.loaded().index.names == ["one", "two"]
    assert TagService(tmp_path / "tags").loaded().index.names == ["one", "two"], "after a restart too"


def test_a_file_of_the_settings_is_watched(tmp_path: Path) -> None:
    file = tmp_path / "mine.md"
    tags = TagService(tmp_path / "tags", file)
    with pytest.raises(TagsUnavailable, match=r"mine\.md is not there"):
        tags.loaded()
    file.write_text("- `one` — 1")
    assert tags.loaded().index.names == ["one"]
    again = TagService(tmp_path / "tags", file).loaded()
    assert again.index.names == ["one"] and again.source.kind == "file", "taken from the compiled copy"
    file.write_text("- `one` — 1\n- `two` — 2")
    assert tags.loaded().index.names == ["two", "one"]
    file.write_text("nothing")
    with pytest.raises(TagsUnavailable, match="no tags found"):
        tags.loaded()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"junk" * 100])
def test_a_damaged_list_is_named(tmp_path: Path, damage: bytes) -> None:
    tags = TagService(tmp_path)
    (tmp_path / "list.npz").write_bytes(damage)
    with pytest.raises(TagsUnavailable, match="damaged"):
        tags.loaded()
