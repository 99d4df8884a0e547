"""Order, caching, lists, lazy inputs, failures and events of a run, without a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cozygen.engines.embedded.executor import Executor, ResultCache
from cozygen.engines.embedded.registry import NodeRegistry
from cozygen.engines.embedded.validation import validate_prompt
from tests.engines.embedded.little_nodes import NODE_CLASS_MAPPINGS, Add, Clock


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


class Bench:
    """An executor whose events are kept."""

    def __init__(self, folder: Path, *, limit: int = 2**20) -> None:
        self.folders: Any = {kind: folder / kind for kind in ("input", "output", "temp")}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.previews: list[str] = []
        self.cancel_at: tuple[str, Any] | None = None
        self.time = 0.0
        self.registry = NodeRegistry(NODE_CLASS_MAPPINGS)
        self.executor = Executor(
            self.registry, self.folders, self._emit, self._preview, self._cancelled, ResultCache(limit), self._clock
        )

    def _emit(self, event: str, data: dict[str, Any]) -> None:
        self.events.append((event, data))

    def _preview(self, node_id: str, picture: np.ndarray[Any, Any]) -> None:
        self.previews.append(node_id)

    def _clock(self) -> float:
        self.time += 0.015
        return self.time

    def _cancelled(self) -> bool:
        return self.cancel_at is not None and any(
            event == self.cancel_at[0] and self.cancel_at[1] in data.values() for event, data in self.events
        )

    def run(self, graph: dict[str, Any], prompt_id: str = "p", **extra: Any) -> list[tuple[str, dict[str, Any]]]:
        """Run it after the checks that come before every run: its events."""
        self.events = []
        valid = validate_prompt(graph, self.registry)
        self.executor.run(prompt_id, graph, extra, valid.outputs_to_execute)
        return self.events

    def shown(self, node_id: str) -> Any:
        return next(data["output"] for event, data in self.events if event == "executed" and data["node"] == node_id)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == event]

    def executed(self) -> list[str]:
        return [data["node"] for data in self.named("executing")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    Add.runs = Clock.runs = 0
    return Bench(tmp_path)


def test_events_come_in_comfyuis_order(bench: Bench) -> None:
    events = bench.run({"1": node("Number", value=3), "2": node("Show", value=["1", 0])})
    assert [name for name, _ in events] == [
        "execution_start",
        "execution_cached",
        "progress_state",
        "executing",
        "progress_state",
        "progress_state",
        "executing",
        "executed",
        "progress_state",
        "execution_success",
    ]
    assert bench.named("execution_cached")[0]["nodes"] == []
    assert bench.named("executing")[0] == {"node": "1", "display_node": "1", "prompt_id": "p"}
    assert bench.named("executed") == [
        {"node": "2", "display_node": "2", "output": {"values": ["3"]}, "prompt_id": "p"}
    ]
    assert bench.named("progress_state")[-1]["nodes"]["1"] == {
        "value": 1.0,
        "max": 1.0,
        "state": "finished",
        "node_id": "1",
        "prompt_id": "p",
        "display_node_id": "1",
        "parent_node_id": None,
        "real_node_id": "1",
    }
    assert all(data["prompt_id"] == "p" for _, data in events)


def test_unchanged_nodes_are_not_run_again_and_outputs_are_shown_again(bench: Bench) -> None:
    graph = {"1": node("Number", value=3), "2": node("Add", a=["1", 0], b=4), "3": node("Show", value=["2", 0])}
    bench.run(graph)
    bench.run(graph, "q")
    assert bench.named("execution_cached")[0]["nodes"] == ["1", "2", "3"]
    assert bench.executed() == []
    assert bench.named("executed") == [
        {"node": "3", "display_node": "3", "output": {"values": ["7"]}, "prompt_id": "q"}
    ]
    graph["3"]["inputs"]["label"] = "sum "
    bench.run(graph)
    assert bench.named("execution_cached")[0]["nodes"] == ["1", "2"]
    assert bench.shown("3") == {"values": ["sum 7"]}
    graph["1"]["inputs"]["value"] = 5
    bench.run(graph)
    assert bench.executed() == ["1", "2", "3"]
    assert bench.shown("3") == {"values": ["sum 9"]}


def test_the_ids_of_nodes_do_not_matter_to_the_cache(bench: Bench) -> None:
    bench.run({"1": node("Number", value=3), "2": node("Show", value=["1", 0])})
    bench.run({"a": node("Number", value=3), "b": node("Show", value=["a", 0])})
    assert bench.executed() == []
    bench.run({"1": node("Identified"), "2": node("Show", value=["1", 0])})
    bench.run({"a": node("Identified"), "b": node("Show", value=["a", 0])})
    assert bench.shown("b") == {"values": ["a"]}


def test_equal_nodes_of_one_prompt_are_run_once(bench: Bench) -> None:
    graph = {
        "1": node("Number", value=1),
        "2": node("Add", a=["1", 0], b=2),
        "3": node("Add", a=["1", 0], b=2),
        "4": node("Show", value=["2", 1], label="x"),
        "5": node("Show", value=["3", 1], label="y"),
    }
    bench.run(graph)
    assert (bench.shown("4"), bench.shown("5")) == ({"values": ["x1"]}, {"values": ["y1"]})


def test_what_is_not_a_number_is_changed_every_time(bench: Bench) -> None:
    graph = {"1": node("Clock"), "2": node("Add", a=["1", 0], b=0), "3": node("Show", value=["2", 0])}
    bench.run(graph)
    bench.run(graph)
    assert bench.named("execution_cached")[0]["nodes"] == []
    assert bench.shown("3") == {"values": ["2"]}


def test_a_shown_file_that_is_gone_is_written_again(bench: Bench) -> None:
    graph = {"1": node("Save", value=1, name="a.txt")}
    bench.run(graph)
    bench.run(graph)
    assert bench.executed() == []
    (bench.folders["output"] / "texts" / "a.txt").unlink()
    bench.run(graph)
    assert bench.executed() == ["1"]
    assert (bench.folders["output"] / "texts" / "a.txt").read_text() == "1"


def test_the_cache_lets_go_of_the_oldest(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limit=2500)  # a small result counts as a little more than a thousand bytes
    for value in (1, 2):
        bench.run({"1": node("Number", value=value), "2": node("Show", value=["1", 0])})
    bench.run({"1": node("Number", value=2), "2": node("Show", value=["1", 0])})
    assert bench.executed() == []
    bench.run({"1": node("Number", value=1), "2": node("Show", value=["1", 0])})
    assert bench.executed() == ["1", "2"]


def test_a_result_larger_than_the_cache_does_not_empty_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limit=8000)
    bench.run({"1": node("Number", value=1), "2": node("Show", value=["1", 0])})
    bench.run({"1": node("Many", count=1000), "2": node("Sum", values=["1", 0]), "3": node("Show", value=["2", 0])})
    bench.run({"1": node("Number", value=1), "2": node("Show", value=["1", 0])})
    assert bench.executed() == []


def test_lists_are_mapped_and_gathered(bench: Bench) -> None:
    bench.run(
        {
            "1": node("Many", count=4),
            "2": node("Add", a=["1", 0], b=10),
            "3": node("Show", value=["2", 0]),
            "4": node("Sum", values=["2", 0]),
            "5": node("Show", value=["4", 0]),
        }
    )
    assert bench.shown("3") == {"values": ["10", "11", "12", "13"]}
    assert bench.shown("5") == {"values": ["46"]}


def test_shorter_lists_repeat_their_last_value(bench: Bench) -> None:
    bench.run(
        {
            "1": node("Many", count=4),
            "2": node("Many", count=2),
            "3": node("Add", a=["1", 0], b=["2", 0]),
            "4": node("Show", value=["3", 0]),
        }
    )
    assert bench.shown("4") == {"values": ["0", "2", "3", "4"]}


def test_nothing_is_done_for_an_empty_list(bench: Bench) -> None:
    bench.run({"1": node("Many", count=0), "2": node("Show", value=["1", 0])})
    assert bench.named("executed") == []
    assert len(bench.named("execution_success")) == 1


@pytest.mark.parametrize("left", [True, False])
def test_lazy_inputs_are_computed_only_when_asked_for(bench: Bench, left: bool) -> None:
    graph = {
        "1": node("Number", value=1),
        "2": node("Add", a=["1", 0], b=1),
        "3": node("Fail", how="value"),
        "4": node("Switch", left=left, on_left=["2", 0], on_right=["3", 0]),
        "5": node("Show", value=["4", 0]),
    }
    if not left:
        graph["4"]["inputs"] |= {"on_left": ["3", 0], "on_right": ["2", 0]}
    bench.run(graph)
    assert bench.shown("5") == {"values": ["2"]}
    assert "3" not in bench.executed()


def test_hidden_inputs_are_given(bench: Bench) -> None:
    graph = {"7": node("Texts", text="t", size="5", strength=1, flag=0, mode="fast", kind="b", unknown=["x", 0])}
    bench.run(graph, extra_pnginfo={"workflow": {"nodes": []}})
    (inputs,) = bench.shown("7")["inputs"]
    assert inputs["me"] == "7"
    assert inputs["info"] == {"workflow": {"nodes": []}}
    assert inputs["graph"] is graph
    assert (inputs["size"], inputs["strength"], inputs["flag"]) == (5, 1.0, False)
    assert "unknown" not in inputs


@pytest.mark.parametrize(
    ("how", "kind", "says"),
    [
        ("value", "ValueError", "it went wrong: ?"),
        ("memory", "MemoryError", "smaller size"),
        ("full", "OSError", "The disk is full: “a/picture.png” in the output folder could not be written."),
        ("denied", "PermissionError", "Permission denied: “a/picture.png” in the output folder"),
        ("exit", "SystemExit", "3"),
        ("shape", "TypeError", "Fail returned no tuple of 1 values"),
    ],
)
def test_a_failure_is_told_with_its_node(bench: Bench, how: str, kind: str, says: str) -> None:
    bench.run({"1": node("Number", value=1), "2": node("Fail", how=how), "3": node("Show", value=["2", 0])})
    (error,) = bench.named("execution_error")
    assert (error["node_id"], error["node_type"], error["exception_type"]) == ("2", "Fail", kind)
    assert says in error["exception_message"]
    assert error["current_inputs"] == {"how": [how]}
    assert error["executed"] == error["current_outputs"] == []
    assert str(Path(__file__).parent) not in str(error)
    assert any("in run" in line for line in error["traceback"]) or how == "shape"
    assert not bench.named("execution_success")


def test_failed_nodes_are_tried_again_and_the_others_kept(bench: Bench) -> None:
    graph = {"1": node("Number", value=1), "2": node("Add", a=["1", 0], b=["3", 0]), "3": node("Fail", how="value")}
    graph["4"] = node("Show", value=["2", 0])
    bench.run(graph)
    graph["3"] = node("Number", value=9)
    bench.run(graph)
    assert bench.named("execution_cached")[0]["nodes"] in ([], ["1"])
    assert bench.shown("4") == {"values": ["10"]}


def test_a_cancelled_prompt_stops_inside_a_node(bench: Bench) -> None:
    bench.cancel_at = ("progress", 5)
    bench.run({"1": node("Slow", steps=50, seconds=0.0, tag=1), "2": node("Show", value=["1", 0])})
    (end,) = bench.named("execution_interrupted")
    assert (end["node_id"], end["node_type"], end["executed"]) == ("1", "Slow", [])
    assert bench.named("progress")[-1]["value"] < 50
    assert "execution_success" not in [name for name, _ in bench.events]


def test_a_cancelled_prompt_stops_between_nodes(bench: Bench) -> None:
    bench.cancel_at = ("executing", "1")
    bench.run({"1": node("Number", value=1), "2": node("Show", value=["1", 0])})
    (end,) = bench.named("execution_interrupted")
    assert (end["node_id"], end["executed"]) == ("1", [])
    assert bench.executed() == ["1"]


def test_progress_and_previews_are_thinned_but_the_last_step_is_told(bench: Bench) -> None:
    bench.run({"1": node("Slow", steps=40, seconds=0.0, tag=1), "2": node("Show", value=["1", 0])})
    steps = bench.named("progress")
    assert steps[-1] == {"value": 40, "max": 40, "prompt_id": "p", "node": "1"}
    assert 15 <= len(steps) <= 25
    assert set(bench.previews) == {"1"}
    assert 4 <= len(bench.previews) <= 8


def test_outputs_that_are_near_come_first(bench: Bench) -> None:
    graph = {
        "1": node("Number", value=1),
        "2": node("Add", a=["1", 0], b=1),
        "3": node("Add", a=["2", 0], b=1),
        "4": node("Add", a=["3", 0], b=1),
        "5": node("Show", value=["4", 0]),
        "6": node("Show", value=["1", 0]),
    }
    bench.run(graph)
    assert bench.executed() == ["1", "6", "2", "3", "4", "5"]


def test_a_long_chain_and_a_broad_graph_run(bench: Bench) -> None:
    chain = {"0": node("Number", value=0)}
    for place in range(1, 3000):
        chain[str(place)] = node("Add", a=[str(place - 1), 0], b=1)
    chain["end"] = node("Show", value=["2999", 0])
    bench.run(chain)
    assert bench.shown("end") == {"values": ["2999"]}
    assert max(len(data["nodes"]) for data in bench.named("progress_state")) <= 64
    broad = {str(place): node("Show", value=place) for place in range(3000)}
    bench.run(broad)
    assert len(bench.named("executed")) == 3000


def test_a_fault_of_the_engine_ends_the_prompt_like_any_other(bench: Bench) -> None:
    bench.executor.run("p", {"1": node("Broken")}, {}, ["1"])
    (error,) = bench.named("execution_error")
    assert error["exception_message"] == "the folder is locked"


def test_custom_events_carry_the_prompt(bench: Bench) -> None:
    bench.run({"1": node("Save", value=1, name="a.txt")})
    assert bench.named("test_saved") == [{"name": "a.txt", "prompt_id": "p"}]
    assert bench.folders["output"].is_dir()
