"""The engine with its real processes: queue, order, events, cancellation, refusals."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cozygen.engines.base import (
    Engine,
    EngineEvent,
    PreviewEvent,
    PromptRejected,
    Submission,
)
from cozygen.engines.embedded.engine import EmbeddedEngine
from tests.engines.embedded.real_engine import MakeStudio, Studio, node, showing


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


async def test_nothing_is_lost_on_a_slow_listener(make: MakeStudio) -> None:
    studio = await make()
    slow = studio.engine.events()  # takes over from the studio's own
    graph: dict[str, Any] = {"0": node("Number", value=0)}
    graph |= {str(place): node("Add", a=[str(place - 1), 0], b=1) for place in range(1, 1500)}
    graph["end"] = node("Show", value=["1499", 0])
    await studio.submit("p", graph)
    await asyncio.sleep(0.5)  # more events than are kept
    nodes = []
    async with asyncio.timeout(120):
        async for event in slow:
            if isinstance(event, EngineEvent) and event.type == "executing":
                nodes.append(event.data["node"])
                if event.data["node"] is None:
                    break
    assert nodes == [*graph, None]


async def test_the_loop_is_free_while_much_is_told(studio: Studio) -> None:
    """Bursts of events must not keep others waiting until they are over."""
    graph: dict[str, Any] = {"0": node("Number", value=0)}
    graph |= {str(place): node("Add", a=[str(place - 1), 0], b=1) for place in range(1, 500)}
    graph["end"] = node("Show", value=["499", 0])
    await studio.submit("p", graph)
    ended = asyncio.create_task(studio.end("p"))
    turns = 0
    while not ended.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 100
