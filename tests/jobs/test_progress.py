from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cozygen.jobs.progress import Durations, Tracker

GRAPH: dict[str, dict[str, Any]] = {
    "1": {"class_type": "Text", "inputs": {}},
    "2": {"class_type": "Paint", "inputs": {"text": ["1", 0]}, "_meta": {"title": "The painter"}},
    "3": {"class_type": "Save", "inputs": {"image": ["2", 0]}},
}


def test_the_whole_job_is_one_fraction() -> None:
    seconds = iter(range(100))
    tracker = Tracker(GRAPH, Durations(), {"1", "2", "3"}, clock=lambda: float(next(seconds)))
    assert tracker.executing("1").fraction == 0
    assert tracker.executing("2").fraction == 1 / 3
    half = tracker.step("2", 5, 10)
    assert half.fraction == 0.5
    assert (half.node_title, half.value, half.max) == ("The painter", 5, 10)
    assert tracker.executing("3").fraction == 2 / 3


def test_nodes_weigh_what_they_took_before() -> None:
    durations = Durations()
    durations.learn("Paint", 8.0)
    durations.learn("Text", 1.0)
    durations.learn("Save", 1.0)
    tracker = Tracker(GRAPH, durations, {"1", "2", "3"})
    tracker.cached(["1"])
    tracker.executing("2")
    assert tracker.step("2", 1, 2).fraction == 0.5


@given(st.lists(st.tuples(st.sampled_from(["1", "2", "3", "unknown"]), st.floats(-5, 50), st.floats(-1, 20))))
def test_the_fraction_never_goes_back_and_stays_in_bounds(steps: list[tuple[str, float, float]]) -> None:
    tracker = Tracker(GRAPH, Durations(), {"1", "2", "3"})
    before = 0.0
    for node, value, maximum in steps:
        progress = tracker.step(node, value, maximum)
        assert before <= progress.fraction <= 1
        before = progress.fraction
