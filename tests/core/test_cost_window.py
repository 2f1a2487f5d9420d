"""A window of costs is covered once and whole: days or months by their rollups, its two ends entry by entry."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.spending.rollup import Calendar
from gpushopper.core.spending.window import Cover, Window, cover
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND
from gpushopper.core.timing.periods import PeriodKind, period_at

BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
DAY, MONTH = PeriodKind.DAY, PeriodKind.MONTH


def at(month: int, day: int, hour: int = 0, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime(2026, month, day, hour, tzinfo=zone).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(), Cover(MONTH, Window(), ())),
        (Window(at(3, 1), at(5, 1)), Cover(MONTH, Window(at(3, 1), at(5, 1)), ())),
        (Window(at(3, 1), at(5, 2)), Cover(DAY, Window(at(3, 1), at(5, 2)), ())),
        (Window(at(3, 29, 12)), Cover(DAY, Window(at(3, 30)), (Window(at(3, 29, 12), at(3, 30)),))),
        (Window(None, at(3, 29, 12)), Cover(DAY, Window(None, at(3, 29)), (Window(at(3, 29), at(3, 29, 12)),))),
        (Window(at(3, 29, 1), at(3, 29, 5)), Cover(DAY, None, (Window(at(3, 29, 1), at(3, 29, 5)),))),
        (Window(at(3, 1), at(3, 1)), Cover(MONTH, None, ())),
    ],
)
def test_whole_months_else_whole_days_and_the_two_ends(window: Window, expected: Cover):
    assert cover(window, BERLIN, by_day=False) == expected


def test_where_days_are_asked_for_days_are_added_up():
    assert cover(Window(), BERLIN, by_day=True) == Cover(DAY, Window(), ())


@given(
    start=st.integers(0, 400 * 24), span=st.integers(0, 90 * 24), zone=st.sampled_from([BERLIN, KOLKATA]),
    by_day=st.booleans(),
)  # fmt: skip
def test_its_parts_follow_each_other_and_are_the_window(start: int, span: int, zone: ZoneInfo, by_day: bool):
    window = Window(at(1, 1) + start * HOUR, at(1, 1) + (start + span) * HOUR)
    plan = cover(window, zone, by_day=by_day)
    parts = [*plan.edges, *([] if plan.whole is None or plan.whole.first == plan.whole.last else [plan.whole])]
    parts.sort(key=lambda part: part.first)
    assert sum(part.last - part.first for part in parts) == span * HOUR
    assert all(one.last == after.first for one, after in pairwise(parts))
    if plan.whole is not None:
        for bound in (plan.whole.first, plan.whole.last):
            assert period_at(plan.kind, bound, zone).start_at == bound


def test_a_window_takes_its_share_and_holds_its_beginning_alone():
    window = Window(at(3, 1), at(3, 2))
    assert window.share(100, at(3, 1) - HOUR, at(3, 1) + HOUR) == 50
    assert [window.holds(moment) for moment in (at(3, 1) - 1, at(3, 1), at(3, 2) - 1, at(3, 2))] == [
        False, True, True, False
    ]  # fmt: skip
    assert Window().share(7, at(3, 1), at(4, 1)) == 7


@given(st.integers(-(10**9), 10**9), st.integers(0, 400 * 24 * 60), st.integers(0, 70 * 24 * 60))
def test_the_periods_of_an_entry_have_all_of_it(micros: int, start_min: int, span_min: int):
    start = at(1, 1) + start_min * 60 * SECOND
    for kind in PeriodKind:
        shares = list(Calendar(kind, KOLKATA).shares(micros, start, start + span_min * 60 * SECOND))
        assert sum(part for _, part in shares) == micros
        assert [begin for begin, _ in shares] == sorted({begin for begin, _ in shares})
        assert shares[0][0] <= start
