from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from PIL import Image, PngImagePlugin

from cozygen.engines.base import EngineUnavailable
from cozygen.settings import Settings
from cozygen.workflows.convert import to_api
from tests.api.conftest import Client, MakeStudio, StillEngine
from tests.workflows.core_info import INFO, text_to_image

GRAPH = to_api(text_to_image(), INFO).graph
COZY = {
    "1": {"class_type": "CozyGenStringInput", "inputs": {"param_name": "Prompt", "default_value": "a cat"}},
    "2": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 20}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "workflows"
    folder.mkdir()
    contents = {
        "api.json": GRAPH,
        "ui.json": text_to_image(),
        "cozy.json": COZY,
        "notes.json": {"nodes": [{"id": 1, "type": "Note"}]},
    }
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content))
    return folder


class KnowingEngine(StillEngine):
    """Knows a few of ComfyUI's nodes."""

    async def object_info(self, node_class: str | None = None) -> dict[str, Any]:
        return INFO


@pytest.fixture
def engine(tmp_path: Path) -> KnowingEngine:
    return KnowingEngine(Settings(_env_file=None, data_dir=tmp_path / "data"))


@pytest.fixture
async def client(studio: MakeStudio, folder: Path, engine: KnowingEngine) -> Client:
    return await studio(workflows_dir=folder, engine=engine)


async def ask(client: Client, method: str, path: str, status: int = 200, **more: Any) -> Any:
    response = await client.request(method, f"/cozygen/api/{path}", **more)
    assert response.status == status, await response.text()
    return await response.json()


def form_of(data: bytes, name: str, field: str = "file") -> FormData:
    form = FormData(quote_fields=False)  # as browsers do
    form.add_field("first", "x")
    form.add_field(field, io.BytesIO(data), filename=name, content_type="application/octet-stream")
    return form


def png(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


# Import


async def test_json_in_ui_format(client: Client) -> None:
    found = await ask(client, "POST", "import", json=text_to_image())
    assert found["format"] == "ui" and found["source"] == "json" and found["names"] == ["workflow.json"]
    assert found["graph"] == GRAPH and found["workflow"] == text_to_image()
    keys = [field["key"] for field in found["form"]["fields"] if field["group"] is None]
    assert keys[:3] == ["6.text", "7.text", "3.seed"]
    assert found["problems"] == [] == found["missing_nodes"] and found["missing_models"] == []
    assert found["form"]["outputs"] == [{"node_id": "9", "kind": "image"}] and found["form"]["mode"] == "text-to-image"
    assert not (await ask(client, "GET", "workflows/workflow.json/form", 404)).get("fields"), "nothing is stored"


async def test_a_file_in_api_format(client: Client) -> None:
    found = await ask(client, "POST", "import", data=form_of(json.dumps(GRAPH).encode(), "My flow: 1.json"))
    assert found["format"] == "api" and found["graph"] == GRAPH and found["workflow"] is None
    assert found["names"] == ["My_flow__1.json"]


async def test_a_name_that_is_taken_gets_a_number(client: Client) -> None:
    found = await ask(client, "POST", "import", data=form_of(json.dumps(GRAPH).encode(), "folder/API.json"))
    assert found["names"] == ["API-2.json"]


async def test_a_picture_that_carries_both(client: Client) -> None:
    data = png(prompt=json.dumps(GRAPH), workflow=json.dumps(text_to_image()))
    found = await ask(client, "POST", "import", data=form_of(data, "render_0001.png"))
    assert found["source"] == "png" and found["format"] == "api" and found["graph"] == GRAPH
    assert found["workflow"] == text_to_image() and found["names"] == ["render_0001.json"]
    assert (await ask(client, "POST", "import", data=data))["graph"] == GRAPH, "as the body itself"


async def test_a_picture_that_carries_the_workflow_alone(client: Client) -> None:
    found = await ask(client, "POST", "import", data=form_of(png(workflow=json.dumps(text_to_image())), "x.png"))
    assert found["format"] == "ui" and found["graph"] == GRAPH


async def test_what_the_engine_has_not_is_named(client: Client) -> None:
    graph = {
        **GRAPH,
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "b.safetensors"}},
        "90": {"class_type": "KSamplr", "inputs": {}},
    }
    found = await ask(client, "POST", "import", json=graph)
    assert found["missing_nodes"][0]["class_type"] == "KSamplr" and found["missing_nodes"][0]["close"][0] == "KSampler"
    assert found["missing_models"][0] == {
        "kind": "model", "node_id": "4", "class_type": "CheckpointLoaderSimple", "title": "CheckpointLoaderSimple",
        "input": "ckpt_name", "value": "b.safetensors", "close": ["sub/b.safetensors"],
    }  # fmt: skip
    assert any("KSamplr" in text for text in found["problems"]) and any(
        "sub/b.safetensors" in text for text in found["problems"]
    )
    assert found["form"]["problems"] == found["problems"]


