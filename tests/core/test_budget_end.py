"""When a budget is used up by rate, and which sessions end for it: least time left to lose first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.money import DOLLAR, cost_over
from gpushopper.core.spending.budget import Commitment, Going, Incurred, LimitKind
from gpushopper.core.spending.budget_end import Pace, ends_to_fit, planned_ends, standings, used_up_at
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND
from gpushopper.core.timing.periods import PeriodKind, period_at
from tests.core.samples import WALL
from tests.core.test_budget_check import budget, lasting

SLOW, APART = 2 * MINUTE, 15 * MINUTE
PACE = Pace(SLOW, APART)
PERIODS = {
    LimitKind.DAILY: period_at(PeriodKind.DAY, WALL, UTC),
    LimitKind.MONTHLY: period_at(PeriodKind.MONTH, WALL, UTC),
}


def running(name: str, hours: float, spent: float = 0, rate: float = 1, **changes: Any) -> Commitment:
    """A session that bills this rate, and has so many hours to its deadline."""
    amount, per_hour = round(spent * DOLLAR), round(rate * DOLLAR)
    values: dict[str, Any] = {
        "attempt_id": f"a-{name}", "session_id": f"s-{name}", "name": name, "consumer": "me", "provider": "vast",
        "incurred": Incurred(amount, amount, amount), "to_come": lasting(hours, per_hour, at=WALL),
        "going": Going(per_hour, WALL + round(hours * HOUR)),
    }  # fmt: skip
    return Commitment(**{**values, **changes})


def going(*held: Commitment) -> list[Going]:
    return [one.going for one in held if one.going is not None]


@pytest.mark.parametrize(
    ("left", "hours"),
    [(4, None), (3.9, 2.9), (2, 1), (0, 0), (-1, 0)],
    ids=["fits", "just not", "half", "none", "over"],
)
def test_it_is_used_up_where_spending_at_the_present_rates_passes_it(left: float, hours: float | None):
    """One hour at two dollars, then two at one."""
    found = used_up_at(round(left * DOLLAR), going(running("a", 1), running("b", 3)), WALL, None)
    assert found == (None if hours is None else WALL + round(hours * HOUR))


def test_what_a_later_period_pays_uses_up_nothing():
    assert used_up_at(DOLLAR, going(running("a", 10)), WALL, WALL + HOUR) is None
    assert used_up_at(DOLLAR, going(running("a", 10)), WALL, WALL + HOUR + MINUTE) == WALL + HOUR


def test_nothing_ends_while_the_budget_lasts():
    assert planned_ends(4 * DOLLAR, [running("a", 1), running("b", 3)], WALL, None, PACE) == ()


def test_the_one_with_the_least_time_left_ends_first_and_the_other_gets_what_that_leaves():
    found = planned_ends(4 * DOLLAR, [running("long", 9), running("short", 3)], WALL, None, PACE)
    assert [end.name for end in found] == ["short", "long"]
    # Both together would have spent it at 2:00. One ends at 1:45 and is off at 1:47: the other has 13 minutes more.
    assert found[0].at == WALL + 2 * HOUR - APART
    assert abs(found[1].at - (WALL + 2 * HOUR + 13 * MINUTE - SLOW)) < SECOND


def test_only_as_many_end_as_must():
    """When the first has ended, the second reaches its deadline."""
    found = planned_ends(round(3.05 * DOLLAR), [running("a", 1.6), running("b", 1.55)], WALL, None, PACE)
    assert [end.name for end in found] == ["b"]


def test_what_bills_nothing_uses_up_nothing_and_is_not_ended():
    """An instance that is stopped where a stopped one is free: its end would save nothing."""
    free = running("free", 2, spent=3, rate=0)
    assert used_up_at(-DOLLAR, going(free), WALL, None) == WALL
    assert planned_ends(-DOLLAR, [free], WALL, None, PACE) == ()
    assert [end.name for end in planned_ends(-DOLLAR, [free, running("b", 3)], WALL, None, PACE)] == ["b"]
    (standing,) = standings(budget(monthly=DOLLAR), [free], PERIODS, WALL, PACE)
    assert standing.used_up_at == WALL and standing.ends == ()


def test_a_budget_that_was_just_changed_warns_first_and_one_of_a_wrong_clock_at_once():
    held = [running("a", 9, spent=2)]
    for changed_at, end_at in [(WALL, WALL + APART), (WALL - HOUR, WALL), (WALL + 10 * HOUR, WALL)]:
        (standing,) = standings(budget(monthly=DOLLAR, changed_at=changed_at), held, PERIODS, WALL, PACE)
        assert [end.at for end in standing.ends] == [end_at]


def test_what_is_ending_already_is_not_ended_again():
    ending = running("a", 1, going=Going(DOLLAR, WALL + SLOW, is_ending=True))
    assert planned_ends(0, [ending], WALL, None, PACE) == ()
    assert [end.name for end in planned_ends(0, [ending, running("b", 2)], WALL, None, PACE)] == ["b"]


@given(
    left=st.integers(0, 20_000_000),
    held=st.lists(st.tuples(st.integers(1, 600), st.integers(1, 5_000_000)), min_size=1, max_size=6),
)  # fmt: skip
def test_what_is_planned_keeps_the_limit(left: int, held: list[tuple[int, int]]):
    """Each bills to its planned end and as long as an end takes; of a budget that is spent only the latter."""
    sessions = [running(str(n), minutes / 60, rate=rate / DOLLAR) for n, (minutes, rate) in enumerate(held)]
    planned = planned_ends(left, sessions, WALL, None, PACE)
    ends = {end.session_id: end.at for end in planned}
    assert len(ends) == len(planned)
    total = late = 0
    for one, stream in zip(sessions, going(*sessions), strict=True):
        total += cost_over(stream.rate, min(stream.until_at, ends.get(one.session_id, stream.until_at) + SLOW) - WALL)
        late += cost_over(stream.rate, SLOW) if ends.get(one.session_id) == WALL else 0
    assert total <= left + late + len(sessions)
    deadlines = {one.session_id: stream.until_at for one, stream in zip(sessions, going(*sessions), strict=True)}
    assert [deadlines[end.session_id] for end in planned] == sorted(deadlines[end.session_id] for end in planned)


def test_each_limit_of_a_budget_stands_for_itself():
    limits = budget(daily=3 * DOLLAR, session=5 * DOLLAR)
    held = [running("a", 2, spent=2), running("b", 1, spent=1), replace(running("old", 0, spent=1), going=None)]
    found = standings(limits, held, PERIODS, WALL, PACE)
    assert [(each.subject, each.spent) for each in found] == [
        ("lab:s-a", 2 * DOLLAR), ("lab:s-b", DOLLAR), ("lab:daily", 4 * DOLLAR),
    ]  # fmt: skip
    assert found[0].committed == 4 * DOLLAR and found[0].ends == ()
    assert found[2].used_up_at == WALL and [end.name for end in found[2].ends] == ["b", "a"]


def test_what_a_cloud_has_billed_for_traffic_is_shown_as_spent_and_ends_nothing():
    claimed = running("a", 2, spent=5, traffic=Incurred(4 * DOLLAR, 4 * DOLLAR, 4 * DOLLAR))
    (found,) = standings(budget(daily=4 * DOLLAR), [claimed], PERIODS, WALL, PACE)
    assert found.spent == 5 * DOLLAR and not found.ends


def test_what_is_in_doubt_is_shown_as_spent_and_ends_nothing():
    doubted = running("a", 2, spent=5, in_doubt=Incurred(4 * DOLLAR, 4 * DOLLAR, 4 * DOLLAR))
    found = standings(budget(daily=3 * DOLLAR, session=2 * DOLLAR), [doubted], PERIODS, WALL, PACE)
    assert [(each.spent, [end.at for end in each.ends]) for each in found] == [
        (5 * DOLLAR, [WALL + HOUR - SLOW]), (5 * DOLLAR, []),
    ]  # fmt: skip


def test_a_lower_limit_names_who_must_end_so_that_it_holds():
    held = [running("a", 9, spent=1), running("b", 2, spent=1), running("c", 4, spent=1)]
    (standing,) = standings(budget(monthly=100 * DOLLAR), held, PERIODS, WALL, PACE)
    assert standing.committed == 18 * DOLLAR
    assert [end.name for end in ends_to_fit(18 * DOLLAR, standing, WALL)] == []
    assert [end.name for end in ends_to_fit(16 * DOLLAR, standing, WALL)] == ["b"]
    assert [end.name for end in ends_to_fit(13 * DOLLAR, standing, WALL)] == ["b", "c"]
    assert [end.name for end in ends_to_fit(0, standing, WALL)] == ["b", "c", "a"]


def test_what_is_ending_already_is_not_named_again():
    ending = running("d", 1, going=Going(DOLLAR, WALL + SLOW, is_ending=True))
    held = [ending, running("a", 9)]
    (standing,) = standings(budget(monthly=100 * DOLLAR), held, PERIODS, WALL, PACE)
    assert [end.name for end in ends_to_fit(0, standing, WALL)] == ["a"]


def test_a_change_ends_nothing_before_it_was_announced():
    """A limit below what is spent: its sessions are warned as long as any others."""
    changed = budget(monthly=0, changed_at=WALL - MINUTE)
    (standing,) = standings(changed, [running("a", 2, spent=1), running("b", 3, spent=1)], PERIODS, WALL, PACE)
    assert [(end.name, end.at) for end in standing.ends] == [(n, WALL - MINUTE + APART) for n in ("a", "b")]
    (later,) = standings(changed, [running("a", 2, spent=1)], PERIODS, WALL + HOUR, PACE)
    assert [end.at for end in later.ends] == [WALL + HOUR]
