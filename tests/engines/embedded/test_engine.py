"""The engine with its real processes: queue, events, cancellation, crashes, restart."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import cozygen
from cozygen.engines.base import (
    ConnectionEvent,
    Engine,
    EngineError,
    EngineEvent,
    EngineUnavailable,
    Event,
    LocalFile,
    Outcome,
    PreviewEvent,
    PromptRejected,
    Submission,
)
from cozygen.engines.embedded.engine import EmbeddedEngine

MODULE = "tests.engines.embedded.little_nodes"
ROOT = Path(__file__).parents[3]


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def showing(source: dict[str, Any], label: str = "") -> dict[str, Any]:
    return {"1": source, "2": node("Show", value=["1", 0], label=label)}


class Studio:
    """An engine, and everything that it says."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self.engine = engine
        self.seen: list[Event] = []
        self._news = asyncio.Condition()
        self._follower = asyncio.create_task(self._follow(engine.events()))

    async def _follow(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            async with self._news:
                self.seen.append(event)
                self._news.notify_all()

    async def until(self, wanted: Callable[[Event], bool]) -> Event:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: any(wanted(event) for event in self.seen))
        return next(event for event in self.seen if wanted(event))

    async def event(self, name: str, prompt_id: str | None, **data: Any) -> EngineEvent:
        """Wait for an event and give it."""
        found = await self.until(
            lambda event: (
                isinstance(event, EngineEvent)
                and (event.type, event.prompt_id) == (name, prompt_id)
                and all(event.data[key] == value for key, value in data.items())
            )
        )
        assert isinstance(found, EngineEvent)
        return found

    async def end(self, prompt_id: str) -> Outcome:
        """Wait until a prompt is over for good."""
        await self.event("executing", prompt_id, node=None)
        return (await self.engine.lookup([prompt_id]))[prompt_id]

    async def submit(self, prompt_id: str, graph: Any, number: float = 0, **options: Any) -> None:
        await self.engine.submit(Submission(prompt_id, graph, number, **options))

    def of(self, prompt_id: str) -> list[str]:
        """The names of a prompt's JSON events, less those on progress."""
        return [
            event.type
            for event in self.seen
            if isinstance(event, EngineEvent) and event.prompt_id == prompt_id and "progress" not in event.type
        ]

    async def close(self) -> None:
        await self.engine.close()
        async with asyncio.timeout(5):
            await self._follower


MakeStudio = Callable[..., Awaitable[Studio]]


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeStudio]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    studios: list[Studio] = []

    async def make_one(extra_modules: Sequence[str] = (MODULE,), **options: Any) -> Studio:
        places = tmp_path / "input", tmp_path / "output", tmp_path / "temp"
        engine = EmbeddedEngine(*places, extra_modules=extra_modules, **options)
        await engine.start()
        studios.append(Studio(engine))
        return studios[-1]

    yield make_one
    for studio in studios:
        await studio.close()


@pytest.fixture
async def studio(make: MakeStudio) -> Studio:
    return await make()


def conforms(engine: EmbeddedEngine) -> Engine:
    return engine


async def test_a_prompt_runs_in_a_process_of_its_own(studio: Studio) -> None:
    assert conforms(studio.engine)
    accepted = await studio.engine.submit(Submission("p", showing(node("Whoami")), 3.5))
    assert (accepted.prompt_id, accepted.number, accepted.outputs_to_execute) == ("p", 3.5, ["2"])
    outcome = await studio.end("p")
    assert outcome.state == "done"
    pid, niceness = outcome.outputs["2"]["values"][0].split()
    assert int(pid) != os.getpid()
    if os.name == "posix":
        assert int(niceness) >= 10
    assert outcome.meta["2"] == {"node_id": "2", "display_node": "2", "parent_node": None, "real_node_id": "2"}
    assert [message[0] for message in outcome.messages] == [
        "execution_start",
        "execution_cached",
        "execution_success",
    ]


async def test_events_come_in_comfyuis_order(studio: Studio) -> None:
    await studio.submit("p", showing(node("Number", value=4)))
    await studio.end("p")
    told = [
        (event.type, event.data.get("node", event.data.get("status")))
        for event in studio.seen
        if isinstance(event, EngineEvent) and event.type != "progress_state"
    ]
    one, none = {"exec_info": {"queue_remaining": 1}}, {"exec_info": {"queue_remaining": 0}}
    assert told == [
        ("status", one),
        ("status", one),
        ("execution_start", None),
        ("execution_cached", None),
        ("executing", "1"),
        ("executing", "2"),
        ("executed", "2"),
        ("execution_success", None),
        ("status", none),
        ("executing", None),
    ]
    assert all(
        event.prompt_id is None for event in studio.seen if isinstance(event, EngineEvent) and event.type == "status"
    )


