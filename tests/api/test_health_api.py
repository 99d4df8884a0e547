from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from cozygen import __version__
from cozygen.engines.base import ConnectionEvent, EngineUnavailable, Health
from cozygen.settings import Settings
from tests.api.conftest import Client, MakeStudio, StillEngine


class AwayEngine(StillEngine):
    """An engine that comes and goes."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.away = True

    async def health(self) -> Health:
        if self.away:
            raise EngineUnavailable("No ComfyUI answers at http://10.0.0.5:8188.")
        return Health(ok=True, engine="comfyui", version="0.9.9", url="http://10.0.0.5:8188", note="It renders.")


@pytest.fixture
def away(tmp_path: Path) -> AwayEngine:
    return AwayEngine(Settings(_env_file=None, data_dir=tmp_path / "data"))


async def get(client: Client, path: str, status: int = 200) -> Any:
    response = await client.get(path)
    assert response.status == status, await response.text()
    return await response.json()


async def test_hello(client: Client) -> None:
    response = await client.get("/cozygen/hello")
    assert response.status == 200 and response.content_type == "application/json"
    assert await response.json() == {"status": "ok"}
    head = await client.head("/cozygen/hello")
    assert head.status == 200 and await head.read() == b""


async def test_hello_is_for_everybody(studio: MakeStudio) -> None:
    closed = await studio(auth_user="ada", auth_pass="lovelace")
    assert await get(closed, "/cozygen/hello") == {"status": "ok"}
    assert (await get(closed, "/cozygen/api/status", 401))["error"] == "unauthorized"


async def test_hello_says_it_with_any_query(client: Client) -> None:
    assert await get(client, "/cozygen/hello?x=%00&y=%zz&cache_bust=1") == {"status": "ok"}


async def test_the_status(client: Client) -> None:
    assert await get(client, "/cozygen/api/status") == {
        "version": __version__,
        "engine": {"ok": True, "engine": "embedded", "version": "1", "url": None, "note": "It renders nothing."},
        "auth_enabled": False,
    }


async def test_the_status_of_an_engine_that_is_away_and_comes_back(studio: MakeStudio, away: AwayEngine) -> None:
    client = await studio(engine=away)
    state = await get(client, "/cozygen/api/status")
    assert state["engine"]["ok"] is False and state["engine"]["note"] == "No ComfyUI answers at http://10.0.0.5:8188."
    away.away = False
    away.queue.put_nowait(ConnectionEvent(True, "It is there."))
    for _ in range(500):
        state = await get(client, "/cozygen/api/status")
        if state["engine"]["ok"]:
            break
        await asyncio.sleep(0.01)
    assert state["engine"] == {
        "ok": True,
        "engine": "comfyui",
        "version": "0.9.9",
        "url": "http://10.0.0.5:8188",
        "note": "It renders.",
    }


async def test_every_answer_has_an_id_and_a_fixed_type(client: Client) -> None:
    ids = []
    for path in ("/cozygen/hello", "/cozygen/nowhere", "/cozygen/api/gallery?page=x"):
        response = await client.get(path)
        ids.append(response.headers["X-Request-Id"])
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert len(set(ids)) == 3 and all(re.fullmatch(r"[0-9a-f]{12}", number) for number in ids)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/cozygen/nowhere", "/cozygen/api/nowhere", "/api/nowhere", "/cozygen/hello/"]
)
async def test_what_is_not_there(client: Client, path: str) -> None:
    assert await get(client, path, 404) == {"error": "not found"}


async def test_the_wrong_method(client: Client) -> None:
    response = await client.post("/cozygen/hello")
    assert response.status == 405 and await response.json() == {"error": "method not allowed"}
    assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD"}


async def test_a_failure_of_ours_is_logged_with_its_id(
    studio: MakeStudio, away: AwayEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await studio(engine=away)

    async def fail() -> list[str]:
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr(away, "embeddings", fail)
    with caplog.at_level(logging.INFO):
        response = await client.get("/embeddings?token=very-secret")
    body = await response.json()
    assert response.status == 500 and body["error"] == "internal"
    assert body["id"] == response.headers["X-Request-Id"] and "secret" not in str(body)
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.getMessage() == "unhandled error in GET /embeddings"
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("cozygen")]
    assert any("GET /embeddings 500 " in line and line.endswith(f"id={body['id']}") for line in ours)
    assert not any("very-secret" in line for line in ours)


async def test_the_log_has_one_line_for_each_request(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "cozygen.web.errors"):
        await client.get("/cozygen/api/status?password=very-secret")
        await client.get("/a%0Ab%1b[31m?x=1")
    lines = [record.getMessage() for record in caplog.records if record.name == "cozygen.web.errors"]
    assert [line.split(" ")[:3] for line in lines] == [
        ["GET", "/cozygen/api/status", "200"],
        ["GET", "/a%0Ab%1B%5B31m", "404"],
    ]
    assert "very-secret" not in "".join(lines)
