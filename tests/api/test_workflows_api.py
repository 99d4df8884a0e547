from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cozygen.engines.base import EngineUnavailable
from cozygen.settings import Settings
from tests.api.conftest import Client, MakeStudio, StillEngine

GRAPH = {
    "9": {"class_type": "CozyGenOutput", "inputs": {"images": ["2", 0]}},
    "1": {"class_type": "CozyGenStringInput", "inputs": {"param_name": "Prompt", "default_value": "a cat", "display_multiline": True, "priority": 2}},
    "2": {"class_type": "CozyGenChoiceInput", "inputs": {"param_name": "Model", "choice_type": "checkpoints", "value": "a.safetensors", "display_bypass": True, "priority": 1}},
    "3": {"class_type": "CozyGenChoiceInput", "inputs": {"param_name": "Odd", "choice_type": "nonsense"}},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "workflows"
    folder.mkdir()
    for name, content in {
        "b.json": json.dumps(GRAPH),
        "A.JSON": '{"1": {"class_type": "X"}}',
        "bad.json": "{",
        "nan.json": '{"1": {"class_type": "X", "inputs": {"a": NaN}}}',
        "list.json": "[1, 2]",
        "notes.txt": "no",
        ".hidden.json": "{}",
    }.items():
        (folder / name).write_text(content)
    (folder / "folder.json").mkdir()
    return folder


@pytest.fixture
def engine(tmp_path: Path) -> StillEngine:
    return StillEngine(Settings(_env_file=None, data_dir=tmp_path / "data"))


@pytest.fixture
async def client(studio: MakeStudio, folder: Path, engine: StillEngine) -> Client:
    return await studio(workflows_dir=folder, engine=engine)


async def get(client: Client, url: str, status: int = 200) -> Any:
    response = await client.get(url)
    assert response.status == status, await response.text()
    return await response.json()


async def test_the_list_is_sorted(client: Client) -> None:
    names = ["A.JSON", "b.json", "bad.json", "list.json", "nan.json"]
    assert await get(client, "/cozygen/workflows") == {"workflows": names}


async def test_a_folder_that_is_not_there_is_filled_with_the_starters(studio: MakeStudio, tmp_path: Path) -> None:
    client = await studio(workflows_dir=tmp_path / "new")
    names = (await get(client, "/cozygen/workflows"))["workflows"]
    modes = ["image-to-image", "image-to-video", "text-to-image", "text-to-video"]
    assert names == [f"{mode}.json" for mode in modes]
    listed = (await get(client, "/cozygen/api/workflows"))["items"]
    assert [item["mode"] for item in listed] == modes and all(item["error"] is None for item in listed)


async def test_an_empty_folder_stays_empty(studio: MakeStudio, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    client = await studio(workflows_dir=tmp_path / "empty")
    assert await get(client, "/cozygen/workflows") == {"workflows": []}


async def test_one_workflow(client: Client) -> None:
    assert await get(client, "/cozygen/workflows/b.json") == GRAPH
    assert await get(client, "/cozygen/workflows/list.json") == [1, 2]


@pytest.mark.parametrize(
    "name",
    [
        "gone.json",
        "notes.txt",
        "folder.json",
        ".%2Fb.json",
        "..%2Fworkflows%2Fb.json",
        "b.json%00",
        "x" * 300,
        "%5C..%5Cb.json",
    ],
)
async def test_a_name_is_never_a_path(client: Client, name: str) -> None:
    assert (await get(client, f"/cozygen/workflows/{name}", 404))["error"] == "not found"


@pytest.mark.parametrize("name", ["bad.json"])
async def test_what_is_not_json(client: Client, name: str) -> None:
    assert (await get(client, f"/cozygen/workflows/{name}", 400))["error"] == "bad json"


async def test_a_link_out_of_the_folder_is_not_followed(client: Client, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"secret": 1}')
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    assert (await get(client, "/cozygen/workflows/link.json", 404))["error"] == "not found"


async def test_summaries_name_what_cannot_be_used(client: Client) -> None:
    items = {item["name"]: item for item in (await get(client, "/cozygen/api/workflows"))["items"]}
    assert items["b.json"]["mode"] == "text-to-image" and items["b.json"]["error"] is None
    assert items["bad.json"]["error"].startswith("not JSON") and items["list.json"]["error"]


async def test_the_form(client: Client) -> None:
    form = await get(client, "/cozygen/api/workflows/b.json/form")
    assert [field["label"] for field in form["fields"]] == ["Model", "Prompt", "Odd"]
    model, prompt, _ = form["fields"]
    assert (
        model["choices"] == ["b.safetensors", "a.safetensors"]
        and model["can_bypass"]
        and model["default"] == "a.safetensors"
    )
    assert prompt["type"] == "string" and prompt["multiline"] and prompt["default"] == "a cat"
    assert form["outputs"] == [{"node_id": "9", "kind": "image"}] and form["mode"] == "text-to-image"
    assert any("nonsense" in problem for problem in form["problems"])
    assert any("CozyGenOutput" in problem for problem in form["problems"]), "this engine has no nodes"
    assert (await get(client, "/cozygen/api/workflows/gone.json/form", 404))["error"] == "not found"
    assert (await get(client, "/cozygen/api/workflows/bad.json/form", 400))["error"] == "bad json"
    assert (await get(client, "/cozygen/api/workflows/list.json/form", 400))["error"] == "bad workflow"


async def test_the_form_of_an_engine_that_is_away(
    client: Client, engine: StillEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise EngineUnavailable("It sleeps.")

    monkeypatch.setattr(engine, "object_info", away)
    monkeypatch.setattr(engine, "choices", away)
    form = await get(client, "/cozygen/api/workflows/b.json/form")
    assert form["problems"] == ["It sleeps."] and len(form["fields"]) == 3
    assert (await get(client, "/cozygen/get_choices?type=sampler", 503))["message"] == "It sleeps."


async def test_choices(client: Client, engine: StillEngine) -> None:
    for kind, names in {
        "sampler": ["euler", "ddim"],
        "samplers_list": ["euler", "ddim"],
        "scheduler": ["normal", "karras"],
        "schedulers_list": ["normal", "karras"],
        "checkpoints": ["b.safetensors", "a.safetensors"],
        "unet": ["u.safetensors"],
    }.items():
        assert await get(client, f"/cozygen/get_choices?type={kind}") == {"choices": names}
    engine.lists["unet_gguf"] = ["g.gguf"]
    assert await get(client, "/cozygen/get_choices?type=unet") == {"choices": ["g.gguf"]}
    for query in ("", "?type=", "?refresh=1"):
        assert (await get(client, f"/cozygen/get_choices{query}", 400))["error"] == "missing type"
    assert (await get(client, "/cozygen/get_choices?type=x%2Fy", 400))["error"] == "invalid type x/y"


@pytest.mark.parametrize(
    ("query", "refreshed"),
    [
        ("", False),
        ("&refresh=0", False),
        ("&refresh=1", True),
        ("&refresh=true", True),
        ("&refresh=True", True),
        ("&cache_bust=17", True),
    ],
)
async def test_reading_the_folder_again(client: Client, engine: StillEngine, query: str, refreshed: bool) -> None:
    await get(client, f"/cozygen/get_choices?type=checkpoints{query}")
    assert engine.refreshed == (["checkpoints"] if refreshed else [])
