from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cozygen.engines.base import EngineUnavailable, PromptRejected
from cozygen.settings import Settings
from tests.api.conftest import Client, MakeStudio, StillEngine

WORKFLOW = {
    "1": {
        "class_type": "CozyGenDynamicInput",
        "inputs": {"param_name": "Prompt", "param_type": "STRING", "default_value": "a cat", "priority": 1},
        "_meta": {"cozygen": {"title": "Try"}},
    },
    "2": {
        "class_type": "CozyGenDynamicInput",
        "inputs": {"param_name": "Seed", "param_type": "INT", "default_value": 7, "add_randomize_toggle": True, "min_value": 0, "max_value": 10**9},
    },
    "3": {
        "class_type": "CozyGenIntInput",
        "inputs": {"param_name": "Steps", "default_value": 20, "min_value": 1, "max_value": 60},
    },
    "4": {"class_type": "Paint", "inputs": {"text": ["1", 0], "seed": ["2", 0], "steps": ["3", 0]}, "_meta": {"title": "The painter"}},
    "5": {"class_type": "CozyGenOutput", "inputs": {"images": ["4", 0]}},
}  # fmt: skip


class Bench:
    """A studio with one workflow, and its engine."""

    def __init__(self, client: Client, engine: StillEngine) -> None:
        self.client, self.engine = client, engine

    async def post(self, url: str, body: Any = None, status: int = 200) -> Any:
        response = await self.client.post(f"/cozygen/api/{url}", json=body)
        assert response.status == status, await response.text()
        return await response.json()

    async def get(self, url: str, status: int = 200) -> Any:
        response = await self.client.get(f"/cozygen/api/{url}")
        assert response.status == status, await response.text()
        return await response.json()

    async def render(self, **options: Any) -> Any:
        return await self.post("jobs", {"workflow": "try.json", **options}, 201)

    async def refused(self, **options: Any) -> Any:
        return await self.post("jobs", {"workflow": "try.json", **options}, 400)

    async def until(self, job_id: str, status: str) -> Any:
        for _ in range(200):
            job = await self.get(f"jobs/{job_id}")
            if job["status"] == status:
                return job
            await asyncio.sleep(0.01)
        raise AssertionError(f"{job_id} is {job['status']}, not {status}")

    async def waiting(self) -> list[str]:
        state: list[str] = (await self.get("queue"))["waiting"]
        return state


async def make_bench(studio: MakeStudio, folder: Path, **options: Any) -> Bench:
    workflows = folder / "workflows"
    workflows.mkdir(exist_ok=True)
    (workflows / "try.json").write_text(json.dumps(WORKFLOW))
    settings = Settings(_env_file=None, data_dir=folder / "data", workflows_dir=workflows)
    engine = StillEngine(settings)
    return Bench(await studio(engine=engine, workflows_dir=workflows, **options), engine)


@pytest.fixture
async def bench(studio: MakeStudio, tmp_path: Path) -> Bench:
    return await make_bench(studio, tmp_path)


async def test_a_job_from_form_values_to_its_end(bench: Bench) -> None:
    created = await bench.render(values={"Prompt": "a dog", "Steps": "30"})
    (job,) = created["jobs"]
    assert created["group"] is None
    assert (job["status"], job["title"], job["workflow"], job["position"]) == ("queued", "Try", "try.json", 1)
    assert (
        job["values"] == {"Prompt": "a dog", "Seed": 7, "Steps": 30} and job["outputs"] == [] and job["error"] is None
    )
    (submission,) = bench.engine.submitted
    assert submission.graph["1"]["inputs"]["default_value"] == "a dog"
    assert submission.graph["3"]["inputs"]["default_value"] == 30
    assert submission.extra_data["extra_pnginfo"]["cozygen_prompt_raw"] == {"1.default_value": "a dog"}

    bench.engine.say("execution_start", job["id"])
    bench.engine.say("executing", job["id"], node="4")
    bench.engine.say("progress", job["id"], node="4", value=5, max=10)
    running = await bench.until(job["id"], "running")
    while running["progress"] is None or running["progress"]["value"] != 5:
        running = await bench.get(f"jobs/{job['id']}")
    assert running["progress"]["node_title"] == "The painter" and 0 < running["progress"]["fraction"] < 1
    file = {"filename": "a_00001_.png", "subfolder": "CozyGen", "type": "output"}
    bench.engine.say("executed", job["id"], node="5", output={"images": [file]})
    bench.engine.say("execution_success", job["id"])
    done = await bench.until(job["id"], "done")
    (output,) = done["outputs"]
    assert output["media_kind"] == "image" and output["node_id"] == "5"
    assert output["url"] == "/view?filename=a_00001_.png&subfolder=CozyGen&type=output"
    assert (
        output["thumb"].startswith("/cozygen/thumb?")
        and done["finished_at"] >= done["started_at"] >= done["created_at"]
    )


