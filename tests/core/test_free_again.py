"""A budget that refuses says when the same request would be accepted: never too early, and to the minute."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from gpushopper.core.model.money import DOLLAR
from gpushopper.core.spending.budget import Budget, Commitment, Going, Incurred
from gpushopper.core.spending.budget_check import first_breach
from gpushopper.core.spending.later.free_again import first_fit, free_text
from gpushopper.core.spending.later.future import Future, cut_off, merged, moved
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from gpushopper.core.timing.periods import PeriodKind, period_at
from tests.core.test_budget_check import EVENING, MIDNIGHT, budget, lasting, one

SLOW = 2 * MINUTE
JUNE = period_at(PeriodKind.MONTH, EVENING, UTC).end_at


def going(name: str, hours: float, spent: float = 0) -> Commitment:
    return one(name, hours=hours, spent=spent, going=Going(DOLLAR, EVENING + round(hours * HOUR)))


def _breach(limits: Budget, future: Future, wanted: Commitment, at: int, until: int | None = None) -> bool:
    then = cut_off(moved(wanted, at - EVENING), until)
    return first_breach([limits], future.others_at(at), None, then, at, UTC) is not None


def free(limits: Budget, others: list[Commitment], wanted: Commitment) -> int | None:
    future = Future(merged(others, wanted.session_id), EVENING, UTC, SLOW)

    def fits(at: int, until: int | None = None) -> bool:
        return not _breach(limits, future, wanted, at, until)

    assert not fits(EVENING)
    found = first_fit(future.moments(), EVENING, fits, future.borders())
    assert found is None or (fits(found) and not fits(found - MINUTE))
    return found


def test_a_month_is_free_once_the_worst_case_of_another_session_is_released():
    """It held a reserve of four hours and ends after one."""
    other = one("old", to_come=lasting(4), going=Going(DOLLAR, EVENING + HOUR))
    assert free(budget(monthly=4 * DOLLAR), [other], one(hours=2)) == EVENING + HOUR + SLOW
    # What it will have cost stays, so that of two hours no more than 1:57 may be of this month.
    assert free(budget(monthly=3 * DOLLAR), [other], one(hours=2)) == JUNE - 117 * MINUTE


def test_a_day_is_free_at_midnight_or_as_soon_as_what_is_left_of_it_fits():
    assert free(budget(daily=2 * DOLLAR), [one("old", spent=2)], one(hours=2)) == MIDNIGHT
    assert free(budget(daily=2 * DOLLAR), [one("old", spent=1.5)], one(hours=2)) == MIDNIGHT - HOUR // 2


HALF_PAST = MIDNIGHT + 24 * HOUR - 90 * MINUTE


@pytest.mark.parametrize(
    ("spent", "others", "free_at"),
    [(0.9, [], MIDNIGHT - 36 * MINUTE), (1.0, [], MIDNIGHT - 30 * MINUTE), (1.25, [], HALF_PAST),
     (1.5, [], HALF_PAST), (0, [going("goes", hours=0.8)], MIDNIGHT - 39 * MINUTE),
     (1.5, [going("goes", hours=3)], MIDNIGHT + 48 * HOUR - 90 * MINUTE)],
)  # fmt: skip
def test_what_fits_into_no_day_alone_is_free_in_a_window_before_midnight_with_room_in_both(
    spent: float, others: list[Commitment], free_at: int
):
    """Two hours at a dollar, $1.50 a day: half an hour at least before midnight, an hour and a half at most."""
    limits, held = budget(daily=round(1.5 * DOLLAR)), [one("old", spent=spent), *others]
    assert free(limits, held, one(hours=2)) == free_at
    future = Future(merged(held, "s-new"), EVENING, UTC, SLOW)
    every_minute = range(EVENING, MIDNIGHT + 49 * HOUR, MINUTE)
    assert free_at == next(at for at in every_minute if not _breach(limits, future, one(hours=2), at))


def test_a_session_that_goes_on_over_midnight_counts_in_both_days():
    """It ends at one o'clock and two minutes: no more than 57 minutes of the request may be of the same day."""
    other = going("old", hours=3)
    assert free(budget(daily=2 * DOLLAR), [other], one(hours=1.5)) == MIDNIGHT + 24 * HOUR - 57 * MINUTE


def test_what_is_over_is_added_up_by_whom_it_counts_for():
    over = [one(f"n{n}", spent=1, consumer="ada" if n % 2 else "bob") for n in range(10)]
    own = one("own", spent=1, session_id="s-new")
    found = merged([*over, own, going("goes", hours=1)], "s-new")
    assert [each.name for each in found] == ["own", "goes", "n0", "n1"]
    assert [each.incurred.month // DOLLAR for each in found[2:]] == [5, 5]
    assert free(budget(daily=10 * DOLLAR), over, one(hours=1)) == MIDNIGHT


def test_what_passes_the_limit_alone_is_never_accepted():
    assert free(budget(daily=2 * DOLLAR), [going("old", hours=1)], one(hours=30)) is None
    assert free(budget(session=DOLLAR), [going("old", hours=1)], one(hours=2)) is None


def test_what_is_off_holds_its_worst_case_as_long_as_it_may_bill():
    other = one("old", hours=2, incurred=Incurred())
    assert free(budget(monthly=2 * DOLLAR), [other], one(hours=1)) == EVENING + HOUR


@pytest.mark.parametrize(
    ("later_us", "text"),
    [
        (30, "free at 22:01"),
        (HOUR, "free at 23:00"),
        (2 * HOUR, "free at Fri 00:00"),
        (6 * 24 * HOUR, "free at Wed 22:00"),
        (7 * 24 * HOUR, "free on 4 June, 22:00"),
        (MIDNIGHT + 3 * 24 * HOUR - EVENING, "free at Mon 00:00"),
    ],
)
def test_the_time_is_said_in_the_users_zone_and_never_too_early(later_us: int, text: str):
    assert free_text(EVENING + later_us, EVENING, UTC) == text
    assert free_text(EVENING, EVENING, ZoneInfo("America/New_York")) == "free at 18:00"
