"""A bill is compared with our count over the same time, and a difference is meant above a dollar and 5 % (D11)."""

from __future__ import annotations

import pytest

from gpushopper.core.model.records.charge import Charge
from gpushopper.core.spending.bills.bill_check import (
    Comparison,
    GpuBill,
    Reading,
    billed_beyond_use,
    counted_until,
    is_settled,
    spent_between,
)
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND

DOLLAR = 1_000_000


@pytest.mark.parametrize(
    ("ours", "billed", "is_beyond"),
    [
        (0, DOLLAR, False), (0, DOLLAR + 1, True),
        (10 * DOLLAR, 11 * DOLLAR, False), (10 * DOLLAR, 11 * DOLLAR + 1, True),
        (40 * DOLLAR, 42 * DOLLAR, False), (40 * DOLLAR, 42 * DOLLAR + 1, True),
        (40 * DOLLAR, 38 * DOLLAR, False), (40 * DOLLAR, 38 * DOLLAR - 1, True),
        (2 * DOLLAR, 0, True), (DOLLAR, 0, False),
    ],
)  # fmt: skip
def test_a_difference_is_meant_above_a_dollar_and_5_percent(ours: int, billed: int, is_beyond: bool):
    found = Comparison(ours, billed, is_settled=True)
    assert found.is_beyond is is_beyond and found.difference == billed - ours


def test_a_bill_that_may_still_come_is_never_too_low_but_may_be_too_high():
    assert not Comparison(10 * DOLLAR, 0, is_settled=False).is_beyond
    assert Comparison(10 * DOLLAR, 12 * DOLLAR, is_settled=False).is_beyond


def test_only_the_time_that_the_bill_covers_is_compared():
    assert counted_until(None, 100, None, 1) == 100, "an open instance: up to when the bill was read"
    assert counted_until(80, 100, None, 1) == 80, "the bill is behind"
    assert counted_until(300, 100, None, 1) == 100, "its last line is for the whole day, but nobody bills the future"
    assert counted_until(80, 100, 90, 1) == 80, "it is behind an instance that has ended"
    assert counted_until(90, 100, 90, 1) is None and counted_until(None, 100, 90, 1) is None, "all of it"
    assert counted_until(80, 1_000_090, 90, 1) is None, "the bill is settled: what it lacks was counted too much"


def test_a_bill_is_settled_once_it_had_a_day():
    assert is_settled(0, 24 * HOUR, 86400) and not is_settled(0, 24 * HOUR - 1, 86400)
    assert not is_settled(None, 24 * HOUR, 86400)


def test_what_is_billed_beyond_use_is_learned_from_enough_instances_and_one_odd_one_changes_nothing():
    rate = 3_600_000
    odd = GpuBill(rate, 9 * rate, rate)
    assert billed_beyond_use([GpuBill(rate, rate + 30_000, rate)] * 4) is None
    assert billed_beyond_use([*[GpuBill(rate, rate + 30_000, rate)] * 5, odd]) == 30 * SECOND
    assert billed_beyond_use([GpuBill(0, 0, 0)] * 9) is None, "without a rate there is no time"


def test_a_balance_that_falls_was_spent_and_one_that_rises_was_topped_up():
    before = Reading(0, 20 * DOLLAR)
    found = spent_between(before, Reading(1, 15 * DOLLAR), 2 * DOLLAR)
    assert found is not None and found.difference == 3 * DOLLAR and found.is_beyond
    assert spent_between(before, Reading(1, 21 * DOLLAR), 0) is None
    low = spent_between(before, Reading(1, 19 * DOLLAR), 9 * DOLLAR)
    assert low is not None and not low.is_beyond, "a small top-up looks like this, too"


def test_lines_of_one_instance_add_up():
    found = Charge("7", 1, 2, 3, 4, 50).plus(Charge("7", 10, 20, 30, 40))
    assert found == Charge("7", 11, 22, 33, 44, 50) and found.total == 110
