"""Which flag excuses which missing guard, what that holds back, and the letters of GUARDS (ends.md E9, I10)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.cloud import Ending, EndingKind
from gpushopper.core.lifecycle.guard_renewal import ARMED, UNCONFIRMED
from gpushopper.core.lifecycle.guard_rule import enforcers, is_guard_excused, may_rent_unguarded
from gpushopper.core.model.money import cost_over
from gpushopper.core.policy import REAL
from gpushopper.core.spending.ledger import reserve_for
from gpushopper.core.timing.clock_snapshot import us
from tests.core.samples import TRAFFIC, attempt, session

K = EndingKind
BILLS_ON = (K.POWEROFF_ONLY, K.NONE)


@pytest.mark.parametrize("kind", K)
@pytest.mark.parametrize("unguarded", [False, True])
@pytest.mark.parametrize("broken", [False, True])
def test_each_flag_excuses_its_own_kind_alone(kind, unguarded, broken):
    asked = replace(session(), allow_unguarded=unguarded, allow_broken_guard=broken)
    assert may_rent_unguarded(asked, Ending(kind)) == (unguarded or kind not in BILLS_ON)
    if kind is not K.SERVER_TIMER:
        assert is_guard_excused(asked, kind) == (unguarded if kind in BILLS_ON else broken)


@pytest.mark.parametrize(
    ("kind", "state", "letters"),
    [
        (K.SELF_DESTROY, ARMED, "D+I"),
        (K.SELF_DESTROY, UNCONFIRMED, "D"),
        (K.POWEROFF_STOPS_BILLING, ARMED, "D+I"),
        (K.POWEROFF_ONLY, ARMED, "D"),
        (K.NONE, UNCONFIRMED, "D"),
        (K.SERVER_TIMER, UNCONFIRMED, "D"),
    ],
)
def test_only_what_ends_the_bill_has_a_letter(kind, state, letters):
    assert enforcers(replace(attempt(), guard_state=state, instance_id="1"), kind) == letters


@pytest.mark.parametrize(("late_s", "letters"), [(0, "D+P"), (-3600, "D+P"), (20, "D+P"), (60, "D"), (None, "D")])
def test_a_provider_s_timer_counts_where_it_is_known_to_end_in_time(late_s, letters):
    one = attempt()
    end = None if late_s is None else one.deadline.wall + us(late_s)
    assert enforcers(replace(one, instance_id="1", guard_deadline_at=end), K.SERVER_TIMER) == letters
    assert enforcers(replace(one, instance_id="1", guard_deadline_at=end), K.NONE) == "D"


def test_where_it_bills_on_the_reserve_goes_to_the_hard_maximum_and_a_day_more():
    one = attempt()
    start = one.prepared_at if one.sent_at is None else one.sent_at
    expected = cost_over(max(one.agreed_rate, one.current_rate or 0), one.hard_max_at - start + us(24 * 3600))
    expected += TRAFFIC
    assert reserve_for(one, REAL, ends_alone=False) == expected
    assert expected > reserve_for(one, REAL)
