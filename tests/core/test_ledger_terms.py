"""The ledger on other terms than to the second: whole steps, a minimum, stopped instances, rounded disks (I14)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper import providers
from gpushopper.core.cloud import Billing, StoppedBilling
from gpushopper.core.lifecycle.boot_failure import boot_failure
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.money import cost_over
from gpushopper.core.model.offer import offer_max_cost
from gpushopper.core.policy import REAL
from gpushopper.core.spending import ledger
from gpushopper.core.spending.ledger import GPU, MINIMUM, STORAGE, Entry
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.core.timing.deadline import Deadline
from gpushopper.providers.vast import TRAITS as VAST
from tests.core.samples import DISK_GB, NOW, RATE, TRAFFIC, WALL, attempt, offer, row

MINUTE = us(60)
BY_THE_HOUR = Billing(granularity_s=3600)
LEAST_AN_HOUR = Billing(granularity_s=60, minimum_s=3600)


def running(billing: Billing, **changes: Any) -> Attempt:
    return attempt(State.RUNNING, offer=offer(billing=billing), **{"is_gpu_billed": True, **changes})


def booked(one: Attempt, *steps: tuple[int, bool, bool]) -> tuple[Entry, ...]:
    """The entries after spans in µs, each with whether GPU and disk bill in it."""
    entries: tuple[Entry, ...] = ()
    for span, gpu, disk in steps:
        assert one.billed_until is not None
        billed = replace(one, is_gpu_billed=gpu, is_storage_billed=disk)
        more, one = ledger.accrue(billed, one.billed_until + span)
        entries += more
    return entries


def closed(one: Attempt, ended_at: int, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """All entries once it is closed."""
    after = (*entries, *ledger.settle(one, ended_at, entries))
    return (*after, *ledger.beyond_use(one, ended_at, after))


def cost(entries: tuple[Entry, ...]) -> dict[str, int]:
    return {kind: sum(e.micros for e in entries if e.kind == kind) for kind in ledger.KINDS if kind != ledger.TRAFFIC}


# ---- to the second, nothing has changed


@given(
    gpu=st.integers(1, 5_000_000), price=st.integers(0, 500_000), disk=st.floats(0, 4000),
    span=st.integers(1, 20 * HOUR), live=st.none() | st.integers(1, 6_000_000),
)  # fmt: skip
def test_on_vasts_terms_every_number_is_what_it_was(gpu: int, price: int, disk: float, span: int, live: int | None):
    shown = offer(gpu_rate=gpu, storage_gb_month=price, download_gb=0, billing=VAST.billing)
    storage = -(-int(price * disk) // 720)
    assert (shown.storage_rate(disk), shown.rate(disk)) == (storage, gpu + storage)
    assert offer_max_cost(shown, disk, span) == cost_over(gpu + storage, span)
    one = attempt(
        State.RUNNING, offer=shown, disk_gb=disk, agreed_rate=gpu + storage, current_rate=live, is_gpu_billed=True,
        deadline=Deadline.at(WALL + span, NOW),
    )  # fmt: skip
    rate = max(gpu + storage, live or 0)
    assert ledger.expected_max_cost(one) == cost_over(rate, span)
    slack = us(REAL.reserve_slack_s)
    assert ledger.reserve_for(one, REAL) == cost_over(rate, span + slack) + cost_over(storage, us(REAL.storage_slack_s))
    entries, _ = ledger.accrue(one, WALL + span)
    total = gpu + storage if live is None else live
    used = {STORAGE: cost_over(storage, span), GPU: cost_over(max(total - storage, 0), span)}
    assert {kind: sum(e.micros for e in entries if e.kind == kind) for kind in used} == used
    assert ledger.beyond_use(one, WALL + span, entries) == ()


def test_an_offers_usual_terms_are_vasts():
    assert VAST.billing == Billing() == offer().billing


# ---- steps and a minimum


@pytest.mark.parametrize(
    ("billing", "used", "billed"),
    [
        (BY_THE_HOUR, MINUTE, HOUR), (BY_THE_HOUR, HOUR, HOUR), (BY_THE_HOUR, HOUR + 1, 2 * HOUR),
        (LEAST_AN_HOUR, MINUTE, HOUR), (LEAST_AN_HOUR, 90 * MINUTE + 1, 91 * MINUTE), (Billing(), 7, 7),
        (Billing(minimum_s=600), MINUTE, 10 * MINUTE), (BY_THE_HOUR, 0, 0), (LEAST_AN_HOUR, -5, 0),
    ],
)  # fmt: skip
def test_whole_steps_and_at_least_the_minimum_are_billed(billing: Billing, used: int, billed: int):
    assert billing.billed_us(used) == billed
    assert offer_max_cost(offer(billing=billing), DISK_GB, used) == cost_over(RATE, billed), "the plan says so"
    if used > 0:
        one = running(billing, deadline=Deadline.at(WALL + used, NOW))
        assert ledger.expected_max_cost(one) == cost_over(RATE, billed)
        total = sum(e.micros for e in closed(one, WALL + used, booked(one, (used, True, True))))
        assert total == pytest.approx(cost_over(RATE, billed), abs=4)


def test_what_is_billed_beyond_the_time_used_is_an_entry_of_its_own_at_the_end():
    one = running(LEAST_AN_HOUR)
    entries = booked(one, (30 * MINUTE, True, True))
    assert cost(entries) == {GPU: 200_000, STORAGE: 10_000, MINIMUM: 0}, "linear while it runs"
    (last,) = ledger.beyond_use(one, WALL + 30 * MINUTE, entries)
    assert last == Entry(one.id, MINIMUM, WALL + 30 * MINUTE, WALL + 30 * MINUTE, 210_000)


def test_each_run_of_its_gpu_is_rounded_and_the_minimum_is_for_all_of_them():
    one = running(BY_THE_HOUR)
    steps = ((10 * MINUTE, True, True), (20 * MINUTE, False, True), (10 * MINUTE, True, True))
    assert cost(closed(one, WALL + 40 * MINUTE, booked(one, *steps)))[MINIMUM] == 400_000 * 100 // 60 + 1 + 6_667
    one = running(Billing(minimum_s=1800))
    assert cost(closed(one, WALL + 40 * MINUTE, booked(one, *steps)))[MINIMUM] == 400_000 * 10 // 60 + 1


def test_a_gpu_that_never_ran_has_no_minimum():
    one = running(LEAST_AN_HOUR)
    entries = closed(one, WALL + MINUTE, booked(one, (MINUTE, False, True)))
    assert cost(entries)[MINIMUM] == cost_over(20_000, 59 * MINUTE), "the disk's alone"
    assert ledger.beyond_use(one, WALL, ()) == ()


def test_an_attempt_that_is_reopened_and_closed_again_is_billed_once():
    one = running(LEAST_AN_HOUR)
    first = closed(one, WALL + 10 * MINUTE, booked(one, (20 * MINUTE, True, True)))
    assert sum(cost(first).values()) == pytest.approx(RATE, abs=4)
    more, _ = ledger.accrue(replace(one, billed_until=WALL + 10 * MINUTE), WALL + 70 * MINUTE)
    again = closed(one, WALL + 70 * MINUTE, (*first, *more))
    assert cost(again)[MINIMUM] == 0
    assert sum(cost(again).values()) == pytest.approx(RATE * 70 // 60, abs=6)
    assert [e.correction for e in again if e.kind == MINIMUM] == [False, True]


# ---- what bills while it is stopped


@pytest.mark.parametrize(
    ("stopped", "hour"),
    [(StoppedBilling.NOTHING, 0), (StoppedBilling.STORAGE, 20_000), (StoppedBilling.ALL, RATE)],
)
def test_the_reserve_of_the_day_after_is_what_a_stopped_instance_bills(stopped: StoppedBilling, hour: int):
    kept = max(hour, 20_000)  # where a stop bills nothing, the disk's day is held back all the same
    assert ledger.reserve_for(running(Billing(stopped=stopped)), REAL) == RATE * 5 // 2 + 24 * kept + TRAFFIC
    one = running(Billing(stopped=stopped))
    entries = booked(one, (HOUR, stopped is StoppedBilling.ALL, stopped is not StoppedBilling.NOTHING))
    assert sum(cost(entries).values()) == hour


def test_the_reserve_counts_whole_steps_and_the_minimum():
    one = running(BY_THE_HOUR)
    assert ledger.reserve_for(one, REAL) == 3 * RATE + 24 * 20_000 + TRAFFIC, "two hours and a half are three"
    assert ledger.reserve_for(running(Billing(minimum_s=5 * 3600)), REAL) == 5 * RATE + 24 * 20_000 + TRAFFIC


# ---- against the cloud's own arithmetic


@given(
    spans=st.lists(st.tuples(st.integers(us(1), 3 * HOUR), st.sampled_from(["run", "stop"])), min_size=1, max_size=8),
    granularity=st.sampled_from([1, 60, 600, 3600]), minimum=st.sampled_from([0, 900, 7200]),
    stopped=st.sampled_from(StoppedBilling), step=st.sampled_from([0.0, 50.0]), included=st.sampled_from([0.0, 100.0]),
    disk=st.integers(1, 900),
)  # fmt: skip
def test_the_ledger_is_within_a_thousandth_of_what_the_cloud_bills(
    spans: list[tuple[int, str]], granularity: int, minimum: int, stopped: StoppedBilling, step: float, included: float,
    disk: int,
):  # fmt: skip
    billing = Billing(
        granularity_s=granularity, minimum_s=minimum, stopped=stopped, storage_minimum_gb=100, storage_step_gb=step,
        storage_included_gb=included,
    )  # fmt: skip
    shown = offer(billing=billing)
    one = attempt(State.RUNNING, offer=shown, disk_gb=disk, agreed_rate=shown.rate(disk), is_gpu_billed=True)
    steps = [
        (span, word == "run" or stopped is StoppedBilling.ALL, word == "run" or stopped is not StoppedBilling.NOTHING)
        for span, word in spans
    ]
    end = WALL + sum(span for span, *_ in steps)
    ours = sum(e.micros for e in closed(one, end, booked(one, *steps)))
    size = max(math.ceil(max(disk, 100) / step) * step if step else max(disk, 100), 100) - included
    theirs = _billed(steps, 1, billing) * shown.gpu_rate + _billed(steps, 2, billing) * size * 144_000 / 720
    assert ours == pytest.approx(theirs, rel=0.001, abs=40)


def _billed(steps: list[tuple[int, bool, bool]], which: int, billing: Billing) -> float:
    """Hours that a cloud bills: each unbroken run in whole steps, all of them at least the minimum."""
    runs, current = [], 0
    for each in [*steps, (0, False, False)]:
        if each[which]:
            current += each[0]
        elif current:
            runs.append(current / 1e6)
            current = 0
    whole = sum(math.ceil(run / billing.granularity_s) * billing.granularity_s for run in runs)
    used = sum(runs) if billing.granularity_s == 1 else whole
    return (max(used, billing.minimum_s) if runs else 0.0) / 3600


# ---- what an end now saves nothing of


@pytest.mark.parametrize(
    ("changes", "used_s", "least_s"),
    [
        ({}, 0, 3600), ({}, 3599, 3600), ({}, 3600, 0), ({"off_at": WALL}, 60, 0), ({"minimum_s": 0}, 60, 0),
        ({"state": State.PREPARED}, 60, 0), ({"state": State.CLOSED}, 60, 0),
    ],
)  # fmt: skip
def test_the_least_that_is_billed_whatever_the_end(changes: dict[str, Any], used_s: int, least_s: int):
    given = {"state": State.RUNNING, "minimum_s": 3600, **changes}
    shown = offer(billing=Billing(minimum_s=given.pop("minimum_s")))
    one = attempt(given.pop("state"), offer=shown, agreed_rate=400_000, current_rate=None, **given)
    assert ledger.least_billed_us(one, WALL + us(used_s)) == us(least_s)
    assert ledger.least_cost(one, WALL + us(used_s)) == least_s // 3600 * 400_000


# ---- the price of a month's storage


def test_a_month_of_storage_has_as_many_hours_as_its_cloud_counts():
    for hours in (720, 730):
        shown = offer(billing=Billing(month_hours=hours), gpu_rate=0, storage_gb_month=7_300 * hours)
        assert shown.storage_rate(100) == 730_000
    assert offer(billing=Billing(month_hours=730), storage_gb_month=1).storage_rate(1) == 1, "rounded up"


@pytest.mark.parametrize("hours", [0, -720])
def test_a_month_without_hours_is_refused(hours: int):
    with pytest.raises(ValueError, match="month"):
        Billing(month_hours=hours)


@pytest.mark.parametrize("name", ["vast", "tensordock"])
def test_both_clouds_count_a_month_of_720_hours(name: str):
    assert providers.traits(name).billing.month_hours == 720


# ---- the price of a rounded disk


def test_a_price_for_the_rounded_disk_has_not_changed():
    shown = offer(billing=Billing(storage_minimum_gb=100, storage_step_gb=50), gpu_rate=1_000, storage_gb_month=720_000)
    one = attempt(State.BOOTING, offer=shown, disk_gb=20.0, agreed_rate=shown.rate(20.0))
    assert one.agreed_rate == 101_000, "100 GB are billed"
    assert boot_failure(one, row(rate=101_000, disk_gb=100.0), NOW, REAL) is None
    moved = boot_failure(one, row(rate=151_000, disk_gb=100.0), NOW, REAL)
    assert moved is not None and moved[0] == "price_changed"
    assert ledger.gpu_rate(replace(one, current_rate=101_000)) == 1_000