async def test_texts_are_outputs_too(bench: Bench) -> None:
    (job,) = (await bench.render())["jobs"]
    assert job["texts"] == []
    bench.engine.say("execution_start", job["id"])
    bench.engine.say("executed", job["id"], node="4", output={"text": ["a caption", "", 5, "x" * 30_000]})
    bench.engine.say("executed", job["id"], node="5", output={"text": "alone"})
    bench.engine.say("execution_success", job["id"])
    done = await bench.until(job["id"], "done")
    assert [(text["node_id"], text["text"]) for text in done["texts"]] == [
        ("4", "a caption"),
        ("4", "x" * 20_000),
        ("5", "alone"),
    ]
    assert done["texts"][0]["node_title"] == "The painter"


async def test_a_failed_job_names_the_node(bench: Bench) -> None:
    (job,) = (await bench.render())["jobs"]
    bench.engine.say("execution_start", job["id"])
    bench.engine.say(
        "execution_error", job["id"], node_id="4", node_type="Paint", exception_message="out of paint\n",
        exception_type="PaintError", traceback=["line 1\n", "line 2"],
    )  # fmt: skip
    failed = await bench.until(job["id"], "failed")
    assert failed["error"] == {
        "type": "PaintError", "message": "out of paint", "node_id": "4", "node_type": "Paint",
        "node_title": "The painter", "details": "line 1\nline 2",
    }  # fmt: skip
    again = (await bench.post(f"jobs/{job['id']}/retry", status=201))["jobs"][0]
    assert again["id"] != job["id"] and again["values"] == job["values"] and again["status"] == "queued"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "workflow"),
        ({"workflow": ""}, 400, "workflow"),
        ({"workflow": "x" * 300}, 400, "workflow"),
        ({"workflow": "gone.json"}, 404, "workflow"),
        ({"workflow": "../try.json"}, 404, "workflow"),
        ({"workflow": "try.json", "values": []}, 400, "values"),
        ({"workflow": "try.json", "values": {str(n): n for n in range(5001)}}, 400, "values"),
        ({"workflow": "try.json", "count": 0}, 400, "count"),
        ({"workflow": "try.json", "count": 1001}, 400, "count"),
        ({"workflow": "try.json", "count": "3"}, 400, "count"),
        ({"workflow": "try.json", "count": True}, 400, "count"),
        ({"workflow": "try.json", "front": "yes"}, 400, "front"),
        ({"workflow": "try.json", "priority": 11}, 400, "priority"),
        ({"workflow": "try.json", "seed_mode": "other"}, 400, "seed_mode"),
        ({"workflow": "try.json", "sweep": [{"key": "Steps"}]}, 400, "sweep.0"),
        (
            {"workflow": "try.json", "sweep": [{"key": "Steps", "values": [1], "range": {"start": 1, "stop": 2}}]},
            400,
            "sweep.0",
        ),
        (
            {"workflow": "try.json", "sweep": [{"key": "Steps", "range": {"start": 1, "stop": 2, "step": 0}}]},
            400,
            "sweep.0.range",
        ),
        (
            {
                "workflow": "try.json",
                "sweep": [
                    {"key": "Steps", "range": {"start": 1, "stop": 200}},
                    {"key": "Seed", "range": {"start": 1, "stop": 200}},
                ],
            },
            400,
            "sweep",
        ),
    ],
)
async def test_wrong_requests_name_the_field(bench: Bench, body: Any, status: int, field: str) -> None:
    answer = await bench.post("jobs", body, status)
    assert answer["field"] == field and answer["error"]
    assert bench.engine.submitted == [] and (await bench.get("jobs"))["items"] == []


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"values": {"Steps": 61}}, "Steps"),
        ({"values": {"Steps": "many"}}, "Steps"),
        ({"values": {"Colour": 1}}, "Colour"),
        ({"randomize": ["Prompt"]}, "Prompt"),
        ({"bypass": ["Nope"]}, "Nope"),
        ({"sweep": [{"key": "Nope", "values": [1]}]}, "Nope"),
        ({"sweep": [{"key": "Steps", "values": [1, 99]}]}, "Steps"),
        ({"sweep": [{"key": "Steps", "values": []}]}, "Steps"),
    ],
)
async def test_values_that_do_not_fit(bench: Bench, options: dict[str, Any], key: str) -> None:
    answer = await bench.refused(**options)
    assert answer["error"] == "invalid values" and key in answer["fields"]
    assert bench.engine.submitted == []


