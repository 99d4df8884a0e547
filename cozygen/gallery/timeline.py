"""How the files that a search found are spread over time, and how wide they are: what a page of pictures is laid out by
before it knows any of them. Reads only; any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cozygen.gallery.attributes import Attributes
from cozygen.gallery.search import Found, nanoseconds, ratios_of, sides

MOST_DAYS = 4000
"""With files of more days than that, they are counted by month."""
NARROWEST, WIDEST = 0.2, 5.0
"""What a ratio counts as at least and at most: no layout shows a picture narrower or wider than that."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEMO = "timeline"


@dataclass(frozen=True)
class Period:
    """A day, or a month by its first day, in the studio's local time.

    `ratio` is the mean of its files' width by height, None where none is known.
    """

    day: date
    count: int
    ratio: float | None


@dataclass(frozen=True)
class Timeline:
    """The periods that have files, the latest first. `total` files, of that mean `ratio`."""

    unit: Literal["day", "month"]
    periods: list[Period]
    total: int
    ratio: float | None


def timeline_of(found: Found, attributes: Attributes) -> Timeline:
    """Count what was found by days."""
    known: Timeline | None = found.memo.get(_MEMO)
    if known is None:
        known = found.memo[_MEMO] = _count(found, attributes)
    return known


def _count(found: Found, attributes: Attributes) -> Timeline:
    keys = found.columns.keys[found.places]
    unit: Literal["day", "month"] = "day"
    days = _periods(keys, lambda day: day, MOST_DAYS)
    if days is None:
        unit, days = "month", _periods(keys, lambda day: day.replace(day=1), len(keys)) or []
    ratios = _ratios(found, attributes)
    starts = np.array([start for _, start in days], np.int64)
    counts = np.diff(starts, append=len(keys)).tolist()
    periods = [
        Period(day, count, ratio) for (day, _), count, ratio in zip(days, counts, _means(ratios, starts), strict=True)
    ]
    overall = _means(ratios, np.zeros(min(1, len(keys)), np.int64))
    return Timeline(unit, periods, len(keys), overall[0] if overall else None)


def _periods(keys: NDArray[np.int64], first: Callable[[date], date], most: int) -> list[tuple[date, int]] | None:
    """The first day of each period that has files, and where these begin; None when there are more than `most`.

    `keys` are negated nanoseconds, ascending. It takes one step a period, however many files there are.
    """
    found: list[tuple[date, int]] = []
    place = 0
    while place < len(keys):
        if len(found) == most:
            return None
        day = first(_day_of(-int(keys[place])))
        found.append((day, place))
        begin = nanoseconds(datetime(day.year, day.month, day.day))
        # At least one step, should the clocks of the two conversions differ.
        place = max(place + 1, int(np.searchsorted(keys, -begin, "right")))
    return found


def _day_of(ns: int) -> date:
    """The local day of a time in nanoseconds since the epoch."""
    try:
        return datetime.fromtimestamp(ns // 10**9).date()
    except (OverflowError, OSError, ValueError):  # Windows knows no local time before 1970
        return (_EPOCH + timedelta(seconds=ns // 10**9)).date()


def _ratios(found: Found, attributes: Attributes) -> NDArray[np.float64]:
    """Width by height of each file, newest first; NaN where it is not known."""
    table = ratios_of(sides(attributes.labels["dims"]))
    result: NDArray[np.float64] = np.full(len(found), np.nan)
    dims: NDArray[Any] = attributes.frame.dims
    ids = found.ids
    inside = ids < len(dims)
    labels = dims[ids[inside]]
    values = np.where(labels < len(table), np.take(table, labels, mode="clip"), np.nan)
    result[inside] = np.where(values > 0, np.clip(values, NARROWEST, WIDEST), np.nan)
    return result


def _means(ratios: NDArray[np.float64], starts: NDArray[np.int64]) -> list[float | None]:
    """The mean of those known in each of the stretches that begin at `starts`."""
    if not len(starts):
        return []
    known = np.isfinite(ratios)
    sums = np.add.reduceat(np.where(known, ratios, 0.0), starts)
    counts = np.add.reduceat(known.astype(np.int64), starts)
    means = sums / np.maximum(counts, 1)
    return [round(mean, 3) if count else None for mean, count in zip(means.tolist(), counts.tolist(), strict=True)]
