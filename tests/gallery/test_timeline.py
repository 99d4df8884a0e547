"""Counting by days: what comes out is what a slow count of each file gives."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery import timeline
from cozygen.gallery.attributes import Attributes
from cozygen.gallery.catalogue import Columns
from cozygen.gallery.search import Found
from cozygen.gallery.timeline import MOST_DAYS, timeline_of

_DAY = 86_400
_BEGIN = int(datetime(2001, 1, 1).timestamp())

seconds = st.integers(_BEGIN, _BEGIN + 400 * _DAY)


def found_of(times: list[int]) -> Found:
    keys = np.sort(-np.array(times, np.int64) * 10**9)
    ids = np.arange(1, len(times) + 1, dtype=np.int64)
    return Found(Columns(keys=keys, ids=ids), np.arange(len(times), dtype=np.int32))


def shaped(sizes: dict[int, tuple[int, int]]) -> Attributes:
    attributes = Attributes()
    attributes.reserve(max(sizes))
    for id, (width, height) in sizes.items():
        attributes.frame.dims[id] = attributes.labels["dims"].number(f"{width}x{height}")
    return attributes


@given(st.lists(seconds, max_size=200))
def test_every_file_counts_on_its_day(times: list[int]) -> None:
    found = timeline_of(found_of(times), Attributes())
    counted = Counter(datetime.fromtimestamp(moment).date() for moment in times)
    assert {period.day: period.count for period in found.periods} == dict(counted)
    assert [period.day for period in found.periods] == sorted(counted, reverse=True)
    assert found.total == len(times)


def test_the_shape_of_a_day_is_the_mean_of_what_is_known() -> None:
    times = [_BEGIN + 10, _BEGIN + 20, _BEGIN + 2 * _DAY]
    attributes = shaped({1: (100, 100), 2: (200, 100), 3: (1, 9000)})
    found = timeline_of(found_of(times), attributes)
    assert [period.ratio for period in found.periods] == [1.0, (2.0 + timeline.NARROWEST) / 2]
    assert found.ratio == round((1.0 + 2.0 + timeline.NARROWEST) / 3, 3)


def test_files_that_nobody_has_read_have_no_shape() -> None:
    found = timeline_of(found_of([_BEGIN]), Attributes())
    assert [period.ratio for period in found.periods] == [None]
    assert found.ratio is None


def test_very_many_days_are_counted_by_month() -> None:
    times = [_BEGIN + day * _DAY for day in range(MOST_DAYS + 1)]
    found = timeline_of(found_of(times), Attributes())
    assert found.unit == "month"
    assert all(period.day.day == 1 for period in found.periods)
    assert sum(period.count for period in found.periods) == len(times)
    assert found.periods[-1].day == date(2001, 1, 1)


def test_it_is_worked_out_once() -> None:
    found = found_of([_BEGIN])
    assert timeline_of(found, Attributes()) is timeline_of(found, Attributes())
