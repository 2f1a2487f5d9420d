"""What an attempt may still cost is counted in the periods in which it would be incurred, and never too little."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.cloud import Billing, StoppedBilling
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.money import cost_over
from gpushopper.core.policy import REAL
from gpushopper.core.spending import ledger
from gpushopper.core.spending.worst_case import NOTHING, WorstCase, worst_case
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, us
from gpushopper.core.timing.deadline import Deadline
from gpushopper.core.timing.periods import PeriodKind, period_at, periods_over
from tests.core.samples import NOW, OFFER, RATE, TRAFFIC, WALL, attempt

MIDNIGHT = period_at(PeriodKind.DAY, WALL, UTC).end_at


def reserved(one: Attempt, *, ends_alone: bool = True) -> Attempt:
    return replace(one, reserve=ledger.reserve_for(one, REAL, ends_alone=ends_alone))


def ahead(one: Attempt, accrued: int = 0, now: int = WALL, *, ends_alone: bool = True) -> WorstCase:
    return worst_case(one, accrued, now, REAL, ends_alone=ends_alone)


def over_midnight(before_us: int, after_us: int, **changes: object) -> tuple[Attempt, int]:
    """A running attempt whose deadline is so long after the next midnight, and the moment so long before it."""
    now = MIDNIGHT - before_us
    at = NOW.later(now - WALL)
    one = attempt(
        State.RUNNING, deadline=Deadline.at(MIDNIGHT + after_us, at), prepared_at=now, sent_at=now, billed_until=now,
        is_gpu_billed=True, **changes,
    )  # fmt: skip
    return reserved(one), now


def test_a_session_over_midnight_counts_in_both_days():
    one, now = over_midnight(HOUR, 3 * HOUR)
    today, tomorrow, after = list(periods_over(PeriodKind.DAY, now, MIDNIGHT + 28 * HOUR, UTC))
    found = ahead(one, now=now)
    # What traffic costs may come on any day.
    assert found.within(today) == RATE + TRAFFIC
    # To the deadline, half an hour for a slow end, then the disk alone.
    assert found.within(tomorrow) == cost_over(RATE, us(3.5 * 3600)) + cost_over(20_000, us(20.5 * 3600)) + TRAFFIC
    assert found.within(after) == cost_over(20_000, us(3.5 * 3600)) + TRAFFIC
    assert found.at_most == one.reserve == sum(map(found.within, (today, tomorrow, after))) - 2 * TRAFFIC


def test_what_has_accrued_is_not_to_come():
    one, now = over_midnight(HOUR, 3 * HOUR)
    assert ahead(one, accrued=100, now=now).at_most == one.reserve - 100
    assert ahead(replace(one, off_at=now), accrued=one.reserve + 5, now=now) == NOTHING


def test_what_bills_beyond_its_reserve_counts_on_for_an_end_and_the_disk():
    """A destroy that is later than all that was reserved for it: it is not over before it is (F18)."""
    one, now = over_midnight(HOUR, -30 * MINUTE, current_rate=2 * RATE, is_storage_billed=True)
    an_end = cost_over(2 * RATE, us(120)) + 24 * 20_000
    for beyond in (0, 5, RATE):
        assert ahead(one, accrued=one.reserve + beyond, now=now).at_most == an_end
    assert ahead(one, accrued=one.reserve - an_end - 1, now=now).at_most == an_end + 1
    stopped = replace(one, is_gpu_billed=False)
    assert ahead(stopped, accrued=one.reserve, now=now).at_most == cost_over(20_000, us(120)) + 24 * 20_000
    for over in (replace(one, off_at=now), replace(one, self_ended_at=now), replace(one, billed_until=None)):
        assert ahead(over, accrued=one.reserve, now=now) == NOTHING


def test_traffic_that_was_billed_is_not_to_come_and_takes_no_more_than_was_held_back_for_it():
    one, now = over_midnight(HOUR, 3 * HOUR)
    today = period_at(PeriodKind.DAY, now, UTC)
    found = worst_case(one, 0, now, REAL, ends_alone=True, traffic=TRAFFIC // 4)
    assert (found.within(today), found.at_most) == (RATE + TRAFFIC * 3 // 4, one.reserve - TRAFFIC // 4)
    found = worst_case(one, 0, now, REAL, ends_alone=True, traffic=9 * TRAFFIC)
    assert (found.within(today), found.at_most) == (RATE, one.reserve - TRAFFIC)


def test_nothing_of_a_closed_attempt_is_to_come():
    assert ahead(reserved(attempt(State.CLOSED))) == NOTHING


def test_a_late_destroy_bills_on_in_the_period_it_happens_in():
    """Past deadline and slack the clock says nothing any more; what is left of the reserve does (F18)."""
    one = reserved(attempt(State.DESTROYING))
    late = WALL + 20 * HOUR
    today = period_at(PeriodKind.DAY, late, UTC)
    left_today = today.end_at - late - us(1800)
    found = ahead(one, accrued=100_000, now=late)
    assert found.within(today) == cost_over(RATE, us(1800)) + cost_over(20_000, left_today) + TRAFFIC


def test_an_instance_that_bills_on_without_us_is_counted_to_its_hard_maximum_and_a_day():
    one = reserved(attempt(State.RUNNING), ends_alone=False)
    found = ahead(one, ends_alone=False)
    assert found.end_at == one.hard_max_at + 24 * HOUR
    assert found.at_most == cost_over(RATE, 36 * HOUR) + TRAFFIC
    day = period_at(PeriodKind.DAY, one.hard_max_at + 20 * HOUR, UTC)
    assert found.within(day) == cost_over(RATE, day.overlap(WALL, one.hard_max_at + 24 * HOUR)) + TRAFFIC


def test_whole_steps_and_the_least_duration_count_in_each_period_it_may_end_in():
    billing = Billing(granularity_s=3600, minimum_s=7200, stopped=StoppedBilling.ALL)
    one, now = over_midnight(10 * MINUTE, 20 * MINUTE, offer=replace(OFFER, billing=billing))
    today, tomorrow = list(periods_over(PeriodKind.DAY, now, MIDNIGHT + HOUR, UTC))
    found = ahead(one, now=now)
    assert found.within(today) == cost_over(RATE, 10 * MINUTE) + 2 * RATE + TRAFFIC
    assert found.within(tomorrow) <= found.at_most
    assert ahead(one, now=now + 90 * MINUTE).lump == RATE + TRAFFIC, "of the least duration what is left, or a step"


@pytest.mark.parametrize("rate", [2 * RATE, RATE // 2])
def test_the_higher_of_agreed_and_present_rate_counts(rate: int):
    one, now = over_midnight(HOUR, HOUR, current_rate=rate)
    assert ahead(one, now=now).within(period_at(PeriodKind.DAY, now, UTC)) == max(rate, RATE) + TRAFFIC


@given(
    before=st.integers(1, 600), after=st.integers(-500, 600), checked=st.integers(0, 1200), ended=st.integers(0, 1300),
    step=st.sampled_from([1, 60, 3600]), least=st.sampled_from([0, 600, 7200]),
)  # fmt: skip
def test_no_period_ever_costs_more_than_was_counted_for_it(
    before: int, after: int, checked: int, ended: int, step: int, least: int
):
    """Checked at any time, ended at any time up to the slack: what is booked in a day was counted in it."""
    billing = Billing(granularity_s=step, minimum_s=least)
    one, now = over_midnight(before * MINUTE, max(after, -before + 1) * MINUTE, offer=replace(OFFER, billing=billing))
    last = one.deadline.wall + us(REAL.reserve_slack_s)
    end = min(now + ended * MINUTE, last)
    at = min(now + checked * MINUTE, end)
    paid, booked = ledger.accrue(one, at)
    found = ahead(booked, sum(entry.micros for entry in paid), now=at)
    for period in periods_over(PeriodKind.DAY, now, last, UTC):
        later = [*ledger.accrue(replace(booked, billed_until=max(at, period.start_at)), min(end, period.end_at))[0]]
        if period.holds(end):
            later += ledger.beyond_use(one, end, ledger.accrue(one, end)[0])
        assert sum(entry.micros for entry in later) <= found.within(period) + 4, "but for the rounding of entries"
