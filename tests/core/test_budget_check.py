"""A budget refuses whatever could make accrued and worst case pass a limit, and nothing else (D11, I13)."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.money import DOLLAR
from gpushopper.core.spending.budget import PERIOD_OF, Budget, Commitment, Incurred, ScopeKind, covers
from gpushopper.core.spending.budget_check import Breach, first_breach, fit_text, longest_fit, refusal_text
from gpushopper.core.spending.worst_case import BilledSpan, WorstCase
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from gpushopper.core.timing.periods import PeriodKind, period_at
from tests.core.samples import WALL

MIDNIGHT = period_at(PeriodKind.DAY, WALL, UTC).end_at
EVENING = MIDNIGHT - 2 * HOUR
"""Two hours before midnight of a 28 May: 26 hours before the day after begins, and no month ends."""
NEW_YORK = ZoneInfo("America/New_York")


def budget(**changes: Any) -> Budget:
    values: dict[str, Any] = {
        "name": "lab", "scope_kind": ScopeKind.ALL, "scope": "", "daily": None, "monthly": None, "session": None,
    }  # fmt: skip
    return Budget(**{**values, **changes})


def lasting(hours: float, rate: int = DOLLAR, at: int = EVENING) -> WorstCase:
    return WorstCase((BilledSpan(at, at + round(hours * HOUR), rate),), 0, round(hours * rate))


def one(name: str = "new", hours: float = 0, spent: float = 0, **changes: Any) -> Commitment:
    amount = round(spent * DOLLAR)
    values: dict[str, Any] = {
        "attempt_id": f"a-{name}", "session_id": f"s-{name}", "name": name, "consumer": "me", "provider": "vast",
        "incurred": Incurred(amount, amount, amount), "to_come": lasting(hours) if hours else WorstCase(),
    }  # fmt: skip
    return Commitment(**{**values, **changes})


def breach(limits: Budget, others: list[Commitment], wanted: Commitment, former: Commitment | None = None,
           zone: Any = UTC) -> Breach | None:  # fmt: skip
    return first_breach([limits], others, former, wanted, EVENING, zone)


@pytest.mark.parametrize(
    ("limits", "hours", "is_refused"),
    [
        ({"session": 5 * DOLLAR}, 5, False),
        ({"session": 5 * DOLLAR - 1}, 5, True),
        ({"monthly": 5 * DOLLAR}, 5, False),
        ({"monthly": 5 * DOLLAR - 1}, 5, True),
        ({}, 5, False),
        ({"daily": 0}, 0.01, True),
        # Two hours are today's, three tomorrow's.
        ({"daily": 3 * DOLLAR}, 5, False),
        ({"daily": 3 * DOLLAR - 1}, 5, True),
        ({"daily": 2 * DOLLAR - 1}, 2, True),
    ],
)
def test_a_limit_holds_to_the_micro_dollar(limits: dict[str, int], hours: float, is_refused: bool):
    assert (breach(budget(**limits), [], one(hours=hours)) is not None) == is_refused


def test_what_others_have_spent_and_may_spend_counts_in_its_period():
    limits = budget(daily=6 * DOLLAR)
    assert breach(limits, [one("old", hours=2, spent=2)], one(hours=2)) is None
    assert breach(limits, [one("old", hours=2, spent=2.01)], one(hours=2)) is not None
    # What was spent today is not tomorrow's, and what comes tomorrow not today's.
    late = one("old", to_come=lasting(20, at=MIDNIGHT))
    assert breach(limits, [late], one(hours=2, spent=4)) is None
    assert breach(limits, [one("old", spent=6)], one(to_come=lasting(3, at=MIDNIGHT))) is None


def test_each_limit_counts_what_was_spent_in_its_own_time():
    old = one("old", incurred=Incurred(DOLLAR, 2 * DOLLAR, 3 * DOLLAR), session_id="s-new")
    for name, spent in (("daily", 1), ("monthly", 2), ("session", 3)):
        assert breach(budget(**{name: (spent + 1) * DOLLAR}), [old], one(hours=1)) is None
        found = breach(budget(**{name: (spent + 1) * DOLLAR - 1}), [old], one(hours=1))
        assert found is not None and found.committed == spent * DOLLAR


def test_a_day_is_the_users_own():
    """In New York it is still the afternoon: all five hours are of one day."""
    assert breach(budget(daily=4 * DOLLAR), [], one(hours=5)) is None
    assert breach(budget(daily=4 * DOLLAR), [], one(hours=5), zone=NEW_YORK) is not None


def test_a_limit_per_session_counts_all_its_attempts_and_no_other_session():
    limits = budget(session=3 * DOLLAR)
    failed = one("old", spent=1.5, session_id="s-new")
    assert breach(limits, [one("old", hours=9, spent=9)], one(hours=3)) is None
    assert breach(limits, [failed], one(hours=1.5)) is None
    assert breach(limits, [failed], one(hours=2)) is not None


@pytest.mark.parametrize(
    ("kind", "scope", "is_covered"),
    [
        (ScopeKind.ALL, "", True),
        (ScopeKind.CONSUMER, "ada", True),
        (ScopeKind.CONSUMER, "ad", False),
        (ScopeKind.ACCOUNT, "lab", True),
        (ScopeKind.ACCOUNT, "vast", False),
        (ScopeKind.TAG, "paper", True),
        (ScopeKind.TAG, "paper=neurips", True),
        (ScopeKind.TAG, "paper=icml", False),
        (ScopeKind.TAG, "paper=", False),
        (ScopeKind.TAG, "topic", False),
    ],
)
def test_a_budget_counts_whom_it_is_for(kind: ScopeKind, scope: str, is_covered: bool):
    mine = one(hours=5, consumer="ada", provider="lab", tags={"paper": "neurips"})
    limits = budget(scope_kind=kind, scope=scope, monthly=DOLLAR)
    assert covers(limits, mine) == is_covered
    assert (breach(limits, [], mine) is not None) == is_covered
    assert (
        breach(limits, [mine], one(hours=0.5, consumer="bob", provider="x", session_id="s2")) is None or kind == "all"
    )


def test_an_earlier_end_is_never_refused_and_a_later_one_counts_only_what_it_adds():
    limits = budget(session=2 * DOLLAR, daily=DOLLAR)
    before = one(hours=5)
    assert breach(limits, [], one(hours=4), former=before) is None
    assert breach(limits, [], before, former=before) is None
    found = breach(limits, [], one(hours=6), former=before)
    assert found is not None and (found.committed, found.more) == (5 * DOLLAR, DOLLAR)


def test_what_a_budget_did_not_count_before_counts_wholly_where_it_does_now():
    """A tag that is given later brings what the session has cost, and what it may still cost."""
    limits = budget(scope_kind=ScopeKind.TAG, scope="paper", monthly=6 * DOLLAR)
    before = one(hours=3, spent=3)
    tagged = one(hours=3, spent=3, tags={"paper": "icml"})
    assert breach(limits, [], tagged, former=before) is None
    other = one("old", spent=0.01, tags={"paper": "neurips"})
    found = breach(limits, [other], tagged, former=before)
    assert found is not None and (found.committed, found.more) == (10_000, 6 * DOLLAR)
    assert [name for name, _ in found.holders] == ["old"]
    assert breach(limits, [other], tagged, former=tagged) is None


def test_the_refusal_names_limit_commitments_and_who_holds_most():
    others = [one(f"run{n}", hours=n / 10, spent=n) for n in range(1, 6)]
    limits = budget(scope_kind=ScopeKind.CONSUMER, scope="me", daily=18 * DOLLAR)
    found = breach(limits, others, one(hours=2))
    assert found is not None
    assert refusal_text(found, EVENING, UTC) == (
        "budget lab (consumer me): $18.00 a day; $16.50 is committed today, this could cost $2.00 more; "
        "held by run5 $5.50, run4 $4.40, run3 $3.30 and 2 more"
    )


def test_who_holds_less_than_a_cent_is_not_named():
    found = breach(budget(daily=DOLLAR), [one("big", spent=0.5), one("small", spent=0.004)], one(hours=1))
    assert found is not None and refusal_text(found, EVENING, UTC).endswith("; held by big $0.50 and 1 more")
    found = breach(budget(daily=DOLLAR // 2), [one("small", spent=0.004)], one(hours=1))
    assert found is not None and "held by" not in refusal_text(found, EVENING, UTC)


def test_a_later_period_is_named_by_its_date():
    tomorrow = breach(budget(daily=2 * DOLLAR), [], one(hours=5))
    assert tomorrow is not None and tomorrow.period is not None
    assert "is committed on 29 May," in refusal_text(tomorrow, EVENING, UTC)
    month = breach(budget(monthly=20 * 24 * DOLLAR), [], one(hours=30 * 24))
    assert month is not None and "in June" in refusal_text(month, EVENING, UTC)


@given(limit=st.integers(0, 3000), longest=st.integers(1, 3000))
def test_what_fits_is_the_longest_that_does(limit: int, longest: int):
    found = longest_fit(MINUTE, longest * MINUTE, lambda span: span <= limit * MINUTE)
    assert found == min(limit, longest) * MINUTE


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(0, ""), (1, "--for 1m"), (5, "--for 5m"), (6, "--hours 0.1"), (84, "--hours 1.4"), (89, "--hours 1.4"),
     (120, "--hours 2"), (119, "--hours 1.9"), (720, "--hours 12")],
)  # fmt: skip
def test_what_fits_is_named_as_an_option_and_rounded_down(minutes: int, text: str):
    assert fit_text(minutes * MINUTE) == text


@given(limit=st.integers(0, 40), daily=st.integers(0, 40), asked=st.lists(st.integers(0, 20), max_size=8))
def test_whatever_is_admitted_never_adds_up_to_more_than_a_limit(limit: int, daily: int, asked: list[int]):
    limits = budget(monthly=limit * DOLLAR, daily=daily * DOLLAR)
    held: list[Commitment] = []
    for n, hours in enumerate(asked):
        wanted = one(f"n{n}", hours=hours)
        if breach(limits, held, wanted) is None:
            held.append(wanted)
    for kind, amount in limits.limits():
        period = period_at(PERIOD_OF[kind], EVENING, UTC)
        while period.start_at < EVENING + 30 * HOUR:
            assert sum(each.counted(kind, period, EVENING) for each in held) <= amount
            period = period_at(period.kind, period.end_at, UTC)