async def test_the_engines_refusal_reaches_the_field(bench: Bench) -> None:
    problem = {
        "type": "value_not_in_list",
        "message": "Value not in list",
        "details": "x",
        "extra_info": {"input_name": "default_value"},
    }
    bench.engine.refusal = PromptRejected({
        "error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "details": ""},
        "node_errors": {"3": {"errors": [problem], "dependent_outputs": ["5"], "class_type": "CozyGenIntInput"}},
    })  # fmt: skip
    answer = await bench.refused(count=3)
    assert answer["error"] == "prompt_outputs_failed_validation" and "Value not in list" in answer["fields"]["Steps"]
    assert (await bench.get("jobs"))["items"] == [] and (await bench.get("groups"))["items"] == []


async def test_an_engine_that_goes_away_in_a_batch_leaves_nothing_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = bench.engine.submit

    async def once(submission: Any) -> Any:
        if bench.engine.submitted:
            raise EngineUnavailable("gone")
        return await submit(submission)

    monkeypatch.setattr(bench.engine, "submit", once)
    answer = await bench.post("jobs", {"workflow": "try.json", "count": 3}, 503)
    assert answer["message"] == "gone" and await bench.waiting() == []


async def test_chance_aliases_and_wildcards(bench: Bench, data_dir: Path) -> None:
    await bench.post("aliases", {"hero": "a knight"})
    (data_dir / "wildcards").mkdir()
    (data_dir / "wildcards" / "sky.txt").write_text("red sky\n")
    created = await bench.render(values={"Prompt": "($hero$:1.2), __sky__, {x|x}"}, randomize=["Seed"], count=5)
    graphs = [submission.graph for submission in bench.engine.submitted]
    assert {graph["1"]["inputs"]["default_value"] for graph in graphs} == {"(a knight:1.2), red sky, x"}
    seeds = [graph["2"]["inputs"]["default_value"] for graph in graphs]
    assert len(set(seeds)) == 5 and [job["values"]["Seed"] for job in created["jobs"]] == seeds
    assert all(job["values"]["Prompt"] == "($hero$:1.2), __sky__, {x|x}" for job in created["jobs"])
    (data_dir / "wildcards" / "sky.txt").write_text("__sky__\n")
    answer = await bench.refused(values={"Prompt": "__sky__"})
    assert "lead to each other" in answer["fields"]["Prompt"]


async def test_a_batch_is_one_thing(bench: Bench) -> None:
    created = await bench.render(count=3)
    group = created["group"]
    assert (group["kind"], group["total"], group["count"], group["axes"]) == ("batch", 3, 3, [])
    assert group["states"] == {"queued": 3}
    grid = await bench.get(f"groups/{group['id']}")
    assert [len(cell["jobs"]) for cell in grid["cells"]] == [3]
    listed = (await bench.get(f"jobs?group={group['id']}"))["items"]
    assert [job["group_place"] for job in listed] == [2, 1, 0]
    assert (await bench.get("groups"))["items"] == [group]
    cancelled = await bench.post(f"groups/{group['id']}/cancel")
    assert cancelled == {"cancelled": 3}
    assert (await bench.get(f"groups/{group['id']}"))["group"]["states"] == {"cancelled": 3}
    assert (await bench.get("groups/none", 404))["error"] == "not found"


async def test_a_sweep_gives_a_grid(bench: Bench) -> None:
    sweep = [{"key": "Steps", "range": {"start": 10, "stop": 30, "step": 10}}, {"key": "Prompt", "values": ["a", "b"]}]
    created = await bench.render(sweep=sweep, count=2, randomize=["Seed"])
    group = created["group"]
    assert group["kind"] == "sweep" and group["total"] == 12
    assert group["axes"] == [{"key": "Steps", "values": [10, 20, 30]}, {"key": "Prompt", "values": ["a", "b"]}]
    grid = await bench.get(f"groups/{group['id']}")
    assert [cell["indices"] for cell in grid["cells"]] == [[x, y] for x in range(3) for y in range(2)]
    for cell in grid["cells"]:
        x, y = cell["indices"]
        assert [(job["values"]["Steps"], job["values"]["Prompt"]) for job in cell["jobs"]] == [
            ((x + 1) * 10, "ab"[y])
        ] * 2
    seeds = [[job["values"]["Seed"] for job in cell["jobs"]] for cell in grid["cells"]]
    assert all(cell == seeds[0] for cell in seeds) and seeds[0][1] == seeds[0][0] + 1, "every cell has the same numbers"


