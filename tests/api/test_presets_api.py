from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Client, MakeStudio

TYPES = "/cozygen/api/workflow_types"
PRESETS = "/cozygen/api/workflow_presets"
MODES = ["image-to-image", "image-to-video", "text-to-image", "text-to-video"]


async def post(client: Client, url: str, body: Any, status: int = 200) -> Any:
    response = await client.post(url, json=body)
    assert response.status == status, await response.text()
    return await response.json()


async def get(client: Client, url: str) -> Any:
    response = await client.get(url)
    assert response.status == 200
    return await response.json()


async def test_types_are_set_and_taken_back(client: Client) -> None:
    assert await get(client, TYPES) == {"workflows": {}, "choices": MODES}
    saved = await post(client, TYPES, {"workflow": "a.json", "mode": "text-to-video"})
    assert saved == {"status": "ok", "workflows": {"a.json": "text-to-video"}}
    await post(client, TYPES, {"workflow": " b.json ", "mode": "Image-To-Image"})
    assert (await get(client, TYPES))["workflows"] == {"a.json": "text-to-video", "b.json": "image-to-image"}
    assert await post(client, TYPES, {"workflow": "a.json", "mode": ""}) == {
        "status": "ok",
        "workflows": {"b.json": "image-to-image"},
    }
    assert (await post(client, TYPES, {"workflow": "b.json"}))["workflows"] == {}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"mode": "text-to-image"}, "missing workflow"),
        ({"workflow": "  ", "mode": "text-to-image"}, "missing workflow"),
        ({"workflow": 5, "mode": "text-to-image"}, "missing workflow"),
        ({"workflow": "x" * 256, "mode": "text-to-image"}, "missing workflow"),
        ({"workflow": "a.json", "mode": "text-to-sound"}, "invalid workflow mode"),
        ({"workflow": "a.json", "mode": ["text-to-image"]}, "invalid workflow mode"),
        ([], "bad json"),
    ],
)
async def test_wrong_types(client: Client, body: Any, error: str) -> None:
    assert (await post(client, TYPES, body, 400))["error"] == error
    assert (await get(client, TYPES))["workflows"] == {}


async def test_a_preset_is_created_replaced_and_deleted(client: Client) -> None:
    first = await post(
        client, PRESETS, {"workflow": "a.json", "preset": {"name": " Night ", "values": {"x": [1, None]}}}
    )
    assert first["status"] == "ok" and first["user"] == "default" and first["presets"] == [first["preset"]]
    preset = first["preset"]
    assert preset["name"] == "Night" and preset["values"] == {"x": [1, None]} and preset["id"]
    assert isinstance(preset["created"], int) and preset["created"] == preset["updated"]

    by_name = await post(client, PRESETS, {"workflow": "a.json", "preset": {"name": "NIGHT", "values": {"y": 2}}})
    assert by_name["preset"]["id"] == preset["id"] and by_name["preset"]["values"] == {"y": 2}
    by_id = await post(client, PRESETS, {"workflow": "a.json", "preset": {"id": preset["id"], "name": "Day"}})
    assert [p["name"] for p in by_id["presets"]] == ["Day"] and by_id["preset"]["created"] == preset["created"]

    second = await post(client, PRESETS, {"workflow": "a.json", "preset": {"id": "mine", "name": "Dusk", "values": {}}})
    assert second["preset"]["id"] == "mine", "an id that is not known makes a new preset of this id"
    assert [p["name"] for p in second["presets"]] == ["Dusk", "Day"], "newest first"
    assert await get(client, PRESETS + "?workflow=a.json") == {
        "workflow": "a.json",
        "presets": second["presets"],
        "user": "default",
    }
    assert await get(client, PRESETS) == {"workflows": {"a.json": second["presets"]}, "user": "default"}
    assert await get(client, PRESETS + "?workflow=b.json") == {"workflow": "b.json", "presets": [], "user": "default"}

    left = await post(client, PRESETS, {"workflow": "a.json", "delete": "mine"})
    assert left == {"status": "ok", "presets": by_id["presets"], "user": "default"}
    assert (await post(client, PRESETS, {"workflow": "a.json", "delete": "nobody"}))["presets"] == left["presets"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"preset": {"name": "x"}}, "missing workflow"),
        ({"workflow": "", "delete": "x"}, "missing workflow"),
        ({"workflow": "a.json"}, "missing preset name"),
        ({"workflow": "a.json", "preset": {}}, "missing preset name"),
        ({"workflow": "a.json", "preset": {"name": "  "}}, "missing preset name"),
        ({"workflow": "a.json", "preset": "x"}, "invalid preset"),
        ({"workflow": "a.json", "preset": {"name": 5}}, "invalid preset"),
        ({"workflow": "a.json", "preset": {"name": "x", "values": []}}, "invalid preset"),
        ({"workflow": "a.json", "delete": ["x"]}, "invalid preset id"),
        ("text", "bad json"),
    ],
)
async def test_wrong_presets(client: Client, body: Any, error: str) -> None:
    assert (await post(client, PRESETS, body, 400))["error"] == error
    assert (await get(client, PRESETS))["workflows"] == {}


async def test_no_update_is_lost(client: Client) -> None:
    bodies = [{"workflow": "a.json", "preset": {"name": f"p{n}"}} for n in range(30)]
    types = [{"workflow": f"w{n}", "mode": MODES[n % 4]} for n in range(30)]
    await asyncio.gather(*(post(client, PRESETS, body) for body in bodies), *(post(client, TYPES, t) for t in types))
    assert len((await get(client, PRESETS))["workflows"]["a.json"]) == 30
    assert len((await get(client, TYPES))["workflows"]) == 30


async def test_presets_belong_to_the_signed_in_user(studio: MakeStudio, tmp_path: Path) -> None:
    client = await studio(auth_user="ann", auth_pass="secret")
    await post(client, "/cozygen/api/login", {"username": "ann", "password": "secret"})
    assert (await post(client, PRESETS, {"workflow": "a.json", "preset": {"name": "x"}}))["user"] == "ann"
    stored = json.loads((tmp_path / "data" / "documents" / "workflow_presets.json").read_text())
    assert list(stored["users"]) == ["ann"]
