"""The studio as a whole: which engine it takes, and what is left of its jobs when it is killed."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from cozygen.app import choose_engine
from cozygen.settings import Settings
from tests.serving import Serving, alive, wait_until

STATS = {"system": {"os": "posix", "comfyui_version": "0.9.9", "argv": []}, "devices": []}


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def saved(name: str, color: int) -> dict[str, Any]:
    return {
        "1": node("EmptyImage", width=16, height=16, batch_size=1, color=color),
        "2": node("SaveImage", images=["1", 0], filename_prefix=name),
    }


def painted(name: str) -> dict[str, Any]:
    """Two pictures that take long enough to be interrupted."""
    return {
        "1": node(
            "CozyGenPainter", prompt="harbour at night", negative="", seed=7, width=768, height=512, steps=60,
            style="painting", batch_size=2,
        ),
        "2": node("SaveImage", images=["1", 0], filename_prefix=name),
    }  # fmt: skip


def queue(studio: Serving, graph: Any) -> str:
    prompt_id: str = studio.ask("POST", "/prompt", {"prompt": graph})["prompt_id"]
    return prompt_id


def job(studio: Serving, prompt_id: str) -> dict[str, Any]:
    found: dict[str, Any] = studio.ask("GET", f"/cozygen/api/jobs/{prompt_id}")
    return found


def ended(studio: Serving, *prompt_ids: str) -> list[dict[str, Any]]:
    wait_until(lambda: all(job(studio, prompt_id)["finished_at"] for prompt_id in prompt_ids), 120)
    return [job(studio, prompt_id) for prompt_id in prompt_ids]


def files(studio: Serving) -> dict[str, bytes]:
    folder = studio.data / "output"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_is_lost_when_it_is_killed(tmp_path: Path) -> None:
    options = ("--engine", "embedded", "--port", "0")
    with Serving(tmp_path, *options) as first:
        done = queue(first, saved("done", 0xFF0000))
        (before,) = ended(first, done)
        kept = files(first)
        interrupted = queue(first, painted("painted"))
        wait_until(lambda: ((job(first, interrupted)["progress"] or {}).get("fraction") or 0) > 0.1)
        waiting = queue(first, saved("waiting", 0x00FF00))
        children = first.children()
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
        assert files(first) == kept, "it was in the middle of its render"
    wait_until(lambda: not any(map(alive, children)))

    with Serving(tmp_path, *options) as second:
        assert job(second, done) == before
        after = ended(second, interrupted, waiting)
        assert [found["status"] for found in after] == ["done", "done"]
        assert [len(found["outputs"]) for found in after] == [2, 1]
        assert after[0]["finished_at"] <= after[1]["started_at"], "they keep their order"
        written = files(second)
        assert set(written) - set(kept) == {"painted_00001_.png", "painted_00002_.png", "waiting_00001_.png"}
        assert {name: written[name] for name in kept} == kept
        for name in ("painted_00001_.png", "painted_00002_.png"):
            with Image.open(second.data / "output" / name) as picture:
                picture.load()
                assert picture.size == (768, 512) and json.loads(picture.info["prompt"]) == painted("painted")
        assert set(second.ask("GET", "/history")) == {done, interrupted, waiting}
        listed = second.ask("GET", "/cozygen/api/jobs")["items"]
        assert [found["id"] for found in listed] == [waiting, interrupted, done]
        assert second.end(signal.SIGTERM) == 0

    with Serving(tmp_path, *options) as third:
        assert third.ask("GET", "/queue") == {"queue_running": [], "queue_pending": []}
        assert [job(third, found["id"]) for found in after] == after and files(third) == written
        assert third.end(signal.SIGTERM) == 0


def test_a_graceful_end_keeps_what_waits(tmp_path: Path) -> None:
    options = ("--engine", "embedded", "--port", "0")
    with Serving(tmp_path, *options) as first:
        running = queue(first, painted("again"))
        wait_until(lambda: job(first, running)["status"] == "running")
        waiting = queue(first, saved("next", 0x0000FF))
        assert first.end(signal.SIGTERM) == 0
    with Serving(tmp_path, *options) as second:
        after = ended(second, running, waiting)
        assert [(found["status"], len(found["outputs"])) for found in after] == [("done", 2), ("done", 1)]
        assert set(files(second)) == {"again_00001_.png", "again_00002_.png", "next_00001_.png"}
        assert second.end(signal.SIGTERM) == 0


# Which engine


def settings(folder: Path, engine: str) -> Settings:
    return Settings(_env_file=None, data_dir=folder, engine=engine)


def answering(body: Any, status: int = 200) -> TestServer:
    async def stats(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_get("/system_stats", stats)
    return TestServer(app)


async def test_auto_takes_the_comfyui_that_runs(tmp_path: Path) -> None:
    async with answering(STATS) as server:
        url = str(server.make_url("")).rstrip("/")
        engine, chosen = await choose_engine(settings(tmp_path, "auto"), local=url)
    assert chosen == f"ComfyUI 0.9.9 at {url} renders." and type(engine).__name__ == "ComfyUIEngine"


async def test_auto_without_a_comfyui(tmp_path: Path, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    engine, chosen = await choose_engine(settings(tmp_path, "auto"), local=url)
    assert chosen == f"No ComfyUI answers at {url}; the built-in CPU engine renders."
    assert (await engine.health()).engine == "embedded"


@pytest.mark.parametrize(
    ("body", "status"), [({}, 200), ([], 200), ({"system": {}}, 200), (STATS, 500), (STATS, 401), ("x", 200)]
)
async def test_auto_with_something_else_on_the_port(tmp_path: Path, body: Any, status: int) -> None:
    async with answering(body, status) as server:
        engine, chosen = await choose_engine(settings(tmp_path, "auto"), local=str(server.make_url("")).rstrip("/"))
    assert "built-in" in chosen and (await engine.health()).engine == "embedded"


async def test_what_is_asked_for_is_taken(tmp_path: Path) -> None:
    engine, chosen = await choose_engine(settings(tmp_path, "embedded"), local="http://127.0.0.1:9")
    assert chosen == "The built-in CPU engine renders." and (await engine.health()).engine == "embedded"
    url = "http://127.0.0.1:9"
    engine, chosen = await choose_engine(settings(tmp_path, url + "/"))
    assert chosen == f"ComfyUI at {url} renders." and type(engine).__name__ == "ComfyUIEngine"


def test_a_comfyui_that_is_away_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    with Serving(tmp_path, "--engine", "http://127.0.0.1:9", "--port", "0") as studio:
        state = studio.ask("GET", "/cozygen/api/status")["engine"]
        assert state["ok"] is False and state["engine"] == "comfyui" and "127.0.0.1:9" in state["note"]
        answer = studio.ask("POST", "/prompt", {"prompt": saved("x", 1)}, status=503)
        assert answer["error"]["type"] == "engine_unavailable" and "127.0.0.1:9" in answer["error"]["message"]
        for path in ("/object_info", "/api/system_stats", "/models", "/features", "/embeddings"):
            assert studio.ask("GET", path, status=503)["error"] == "engine unavailable"
        assert studio.ask("GET", "/queue") == {"queue_running": [], "queue_pending": []}
        assert studio.ask("GET", "/cozygen/api/gallery")["items"] == []
        assert studio.end(signal.SIGTERM) == 0 and "Traceback" not in studio.stderr