async def test_order_and_priority(bench: Bench) -> None:
    async def one(**options: Any) -> str:
        job_id: str = (await bench.render(**options))["jobs"][0]["id"]
        return job_id

    a, b = await one(), await one()
    urgent, front, late = await one(priority=3), await one(front=True), await one(priority=-1)
    expected = [urgent, front, a, b, late]
    assert await bench.waiting() == expected == bench.engine.order
    moved = await bench.post(f"jobs/{late}/move", {"to": "front"})
    assert moved["position"] == 1
    await bench.post(f"jobs/{urgent}/move", {"to": "end"})
    await bench.post(f"jobs/{b}/move", {"before": front})
    await bench.post(f"jobs/{late}/move", {"after": a})
    assert await bench.waiting() == [b, front, a, late, urgent] == bench.engine.order
    for body in ({}, {"to": "front", "before": a}, {"to": "middle"}):
        assert (await bench.post(f"jobs/{a}/move", body, 400))["field"] == "to"
    assert (await bench.post(f"jobs/{a}/move", {"before": "nobody"}, 409))["error"] == "not waiting"
    bench.engine.say("execution_start", b)
    await bench.until(b, "running")
    assert (await bench.post(f"jobs/{b}/move", {"to": "end"}, 409))["error"] == "not waiting"
    assert (await bench.post("jobs/nobody/move", {"to": "end"}, 404))["error"] == "not found"


async def test_a_batch_at_the_front_keeps_its_order(bench: Bench) -> None:
    first = (await bench.render())["jobs"][0]["id"]
    batch = [job["id"] for job in (await bench.render(count=3, front=True))["jobs"]]
    assert await bench.waiting() == [*batch, first] == bench.engine.order


async def test_pausing_holds_the_line_over_a_restart(studio: MakeStudio, tmp_path: Path) -> None:
    bench = await make_bench(studio, tmp_path)
    ids = [job["id"] for job in (await bench.render(count=2))["jobs"]]
    assert await bench.post("queue/pause") == {"paused": True, "running": [], "waiting": ids}
    assert bench.engine.submitted == []
    later = (await bench.render())["jobs"][0]["id"]
    await bench.post(f"jobs/{later}/move", {"to": "front"})
    assert bench.engine.submitted == []
    await bench.client.close()

    again = await make_bench(studio, tmp_path)
    state = await again.get("queue")
    assert state["paused"] and state["waiting"] == [later, *ids]
    await asyncio.sleep(0.1)
    assert again.engine.submitted == []
    assert not (await again.post("queue/resume"))["paused"]
    assert again.engine.order == [later, *ids]


async def test_cancelling(bench: Bench) -> None:
    (job,) = (await bench.render())["jobs"]
    assert (await bench.post(f"jobs/{job['id']}/cancel"))["status"] == "cancelled"
    assert (await bench.post(f"jobs/{job['id']}/cancel", status=409))["error"] == "already ended"
    assert (await bench.post("jobs/nobody/cancel", status=404))["error"] == "not found"


async def test_lists_and_pages(bench: Bench) -> None:
    ids = [(await bench.render())["jobs"][0]["id"] for _ in range(5)]
    await bench.post(f"jobs/{ids[0]}/cancel")
    page = await bench.get("jobs?limit=2")
    assert [job["id"] for job in page["items"]] == [ids[4], ids[3]]
    assert [job["id"] for job in (await bench.get(f"jobs?limit=9&before={page['next']}"))["items"]] == [
        ids[2],
        ids[1],
        ids[0],
    ]
    assert [job["id"] for job in (await bench.get("jobs?status=cancelled"))["items"]] == [ids[0]]
    assert len((await bench.get("jobs?status=active"))["items"]) == 4
    for query in ("status=odd", "limit=0", "limit=201", "limit=x", "before=x"):
        assert (await bench.get(f"jobs?{query}", 400))["field"] == query.split("=")[0]