async def test_an_engine_that_is_away(client: Client, engine: KnowingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise EngineUnavailable("It sleeps.")

    monkeypatch.setattr(engine, "object_info", away)
    monkeypatch.setattr(engine, "choices", away)
    found = await ask(client, "POST", "import", json=text_to_image())
    assert found["problems"] == ["It sleeps."] and found["missing_nodes"] == []
    assert [field["key"] for field in found["form"]["fields"]][:3] == ["6.text", "7.text", "3.seed"]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "no file"),
        (b"{", "bad json"),
        (b"[1, 2", "bad json"),
        (b'{"a": NaN}', "bad json"),
        (b"{}", "no workflow"),
        (b'"text"', "no workflow"),
        (b"hello", "no workflow"),
        (b"\x00" * 100, "no workflow"),
        (png(), "no workflow"),
        (png(parameters="a cat\nSteps: 20, Seed: 5"), "no workflow"),
        (png(workflow='{"nodes": 5}'), "no workflow"),
        (b'{"nodes": []}', "bad workflow"),
        (b'{"nodes": [{"id": 1, "type": "Note"}]}', "bad workflow"),
    ],
)
async def test_what_carries_no_workflow(client: Client, data: bytes, error: str) -> None:
    answer = await ask(client, "POST", "import", 400, data=data)
    assert answer["error"] == error and answer["message"]


async def test_a_form_without_a_file(client: Client) -> None:
    assert (await ask(client, "POST", "import", 400, data=form_of(b"{}", "x.json", "other")))["error"] == "no file"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await ask(client, "POST", "import", 400, data=b"nonsense", headers=headers))["error"] == "no file"


async def test_a_file_that_is_too_large(studio: MakeStudio, folder: Path) -> None:
    client = await studio(workflows_dir=folder, max_upload_mb=1)
    assert (await ask(client, "POST", "import", 413, data=form_of(b"{" * (2**20 + 1), "x.json")))[
        "error"
    ] == "too large"


async def test_nothing_of_an_upload_stays(client: Client, data_dir: Path) -> None:
    await ask(client, "POST", "import", data=form_of(json.dumps(GRAPH).encode(), "a.json"))
    await ask(client, "POST", "import", 400, data=form_of(b"{", "a.json"))
    assert list((data_dir / "temp").iterdir()) == []


# Forms and jobs of workflows without CozyGen nodes


@pytest.mark.parametrize("name", ["api.json", "ui.json"])
async def test_a_plain_workflow_has_a_form_and_renders(client: Client, engine: KnowingEngine, name: str) -> None:
    form = await ask(client, "GET", f"workflows/{name}/form")
    assert form["problems"] == [] and form["fields"][0]["key"] == "6.text" and form["fields"][0]["row"] is None
    more = {field["key"] for field in form["fields"] if field["group"] == "more"}
    assert more == {"3.denoise", "5.batch_size", "9.filename_prefix"}
    body = {"workflow": name, "values": {"6.text": "a dog", "5.width": 640}, "randomize": ["3.seed"]}
    await ask(client, "POST", "jobs", 201, json=body)
    graph = engine.submitted[0].graph
    assert graph["6"]["inputs"]["text"] == "a dog" and graph["5"]["inputs"] == {
        "width": 640,
        "height": 768,
        "batch_size": 1,
    }
    refused = await ask(client, "POST", "jobs", 400, json={"workflow": name, "values": {"5.width": 3}})
    assert "5.width" in refused["fields"]


async def test_a_ui_workflow_that_cannot_be_converted_says_why(client: Client) -> None:
    answer = await ask(client, "GET", "workflows/notes.json/form", 400)
    assert answer["error"] == "bad workflow" and "No node" in answer["message"]
    items = {item["name"]: item for item in (await ask(client, "GET", "workflows"))["items"]}
    assert "No node" in items["notes.json"]["error"]
    assert items["ui.json"]["error"] is None and items["ui.json"]["mode"] == "text-to-image"


async def test_the_values_of_all_nodes_beside_a_declared_form(client: Client) -> None:
    declared = await ask(client, "GET", "workflows/cozy.json/form")
    assert [field["key"] for field in declared["fields"]] == ["Prompt"]
    both = await ask(client, "GET", "workflows/cozy.json/form?inferred=1")
    assert [(field["key"], field["group"]) for field in both["fields"]] == [
        ("Prompt", None),
        ("2.seed", "more"),
        ("2.steps", "more"),
    ]
    await ask(client, "GET", "workflows/cozy.json/form?inferred=maybe", 400)