async def test_progress_comes_with_small_previews(studio: Studio) -> None:
    await studio.submit("p", showing(node("Slow", steps=3, seconds=0.15, tag=1)))
    await studio.end("p")
    values = [e.data["value"] for e in studio.seen if isinstance(e, EngineEvent) and e.type == "progress"]
    assert values == [1, 2, 3]
    previews = [event for event in studio.seen if isinstance(event, PreviewEvent)]
    assert len(previews) == 3
    first = previews[0]
    assert (first.prompt_id, first.node_id, first.mime) == ("p", "1", "image/jpeg")
    assert first.metadata["display_node_id"] == "1"
    with Image.open(io.BytesIO(first.data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (512, 307))
    places = [place for place, event in enumerate(studio.seen) if isinstance(event, PreviewEvent)]
    end = next(p for p, e in enumerate(studio.seen) if isinstance(e, EngineEvent) and e.type == "execution_success")
    assert max(places) < end


async def test_lower_numbers_go_first_and_equal_ones_in_their_order(studio: Studio) -> None:
    await studio.submit("first", showing(node("Slow", steps=20, seconds=0.02, tag=1)))
    await studio.event("executing", "first", node="1")
    for prompt_id, number in (("c", 2.0), ("d", 2.0), ("b", 1.0), ("a", -1.0), ("e", 2.0)):
        await studio.submit(prompt_id, showing(node("Number", value=1), prompt_id), number)
    states = await studio.engine.lookup(["first", "a", "unknown"])
    assert {key: outcome.state for key, outcome in states.items()} == {"first": "running", "a": "queued"}
    await studio.end("e")
    starts = [e.prompt_id for e in studio.seen if isinstance(e, EngineEvent) and e.type == "execution_start"]
    assert starts == ["first", "a", "b", "c", "d", "e"]


async def test_a_prompt_id_is_queued_once(studio: Studio) -> None:
    graph = showing(node("Slow", steps=10, seconds=0.02, tag=1))
    await asyncio.gather(studio.submit("p", graph), studio.submit("p", graph))
    await studio.event("executing", "p", node="1")
    again = await studio.engine.submit(Submission("p", graph, 9))
    assert (again.number, again.outputs_to_execute) == (0, ["2"])
    await studio.end("p")
    assert studio.of("p").count("execution_start") == 1


async def test_results_are_kept_between_prompts(studio: Studio) -> None:
    graph = {"1": node("Add", a=1, b=2), "2": node("Show", value=["1", 1])}
    await studio.submit("p", graph)
    await studio.submit("q", graph)
    outcome = await studio.end("q")
    assert outcome.messages[1][1]["nodes"] == ["1", "2"]
    assert outcome.outputs == {"2": {"values": ["1"]}}
    assert studio.of("q") == ["execution_start", "execution_cached", "executed", "execution_success", "executing"]


async def test_a_refused_prompt_leaves_no_trace(studio: Studio) -> None:
    with pytest.raises(PromptRejected) as caught:
        await studio.submit("p", {"1": node("Show")})
    assert caught.value.body["node_errors"]["1"]["errors"][0]["type"] == "required_input_missing"
    assert await studio.engine.lookup(["p"]) == {}
    assert studio.seen == []
    await studio.submit("p", showing(node("Number", value=1)))
    assert (await studio.end("p")).state == "done"


@pytest.mark.parametrize(
    ("graph", "extra_data"),
    [
        ({"1": node("Show", value=float("nan"))}, {}),
        ({"1": node("Show", value=10**5000)}, {}),
        ({"1": node("Show", value={1, 2})}, {}),
        ({"1": node("Show", value=b"x")}, {}),
        ("x" * (33 * 2**20), {}),
        ({"1": node("Show", value=1)}, {"extra_pnginfo": float("inf")}),
        (None, {}),
        ([1], {}),
    ],
)
async def test_what_is_not_json_is_refused(studio: Studio, graph: Any, extra_data: dict[str, Any]) -> None:
    with pytest.raises(PromptRejected) as caught:
        await studio.submit("p", graph, extra_data=extra_data)
    assert caught.value.body["error"]["type"] == "invalid_prompt"


async def test_odd_but_valid_prompts_run(studio: Studio) -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    graph = {"\ud800": {**node("Show", value="\ud800", odd=deep), "is_changed": [float("nan")]}}
    await studio.submit("\ud800", graph, extra_data={"extra_pnginfo": {"workflow": "\udfff"}})
    outcome = await studio.end("\ud800")
    assert outcome.state == "done"
    assert list(outcome.outputs) == ["\ud800"]


async def test_a_number_that_is_none_is_refused(studio: Studio) -> None:
    with pytest.raises(PromptRejected):
        await studio.submit("p", showing(node("Number", value=1)), float("nan"))


async def test_only_the_targets_run(studio: Studio) -> None:
    graph = {**showing(node("Number", value=1)), "3": node("Show", value=3)}
    accepted = await studio.engine.submit(Submission("p", graph, 0, partial_execution_targets=["3"]))
    assert accepted.outputs_to_execute == ["3"]
    assert list((await studio.end("p")).outputs) == ["3"]


async def test_an_output_that_cannot_run_is_told_and_the_others_run(studio: Studio) -> None:
    graph = {**showing(node("Number", value=1)), "3": node("Show")}
    accepted = await studio.engine.submit(Submission("p", graph, 0))
    assert accepted.outputs_to_execute == ["2"]
    assert list(accepted.node_errors) == ["3"]
    assert (await studio.end("p")).state == "done"


async def test_a_failing_node_fails_its_prompt_alone(studio: Studio) -> None:
    await studio.submit("p", showing(node("Fail", how="full")))
    await studio.submit("q", showing(node("Number", value=1)))
    failed = await studio.end("p")
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error["exception_message"].startswith("The disk is full:")
    assert (failed.error["node_id"], failed.error["node_type"]) == ("1", "Fail")
    assert (await studio.end("q")).state == "done"
    assert studio.of("p") == ["execution_start", "execution_cached", "executing", "execution_error", "executing"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
async def test_an_output_folder_that_cannot_be_written_is_named(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output").chmod(0o500)
    await studio.submit("p", {"1": node("Save", value=1, name="a")})
    error = (await studio.end("p")).error
    assert error is not None
    assert error["exception_message"].startswith("Permission denied:")
    (tmp_path / "output").chmod(0o700)


async def test_an_output_folder_that_is_a_file_is_named(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "output").write_text("in the way")
    await studio.submit("p", {"1": node("Save", value=1, name="a")})
    error = (await studio.end("p")).error
    assert error is not None
    assert "the output folder" in error["exception_message"]
    assert str(tmp_path) not in str(error)


async def test_a_waiting_prompt_can_be_cancelled(studio: Studio) -> None:
    await studio.submit("p", showing(node("Slow", steps=30, seconds=0.02, tag=1)))
    await studio.event("executing", "p", node="1")
    await studio.submit("q", showing(node("Number", value=1)))
    assert await studio.engine.cancel("q")
    assert not await studio.engine.cancel("q")
    outcome = await studio.end("q")
    assert outcome.state == "cancelled"
    assert studio.of("q") == ["execution_interrupted", "executing"]
    end = await studio.event("execution_interrupted", "q")
    assert {key: end.data[key] for key in ("prompt_id", "node_id", "node_type", "executed")} == {
        "prompt_id": "q",
        "node_id": None,
        "node_type": None,
        "executed": [],
    }
    assert (await studio.end("p")).state == "done"


async def test_a_running_prompt_can_be_cancelled(studio: Studio) -> None:
    await studio.submit("p", showing(node("Slow", steps=10_000, seconds=0.01, tag=1)))
    await studio.event("progress", "p")
    assert await studio.engine.cancel("p")
    assert (await studio.end("p")).state == "cancelled"
    end = await studio.event("execution_interrupted", "p")
    assert (end.data["node_id"], end.data["node_type"]) == ("1", "Slow")
    await studio.submit("q", showing(node("Number", value=1)))
    assert (await studio.end("q")).state == "done"
    assert not await studio.engine.cancel("p")
    assert not await studio.engine.cancel("unknown")


async def test_a_prompt_can_be_cancelled_while_it_is_checked(studio: Studio) -> None:
    entering = asyncio.create_task(studio.submit("p", showing(node("Number", value=1))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (await studio.engine.lookup(["p"]))["p"].state == "queued"
    assert await studio.engine.cancel("p")
    await entering
    assert (await studio.end("p")).state == "cancelled"
    assert "execution_start" not in studio.of("p")


async def test_a_waiting_prompt_can_be_withdrawn_and_come_again(studio: Studio) -> None:
    await studio.submit("p", showing(node("Slow", steps=30, seconds=0.02, tag=1)))
    await studio.event("executing", "p", node="1")
    await studio.submit("q", showing(node("Number", value=1)))
    assert await studio.engine.withdraw("q")
    assert not await studio.engine.withdraw("q")
    assert not await studio.engine.withdraw("p")
    assert list(await studio.engine.lookup(["p", "q"])) == ["p"]
    assert studio.of("q") == []
    entering = asyncio.create_task(studio.submit("q", showing(node("Number", value=1))))
    await asyncio.sleep(0)
    assert await studio.engine.withdraw("q")
    again = asyncio.create_task(studio.submit("q", showing(node("Number", value=2))))
    await asyncio.gather(entering, again)
    assert (await studio.end("q")).outputs == {"2": {"values": ["2"]}}
    assert studio.of("q").count("execution_start") == 1


async def test_a_node_that_does_not_hear_is_ended_with_its_process(make: MakeStudio) -> None:
    studio = await make(cancel_seconds=0.2)
    await studio.submit("p", showing(node("Deaf")))
    await studio.submit("q", showing(node("Number", value=1)))
    await studio.event("test_deaf", "p")
    assert await studio.engine.cancel("p")
    assert (await studio.end("p")).state == "cancelled"
    assert studio.of("p")[-2:] == ["execution_interrupted", "executing"]
    end = await studio.event("execution_interrupted", "p")
    assert (end.data["node_id"], end.data["node_type"]) == ("1", "Deaf")
    assert (await studio.end("q")).state == "done"


@pytest.mark.parametrize("number", [0, 9 if os.name == "posix" else 0])
async def test_a_crash_fails_its_prompt_alone(studio: Studio, number: int) -> None:
    graph = {"0": node("Add", a=1, b=1), "1": node("Die", signal=number), "2": node("Sum", values=["1", 0])}
    graph |= {"3": node("Add", a=["0", 0], b=["2", 0]), "4": node("Show", value=["3", 0])}
    await studio.submit("p", graph)
    await studio.submit("q", showing(node("Number", value=1)))
    failed = await studio.end("p")
    assert failed.state == "failed"
    assert failed.error is not None
    message = failed.error["exception_message"]
    assert ("ran out of memory" if number else "exit code 3") in message
    assert "while it ran node 1 (Die)" in message
    assert "smaller size" in message
    assert (failed.error["node_id"], failed.error["node_type"]) == ("1", "Die")
    assert (await studio.end("q")).state == "done"
    assert (await studio.engine.health()).ok


async def test_a_crash_while_a_prompt_is_checked_refuses_it_alone(studio: Studio) -> None:
    with pytest.raises(EngineError, match="The process that checks prompts ended by itself with exit code 3"):
        await studio.submit("p", {"1": node("Trap", value=1)})
    await studio.submit("q", showing(node("Number", value=1)))
    assert (await studio.end("q")).state == "done"


async def test_nesting_that_is_too_deep_is_refused(studio: Studio) -> None:
    refused = 0
    for depth in range(940, 1000):
        deep: Any = 1
        for _ in range(depth):
            deep = [deep]
        try:
            await studio.submit(f"p{depth}", {"1": node("Show", value=1, deep=deep)})
        except PromptRejected as error:
            assert error.body["error"]["type"] == "invalid_prompt"
            refused += 1
    assert refused


async def test_what_nodes_print_is_no_message(studio: Studio) -> None:
    await studio.submit("p", showing(node("Chatter", value=7)))
    outcome = await studio.end("p")
    assert outcome.outputs == {"2": {"values": ["7"]}}
    odd = await studio.event("test_odd", "p")
    assert odd.data == {"nan": None, "array": "array float64 [3]", "number": 0.5, "read": "", "prompt_id": "p"}


async def test_nothing_is_lost_on_a_slow_listener(make: MakeStudio) -> None:
    studio = await make()
    slow = studio.engine.events()  # takes over from the studio's own
    graph: dict[str, Any] = {"0": node("Number", value=0)}
    graph |= {str(place): node("Add", a=[str(place - 1), 0], b=1) for place in range(1, 1500)}
    graph["end"] = node("Show", value=["1499", 0])
    await studio.submit("p", graph)
    await asyncio.sleep(0.5)  # more events than are kept
    nodes = []
    async with asyncio.timeout(30):
        async for event in slow:
            if isinstance(event, EngineEvent) and event.type == "executing":
                nodes.append(event.data["node"])
                if event.data["node"] is None:
                    break
    assert nodes == [*graph, None]


async def test_the_loop_is_free_while_much_is_told(studio: Studio) -> None:
    """Bursts of events must not keep others waiting until they are over."""
    graph: dict[str, Any] = {"0": node("Number", value=0)}
    graph |= {str(place): node("Add", a=[str(place - 1), 0], b=1) for place in range(1, 2000)}
    graph["end"] = node("Show", value=["1999", 0])
    await studio.submit("p", graph)
    ended = asyncio.create_task(studio.end("p"))
    turns = 0
    while not ended.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 100


async def test_object_info_is_comfyuis_and_fresh(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "a.png").touch()
    info = await studio.engine.object_info()
    assert "Broken" not in info
    assert info["Number"] == {
        "input": {"required": {"value": ["INT", {"default": 0, "min": -100, "max": 100}]}},
        "input_order": {"required": ["value"]},
        "output": ["INT"],
        "output_is_list": [False],
        "output_name": ["INT"],
        "name": "Number",
        "display_name": "A number",
        "description": "",
        "python_module": "nodes",
        "category": "test",
        "output_node": False,
    }
    assert info["Add"]["output_name"] == ["sum", "runs"]
    assert info["Show"]["output_node"] is True
    (tmp_path / "input" / "b.png").touch()
    again = await studio.engine.object_info("Files")
    assert again["Files"]["input"]["required"]["file"] == [["a.png", "b.png"]]
    assert await studio.engine.object_info("Nothing") == {}


async def test_prompts_are_checked_while_the_renderer_is_busy(studio: Studio) -> None:
    await studio.submit("p", showing(node("Deaf")))
    await studio.event("test_deaf", "p")
    await studio.submit("q", showing(node("Number", value=1)))
    assert "Number" in await studio.engine.object_info("Number")
    assert (await studio.engine.lookup(["p", "q"]))["q"].state == "queued"


async def test_it_says_what_it_is(studio: Studio) -> None:
    health = await studio.engine.health()
    assert (health.ok, health.engine, health.version, health.url) == (True, "embedded", cozygen.__version__, None)
    assert "not a diffusion model" in health.note
    stats = await studio.engine.system_stats()
    system, (device,) = stats["system"], stats["devices"]
    assert 0 < system["ram_free"] <= system["ram_total"]
    assert system["python_version"] == sys.version
    assert "embedded" in system["comfyui_version"]
    assert set(device) == {
        "name",
        "type",
        "index",
        "vram_total",
        "vram_free",
        "torch_vram_total",
        "torch_vram_free",
    }
    assert device["type"] == "cpu"
    assert await studio.engine.features() == {"supports_preview_metadata": True, "max_upload_size": 512 * 2**20}


async def test_files_are_confined(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "output" / "a").mkdir(parents=True)
    (tmp_path / "output" / "a" / "x.txt").write_text("x")
    (tmp_path / "secret.txt").write_text("s")
    found = await studio.engine.open_output("x.txt", "a", "output")
    assert isinstance(found, LocalFile)
    assert found.path.read_text() == "x"
    for name, subfolder in (
        ("secret.txt", ".."),
        ("../secret.txt", ""),
        ("a", ""),
        ("y", "a"),
        ("\0", ""),
        ("x" * 999, ""),
    ):
        assert await studio.engine.open_output(name, subfolder, "output") is None


async def test_uploads_are_copied_unless_they_are_there(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    source = tmp_path / "given.png"
    source.write_bytes(b"one")
    await studio.engine.upload("x.png", source, subfolder="sub")
    target = tmp_path / "input" / "sub" / "x.png"
    assert target.read_bytes() == b"one"
    before = target.stat().st_mtime_ns
    await studio.engine.upload("x.png", target, subfolder="sub")
    assert target.stat().st_mtime_ns == before
    for name, options in (("x.png", {"subfolder": "sub", "overwrite": False}), ("../x.png", {})):
        with pytest.raises(Exception, match="could not be stored"):
            await studio.engine.upload(name, source, **options)  # type: ignore[arg-type]


async def test_closing_in_the_middle_of_a_run_leaves_nothing(make: MakeStudio) -> None:
    studio = await make()
    await studio.submit("w", showing(node("Whoami")))
    pid = int((await studio.end("w")).outputs["2"]["values"][0].split()[0])
    await studio.submit("p", showing(node("Deaf")))
    await studio.event("test_deaf", "p")
    await studio.submit("q", showing(node("Number", value=1)))
    await studio.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "execution_interrupted" not in studio.of("p") + studio.of("q")
    with pytest.raises(EngineUnavailable):
        await studio.submit("r", showing(node("Number", value=1)))
    with pytest.raises(EngineUnavailable):
        await studio.engine.object_info()


async def test_it_can_be_started_again(make: MakeStudio) -> None:
    studio = await make()
    await studio.submit("p", showing(node("Slow", steps=1000, seconds=0.01, tag=1)))
    await studio.event("progress", "p")
    await studio.close()
    await studio.engine.start()
    again = Studio(studio.engine)
    assert await again.engine.lookup(["p"]) == {}
    await again.submit("p", showing(node("Number", value=1)))
    assert (await again.end("p")).state == "done"


async def test_closing_while_a_prompt_is_checked(make: MakeStudio) -> None:
    studio = await make()
    entering = asyncio.create_task(studio.submit("p", showing(node("Number", value=1))))
    await asyncio.sleep(0)
    await studio.close()
    with pytest.raises(EngineUnavailable):
        await entering


async def test_an_engine_that_was_never_started_is_closed() -> None:
    engine = EmbeddedEngine(Path("/i"), Path("/o"), Path("/t"))
    with pytest.raises(EngineUnavailable):
        await engine.submit(Submission("p", {}, 0))
    await engine.close()


async def test_a_module_of_nodes_that_is_missing_takes_only_its_own_with_it(make: MakeStudio) -> None:
    studio = await make(extra_modules=["tests.no_such_module", MODULE])
    await studio.submit("p", showing(node("Number", value=1)))
    assert (await studio.end("p")).state == "done"


async def test_a_process_that_does_not_start_is_told(make: MakeStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/no/such/python")
        studio = await make()
        with pytest.raises(EngineUnavailable, match="cannot be started"):
            await studio.submit("p", showing(node("Number", value=1)))
        health = await studio.engine.health()
        assert not health.ok
        assert "cannot be started" in health.note
    await studio.submit("p", showing(node("Number", value=1)))
    assert (await studio.end("p")).state == "done"
    assert (await studio.engine.health()).ok
    told = [event.connected for event in studio.seen if isinstance(event, ConnectionEvent)]
    assert told in ([False, True], [True])  # the first may have come before anybody listened


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
async def test_processes_end_with_the_studio_and_not_by_its_terminal(tmp_path: Path) -> None:
    """A studio that is killed outright leaves no process; Ctrl+C in its terminal reaches none of them."""
    program = f"""
import asyncio
from pathlib import Path
from cozygen.engines.base import EngineEvent, Submission
from cozygen.engines.embedded.engine import EmbeddedEngine

async def main():
    folders = [Path({str(tmp_path)!r}) / name for name in "iot"]
    engine = EmbeddedEngine(*folders, extra_modules=[{MODULE!r}])
    await engine.start()
    events = engine.events()
    graph = {{"1": {{"class_type": "Whoami", "inputs": {{}}}}, "2": {{"class_type": "Show", "inputs": {{"value": ["1", 0]}}}}}}
    await engine.submit(Submission("p", graph, 0))
    async for event in events:
        if isinstance(event, EngineEvent) and event.type == "executed":
            print(event.data["output"]["values"][0].split()[0], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        process_group=0,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            renderer = int(await process.stdout.readline())
        assert os.getpgid(renderer) not in (os.getpgid(process.pid), os.getpgid(0))
        os.kill(renderer, signal.SIGINT)
    finally:
        process.kill()
        await process.wait()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.kill(renderer, 0)
            await asyncio.sleep(0.05)
            continue
        break
    with pytest.raises(ProcessLookupError):
        os.kill(renderer, 0)