async def sse(response: aiohttp.ClientResponse) -> tuple[str | None, str, Any]:
    """The next event of a stream: (id, name, data)."""
    fields: dict[str, str] = {}
    while True:
        line = (await asyncio.wait_for(response.content.readline(), 5)).decode().rstrip("\n")
        if not line and "event" in fields:
            return fields.get("id"), fields["event"], json.loads(fields["data"])
        name, _, value = line.partition(": ")
        fields[name] = value


async def test_events_can_be_taken_up_again(bench: Bench) -> None:
    async with bench.client.get("/cozygen/api/events") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream" and stream.headers["Cache-Control"] == "no-cache"
        first_id, name, data = await sse(stream)
        assert name == "hello" and data["engine"]["note"] == "It renders nothing."
    await bench.render()
    headers = {"Last-Event-ID": first_id or ""}
    async with bench.client.get("/cozygen/api/events", headers=headers) as stream:
        assert (await sse(stream))[1] == "hello"
        _, name, job = await sse(stream)
        assert name == "job" and job["status"] == "queued"
    async with bench.client.get("/cozygen/api/events?last_id=old-5") as stream:
        assert [(await sse(stream))[1] for _ in range(2)] == ["hello", "reset"]


async def test_events_over_a_websocket(bench: Bench) -> None:
    async with bench.client.ws_connect("/cozygen/api/events/ws") as socket:
        hello = await socket.receive_json(timeout=5)
        assert hello["event"] == "hello" and hello["id"]
        await socket.send_str("ignored")
        await bench.post("queue/pause")
        event = await socket.receive_json(timeout=5)
        assert (event["event"], event["data"]) == ("queue", {"paused": True})
    assert (await bench.client.get("/cozygen/api/events/ws")).status == 400


async def test_prompts_are_remembered_once_each(bench: Bench) -> None:
    for text in ("first", "second", "first", "  "):
        await bench.render(values={"Prompt": text})
    items = (await bench.get("prompt_history"))["items"]
    assert [(item["text"], item["uses"], item["field"], item["workflow"]) for item in items] == [
        ("first", 2, "Prompt", "try.json"), ("second", 1, "Prompt", "try.json"),
    ]  # fmt: skip
    assert [item["text"] for item in (await bench.get("prompt_history?q=SEC"))["items"]] == ["second"]
    assert (await bench.get("prompt_history?q=%25"))["items"] == []
    response = await bench.client.delete(f"/cozygen/api/prompt_history/{items[0]['id']}")
    assert await response.json() == {"status": "ok", "removed": 1}
    assert (await bench.client.delete(f"/cozygen/api/prompt_history/{items[0]['id']}")).status == 404
    assert (await bench.client.delete("/cozygen/api/prompt_history/x")).status == 400
    assert (await (await bench.client.delete("/cozygen/api/prompt_history")).json())["removed"] == 1
    assert (await bench.get("prompt_history"))["items"] == []


async def test_text_that_no_database_takes_is_mended(bench: Bench) -> None:
    created = await bench.render(values={"Prompt": "a \ud800 b"})
    assert created["jobs"][0]["status"] == "queued"
    assert (await bench.get("prompt_history"))["items"][0]["text"] == "a ? b"


async def test_state_is_kept_for_the_user(bench: Bench) -> None:
    put, url = bench.client.put, "/cozygen/api/state/form:try.json"
    assert (await bench.get("state/form:try.json", 404))["error"] == "not found"
    first = await (await put(url, json={"value": {"Prompt": "x"}})).json()
    assert first["version"] == 1 and first["value"] == {"Prompt": "x"}
    assert await bench.get("state/form:try.json") == first
    second = await (await put(url, json={"value": [1], "if_version": 1})).json()
    assert second["version"] == 2
    late = await put(url, json={"value": 0, "if_version": 1})
    assert late.status == 409 and (await late.json())["current"]["value"] == [1]
    await put("/cozygen/api/state/tabs", json={"value": None})
    assert [item["key"] for item in (await bench.get("state?prefix=form:"))["items"]] == ["form:try.json"]
    assert len((await bench.get("state"))["items"]) == 2
    assert (await put("/cozygen/api/state/big", data=io.BytesIO(b'{"value": "%s"}' % (b"x" * 2**20)))).status == 413
    assert (await put("/cozygen/api/state/" + "k" * 301, json={"value": 1})).status == 400
    assert (await put(url, json={"if_version": 1})).status == 400
    assert (await bench.client.delete(url)).status == (await bench.client.delete(url)).status == 204
    assert (await bench.get("state/form:try.json", 404))["error"] == "not found"
