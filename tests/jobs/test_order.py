from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.jobs.order import renumber

LINE = [("a", 0.0), ("b", 1.0), ("c", 2.0)]


@pytest.mark.parametrize(
    ("moving", "place", "changed"),
    [
        ("c", 0, {"c": -1.0}),
        ("c", -5, {"c": -1.0}),
        ("a", 2, {"a": 3.0}),
        ("a", 99, {"a": 3.0}),
        ("a", 1, {"a": 1.5}),
        ("b", 1, {}),
    ],
)
def test_one_number_changes(moving: str, place: int, changed: dict[str, float]) -> None:
    assert renumber(LINE, moving, place) == changed


def test_equal_numbers_are_counted_anew() -> None:
    assert renumber([("a", 5.0), ("b", 5.0), ("c", 5.0)], "c", 1) == {"c": 6.0, "b": 7.0}


def test_a_job_that_does_not_wait() -> None:
    with pytest.raises(ValueError, match="z"):
        renumber(LINE, "z", 0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12), st.data())
def test_any_move_gives_the_order_that_was_wanted(numbers: list[float], data: st.DataObject) -> None:
    line = [(str(place), number) for place, number in enumerate(sorted(numbers))]
    for _ in range(5):
        moving = data.draw(st.sampled_from([job_id for job_id, _ in line]))
        place = data.draw(st.integers(-1, len(line) + 1))
        changed = renumber(line, moving, place)
        others = [job_id for job_id, _ in line if job_id != moving]
        at = max(0, min(place, len(others)))
        current = dict(line) | changed
        arrival = {job_id: int(job_id) for job_id in current}
        after = sorted(current, key=lambda job_id: (current[job_id], arrival[job_id]))
        assert after == [*others[:at], moving, *others[at:]]
        line = [(job_id, current[job_id]) for job_id in after]
