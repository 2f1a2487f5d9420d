"""When a refusal of the key counts as one: once it lasts, and not because of another one long ago (F75)."""

from __future__ import annotations

from gpushopper.core.policy import REAL
from gpushopper.engine.account.key_refusals import KeyRefusals
from tests.core.samples import moment


def refused(refusals: KeyRefusals, *seconds: float) -> list[bool]:
    return [refusals.is_rejected("create", moment(at), REAL) for at in seconds]


def test_a_refusal_that_lasts_is_one():
    refusals = KeyRefusals()
    refusals.accepted("list", moment(0))
    assert refused(refusals, 10, 60, 131) == [False, False, True]


def test_a_refusal_of_yesterday_does_not_make_a_burst_of_today_one():
    refusals = KeyRefusals()
    refusals.accepted("list", moment(0))
    assert refused(refusals, 10) == [False]
    refusals.accepted("list", moment(86_400))
    assert refused(refusals, 86_410, 86_500, 86_540) == [False, False, True]


def test_one_that_comes_with_each_of_rare_calls_lasts():
    refusals = KeyRefusals()
    refusals.accepted("list", moment(0))
    assert refused(refusals, 10, 310, 610) == [False, True, True]
