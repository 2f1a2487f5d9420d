"""Spending limits hold whatever the caller does; an unknown price or a low balance refuses (D11, S8, F9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.money import DOLLAR, MAX_RATE
from gpushopper.core.spending.admission import (
    SpendingLimits,
    Usage,
    affordable,
    denied_by_balance,
    denied_by_limits,
    denied_by_price,
)
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.core.samples import DISK_GB, OFFER, RATE, offer

FULL = SpendingLimits(open_sessions=4, creates_per_hour=12, dollars_per_hour=20 * DOLLAR)


def rule(load: Usage, rate: int = 0, **changes: Any) -> str | None:
    denial = denied_by_limits(load, rate, FULL, **changes)
    return None if denial is None else denial.rule


def test_the_spending_limits_are_on_by_default():
    assert SpendingLimits() == FULL


@pytest.mark.parametrize(
    ("load", "rate", "denied"),
    [
        (Usage(3, 11, 19 * DOLLAR), DOLLAR, None),
        (Usage(4, 0, 0), 0, "brakes.open_sessions"),
        (Usage(3, 12, 0), 0, "brakes.creates_per_hour"),
        (Usage(0, 0, 19 * DOLLAR), DOLLAR + 1, "brakes.dollars_per_hour"),
        (Usage(0, 0, 0), 20 * DOLLAR, None),
        (Usage(0, 0, 0), 20 * DOLLAR + 1, "brakes.dollars_per_hour"),
        (Usage(9, 99, 99 * DOLLAR), DOLLAR, "brakes.open_sessions"),
    ],
)
def test_each_spending_limit_holds(load: Usage, rate: int, denied: str | None):
    assert rule(load, rate) == denied


def test_failover_is_exempt_from_the_session_limit_alone():
    assert rule(Usage(9, 0, 0), new_session=False) is None
    assert rule(Usage(9, 12, 0), new_session=False) == "brakes.creates_per_hour"
    assert rule(Usage(9, 0, 20 * DOLLAR), 1, new_session=False) == "brakes.dollars_per_hour"


@given(tries=st.integers(0, 60), rate=st.integers(1, 30 * DOLLAR))
def test_no_burst_of_creates_passes_the_spending_limits(tries: int, rate: int):
    opened = 0
    for _ in range(tries):
        opened += rule(Usage(opened, opened, opened * rate), rate) is None
    assert opened <= FULL.open_sessions
    assert opened * rate <= FULL.dollars_per_hour


@pytest.mark.parametrize(
    ("changes", "cap", "denied"),
    [
        ({}, None, None), ({}, RATE, None), ({}, RATE - 1, "max_price"), ({"gpu_rate": 0}, None, "price"),
        ({"gpu_rate": -1}, None, "price"), ({"gpu_rate": MAX_RATE + 1}, None, "price"), ({}, 0, "max_price"),
    ],
)  # fmt: skip
def test_a_price_must_be_known_and_within_the_cap(changes: dict[str, Any], cap: int | None, denied: str | None):
    denial = denied_by_price(offer(**changes), DISK_GB, cap)
    assert (denial.rule if denial else None) == denied


def test_a_disk_of_an_absurd_price_is_denied_like_a_gpu_of_one():
    denial = denied_by_price(offer(storage_gb_month=MAX_RATE * 720), DISK_GB, None)
    assert denial is not None and denial.rule == "price"


def test_the_shortlist_keeps_what_the_cap_allows_in_its_order():
    dear, free = offer(gpu_rate=RATE), offer(gpu_rate=0)
    assert affordable((OFFER, dear, free, OFFER), DISK_GB, RATE) == (OFFER, OFFER)
    assert affordable((OFFER, dear, free), DISK_GB, None) == (OFFER, dear)


@pytest.mark.parametrize(
    ("balance", "denied"), [(None, False), (2_000_000, False), (1_999_999, True), (0, True), (-1, True)]
)
def test_the_account_must_hold_the_worst_case_where_it_tells(balance: int | None, denied: bool):
    assert (denied_by_balance(balance, Usage(0, 0, 0), 2_000_000) is not None) is denied


@pytest.mark.parametrize(("balance", "denied"), [(None, False), (5_000_000, False), (4_999_999, True)])
def test_the_account_must_hold_all_worst_cases_together(balance: int | None, denied: bool):
    denial = denied_by_balance(balance, Usage(1, 1, RATE, reserved=3_000_000), 2_000_000)
    assert (denial is not None) is denied
    assert denial is None or (denial.rule == "balance" and "$5.00" in denial.text)


@pytest.mark.parametrize(
    ("load", "rate", "free_at"),
    [
        # Sessions: the limit is four; with five open, two must reach their deadlines.
        (Usage(4, 0, 0, ends=((30, 1), (10, 1), (20, 1), (40, 1))), 0, 10),
        (Usage(5, 0, 0, ends=((30, 1), (10, 1), (20, 1), (40, 1), (50, 1))), 0, 20),
        (Usage(4, 0, 0), 0, None),
        # Creates: the limit is twelve; the oldest must be an hour old.
        (Usage(0, 12, 0, created_at=tuple(range(100, 112))), 0, 100 + HOUR),
        (Usage(0, 14, 0, created_at=tuple(range(113, 99, -1))), 0, 102 + HOUR),
        # Rates: twenty dollars an hour in all; what ends first may not be enough.
        (Usage(0, 0, 19 * DOLLAR, ends=((10, DOLLAR), (20, 9 * DOLLAR), (30, 9 * DOLLAR))), 2 * DOLLAR, 10),
        (Usage(0, 0, 19 * DOLLAR, ends=((10, DOLLAR), (20, 9 * DOLLAR), (30, 9 * DOLLAR))), 3 * DOLLAR, 20),
        (Usage(0, 0, 0), 21 * DOLLAR, None),
    ],
)
def test_a_spending_limit_says_when_there_is_room_again(load: Usage, rate: int, free_at: int | None):
    denial = denied_by_limits(load, rate, FULL)
    assert denial is not None and denial.free_at == free_at


@pytest.mark.parametrize("name", ["open_sessions", "creates_per_hour"])
def test_a_limit_of_nothing_is_never_free(name: str):
    denial = denied_by_limits(Usage(0, 0, 0, created_at=(1,), ends=((1, 1),)), 0, replace(FULL, **{name: 0}))
    assert denial is not None and denial.rule == f"brakes.{name}" and denial.free_at is None
