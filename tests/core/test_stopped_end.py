"""An instance whose end was heard and that is listed as stopped is destroyed; where it may stay, that is told (E5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core import alarms
from gpushopper.core.lifecycle.clock_rules import clock_rules
from gpushopper.core.lifecycle.ends.stopped_end import stopped_as_heard
from gpushopper.core.model.actions import ClearAlarm, EndSession, RaiseAlarm
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from tests.core.samples import BOOT, WALL, attempt, moment, of, session

NOTHING: frozenset[str] = frozenset()
IDLE = frozenset({"idle"})
AT = WALL + us(30)
OWN_END = us(REAL.own_end_s)
LATEST = OWN_END + us(REAL.list_lag_s)


def stopped(**changes: Any) -> Attempt:
    """It announced an idle end at its last heartbeat, was listed as stopped soon after, and still is."""
    values: dict[str, Any] = {
        "ending_reason": "idle", "ending_at": AT, "ending_heard_at": WALL, "heartbeat_at": WALL,
        "state_changed_at": AT + us(60), "interrupted_boot": BOOT + us(90), "last_seen_at": AT + OWN_END,
        "is_storage_billed": True, "is_gpu_billed": False,
    }  # fmt: skip
    return replace(attempt(State.INTERRUPTED), **values | changes)


def follows(one: Attempt, allowed: frozenset[str] = IDLE, **wanted: Any) -> list[Any]:
    return stopped_as_heard(session(**wanted), one, allowed, REAL)


def test_one_that_could_only_be_stopped_is_destroyed_with_the_reason_that_it_gave():
    (end,) = of(EndSession, follows(stopped()))
    assert end.reason == "idle" and "only stopped" in end.text
    (same,) = of(EndSession, clock_rules(session(), stopped(), moment(121), REAL, allowed=IDLE))
    assert same.reason == "idle"


def test_its_guard_may_have_tried_for_a_while_and_announced_it_meanwhile():
    heard_at = AT + us(45)
    late = stopped(ending_heard_at=heard_at, heartbeat_at=heard_at, state_changed_at=heard_at + LATEST)
    assert len(of(EndSession, follows(late))) == 1


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, NOTHING),
        ({"state": State.RUNNING}, IDLE),
        ({"state": State.MISSING}, IDLE),
        ({"interrupted_boot": None}, IDLE),
        ({"last_seen_at": AT + OWN_END - 1}, IDLE),
        ({"last_seen_at": None}, IDLE),
        ({"ending_heard_at": AT - us(46), "heartbeat_at": AT - us(46)}, IDLE),
        ({"heartbeat_at": WALL + us(15)}, IDLE),
        ({"state_changed_at": AT + LATEST + 1}, IDLE),
        ({"state_changed_at": AT - 1}, IDLE),
        ({"ending_reason": "", "ending_at": None, "ending_heard_at": None}, IDLE),
        ({"desired_state": DesiredState.TERMINATED}, IDLE),
    ],
    ids=["no row", "listed as running", "absent", "a failed start", "before it had time to end itself", "never listed",
         "heard long before", "heard again without it", "stopped much later", "stopped before it", "never heard",
         "ending already"],
)  # fmt: skip
def test_with_any_part_missing_it_waits_as_after_any_stop(changes: dict[str, Any], allowed: frozenset[str]):
    assert follows(stopped(**changes), allowed) == []
    assert follows(stopped(**changes), allowed, keep_stopped=True) == []


def test_a_limit_that_was_raised_meanwhile_destroys_nothing():
    one = stopped(confirmed_limits="idle=1800 when=any contact=0")
    assert follows(one, idle_us=us(7200)) == [] and len(follows(one, idle_us=us(1800))) == 1


def test_done_needs_no_row():
    assert [end.reason for end in of(EndSession, follows(stopped(ending_reason="done"), NOTHING))] == ["done"]


@pytest.mark.parametrize(("bills_gpu", "said"), [(False, "its disk bills until its deadline"), (True, "in full")])
def test_one_that_its_user_keeps_stopped_is_kept_and_said_to_bill(bills_gpu: bool, said: str):
    actions = follows(stopped(is_gpu_billed=bills_gpu), keep_stopped=True)
    assert of(EndSession, actions) == []
    (alarm,) = of(RaiseAlarm, actions)
    assert alarm.kind == alarms.STOPPED_BILLS and said in alarm.text and "shutdown NAME" in alarm.hint
    assert [cleared.kind for cleared in of(ClearAlarm, actions)] == [alarms.INTERRUPTED], "one thing is told once"


def test_one_that_is_kept_and_bills_nothing_is_no_alarm():
    assert follows(stopped(is_storage_billed=False), keep_stopped=True) == []
