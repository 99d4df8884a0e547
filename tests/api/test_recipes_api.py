"""Recipes: what made a file, making it again, going on from it in its form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import MakeStudio
from tests.api.test_gallery_api import GRAPH, png, put
from tests.api.test_jobs_api import WORKFLOW, Bench, make_bench

FILE = {"filename": "a_00001_.png", "subfolder": "CozyGen"}


@pytest.fixture
async def bench(studio: MakeStudio, tmp_path: Path) -> Bench:
    return await make_bench(studio, tmp_path)


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def made(bench: Bench, out: Path, **options: Any) -> Any:
    """A finished render of `FILE`."""
    (job,) = (await bench.render(**options))["jobs"]
    put(out, "CozyGen/a_00001_.png", data=png())
    bench.engine.say("execution_start", job["id"])
    bench.engine.say("executed", job["id"], node="5", output={"images": [{**FILE, "type": "output"}]})
    bench.engine.say("execution_success", job["id"])
    return await bench.until(job["id"], "done")


async def recipe(bench: Bench, status: int = 200, **file: Any) -> Any:
    query = "&".join(f"{key}={value}" for key, value in (file or FILE).items())
    return await bench.get(f"gallery/recipe?{query}", status)


def values(found: Any) -> dict[str, Any]:
    return {field["key"]: field["value"] for field in found["fields"] if field["group"] != "more"}


async def test_a_file_of_ours(bench: Bench, out: Path) -> None:
    await bench.post("aliases", {"hero": "a knight"})
    job = await made(bench, out, values={"Prompt": "$hero$", "Steps": 30})
    found = await recipe(bench)
    assert (found["job"], found["workflow"], found["title"]) == (job["id"], "try.json", "Try")
    assert found["can_render"] and values(found) == {"Prompt": "$hero$", "Seed": 7, "Steps": 30}
    assert {field["key"]: field["role"] for field in found["fields"] if field["role"]} == {"Seed": "seed"}

    opened = await bench.post("gallery/recipe/open", FILE)
    assert opened == {
        "workflow": "try.json", "stored": False, "random": {"Seed": False}, "bypass": {},
        "values": {"Prompt": "$hero$", "Seed": "7", "Steps": "30"},
    }  # fmt: skip

    (same,) = (await bench.post("gallery/recipe/render", FILE, 201))["jobs"]
    assert same["values"] == job["values"] and same["workflow"] == "try.json" and same["title"] == "Try"
    (other,) = (
        await bench.post("gallery/recipe/render", {**FILE, "seed": "new", "values": {"Steps": "9"}}, 201)
    )["jobs"]  # fmt: skip
    assert other["values"] == {"Prompt": "$hero$", "Seed": other["values"]["Seed"], "Steps": 9}
    assert other["values"]["Seed"] != 7
    first, second, third = (submission.graph for submission in bench.engine.submitted)
    assert first == second
    assert third["1"]["inputs"]["default_value"] == "a knight"
    assert third["2"]["inputs"]["default_value"] == other["values"]["Seed"]
    extra = bench.engine.submitted[2].extra_data["extra_pnginfo"]
    assert extra == {"cozygen_prompt_raw": {"1.default_value": "$hero$"}}


async def test_a_file_that_was_moved_is_still_ours(bench: Bench, out: Path) -> None:
    job = await made(bench, out)
    await bench.post("gallery/folders", {"path": "kept"})
    await bench.post("gallery/move", {"items": [FILE], "to": "kept"})
    assert (await recipe(bench, filename=FILE["filename"], subfolder="kept"))["job"] == job["id"]
    put(out, "CozyGen/a_00001_.png", data=png())
    assert (await recipe(bench))["job"] is None


async def test_a_workflow_that_has_changed_since_is_kept_as_it_was(bench: Bench, out: Path, tmp_path: Path) -> None:
    await bench.post("aliases", {"hero": "a knight"})
    await made(bench, out, values={"Prompt": "$hero$"})
    now = json.loads(json.dumps(WORKFLOW))
    now["3"]["inputs"]["max_value"] = 10
    (tmp_path / "workflows" / "try.json").write_text(json.dumps(now))
    opened = await bench.post("gallery/recipe/open", FILE)
    assert opened == {
        "workflow": "try-2.json", "stored": True, "values": {}, "random": {"Seed": False}, "bypass": {},
    }  # fmt: skip
    stored = json.loads((tmp_path / "workflows" / "try-2.json").read_text())
    assert stored["1"]["inputs"]["default_value"] == "$hero$"
    again = await bench.post("gallery/recipe/open", FILE)
    assert (again["workflow"], again["stored"]) == ("try-2.json", False)
    assert sorted(path.name for path in (tmp_path / "workflows").glob("*.json")) == ["try-2.json", "try.json"]


async def test_a_file_from_elsewhere(bench: Bench, out: Path, tmp_path: Path) -> None:
    graph = json.loads(json.dumps(GRAPH))
    graph["3"]["inputs"]["seed"] = 2**63 + 1
    put(out, "from elsewhere.png", data=png(prompt=graph))
    file: dict[str, Any] = {"filename": "from elsewhere.png"}
    found = await recipe(bench, **file)
    assert found["job"] is None and found["workflow"] is None and found["can_render"]
    assert values(found)["3.seed"] == "9223372036854775809"
    roles = {field["key"]: field["role"] for field in found["fields"]}
    assert (roles["6.text"], roles["8.text"], roles["3.seed"]) == ("prompt", "negative", "seed")

    opened = await bench.post("gallery/recipe/open", file)
    assert (opened["workflow"], opened["stored"], opened["values"]) == ("from_elsewhere.json", True, {})
    assert opened["random"] == {"3.seed": False}
    assert json.loads((tmp_path / "workflows" / "from_elsewhere.json").read_text()) == graph

    body = {**file, "values": {"6.text": "another"}}
    (job,) = (await bench.post("gallery/recipe/render", body, 201))["jobs"]
    assert job["workflow"] is None
    (submission,) = bench.engine.submitted
    assert submission.graph["6"]["inputs"]["text"] == "another"
    assert submission.graph["3"]["inputs"]["seed"] == 2**63 + 1


async def test_a_file_that_does_not_say_how_it_was_made(bench: Bench, out: Path) -> None:
    put(out, "plain.png", data=png())
    assert await recipe(bench, filename="plain.png") == {
        "job": None, "workflow": None, "title": "", "can_render": False, "fields": [],
    }  # fmt: skip
    for action in ("open", "render"):
        answer = await bench.post(f"gallery/recipe/{action}", {"filename": "plain.png"}, 409)
        assert (answer["error"], answer["field"]) == ("no recipe", "filename")


@pytest.mark.parametrize(
    ("file", "status", "error"),
    [
        ({"filename": ""}, 400, "missing filename"),
        ({"filename": "none.png"}, 404, "not found"),
        ({"filename": "a.png", "subfolder": ".."}, 403, "forbidden"),
        ({"filename": "../a.png"}, 400, "invalid filename"),
        ({"filename": "a.png", "root": "moon"}, 400, "invalid root"),
    ],
)
async def test_wrong_files_are_refused(bench: Bench, file: dict[str, str], status: int, error: str) -> None:
    answers = [await recipe(bench, status, **file)]
    answers += [await bench.post(f"gallery/recipe/{action}", file, status) for action in ("open", "render")]
    assert [answer["error"] for answer in answers] == [error] * 3


async def test_wrong_values_are_refused(bench: Bench, out: Path) -> None:
    await made(bench, out)
    answer = await bench.post("gallery/recipe/render", {**FILE, "values": {"Steps": "many"}}, 400)
    assert answer["error"] == "invalid values" and answer["fields"] == {"Steps": "must be a number"}
    for body in ({"seed": "old"}, {"front": 1}, {"values": {str(n): n for n in range(2001)}}, {"filename": 7}):
        answer = await bench.post("gallery/recipe/render", {**FILE, **body}, 400)
        assert answer["field"].partition(".")[0] == next(iter(body))
    assert len(bench.engine.submitted) == 1


async def test_the_renders_of_others_are_not_told(studio: MakeStudio, tmp_path: Path, out: Path) -> None:
    mine = await make_bench(studio, tmp_path)
    await made(mine, out)
    assert (await recipe(mine))["job"]
    await mine.client.close()
    theirs = await make_bench(studio, tmp_path, auth_user="them", auth_pass="secret")
    await theirs.post("login", {"username": "them", "password": "secret"})
    found = await recipe(theirs)
    assert (found["job"], found["workflow"], found["can_render"]) == (None, None, False)
