from __future__ import annotations

from typing import Any

import pytest

from cozygen.web.services import SERVICES
from tests.api.conftest import Client

ALIASES = {
    "items": {
        "fox": "a fox",
        "pets::cat": "a cat, $fox$",
        "wild::cat": "a lynx",
        "den": "$pets:cat$ and ($fox$:1.2), $fo$",
        "owl": "an owl",
    },
    "categories": {"fox": "Beasts"},
}


@pytest.fixture
async def used(client: Client) -> Client:
    assert client.app is not None
    services = client.app[SERVICES]
    await client.post("/cozygen/api/aliases", json=ALIASES)
    prompts = ["$FOX$ asleep", "beasts::fox awake", "a fox", "$foxes$", "($Beasts:fox$:1.5), $pets::cat$", "$cat$"]
    for prompt in prompts:
        await services.user_state.remember_prompts("default", "a.json", [("Prompt", prompt)])
    await services.user_state.remember_prompts("somebody", "a.json", [("Prompt", "$fox$ of somebody else")])
    drafts: dict[str, Any] = {
        "form:a.json": {"values": {"Prompt": "$fox$", "Steps": "4", "On": True}},
        "form:b.json": {"values": {"Prompt": "no alias"}},
        "form:odd": ["$fox$"],
        "other": {"values": {"Prompt": "$fox$"}},
    }
    for key, draft in drafts.items():
        await services.user_state.put("default", key, draft)
    preset = {"id": "p", "name": "Foxy", "values": {"Prompt": "$beasts:fox$", "Steps": 5}}
    await client.post("/cozygen/api/workflow_presets", json={"workflow": "c.json", "preset": preset})
    return client


async def usage(client: Client, name: str, status: int = 200) -> Any:
    response = await client.get("/cozygen/api/aliases/usage", params={"name": name})
    assert response.status == status, await response.text()
    return await response.json()


async def test_an_alias_is_found_by_every_name_it_answers_to(used: Client) -> None:
    found = await usage(used, "Fox")
    assert found["name"] == "fox"
    assert [prompt["text"] for prompt in found["prompts"]] == [
        "($Beasts:fox$:1.5), $pets::cat$",
        "beasts::fox awake",
        "$FOX$ asleep",
    ]
    assert found["rendered"] == 3
    assert found["forms"] == [{"workflow": "a.json", "field": "Prompt", "text": "$fox$"}]
    assert found["presets"] == [
        {"workflow": "c.json", "id": "p", "name": "Foxy", "field": "Prompt", "text": "$beasts:fox$"}
    ]
    assert found["aliases"] == ["den", "pets::cat"]


async def test_a_short_name_that_two_aliases_claim_is_nobodys(used: Client) -> None:
    found = await usage(used, "pets::cat")
    assert [prompt["text"] for prompt in found["prompts"]] == ["($Beasts:fox$:1.5), $pets::cat$"]
    assert found["aliases"] == ["den"]


async def test_an_unused_alias_is_used_nowhere(used: Client) -> None:
    assert await usage(used, "owl") == {
        "name": "owl", "prompts": [], "rendered": 0, "forms": [], "presets": [], "aliases": [],
    }  # fmt: skip


@pytest.mark.parametrize(("name", "status"), [("nobody", 404), ("", 400), ("x" * 1001, 400)])
async def test_which_alias_must_be_clear(used: Client, name: str, status: int) -> None:
    assert (await usage(used, name, status))["field"] == "name"
