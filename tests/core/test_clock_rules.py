"""What time alone decides: deadlines, the grace after an interruption, alarms about slow destroys."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core import alarms
from gpushopper.core.lifecycle.boot_failure import boot_is_over
from gpushopper.core.lifecycle.clock_rules import clock_rules
from gpushopper.core.lifecycle.destroying import destroying_fields, terminate_fields
from gpushopper.core.model.actions import ClearAlarm, EndSession, RaiseAlarm, UpdateAttempt
from gpushopper.core.model.attempt import ALIVE_STATES, OPEN_STATES, DesiredState, State
from gpushopper.core.model.session import Session
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot, us
from gpushopper.core.timing.deadline import Deadline
from tests.core.samples import BOOT, NOW, WALL, attempt, carried_out, moment, of, session

SESSION = session()
DUE = moment(2 * 3600)


def reasons(one_session: object = SESSION, *, at: ClockSnapshot, **changes: object) -> list[str]:
    state = changes.pop("state", State.RUNNING)
    actions = clock_rules(one_session, attempt(state, **changes), at, REAL)
    return [end.reason for end in of(EndSession, actions)]


def kinds(state: State, at: ClockSnapshot, **changes: object) -> list[str]:
    return [alarm.kind for alarm in of(RaiseAlarm, clock_rules(SESSION, attempt(state, **changes), at, REAL))]


# ---- deadlines


@pytest.mark.parametrize("state", [s for s in OPEN_STATES if s is not State.DESTROYING])
def test_a_deadline_ends_a_session_in_every_state(state: State):
    assert reasons(at=DUE, state=state) == ["deadline"]
    assert reasons(at=moment(2 * 3600 - 1), state=state) == []


def test_a_deadline_at_the_hard_maximum_says_so():
    hard = WALL + 12 * HOUR
    assert reasons(at=moment(12 * 3600), deadline=Deadline.at(hard, NOW), hard_max_at=hard) == ["hard_maximum"]
    assert reasons(at=DUE, hard_max_at=WALL + 2 * HOUR + 1) == ["deadline"]


def test_no_deadline_reaches_past_the_hard_maximum():
    late = Deadline.at(WALL + 20 * HOUR, NOW)
    for after_s, said in ((12 * 3600 - 1, []), (12 * 3600, ["hard_maximum"])):
        assert reasons(at=moment(after_s), deadline=late, hard_max_at=WALL + 12 * HOUR) == said


def test_keep_stopped_does_not_outlive_the_deadline():
    assert reasons(session(keep_stopped=True), at=DUE, state=State.INTERRUPTED) == ["deadline"]


def test_what_is_terminated_already_is_not_ended_again():
    assert reasons(at=DUE, desired_state=DesiredState.TERMINATED) == []
    assert reasons(session(desired_state=DesiredState.TERMINATED), at=DUE) == []


@given(jump=st.integers(-20 * HOUR, 20 * HOUR))
def test_a_jump_of_the_wall_clock_ends_nothing_and_delays_nothing(jump: int):
    for at, ends in ((moment(3600), []), (DUE, ["deadline"])):
        assert reasons(at=replace(at, wall=at.wall + jump)) == ends


def test_disputed_clocks_raise_an_alarm_and_end_nothing():
    at = replace(moment(3600), wall=WALL + 3 * HOUR, provider_date=None)
    actions = clock_rules(SESSION, attempt(), at, REAL)
    assert [(a.kind, a.subject) for a in of(RaiseAlarm, actions)] == [(alarms.CLOCK_SKEW, SESSION.id)]
    assert of(EndSession, actions) == []


@pytest.mark.parametrize("at", [moment(60), DUE])
def test_agreeing_clocks_clear_the_alarm(at: ClockSnapshot):
    assert ClearAlarm(alarms.CLOCK_SKEW, SESSION.id) in clock_rules(SESSION, attempt(), at, REAL)


# ---- interruption

STOPPED = {"state": State.INTERRUPTED, "interrupted_boot": BOOT}


def test_an_interruption_ends_after_its_grace():
    assert reasons(at=moment(1799), **STOPPED) == []
    assert reasons(at=moment(1800), **STOPPED) == ["interrupted"]


def test_a_kept_interruption_waits_for_the_deadline():
    assert reasons(session(keep_stopped=True), at=moment(7199), **STOPPED) == []


def test_a_wall_clock_jump_does_not_use_up_the_grace():
    assert reasons(at=replace(NOW, wall=WALL + HOUR), **STOPPED) == []


def test_a_grace_of_a_former_run_of_the_daemon_is_not_measured():
    assert reasons(at=moment(6000), state=State.INTERRUPTED, interrupted_boot=None) == []


def test_only_an_interrupted_attempt_has_a_grace():
    assert reasons(at=moment(6000), state=State.RUNNING, interrupted_boot=BOOT) == []


# ---- wanting no more


@pytest.mark.parametrize("state", State)
def test_terminating_destroys_known_instances_and_waits_for_unknown_ones(state: State):
    fields = terminate_fields(attempt(state, destroy_count=4, absence_count=2), "user", NOW)
    assert (fields["desired_state"], fields["reason"], fields["terminate_requested_at"]) == (
        DesiredState.TERMINATED,
        "user",
        WALL,
    )
    alive = state in (State.BOOTING, State.RUNNING, State.MISSING, State.INTERRUPTED)
    assert fields.get("state") == (State.DESTROYING if alive else None)
    assert set(fields) == {"desired_state", "reason", "terminate_requested_at"} | (
        set(destroying_fields(NOW)) if alive else set()
    )


def test_destroying_begins_at_once_and_without_older_absences():
    assert destroying_fields(NOW) == {
        "state": State.DESTROYING, "state_changed_at": WALL, "next_destroy_boot": BOOT, "destroy_count": 0,
        "destroy_acknowledged": False, "off_at": None, "absence_count": 0, "first_absence_boot": None,
        "last_absence_boot": None,
    }  # fmt: skip


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("ended", [session(), session(desired_state=DesiredState.TERMINATED)])
def test_a_terminated_attempt_is_destroyed_without_waiting_for_a_list(state: State, ended: Session):
    one = attempt(state, desired_state=DesiredState.TERMINATED, reason="user", terminate_requested_at=WALL)
    actions = clock_rules(ended, one, moment(1), REAL)
    after = carried_out(one, actions)
    assert after.state is (State.DESTROYING if state in ALIVE_STATES else state)
    assert bool(of(UpdateAttempt, actions)) is (state in ALIVE_STATES)
    if state in ALIVE_STATES:
        assert after.next_destroy_boot == moment(1).boot
    wanted = replace(one, desired_state=DesiredState.RUNNING)
    assert of(UpdateAttempt, clock_rules(SESSION, wanted, moment(1), REAL)) == []


# ---- the boot limit


@pytest.mark.parametrize("state", [State.BOOTING, State.MISSING, State.INTERRUPTED, State.UNCERTAIN])
def test_the_boot_timeout_counts_from_the_send_in_every_state(state: State):
    one = attempt(state, ready_at=None, state_changed_at=WALL + us(3000))
    assert not boot_is_over(one, moment(3599), REAL)
    assert boot_is_over(one, moment(3600), REAL)


def test_no_boot_timeout_before_the_send_or_once_ready():
    assert not boot_is_over(attempt(State.PREPARED), moment(9000), REAL)
    assert not boot_is_over(attempt(State.RUNNING), moment(9000), REAL)


@given(jump=st.integers(-20 * HOUR, 20 * HOUR))
def test_a_wall_clock_jump_neither_starts_nor_stops_the_boot_timeout(jump: int):
    one = attempt(State.BOOTING)
    for at, over in ((moment(1800), False), (moment(3700), True)):
        assert boot_is_over(one, replace(at, wall=at.wall + jump), REAL) is over


def test_disputed_clocks_end_no_boot():
    at = ClockSnapshot(WALL + 3 * HOUR, BOOT, "boot-1", None)
    assert not boot_is_over(attempt(State.BOOTING), at, REAL)


# ---- alarms on what takes too long


@pytest.mark.parametrize(
    ("age_s", "kind"),
    [(299, None), (300, alarms.DESTROY_SLOW), (899, alarms.DESTROY_SLOW), (900, alarms.DESTROY_OVERDUE),
     (3599, alarms.DESTROY_OVERDUE), (3600, alarms.MANUAL_DESTROY_NEEDED), (900_000, alarms.MANUAL_DESTROY_NEEDED)],
)  # fmt: skip
def test_the_alarm_about_a_slow_destroy_escalates_and_never_clears(age_s: int, kind: str | None):
    actions = clock_rules(SESSION, attempt(State.DESTROYING), moment(age_s), REAL)
    raised = [alarm.kind for alarm in of(RaiseAlarm, actions)]
    assert raised == ([] if kind is None else [kind])
    former = {alarms.DESTROY_OVERDUE: 1, alarms.MANUAL_DESTROY_NEEDED: 2}.get(kind or "", 0)
    assert [clear.kind for clear in of(ClearAlarm, actions)] == [*alarms.DESTROY_ALARMS[:former], alarms.END_UNVERIFIED]


@pytest.mark.parametrize(("age_s", "queue_s", "is_guard_in_sync"), [(300, 1, False), (363, 64, False), (364, 64, True)])
def test_other_destroys_of_the_account_delay_the_alarm(age_s: int, queue_s: float, is_guard_in_sync: bool):
    actions = clock_rules(SESSION, attempt(State.DESTROYING), moment(age_s), REAL, queue_s)
    assert bool(of(RaiseAlarm, actions)) is is_guard_in_sync


@pytest.mark.parametrize(("age_s", "queue_s", "kind"), [
    (3599, 0, None), (3600, 0, alarms.END_UNVERIFIED), (3600, 1, None), (3603, 1, alarms.END_UNVERIFIED),
])  # fmt: skip
def test_what_is_off_alarms_only_when_its_proof_does_not_come(age_s: int, queue_s: float, kind: str | None):
    one = attempt(State.DESTROYING, off_at=WALL)
    forming = attempt(State.DESTROYING, off_at=WALL, absence_count=2, last_absence_boot=moment(age_s - 60).boot)
    assert of(RaiseAlarm, clock_rules(SESSION, forming, moment(age_s), REAL, queue_s)) == []
    actions = clock_rules(SESSION, one, moment(age_s), REAL, queue_s)
    assert [alarm.kind for alarm in of(RaiseAlarm, actions)] == ([] if kind is None else [kind])
    assert [clear.kind for clear in of(ClearAlarm, actions)] == list(alarms.DESTROY_ALARMS)


def test_a_slow_end_alarms_also_when_its_session_has_ended():
    ended = session(desired_state=DesiredState.TERMINATED)
    actions = clock_rules(ended, attempt(State.DESTROYING), moment(4000), REAL)
    assert [alarm.kind for alarm in of(RaiseAlarm, actions)] == [alarms.MANUAL_DESTROY_NEEDED]


@pytest.mark.parametrize(
    ("state", "limit_s", "kind"), [(State.UNCERTAIN, 900, alarms.UNCERTAIN), (State.MISSING, 600, alarms.MISSING)]
)
def test_missing_and_uncertain_alarm_after_their_limits(state: State, limit_s: int, kind: str):
    assert kinds(state, moment(limit_s - 1), missing_at=WALL) == []
    assert kinds(state, moment(limit_s), missing_at=WALL) == [kind]


def test_a_healthy_attempt_raises_nothing():
    for state in (State.PREPARED, State.SENT, State.BOOTING, State.RUNNING):
        assert kinds(state, moment(7000)) == []


def test_every_alarm_of_the_rules_tells_what_to_do():
    texts = {value for name, value in vars(alarms).items() if name.isupper() and isinstance(value, str)}
    named = texts - {alarms.KEPT_HINT}
    assert named == set(alarms.HINTS)
    assert all(alarms.HINTS.values())
    assert set(alarms.ABOUT_ATTEMPT) | alarms.NEEDS_ACK <= named
    assert not set(alarms.ABOUT_ATTEMPT) & alarms.NEEDS_ACK
