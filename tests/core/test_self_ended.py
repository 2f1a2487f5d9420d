"""Ended by itself, unconfirmed: absent three times over ten minutes, silent, and allowed; nothing is destroyed (E5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core import alarms
from gpushopper.core.lifecycle.clock_rules import clock_rules
from gpushopper.core.lifecycle.ends.self_ended import after_gap, has_been_silent, on_absent_and_silent
from gpushopper.core.lifecycle.reachability import on_heartbeat
from gpushopper.core.lifecycle.sightings import on_sighting
from gpushopper.core.listing.missing import close_if_proven
from gpushopper.core.model.actions import Action, ClearAlarm, CloseAttempt, EndSession, RaiseAlarm, TerminateAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.heartbeat import Hardware, Heartbeat
from gpushopper.core.model.instance import StatusClass
from gpushopper.core.model.session import derive_health
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.core.timing.deadline import Deadline
from tests.core.samples import BOOT, NOW, WALL, attempt, carried_out, change, moment, of, row, session

IDLE = frozenset({"idle"})


def absent(**changes: Any) -> Attempt:
    """Absent three times over ten minutes, and silent as long."""
    values: dict[str, Any] = {
        "absence_count": 3, "first_absence_boot": BOOT, "last_absence_boot": BOOT + us(600), "silent_since": WALL,
        "missing_at": WALL, "is_gpu_billed": True, "last_seen_at": WALL - us(60),
    }  # fmt: skip
    return replace(attempt(State.MISSING), **values | changes)


def concluded(one: Attempt, allowed: frozenset[str] = IDLE, after_s: float = 610, **more: Any) -> list[Action]:
    return on_absent_and_silent(session(**more), one, allowed, moment(after_s), REAL)


def test_its_books_stop_at_the_first_absence_and_nothing_is_destroyed():
    actions = concluded(absent())
    assert change(actions).fields == {"self_ended_at": WALL, "is_gpu_billed": False, "is_storage_billed": False}
    assert of(EndSession, actions) == of(TerminateAttempt, actions) == []
    assert [alarm.kind for alarm in of(RaiseAlarm, actions)] == [alarms.SELF_ENDED]
    after = carried_out(absent(), actions)
    assert after.is_wanted and after.state is State.MISSING and derive_health([after]) == "self_ended"


def test_its_alarm_says_what_was_not_pulled():
    """What was on its disk is lost by now; without this it was told at the deadline only (E7)."""
    (alarm,) = of(RaiseAlarm, concluded(absent(), pulls=(("out", "/home/me"),)))
    assert "out was not pulled" in alarm.text
    (alarm,) = of(RaiseAlarm, concluded(absent(), pulls=(("out", "/home/me"),), pulled_at=WALL))
    assert "pulled" not in alarm.text


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, frozenset()),
        ({"absence_count": 2}, IDLE),
        ({"last_absence_boot": BOOT + us(599)}, IDLE),
        ({"silent_since": None}, IDLE),
        ({"silent_since": WALL + us(11)}, IDLE),
        ({"silent_since": WALL - us(700), "last_absence_boot": BOOT + us(599)}, IDLE),
        ({"silent_since": WALL + us(9), "last_absence_boot": BOOT + us(608)}, IDLE),
        ({"state": State.RUNNING}, IDLE),
        ({"state": State.DESTROYING}, IDLE),
        ({"self_ended_at": WALL}, IDLE),
        ({"desired_state": DesiredState.TERMINATED}, IDLE),
        ({"ready_at": None}, IDLE),
    ],
)
def test_with_any_part_missing_it_is_only_missing(changes: dict[str, Any], allowed: frozenset[str]):
    assert concluded(absent(**changes), allowed) == []
    assert concluded(absent(), desired_state=DesiredState.TERMINATED) == []


def test_a_clock_rule_concludes_it_where_a_row_allows_an_end_and_no_other_alarm_is_raised():
    actions = clock_rules(session(), absent(), moment(610), REAL, allowed=IDLE)
    assert change(actions).fields["self_ended_at"] == WALL
    later = clock_rules(session(), absent(self_ended_at=WALL), moment(900), REAL, allowed=IDLE)
    assert of(RaiseAlarm, later) == [] and of(EndSession, later) == []
    (alarm,) = of(RaiseAlarm, clock_rules(session(), absent(), moment(610), REAL))
    assert alarm.kind == alarms.MISSING


def test_it_ends_at_its_deadline_and_its_receipt_ends_where_the_books_stopped():
    one = absent(self_ended_at=WALL, deadline=Deadline.at(WALL + HOUR, NOW))
    (end,) = of(EndSession, clock_rules(session(), one, moment(3600), REAL, allowed=IDLE))
    assert end.reason == "self_ended"
    proven = replace(
        one,
        state=State.DESTROYING,
        desired_state=DesiredState.TERMINATED,
        off_at=WALL + HOUR,
        destroy_acknowledged=True,
    )
    (closed,) = of(CloseAttempt, close_if_proven(proven, True, moment(3800)))
    assert closed.ended_at == WALL


def test_a_sighting_makes_it_running_again_and_bills_on():
    one = absent(self_ended_at=WALL, is_gpu_billed=False, is_storage_billed=False)
    after = carried_out(one, on_sighting(session(), one, row(), moment(700), REAL))
    assert (after.state, after.self_ended_at, after.is_gpu_billed, after.is_storage_billed) == (
        State.RUNNING, None, True, True,
    )  # fmt: skip


def test_a_heartbeat_makes_it_running_again_and_bills_on():
    one = absent(self_ended_at=WALL, is_gpu_billed=False, is_storage_billed=False)
    after = carried_out(one, on_heartbeat(session(), one, Heartbeat(None, Hardware()), moment(700), REAL))
    assert (after.state, after.self_ended_at, after.is_gpu_billed, after.is_storage_billed, after.silent_since) == (
        State.RUNNING, None, True, True, None,
    )  # fmt: skip


def test_a_sighting_with_its_host_offline_takes_back_that_its_cost_stands_still():
    one = absent(self_ended_at=WALL, is_gpu_billed=False, is_storage_billed=False)
    actions = on_sighting(session(), one, row(status=StatusClass.OFFLINE), moment(700), REAL)
    after = carried_out(one, actions)
    assert (after.state, after.self_ended_at) == (State.MISSING, None)
    assert alarms.SELF_ENDED in [alarm.kind for alarm in of(ClearAlarm, actions)]


def test_after_a_sleep_silence_and_absences_are_counted_anew_and_the_books_still_stop_at_the_first():
    asleep = 8 * 3600
    woken = absent(**after_gap(absent(absence_count=2)))
    assert (woken.silent_since, woken.absence_count, woken.first_absence_boot) == (None, 1, BOOT)
    at_once = replace(woken, silent_since=WALL + us(asleep), absence_count=3, last_absence_boot=BOOT + us(asleep + 60))
    assert concluded(at_once, after_s=asleep + 61) == []
    later = replace(at_once, last_absence_boot=BOOT + us(asleep + 600))
    assert change(concluded(later, after_s=asleep + 600)).fields["self_ended_at"] == WALL


@pytest.mark.parametrize(
    "one",
    [
        absent(self_ended_at=WALL),
        absent(desired_state=DesiredState.TERMINATED),
        attempt(),
        absent(absence_count=1, silent_since=None),
    ],
)
def test_what_is_concluded_or_not_begun_stays_after_a_sleep(one: Attempt):
    assert after_gap(one) == {}


def test_one_login_that_failed_is_no_silence():
    assert not has_been_silent(attempt(), moment(999), REAL)
    failed = attempt(silent_since=WALL)
    assert not has_been_silent(failed, moment(44), REAL) and has_been_silent(failed, moment(45), REAL)
