"""What an entry, and what accrues now, costs since a moment: pro rata, and together exactly the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.spending.incurred import accruing, incurred_since
from gpushopper.core.spending.ledger import GPU, MINIMUM, Entry
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.core.samples import RATE, WALL, attempt

RUNNING = attempt(State.RUNNING, is_gpu_billed=True)


def accruing_since(one: Attempt, now: int, start: int) -> int:
    return sum(incurred_since(entry, start) for entry in accruing(one, now))


@pytest.mark.parametrize(("start", "amount"), [(-HOUR, 1000), (0, 1000), (HOUR // 4, 750), (HOUR, 0), (2 * HOUR, 0)])
def test_an_entry_counts_from_the_moment_on(start: int, amount: int):
    assert incurred_since(Entry("a", GPU, WALL, WALL + HOUR, 1000), WALL + start) == amount
    taken_back = Entry("a", GPU, WALL, WALL + HOUR, -1000, correction=True)
    assert incurred_since(taken_back, WALL + start) == -amount


@pytest.mark.parametrize(("start", "amount"), [(-1, 500), (0, 500), (1, 0)])
def test_what_lasts_no_time_counts_where_it_is(start: int, amount: int):
    assert incurred_since(Entry("a", MINIMUM, WALL, WALL, 500), WALL + start) == amount


@given(micros=st.integers(0, 10**9), span=st.integers(1, HOUR), start=st.integers(-HOUR, 2 * HOUR))
def test_no_part_is_negative_or_more_than_the_whole(micros: int, span: int, start: int):
    assert 0 <= incurred_since(Entry("a", GPU, WALL, WALL + span, micros), WALL + start) <= micros


def test_what_accrues_now_counts_from_the_moment_on():
    now = WALL + 90 * 60 * 1_000_000
    assert accruing_since(RUNNING, now, 0) == RATE * 3 // 2
    assert abs(accruing_since(RUNNING, now, WALL + HOUR) - RATE // 2) <= 4, "but for the rounding at full hours"
    assert accruing_since(RUNNING, now, now) == 0


def test_nothing_accrues_once_it_is_off_or_closed():
    now = WALL + 2 * HOUR
    assert accruing_since(replace(RUNNING, off_at=WALL + HOUR), now, 0) == RATE
    assert accruing_since(attempt(State.CLOSED), now, 0) == 0
