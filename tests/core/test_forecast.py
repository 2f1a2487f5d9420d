"""What is spent an hour, what is still to come, and what a month will come to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.model.attempt import State
from gpushopper.core.spending import ledger
from gpushopper.core.spending.forecast import at_pace, burn_rate, to_come
from gpushopper.core.spending.tags import tags_problem
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.core.samples import RATE, WALL, attempt

BILLED = attempt(State.RUNNING, is_gpu_billed=True)


def test_only_what_bills_now_is_burnt():
    assert burn_rate(BILLED) == RATE
    assert burn_rate(replace(BILLED, current_rate=2 * RATE)) == 2 * RATE
    assert burn_rate(replace(BILLED, is_gpu_billed=False)) == ledger.storage_rate(BILLED) > 0
    assert burn_rate(replace(BILLED, is_gpu_billed=False, is_storage_billed=False)) == 0
    assert burn_rate(replace(BILLED, off_at=WALL)) == burn_rate(replace(BILLED, billed_until=None)) == 0


def test_what_is_to_come_ends_at_the_deadline_or_at_the_end_of_the_time_asked_for():
    whole = ledger.expected_max_cost(BILLED)
    assert to_come(BILLED, 0, WALL) == whole
    assert to_come(BILLED, whole // 4, WALL) == whole - whole // 4
    assert to_come(BILLED, 0, WALL, WALL + HOUR // 2) == RATE // 2
    assert to_come(BILLED, 0, WALL, WALL - HOUR) == 0
    assert to_come(BILLED, 0, WALL, WALL + 99 * HOUR) == whole
    assert to_come(replace(BILLED, off_at=WALL), 5, WALL) == 0


def test_the_rest_of_a_month_costs_as_the_last_days_did_once_there_is_one():
    assert at_pace(700, 7 * 24 * HOUR, 3 * 24 * HOUR) == 300
    assert at_pace(700, 7 * 24 * HOUR, -1) == 0
    assert at_pace(700, 23 * HOUR, 24 * HOUR) is None


@pytest.mark.parametrize(
    "tags",
    [{"Paper": "x"}, {"": "x"}, {"a b": "x"}, {"k": ""}, {"k": " x"}, {"k": "x" * 101}, {"k" * 41: "x"}, {"k": "a\n"},
     {f"k{n}": "x" for n in range(21)}],
)  # fmt: skip
def test_tags_that_cannot_be(tags: dict[str, str]):
    assert tags_problem(tags)


def test_tags_that_can_be():
    assert tags_problem({"paper": "NeurIPS 2026 = main track", "exp.1_b-2": "ü"}) == ""
