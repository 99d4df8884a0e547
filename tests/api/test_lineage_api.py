"""Lineage over HTTP: back to the job and the inputs, forth to what was made, wherever the files go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import select

from cozygen.engines.base import PromptRejected
from cozygen.engines.embedded.engine import EmbeddedEngine
from cozygen.settings import Settings
from cozygen.storage.tables import job_inputs
from cozygen.web.services import SERVICES
from tests.api.conftest import Client, MakeStudio, StillEngine
from tests.api.test_gallery_api import png, post, put

LINEAGE = "/cozygen/api/gallery/lineage"
MOVE = "/cozygen/api/gallery/move"
RENAME = "/cozygen/api/gallery/rename"

Graph = dict[str, Any]


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def inputs(data_dir: Path) -> Path:
    folder = data_dir / "input"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def node(class_type: str, **values: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": values}


def made_from(*names: str) -> Graph:
    """A graph that loads pictures."""
    loads = {str(10 + number): node("LoadImage", image=name) for number, name in enumerate(names)}
    return {**loads, "2": node("SaveImage", images=["10", 0], filename_prefix="made")}


async def lineage(client: Client, path: str, **query: Any) -> dict[str, Any]:
    subfolder, _, filename = path.rpartition("/")
    params = {"subfolder": subfolder, "filename": filename, **{key: str(value) for key, value in query.items()}}
    async with client.get(LINEAGE, params=params) as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


def paths(items: list[dict[str, Any]]) -> list[str]:
    return ["/".join(filter(None, (item["subfolder"], item["filename"]))) for item in items]


async def derived(client: Client, path: str, **query: Any) -> list[str]:
    return paths((await lineage(client, path, **query))["derived"])


async def move(client: Client, path: str, to: str) -> None:
    subfolder, _, filename = path.rpartition("/")
    body = {"items": [{"subfolder": subfolder, "filename": filename}], "to": to}
    status, answer = await post(client, MOVE, body)
    assert (status, len(answer["files"])) == (200, 1), answer


async def rename(client: Client, path: str, name: str) -> None:
    subfolder, _, filename = path.rpartition("/")
    status, answer = await post(client, RENAME, {"subfolder": subfolder, "filename": filename, "name": name})
    assert (status, len(answer["files"])) == (200, 1), answer


# What it answers to bad requests


@pytest.mark.parametrize(
    ("query", "status", "error", "field"),
    [
        ({}, 400, "missing filename", "filename"),
        ({"filename": ""}, 400, "missing filename", "filename"),
        ({"filename": "gone.png"}, 404, "not found", None),
        ({"filename": "a.png", "subfolder": "nowhere"}, 404, "not found", None),
        ({"filename": "a.png", "root": "nowhere"}, 400, "invalid root", "root"),
        ({"filename": "a.png", "page": "x"}, 400, "bad paging", "page"),
        ({"filename": "a.png", "per_page": "1.5"}, 400, "bad paging", "per_page"),
        ({"filename": "x" * 5000}, 400, "invalid request", "filename"),
        ({"filename": "a.png", "subfolder": "x" * 5000}, 400, "invalid request", "subfolder"),
        ({"filename": "a.png", "subfolder": ".."}, 403, "forbidden", None),
        ({"filename": "../secret.png"}, 400, "invalid filename", "filename"),
        ({"filename": "/etc/passwd"}, 400, "invalid filename", "filename"),
        ({"filename": "a.png", "subfolder": "/etc"}, 403, "forbidden", None),
        ({"filename": "a.png", "subfolder": "C:\\x"}, 403, "forbidden", None),
        ({"filename": "a\0.png"}, 400, "invalid filename", "filename"),
        ({"filename": ".."}, 400, "invalid filename", "filename"),
    ],
)
async def test_bad_requests(
    client: Client, data_dir: Path, out: Path, query: dict[str, str], status: int, error: str, field: str | None
) -> None:
    put(data_dir, "secret.png", data=png())
    put(out, "a.png", data=png())
    async with client.get(LINEAGE, params=query) as answer:
        body = await answer.json()
    assert (answer.status, body["error"], body.get("field")) == (status, error, field)


async def test_a_file_that_tells_nothing(client: Client, out: Path) -> None:
    put(out, "x/a.png", data=png())
    assert await lineage(client, "x/a.png") == {
        "filename": "a.png",
        "subfolder": "x",
        "root": "output",
        "prompt_id": None,
        "job": None,
        "workflow": None,
        "prompt_raw": None,
        "inputs": [],
        "siblings": [],
        "derived": [],
        "page": 1,
        "per_page": 50,
        "total_pages": 0,
        "total_items": 0,
        "indexing": False,
    }


# Files that were made elsewhere


async def test_the_graph_in_a_file_names_its_inputs(client: Client, out: Path, inputs: Path) -> None:
    put(out, "a b.png", data=png())
    put(inputs, "sub/in.png", data=png(note="in"))
    graph = made_from("a b.png [output]", "sub/in.png", "gone.png", "output::x::y.png", "t.png [temp]")
    put(out, "made/b.png", data=png(prompt=graph))
    found = await lineage(client, "made/b.png")
    a, given, gone, old, temp = found["inputs"]
    assert (a["name"], a["node_id"], a["input"], a["type"]) == ("a b.png [output]", "10", "image", "output")
    assert (a["subfolder"], a["filename"], a["exists"], a["replaced"]) == ("", "a b.png", True, False)
    assert a["url"] == "/view?filename=a+b.png&subfolder=&type=output"
    assert paths([a["item"]]) == ["a b.png"]
    assert (given["type"], given["subfolder"], given["filename"], given["exists"]) == ("input", "sub", "in.png", True)
    assert given["url"] == "/view?filename=in.png&subfolder=sub&type=input"
    assert (given["item"]["root"], given["item"]["filename"]) == ("input", "in.png")
    for one, kind, name in ((gone, "input", "gone.png"), (old, "output", "y.png"), (temp, "temp", "t.png")):
        assert (one["type"], one["filename"], one["exists"], one["url"], one["item"]) == (kind, name, False, None, None)
    async with client.get(a["url"]) as answer:
        assert await answer.read() == (out / "a b.png").read_bytes()
    assert await derived(client, "a b.png") == ["made/b.png"]
    assert await derived(client, "sub/in.png", root="input") == ["made/b.png"]
    assert found["derived"] == []


async def test_a_copy_among_the_inputs_is_known_by_its_content(client: Client, out: Path, inputs: Path) -> None:
    put(out, "a.png", data=png(note="a"))
    put(inputs, "uuid_a.png", data=(out / "a.png").read_bytes())
    put(out, "b.png", data=png(prompt=made_from("uuid_a.png")))
    (one,) = (await lineage(client, "b.png"))["inputs"]
    assert (one["type"], one["filename"], one["exists"]) == ("input", "uuid_a.png", True)
    assert (one["item"]["type"], one["item"]["filename"]) == ("output", "a.png")
    assert await derived(client, "a.png") == ["b.png"]


async def test_what_was_made_is_paged_the_newest_first(client: Client, out: Path) -> None:
    put(out, "a.png", data=png())
    for number in range(7):
        put(out, f"{number % 2}/{number}.png", 1000 + number, png(prompt=made_from("a.png [output]"), n=str(number)))
    put(out, "other.png", data=png(prompt=made_from("A.png [output]")))
    everything = ["0/6.png", "1/5.png", "0/4.png", "1/3.png", "0/2.png", "1/1.png", "0/0.png"]
    assert await derived(client, "a.png") == everything
    found = await lineage(client, "a.png", page=2, per_page=3)
    assert paths(found["derived"]) == everything[3:6]
    assert (found["page"], found["per_page"], found["total_pages"], found["total_items"]) == (2, 3, 3, 7)
    assert await derived(client, "a.png", page=4, per_page=3) == []
    assert await derived(client, "a.png", page=-1, per_page=-1) == everything
    assert await derived(client, "a.png", per_page=0) == everything


async def test_a_file_is_not_made_from_itself(client: Client, out: Path) -> None:
    put(out, "a.png", data=png(prompt=made_from("a.png [output]", "a.png [output]")))
    found = await lineage(client, "a.png")
    assert [one["node_id"] for one in found["inputs"]] == ["10", "11"]
    assert found["derived"] == []


async def test_files_that_come_change_and_go(client: Client, out: Path) -> None:
    put(out, "a.png", data=png())
    put(out, "b.png", data=png(prompt=made_from("a.png [output]")))
    assert await derived(client, "a.png") == ["b.png"]
    put(out, "b.png", data=png(note="something else"))
    # Written over, which the folder does not show: the watcher tells.
    async with asyncio.timeout(60):
        while await derived(client, "a.png"):
            await asyncio.sleep(0.05)
    put(out, "c.png", data=png(prompt=made_from("a.png [output]")))
    assert await derived(client, "a.png") == ["c.png"]
    (out / "c.png").unlink()
    assert await derived(client, "a.png") == []


async def test_names_lead_to_where_the_file_was_moved(client: Client, out: Path) -> None:
    put(out, "x/a.png", data=png(note="a"))
    put(out, "b.png", data=png(prompt=made_from("x/a.png [output]")))
    (out / "y").mkdir()
    await move(client, "x/a.png", "y")
    await rename(client, "y/a.png", "best.png")
    status, _ = await post(client, RENAME, {"folder": "y", "name": "z"})
    assert status == 200
    await rename(client, "b.png", "c.png")
    (one,) = (await lineage(client, "c.png"))["inputs"]
    assert (one["subfolder"], one["filename"], one["exists"]) == ("z", "best.png", True)
    assert paths([one["item"]]) == ["z/best.png"]
    assert await derived(client, "z/best.png") == ["c.png"]


async def test_a_name_that_is_used_again_is_another_files(client: Client, out: Path) -> None:
    """A program that counts its files begins anew when they have been moved away."""
    put(out, "a_1.png", data=png(note="first"))
    put(out, "old.png", data=png(prompt=made_from("a_1.png [output]")))
    (out / "kept").mkdir()
    await move(client, "a_1.png", "kept")
    put(out, "a_1.png", data=png(note="second"))
    put(out, "new.png", data=png(prompt=made_from("a_1.png [output]"), note="new"))
    assert await derived(client, "kept/a_1.png") == ["old.png"]
    assert await derived(client, "a_1.png") == ["new.png"]
    assert paths([(await lineage(client, "old.png"))["inputs"][0]]) == ["kept/a_1.png"]
    assert paths([(await lineage(client, "new.png"))["inputs"][0]]) == ["a_1.png"]


async def test_hostile_graphs(client: Client, out: Path, data_dir: Path) -> None:
    put(data_dir, "secret.png", data=png())
    graph = made_from("../secret.png [output]", "/etc/passwd.png", "C:\\x.png", "", " [output]", "x" * 5000)
    graph["30"] = {"class_type": "LoadImage", "inputs": {"image": ["31", 0]}}
    graph["31"] = {"class_type": "PrimitiveString", "inputs": {"value": ["30", 0]}}
    put(out, "a.png", data=png(prompt=graph))
    assert (await lineage(client, "a.png"))["inputs"] == []


# What the studio rendered


class Bench:
    """A studio whose engine renders when it is told to."""

    def __init__(self, client: Client, engine: StillEngine, out: Path) -> None:
        self.client, self.engine, self.out = client, engine, out

    async def queue(self, graph: Graph) -> str:
        async with self.client.post("/prompt", json={"prompt": graph}) as answer:
            assert answer.status == 200, await answer.text()
            return str((await answer.json())["prompt_id"])

    async def render(self, graph: Graph, *files: str, data: bytes | None = None) -> str:
        """Queue a graph, and have it make these files."""
        prompt_id = await self.queue(graph)
        await self.make(prompt_id, *files, data=data or png(prompt=graph, files=" ".join(files)))
        return prompt_id

    async def make(self, prompt_id: str, *files: str, data: bytes) -> None:
        images = []
        for path in files:
            put(self.out, path, data=data)
            subfolder, _, filename = path.rpartition("/")
            images.append({"filename": filename, "subfolder": subfolder, "type": "output"})
        self.engine.say("execution_start", prompt_id)
        self.engine.say("executed", prompt_id, node="2", output={"images": images})
        self.engine.say("execution_success", prompt_id)
        await self.until_done(prompt_id)

    async def until_done(self, prompt_id: str) -> None:
        async with asyncio.timeout(60):
            while True:
                async with self.client.get(f"/cozygen/api/jobs/{prompt_id}") as answer:
                    if (await answer.json())["status"] == "done":
                        return
                await asyncio.sleep(0.02)


@pytest.fixture
async def bench(studio: MakeStudio, data_dir: Path, out: Path) -> Bench:
    engine = StillEngine(Settings(_env_file=None, data_dir=data_dir))
    return Bench(await studio(engine=engine), engine, out)


async def test_a_job_and_what_it_made(bench: Bench) -> None:
    prompt_id = await bench.render({"2": node("SaveImage", filename_prefix="a")}, "x/1.png", "x/2.png", "3.png")
    found = await lineage(bench.client, "x/1.png")
    assert found["prompt_id"] == prompt_id
    job = found["job"]
    assert (job["id"], job["status"], job["workflow"], job["group_id"]) == (prompt_id, "done", None, None)
    assert job["created_at"] > 0 and job["values"] == {}
    assert sorted(paths(found["siblings"])) == ["3.png", "x/2.png"]


async def test_a_batch_belongs_together(studio: MakeStudio, data_dir: Path, out: Path, tmp_path: Path) -> None:
    workflows = tmp_path / "workflows"
    workflows.mkdir()
    text = '{"1": {"class_type": "CozyGenStringInput", "inputs": {"param_name": "Prompt", "default_value": "x"}}}'
    (workflows / "try.json").write_text(text)
    engine = StillEngine(Settings(_env_file=None, data_dir=data_dir))
    bench = Bench(await studio(engine=engine, workflows_dir=workflows), engine, out)
    body = {"workflow": "try.json", "count": 3, "values": {"Prompt": "y" * 3000}}
    async with bench.client.post("/cozygen/api/jobs", json=body) as answer:
        jobs = (await answer.json())["jobs"]
    for number, job in reversed(list(enumerate(jobs))):
        await bench.make(job["id"], f"{number}.png", data=png(n=str(number)))
    found = await lineage(bench.client, "1.png")
    assert (found["workflow"], found["job"]["workflow"]) == ("try.json", "try.json")
    assert found["job"]["group_id"] == jobs[1]["group_id"]
    assert found["job"]["values"] == {"Prompt": "y" * 1000}
    assert found["prompt_raw"] == {"1.default_value": "y" * 3000}
    assert paths(found["siblings"]) == ["0.png", "2.png"]


async def test_inputs_are_known_by_what_they_were(bench: Bench, inputs: Path) -> None:
    """Whatever happened to the names since: the database knows the content."""
    put(bench.out, "a.png", data=png(note="a"))
    put(inputs, "in.png", data=png(note="in"))
    plain = png(note="no graph in it")
    await bench.render(made_from("a.png [output]", "in.png"), "b.png", data=plain)
    put(inputs, "in.png", data=png(note="another one"))
    (bench.out / "far").mkdir()
    (bench.out / "a.png").rename(bench.out / "far" / "z.png")  # by another program
    put(bench.out, "a.png", data=png(note="another one, too"))
    a, given = (await lineage(bench.client, "b.png"))["inputs"]
    assert (a["subfolder"], a["filename"], a["exists"]) == ("far", "z.png", True)
    assert (given["filename"], given["exists"], given["replaced"], given["url"]) == ("in.png", False, True, None)
    assert await derived(bench.client, "far/z.png") == ["b.png"]
    assert await derived(bench.client, "a.png") == []
    assert await derived(bench.client, "in.png", root="input") == []


async def test_a_name_that_stood_for_another_file_does_not_count(bench: Bench) -> None:
    put(bench.out, "a_1.png", data=png(note="first"))
    await bench.render(made_from("a_1.png [output]"), "b.png")
    (bench.out / "a_1.png").unlink()
    put(bench.out, "a_1.png", data=png(note="second"))
    assert await derived(bench.client, "a_1.png") == []
    (one,) = (await lineage(bench.client, "b.png"))["inputs"]
    assert (one["filename"], one["exists"], one["replaced"], one["item"]) == ("a_1.png", False, True, None)


async def test_a_prompt_that_was_refused_has_no_inputs(bench: Bench, inputs: Path) -> None:
    put(inputs, "in.png", data=png())
    error = {"type": "no", "message": "no", "details": "", "extra_info": {}}
    bench.engine.refusal = PromptRejected({"error": error, "node_errors": {}})
    async with bench.client.post("/prompt", json={"prompt": made_from("in.png")}) as answer:
        assert answer.status == 400
    bench.engine.refusal = None
    prompt_id = await bench.queue(made_from("in.png"))
    assert bench.client.app is not None
    database = bench.client.app[SERVICES].database
    rows = await database.read(lambda connection: connection.execute(select(job_inputs)).all())
    assert [(row.prompt_id, row.folder, row.path) for row in rows] == [(prompt_id, "input", "in.png")]


async def test_a_prompt_of_somebody_elses_program_is_named(client: Client, out: Path) -> None:
    from cozygen.jobs import store

    put(out, "a.png", data=png())
    put(out, "b.png", data=png())
    assert client.app is not None
    database = client.app[SERVICES].database
    files = [("", "a.png", "prompt-1"), ("", "b.png", "prompt-1")]
    await database.write(lambda connection: store.import_prompts(connection, {"prompt-1": {"6.text": "$a$"}}, files))
    found = await lineage(client, "a.png")
    assert (found["prompt_id"], found["job"], found["prompt_raw"]) == ("prompt-1", None, {"6.text": "$a$"})
    assert paths(found["siblings"]) == ["b.png"]


# From end to end


@pytest.fixture
async def rendering(studio: MakeStudio, data_dir: Path) -> AsyncIterator[Client]:
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / ".example-written").touch()
    settings = Settings(_env_file=None, data_dir=data_dir, engine="embedded")
    engine = EmbeddedEngine(settings.inputs, settings.outputs, data_dir / "temp")
    yield await studio(engine=engine)


async def render(client: Client, graph: Graph) -> str:
    """Render a graph: the path of the one file that it makes."""
    async with client.post("/prompt", json={"prompt": graph}) as answer:
        assert answer.status == 200, await answer.text()
        prompt_id = (await answer.json())["prompt_id"]
    async with asyncio.timeout(120):
        while True:
            async with client.get(f"/cozygen/api/jobs/{prompt_id}") as answer:
                job = await answer.json()
            if job["status"] not in ("queued", "running"):
                break
            await asyncio.sleep(0.05)
    assert job["status"] == "done", job["error"]
    (path,) = paths(job["outputs"])
    return path


async def test_lineage_survives_moves_and_the_loss_of_the_index(
    rendering: Client, studio: MakeStudio, data_dir: Path, out: Path
) -> None:
    client = rendering
    blank = {
        "1": node("EmptyImage", width=16, height=8, batch_size=1, color=0xFF0000),
        "2": node("SaveImage", images=["1", 0], filename_prefix="a"),
    }
    a = await render(client, blank)
    form = FormData()
    form.add_field("image", (out / a).read_bytes(), filename="used.png")
    async with client.post("/cozygen/upload_image", data=form) as answer:
        copy = (await answer.json())["filename"]
    invert = node("ImageInvert", image=["10", 0])
    b = await render(client, {**made_from(f"{a} [output]"), "2": node("SaveImage", images=["3", 0], filename_prefix="b"), "3": invert})  # fmt: skip
    c = await render(client, {**made_from(copy), "2": node("SaveImage", images=["3", 0], filename_prefix="c"), "3": invert})  # fmt: skip

    async def check(client: Client, a: str, b: str) -> None:
        forth = await lineage(client, a)
        assert sorted(paths(forth["derived"])) == sorted([b, c])
        (one,) = (await lineage(client, b))["inputs"]
        assert (one["type"], one["exists"], paths([one]), paths([one["item"]])) == ("output", True, [a], [a])
        (one,) = (await lineage(client, c))["inputs"]
        assert (one["type"], one["exists"], one["filename"], paths([one["item"]])) == ("input", True, copy, [a])

    await check(client, a, b)
    await rename(client, a, "first.png")
    await check(client, "first.png", b)
    (out / "kept").mkdir()
    await move(client, "first.png", "kept")
    await move(client, b, "kept")
    await check(client, "kept/first.png", f"kept/{b}")
    await client.close()
    for path in data_dir.glob("index*"):
        path.unlink()
    again = await studio()
    async with asyncio.timeout(60):
        while (await lineage(again, "kept/first.png"))["indexing"]:
            await asyncio.sleep(0.05)
    await check(again, "kept/first.png", f"kept/{b}")
