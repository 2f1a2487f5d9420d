"""What an attempt has cost and can still cost: exact, repeatable, and reserved before it is spent (D11, I13,
I14).
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.cloud import BillingStart
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.policy import REAL
from gpushopper.core.spending import ledger
from gpushopper.core.spending.ledger import GPU, STORAGE, Entry
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.core.timing.deadline import Deadline
from tests.core.samples import NOW, OFFER, RATE, TRAFFIC, WALL, attempt, offer

BILLED = attempt(State.RUNNING, is_gpu_billed=True)
spans = st.lists(st.integers(1, 2 * HOUR), min_size=1, max_size=12)
rates = st.integers(0, 5_000_000)


def book(one: Attempt, ends: list[int]) -> tuple[tuple[Entry, ...], Attempt]:
    """The entries of one accrual after another."""
    entries: tuple[Entry, ...] = ()
    for until in ends:
        more, one = ledger.accrue(one, until)
        entries += more
    return entries, one


def ends_of(steps: list[int]) -> list[int]:
    return [WALL + sum(steps[: n + 1]) for n in range(len(steps))]


def total(entries: tuple[Entry, ...]) -> int:
    return sum(entry.micros for entry in entries)


def of(kind: str, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return tuple(e for e in entries if e.kind == kind)


def test_gpu_and_storage_are_booked_apart():
    entries, after = ledger.accrue(BILLED, WALL + HOUR)
    assert {kind: total(of(kind, entries)) for kind in (STORAGE, GPU)} == {STORAGE: 20_000, GPU: 400_000}
    for kind in (STORAGE, GPU):
        assert (of(kind, entries)[0].from_at, of(kind, entries)[-1].to_at) == (WALL, WALL + HOUR)
    assert not any(e.correction for e in entries)
    assert after.billed_until == WALL + HOUR


def test_storage_counts_from_the_send_and_gpu_time_only_while_active():
    assert {e.kind for e in ledger.accrue(replace(BILLED, is_gpu_billed=False), WALL + HOUR)[0]} == {STORAGE}
    assert ledger.accrue(attempt(State.PREPARED, is_gpu_billed=True), WALL + HOUR)[0] == ()


def gpu_time(one: Attempt, until: int = WALL + 9 * HOUR) -> int:
    """How much GPU time is booked, µs."""
    return sum(e.to_at - e.from_at for e in of(GPU, ledger.accrue(one, until)[0]))


def test_what_may_have_run_unseen_counts_once_it_is_off():
    """S19: no list has shown it running since its send, or since the last one that showed it booting."""
    off = attempt(State.DESTROYING, off_at=WALL + 4 * HOUR)
    assert gpu_time(off) == 4 * HOUR, "not beyond its end"
    assert gpu_time(off, WALL + HOUR) == HOUR
    assert gpu_time(replace(off, last_seen_at=WALL + HOUR)) == 3 * HOUR
    booked = replace(off, last_seen_at=WALL + HOUR, billed_until=WALL + 2 * HOUR)
    assert gpu_time(booked) == 2 * HOUR, "nothing twice"
    assert gpu_time(replace(off, off_at=None)) == 0, "a sighting to come shows what it did"


def test_what_was_gone_stopped_or_shown_before_did_not_run_unseen():
    off = attempt(State.DESTROYING, off_at=WALL + 4 * HOUR)
    assert gpu_time(replace(off, missing_at=WALL + HOUR)) == HOUR, "list and read lacked it from then on"
    assert gpu_time(replace(off, missing_at=WALL + HOUR, last_seen_at=WALL + 2 * HOUR)) == 2 * HOUR, "it was back"
    assert gpu_time(replace(off, ready_at=WALL)) == 0, "a stopped one does not start by itself"
    from_create = replace(OFFER, billing=replace(OFFER.billing, begins=BillingStart.CREATE))
    assert gpu_time(replace(off, offer=from_create)) == 0, "it billed until it was shown not to"


@pytest.mark.parametrize("until", [WALL, WALL - 1, 0])
def test_time_that_is_booked_is_never_booked_again(until: int):
    assert ledger.accrue(BILLED, until) == ((), BILLED)
    assert ledger.pending(BILLED, until) == 0


def test_the_live_price_counts_once_it_is_known():
    assert ledger.gpu_rate(BILLED) == 400_000
    assert ledger.gpu_rate(replace(BILLED, current_rate=520_000)) == 500_000
    assert ledger.gpu_rate(replace(BILLED, current_rate=10_000)) == 0


@given(steps=spans, gpu=rates)
def test_booking_in_steps_or_at_once_gives_the_same_but_for_rounding(steps: list[int], gpu: int):
    one = replace(BILLED, current_rate=gpu)
    entries, after = book(one, ends_of(steps))
    exact = Fraction((ledger.storage_rate(one) + ledger.gpu_rate(one)) * sum(steps), HOUR)
    assert 0 <= total(entries) - exact < len(entries), "rounded up, less than one each"
    assert book(one, ends_of(steps)) == (entries, after), "replayed, the same"
    assert total(book(one, ends_of(steps[:1]))[0]) == ledger.pending(one, WALL + steps[0])


@given(steps=spans)
def test_entries_leave_no_gap_and_never_overlap(steps: list[int]):
    entries, _ = book(BILLED, ends_of(steps))
    for kind in (GPU, STORAGE):
        line = [e for e in entries if e.kind == kind]
        assert [e.from_at for e in line] == [WALL, *(e.to_at for e in line[:-1])]


@given(steps=spans, gpu=rates, share=st.floats(0, 1))
def test_a_settlement_takes_back_what_was_booked_past_the_end(steps: list[int], gpu: int, share: float):
    one = replace(BILLED, current_rate=gpu)
    entries, _ = book(one, ends_of(steps))
    ended_at = WALL + round(sum(steps) * share)
    corrections = ledger.settle(one, ended_at, entries)
    exact = Fraction((ledger.storage_rate(one) + ledger.gpu_rate(one)) * (ended_at - WALL), HOUR)
    left = total(entries) + total(corrections)
    assert 0 <= left - exact <= len(entries) + 2, "never below the true cost"
    assert all(c.correction and c.micros <= 0 and c.from_at >= ended_at for c in corrections)


@given(steps=spans)
def test_at_the_edge_of_an_entry_a_settlement_is_exact(steps: list[int]):
    ends = ends_of(steps)
    entries, _ = book(BILLED, ends)
    for end in ends:
        corrections = ledger.settle(BILLED, end, entries)
        assert total(entries) + total(corrections) == total(tuple(e for e in entries if e.to_at <= end))
    assert ledger.settle(BILLED, ends[-1], entries) == ()
    assert total(entries) + total(ledger.settle(BILLED, WALL, entries)) == 0


def test_a_correction_is_not_corrected():
    entries, _ = book(BILLED, [WALL + HOUR])
    done = ledger.settle(BILLED, WALL, entries)
    assert ledger.settle(BILLED, WALL, done) == ()


# ---- the reserve


def test_the_reserve_holds_the_time_the_slow_end_and_a_day_of_disk():
    two_hours_and_a_half, rest = RATE * 5 // 2, 24 * 20_000 + TRAFFIC
    assert ledger.reserve_for(BILLED, REAL) == two_hours_and_a_half + rest
    assert ledger.reserve_for(replace(BILLED, current_rate=2 * RATE), REAL) == 2 * two_hours_and_a_half + rest
    assert ledger.reserve_for(replace(BILLED, current_rate=1), REAL) == two_hours_and_a_half + rest
    assert ledger.reserve_for(attempt(State.PREPARED), REAL) == two_hours_and_a_half + rest


def test_the_reserve_holds_some_traffic_each_way_at_the_offers_prices():
    """No clock bounds what is copied (F25)."""
    free, dear = (replace(OFFER, upload_gb=out, download_gb=into) for out, into in ((0, 0), (5_000, 20_000)))
    without = ledger.reserve_for(replace(BILLED, offer=free), REAL)
    assert ledger.reserve_for(replace(BILLED, offer=dear), REAL) == without + 250_000
    unguarded = ledger.reserve_for(replace(BILLED, offer=free), REAL, ends_alone=False)
    assert ledger.reserve_for(replace(BILLED, offer=dear), REAL, ends_alone=False) == unguarded + 250_000


def test_the_reserve_counts_from_the_send():
    late = replace(BILLED, prepared_at=WALL - HOUR)
    assert ledger.reserve_for(late, REAL) == ledger.reserve_for(BILLED, REAL)
    early = replace(BILLED, sent_at=WALL + HOUR)
    assert ledger.reserve_for(early, REAL) == ledger.reserve_for(BILLED, REAL) - RATE


@given(
    gpu=st.integers(1, 5_000_000), disk=st.integers(0, 2_000), life=st.integers(1, 12 * HOUR), cuts=spans,
    billing=st.lists(st.booleans(), min_size=12, max_size=12),
)  # fmt: skip
def test_the_reserve_covers_whatever_can_be_booked_until_a_slow_end(
    gpu: int, disk: int, life: int, cuts: list[int], billing: list[bool]
):
    shown = offer(gpu_rate=gpu)
    deadline = Deadline.at(WALL + life, NOW)
    one = attempt(offer=shown, disk_gb=float(disk), agreed_rate=shown.rate(disk), deadline=deadline)
    reserve, end, spent, entries = ledger.reserve_for(one, REAL), WALL + life + us(1800), 0, 0
    for cut, active in zip([*cuts, 100 * HOUR], [*billing, True], strict=False):
        booked, one = ledger.accrue(replace(one, is_gpu_billed=active), min(one.billed_until + cut, end))
        spent, entries = spent + total(booked), entries + len(booked)
    off = replace(one, is_gpu_billed=False)
    disk_only, _ = ledger.accrue(replace(off, billed_until=end), end + us(86_400))
    assert spent + total(disk_only) <= reserve + entries + 1, "but for one micro-dollar of rounding an entry"


@pytest.mark.parametrize("state", State)
def test_the_reserve_is_released_only_when_it_is_gone(state: State):
    one = attempt(state, reserve=2_000_000, off_at=WALL)
    assert ledger.remaining_reserve(one, 500_000) == (0 if state is State.CLOSED else 1_500_000)
    assert ledger.remaining_reserve(one, 2_000_001) == 0


def test_the_promised_figure_is_the_cost_of_an_end_on_time():
    assert ledger.expected_max_cost(BILLED) == 2 * RATE
    assert ledger.expected_max_cost(attempt(State.PREPARED)) == 2 * RATE
    assert ledger.expected_max_cost(replace(BILLED, current_rate=3 * RATE)) == 6 * RATE, "a price that rose counts"
    assert ledger.expected_max_cost(replace(BILLED, current_rate=1)) == 2 * RATE
    assert ledger.max_cost(BILLED, 5) == 2 * RATE
    assert ledger.max_cost(BILLED, 3 * RATE) == 3 * RATE
    assert ledger.max_cost(attempt(State.CLOSED), 5) == 5
    assert ledger.max_cost(attempt(State.DESTROYING, off_at=WALL), 5) == 5
    assert ledger.max_cost(attempt(State.DESTROYING), 5) == 2 * RATE


@pytest.mark.parametrize(("traffic", "used"), [(0, 100), (30, 100), (50, 80)])
def test_traffic_beyond_its_allowance_leaves_the_reserve_for_time_as_it_is(traffic: int, used: int):
    assert ledger.used_of_reserve(100, traffic, 30) == used


def test_what_traffic_has_cost_comes_on_top_of_what_the_plan_showed():
    planned = ledger.max_cost(BILLED, 0)
    assert ledger.max_cost(BILLED, 5_000, traffic=5_000) == planned + 5_000
    assert ledger.max_cost(replace(BILLED, off_at=WALL), 5_000, traffic=5_000) == 5_000
