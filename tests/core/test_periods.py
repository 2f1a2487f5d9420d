"""Days and months are those of the user's zone, also where its clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.timing.clock_snapshot import HOUR, SECOND
from gpushopper.core.timing.periods import PeriodKind, period_at, periods_over

BERLIN, KOLKATA, SANTIAGO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("America/Santiago")
DAY, MONTH = PeriodKind.DAY, PeriodKind.MONTH


def wall(year: int, month: int, day: int, hour: int = 0, minute: int = 0, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=zone).timestamp()) * SECOND


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)])
def test_a_day_lasts_from_midnight_to_midnight(day: tuple[int, int, int], hours: int):
    found = period_at(DAY, wall(*day, 12), BERLIN)
    assert found.start_at == wall(*day) and found.end_at - found.start_at == hours * HOUR
    assert period_at(DAY, found.end_at - 1, BERLIN) == found != period_at(DAY, found.end_at, BERLIN)


def test_a_midnight_that_does_not_exist_begins_the_day_at_one():
    """Chile puts its clocks forward at midnight: 2026-09-06 begins at 01:00."""
    found = period_at(DAY, wall(2026, 9, 6, 12, zone=SANTIAGO), SANTIAGO)
    assert found.end_at - found.start_at == 23 * HOUR
    assert datetime.fromtimestamp(found.start_at / SECOND, SANTIAGO).hour == 1


def test_a_month_is_the_zones_own():
    found = period_at(MONTH, wall(2026, 12, 31, 23, 59, zone=KOLKATA), KOLKATA)
    assert (found.start_at, found.end_at) == (wall(2026, 12, 1, zone=KOLKATA), wall(2027, 1, 1, zone=KOLKATA))
    assert found.start_at % HOUR == HOUR // 2, "a zone half an hour off cuts hours in two"


@given(st.integers(0, 365 * 24 * 60), st.integers(0, 60 * 24), st.sampled_from([BERLIN, KOLKATA, SANTIAGO, UTC]))
def test_periods_follow_each_other_without_gap_or_overlap(start_min: int, hours: int, zone):
    start = wall(2026, 1, 1) + start_min * 60 * SECOND
    for kind in PeriodKind:
        found = list(periods_over(kind, start, start + hours * HOUR, zone))
        assert found[0].holds(start) and found[-1].end_at >= start + hours * HOUR
        assert not any(one.holds(one.end_at) for one in found)
        assert all(one.end_at == after.start_at for one, after in pairwise(found))
        assert sum(one.overlap(start, start + hours * HOUR) for one in found) == hours * HOUR
        assert len({one.start_at for one in found}) == len(found)


def test_a_period_that_ends_with_the_span_is_the_last():
    start = wall(2026, 6, 1)
    assert len(list(periods_over(DAY, start, start + 24 * HOUR, BERLIN))) == 1
    assert timedelta(microseconds=next(periods_over(DAY, start, start, BERLIN)).end_at - start) == timedelta(days=1)
