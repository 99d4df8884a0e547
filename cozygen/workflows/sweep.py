"""Batches and sweeps: which values each render of a group gets. Pure, given a source of randomness."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from cozygen.workflows.assemble import ValuesError, draw
from cozygen.workflows.form import FormField

MAX_AXES = 4
MAX_AXIS = 200
MAX_RENDERS = 1000

SeedMode = Literal["each", "same", "increment"]


@dataclass(frozen=True)
class Axis:
    """One thing that is varied: a field's key (or ``<node id>.<input>``) and the values that it takes."""

    key: str
    values: list[Any]


@dataclass(frozen=True)
class Render:
    """One render of a group: its place, the values that it gets and the fields that are drawn anew for it."""

    place: int
    values: dict[str, Any]
    randomize: list[str] = field(default_factory=list)


def spread(start: float, stop: float, step: float) -> list[float]:
    """The numbers from `start` to `stop` (which is one of them where the step fits). Raises `ValueError`."""
    if not all(map(math.isfinite, (start, stop, step))) or step == 0:
        raise ValueError("needs finite numbers and a step other than 0")
    if start != stop and (stop > start) != (step > 0):
        raise ValueError("the step leads away from the end")
    try:
        # In decimals, so that 0.1 + 0.2 is 0.3.
        first, last, width = Decimal(str(start)), Decimal(str(stop)), Decimal(str(step))
        count = int((last - first) / width) + 1
    except (InvalidOperation, OverflowError):
        raise ValueError("cannot be counted out") from None
    if count > MAX_AXIS:
        raise ValueError(f"has more than {MAX_AXIS} values")
    numbers = [first + width * place for place in range(count)]
    return [int(n) if n == n.to_integral_value() else float(n) for n in numbers]


def plan(
    axes: Sequence[Axis],
    values: Mapping[str, Any],
    *,
    count: int,
    randomize: Iterable[str],
    seed_mode: SeedMode,
    fields: Iterable[FormField],
    rng: random.Random,
) -> Iterator[Render]:
    """Every render of a group, in order: the last axis varies fastest, and each cell has `count` renders.

    ``each``: the fields in `randomize` are drawn anew for each render. ``same``: once for all. ``increment``: once, and
    one more for every next render of a cell, so that all cells have the same numbers. Raises `ValuesError`.
    """
    by_key = {form_field.key: form_field for form_field in fields}
    swept = {axis.key for axis in axes}
    drawn = [key for key in randomize if key not in swept]
    _check_axes(axes, by_key)
    first = {} if seed_mode == "each" else _draw_once(drawn, by_key, rng)
    cells = itertools.product(*(axis.values for axis in axes))
    for place, (cell, repeat) in enumerate(itertools.product(cells, range(count))):
        given = {**values, **dict(zip((axis.key for axis in axes), cell, strict=True))}
        if seed_mode == "each":
            yield Render(place, given, drawn)
            continue
        step = repeat if seed_mode == "increment" else 0
        yield Render(place, given | {key: _advance(by_key[key], number, step) for key, number in first.items()})


def _check_axes(axes: Sequence[Axis], by_key: Mapping[str, FormField]) -> None:
    problems = {axis.key: "is varied twice" for axis in axes if sum(other.key == axis.key for other in axes) > 1}
    problems |= {axis.key: "has no values" for axis in axes if not axis.values}
    problems |= {
        axis.key: "is not a field of this workflow" for axis in axes if axis.key not in by_key and "." not in axis.key
    }
    if problems:
        raise ValuesError(problems)


def _draw_once(keys: Iterable[str], by_key: Mapping[str, FormField], rng: random.Random) -> dict[str, int | float]:
    numbers: dict[str, int | float] = {}
    problems: dict[str, str] = {}
    for key in keys:
        try:
            numbers[key] = draw(by_key[key], rng)
        except KeyError:
            problems[key] = "is not a field of this workflow"
        except ValueError as error:
            problems[key] = str(error)
    if problems:
        raise ValuesError(problems)
    return numbers


def _advance(form_field: FormField, number: int | float, steps: int) -> int | float:
    """`steps` further, within the field's bounds: beyond the highest it goes on from the lowest."""
    width = form_field.step or 1
    moved = number + width * steps
    if form_field.max is not None and moved > form_field.max:
        low = form_field.min if form_field.min is not None else 0
        moved = low + (moved - form_field.max - width) % (form_field.max - low + width)
    return int(moved) if form_field.type == "int" else round(float(moved), 10)