# Store, rename, delete


async def test_store_and_replace(client: Client, folder: Path) -> None:
    path = "workflows/new%20one.json"
    assert await ask(client, "POST", path, 201, json={"workflow": GRAPH}) == {"name": "new one.json"}
    assert json.loads((folder / "new one.json").read_text()) == GRAPH
    assert (await ask(client, "POST", path, 409, json={"workflow": COZY}))["error"] == "exists"
    assert json.loads((folder / "new one.json").read_text()) == GRAPH
    await ask(client, "POST", path, 201, json={"workflow": COZY, "overwrite": True})
    assert json.loads((folder / "new one.json").read_text()) == COZY
    await ask(client, "POST", "workflows/drawn.json", 201, json={"workflow": text_to_image()})
    assert (await ask(client, "GET", "workflows/drawn.json/form"))["fields"][0]["key"] == "6.text"


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "x.txt",
        ".x.json",
        "..%2Fx.json",
        "a%2Fb.json",
        "a%5Cb.json",
        "con.json",
        "a:b.json",
        "%00.json",
        "x" * 300 + ".json",
    ],
)
async def test_names_that_no_workflow_can_have(client: Client, folder: Path, name: str) -> None:
    before = sorted(path.name for path in folder.parent.rglob("*.json"))
    assert (await ask(client, "POST", f"workflows/{name}", 400, json={"workflow": GRAPH}))["error"] == "invalid name"
    assert sorted(path.name for path in folder.parent.rglob("*.json")) == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"workflow": 5},
        {"workflow": {}},
        {"workflow": {"1": 5}},
        {"workflow": {"nodes": []}},
        {"workflow": GRAPH, "overwrite": "yes"},
        [],
    ],
)
async def test_what_cannot_be_stored(client: Client, folder: Path, body: Any) -> None:
    await ask(client, "POST", "workflows/x.json", 400, json=body)
    assert not (folder / "x.json").exists()


async def test_delete_keeps_it_in_the_trash(client: Client, folder: Path) -> None:
    answer = await ask(client, "DELETE", "workflows/api.json")
    assert answer["name"] == "api.json" and json.loads((folder / answer["trash"]).read_text()) == GRAPH
    assert not (folder / "api.json").exists()
    assert (await ask(client, "DELETE", "workflows/api.json", 404))["error"] == "not found"
    assert (await ask(client, "DELETE", "workflows/..%2Fx.json", 404))["error"] == "not found"
    names = [item["name"] for item in (await ask(client, "GET", "workflows"))["items"]]
    assert names == ["cozy.json", "notes.json", "ui.json"]


async def test_rename_takes_everything_along(client: Client, folder: Path) -> None:
    await ask(client, "POST", "workflow_types", json={"workflow": "api.json", "mode": "image-to-video"})
    await ask(
        client,
        "PUT",
        "workflows/api.json/exposed",
        json={"fields": [{"node_id": "3", "input": "cfg"}], "rest": "hidden"},
    )
    preset = {"workflow": "api.json", "preset": {"name": "mine", "values": {"3.cfg": 5}}}
    await ask(client, "POST", "workflow_presets", json=preset)
    assert await ask(client, "POST", "workflows/api.json/rename", json={"to": "new.json"}) == {"name": "new.json"}
    kept = (await ask(client, "GET", "workflow_presets"))["workflows"]
    assert list(kept) == ["new.json"] and kept["new.json"][0]["values"] == {"3.cfg": 5}
    assert not (folder / "api.json").exists()
    form = await ask(client, "GET", "workflows/new.json/form")
    assert form["mode"] == "image-to-video" and [field["key"] for field in form["fields"]] == ["3.cfg"]
    assert (await ask(client, "GET", "workflow_types"))["workflows"] == {"new.json": "image-to-video"}


@pytest.mark.parametrize(
    ("name", "to", "status"),
    [
        ("api.json", "ui.json", 409),
        ("gone.json", "x.json", 404),
        ("api.json", "x", 400),
        ("api.json", "../x.json", 400),
        ("api.json", "api.json", 200),
    ],
)
async def test_renames_that_are_refused_or_nothing(
    client: Client, folder: Path, name: str, to: str, status: int
) -> None:
    await ask(client, "POST", f"workflows/{name}/rename", status, json={"to": to})
    assert (
        json.loads((folder / "api.json").read_text()) == GRAPH
        and json.loads((folder / "ui.json").read_text()) == text_to_image()
    )


