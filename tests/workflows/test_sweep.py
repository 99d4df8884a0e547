from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.workflows import form
from cozygen.workflows.assemble import ValuesError
from cozygen.workflows.sweep import MAX_AXIS, Axis, Render, plan, spread

GRAPH: dict[str, dict[str, Any]] = {
    "1": {"class_type": "CozyGenDynamicInput", "inputs": {"param_name": "Seed", "param_type": "INT", "default_value": 1, "add_randomize_toggle": True, "min_value": 0, "max_value": 10}},
    "2": {"class_type": "CozyGenFloatInput", "inputs": {"param_name": "CFG", "default_value": 7.0}},
    "3": {"class_type": "CozyGenStringInput", "inputs": {"param_name": "Prompt", "default_value": "x"}},
}  # fmt: skip
FIELDS = form.fields(GRAPH)


def renders(axes: list[Axis], **options: Any) -> list[Render]:
    settings = {"count": 1, "randomize": [], "seed_mode": "each", "fields": FIELDS, "rng": random.Random(3), **options}
    return list(plan(axes, {"Prompt": "y"}, **settings))


def test_the_last_axis_varies_fastest() -> None:
    found = renders([Axis("CFG", [1, 2]), Axis("Prompt", ["a", "b"])])
    assert [(r.place, r.values["CFG"], r.values["Prompt"]) for r in found] == [
        (0, 1, "a"), (1, 1, "b"), (2, 2, "a"), (3, 2, "b"),
    ]  # fmt: skip


def test_a_batch() -> None:
    assert renders([], count=3, randomize=["Seed"]) == [Render(n, {"Prompt": "y"}, ["Seed"]) for n in range(3)]


def test_the_same_number_for_all() -> None:
    found = renders([Axis("CFG", [1, 2])], count=2, randomize=["Seed"], seed_mode="same")
    assert len({r.values["Seed"] for r in found}) == 1 and not any(r.randomize for r in found)


def test_one_more_for_each_of_a_cell_and_round_the_corner() -> None:
    found = renders([Axis("CFG", [1, 2])], count=12, randomize=["Seed"], seed_mode="increment")
    seeds = [r.values["Seed"] for r in found]
    assert seeds[:12] == seeds[12:] and seeds[0] == seeds[11]
    assert sorted(seeds[:11]) == list(range(11))


def test_an_axis_wins_over_chance() -> None:
    found = renders([Axis("Seed", [4, 5])], randomize=["Seed"])
    assert [(r.values["Seed"], r.randomize) for r in found] == [(4, []), (5, [])]


@pytest.mark.parametrize(
    ("axes", "options", "key"),
    [
        ([Axis("CFG", [1]), Axis("CFG", [2])], {}, "CFG"),
        ([Axis("CFG", [])], {}, "CFG"),
        ([Axis("Nope", [1])], {}, "Nope"),
        ([], {"randomize": ["Nope"], "seed_mode": "same"}, "Nope"),
        ([], {"randomize": ["Prompt"], "seed_mode": "same"}, "Prompt"),
    ],
)
def test_what_cannot_be_varied(axes: list[Axis], options: dict[str, Any], key: str) -> None:
    with pytest.raises(ValuesError) as problem:
        renders(axes, **options)
    assert key in problem.value.fields


def test_ranges() -> None:
    assert spread(1, 3, 1) == [1, 2, 3]
    assert spread(0.1, 0.4, 0.1) == [0.1, 0.2, 0.3, 0.4]
    assert spread(5, 1, -2) == [5, 3, 1]
    assert spread(1, 2, 0.4) == [1, 1.4, 1.8]
    assert spread(2, 2, 1) == [2]


@pytest.mark.parametrize(
    "wrong",
    [
        (1, 2, 0),
        (1, 2, -1),
        (0, 1000, 1),
        (0, float("inf"), 1),
        (float("nan"), 1, 1),
        (0, 1, 1e-300),
        (0, 1e-200, -1e-200),
    ],
)
def test_ranges_that_are_none(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        spread(*wrong)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_any_range_stays_within_its_ends(start: float, stop: float, step: float) -> None:
    try:
        numbers = spread(start, stop, step)
    except ValueError:
        return
    assert numbers[0] == start and len(numbers) <= MAX_AXIS
    assert all(min(start, stop) <= number <= max(start, stop) for number in numbers)