# Exposed parameters


async def test_expose(client: Client, engine: KnowingEngine, folder: Path) -> None:
    path = "workflows/ui.json/exposed"
    start = await ask(client, "GET", path)
    assert start["fields"] == [] and start["rest"] == "folded" and start["available"][0]["key"] == "6.text"
    fields = [
        {"node_id": "3", "input": "steps", "label": "Patience", "max": 30, "group": "Fine tuning"},
        {"node_id": "6", "input": "text"},
    ]
    before = (folder / "ui.json").read_bytes()
    saved = await ask(client, "PUT", path, json={"fields": fields})
    assert saved == await ask(client, "GET", path) and saved["fields"] == fields
    assert (folder / "ui.json").read_bytes() == before
    form = await ask(client, "GET", "workflows/ui.json/form")
    steps, text, third = form["fields"][:3]
    assert (steps["label"], steps["group"], steps["max"]) == ("Patience", "Fine tuning", 30) and text["key"] == "6.text"
    assert third["group"] == "more"
    refused = await ask(client, "POST", "jobs", 400, json={"workflow": "ui.json", "values": {"3.steps": 31}})
    assert "at most 30" in refused["fields"]["3.steps"]
    await ask(client, "PUT", path, json={"fields": []})
    assert (await ask(client, "GET", "workflows/ui.json/form"))["fields"][0]["key"] == "6.text"


async def test_expose_beside_declared_fields(client: Client, engine: KnowingEngine) -> None:
    fields = [{"node_id": "2", "input": "steps"}, {"node_id": "1", "input": "default_value", "label": "Words"}]
    await ask(client, "PUT", "workflows/cozy.json/exposed", json={"fields": fields, "rest": "hidden"})
    form = await ask(client, "GET", "workflows/cozy.json/form")
    assert [(field["key"], field["label"]) for field in form["fields"]] == [("2.steps", "Steps"), ("Prompt", "Words")]
    await ask(client, "POST", "jobs", 201, json={"workflow": "cozy.json", "values": {"Prompt": "a dog", "2.steps": 7}})
    graph = engine.submitted[0].graph
    assert graph["1"]["inputs"]["default_value"] == "a dog" and graph["2"]["inputs"]["steps"] == 7


async def test_a_parameter_that_is_gone_is_a_problem(client: Client, folder: Path) -> None:
    await ask(
        client,
        "PUT",
        "workflows/cozy.json/exposed",
        json={"fields": [{"node_id": "2", "input": "steps", "label": "Patience"}]},
    )
    (folder / "cozy.json").write_text(json.dumps({"1": COZY["1"]}))
    form = await ask(client, "GET", "workflows/cozy.json/form")
    assert "The workflow no longer has the exposed parameter Patience." in form["problems"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fields": 5},
        {"fields": [5]},
        {"fields": [{"node_id": "3"}]},
        {"fields": [{"node_id": "3", "input": "gone"}]},
        {"fields": [{"node_id": "3", "input": "steps"}, {"node_id": "3", "input": "steps"}]},
        {"fields": [{"node_id": "3", "input": "steps", "min": 0}]},
        {"fields": [{"node_id": "3", "input": "steps", "min": "many"}]},
        {"fields": [{"node_id": "3", "input": "steps", "label": "x" * 201}]},
        {"fields": [{"node_id": "3", "input": "steps", "multiline": "yes"}]},
        {"fields": [{"node_id": "3", "input": "steps"}], "rest": "gone"},
        {"fields": [{"node_id": "3", "input": "steps"}] * 501},
    ],
)
async def test_what_cannot_be_exposed(client: Client, body: Any) -> None:
    answer = await ask(client, "PUT", "workflows/api.json/exposed", 400, json=body)
    assert answer["field"].startswith(("fields", "rest")), answer
    assert (await ask(client, "GET", "workflows/api.json/exposed"))["fields"] == []


async def test_exposing_of_what_is_no_workflow(client: Client) -> None:
    requests: list[tuple[str, dict[str, Any]]] = [("GET", {}), ("PUT", {"json": {"fields": []}})]
    for method, more in requests:
        assert (await ask(client, method, "workflows/gone.json/exposed", 404, **more))["error"] == "not found"
        assert (await ask(client, method, "workflows/notes.json/exposed", 400, **more))["error"] == "bad workflow"


async def test_everybody_is_told(client: Client) -> None:
    async with client.ws_connect("/cozygen/api/events/ws") as socket:
        assert (await socket.receive_json())["event"] == "hello"
        await ask(client, "POST", "workflows/new.json", 201, json={"workflow": GRAPH})
        assert (await socket.receive_json())["event"] == "workflows"
