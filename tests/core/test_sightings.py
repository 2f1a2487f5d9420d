"""What a row of the provider means for an attempt whose instance is known: alive, failed, stopped, running again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core import alarms
from gpushopper.core.lifecycle.offer_mismatch import row_mismatch
from gpushopper.core.lifecycle.sightings import on_sighting
from gpushopper.core.model.actions import Action, ClearAlarm, RaiseAlarm, TerminateAttempt
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, DesiredState, State, may_move
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.policy import PAPER, REAL
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND, ClockSnapshot, us
from tests.core.samples import (
    BOOT,
    HERE,
    NOW,
    RATE,
    WALL,
    attempt,
    attempt_id,
    carried_out,
    change,
    gs2_label,
    moment,
    of,
    row,
    session,
    shown,
)

SESSION = session()
BOOTING = attempt(State.BOOTING, progress_boot=BOOT, progress="10 %")
LOADING = shown(StatusClass.PENDING, progress="10 %")
TOLERATED = round(RATE * 1.02)
Status = StatusClass


def see(one: Attempt, seen: Instance, now: ClockSnapshot = NOW, **changes: Any) -> list[Action]:
    return on_sighting(session(**changes), one, seen, now, PAPER)


def faults(actions: list[Action]) -> list[str]:
    return [unwant.reason for unwant in of(TerminateAttempt, actions)]


# ---- any sighting


@pytest.mark.parametrize("state", [*sorted(ALIVE_STATES), State.DESTROYING])
@pytest.mark.parametrize("status", Status)
def test_a_sighting_cancels_all_absence_before_it(state: State, status: StatusClass):
    one = attempt(state, absence_count=2, first_absence_boot=BOOT, last_absence_boot=BOOT, missing_at=WALL)
    after = carried_out(one, see(one, shown(status), moment(60)))
    assert (after.absence_count, after.first_absence_boot, after.last_absence_boot) == (0, None, None)
    assert after.last_seen_at == moment(60).wall


@pytest.mark.parametrize("state", [*sorted(ALIVE_STATES), State.DESTROYING])
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("desired_state", DesiredState)
@pytest.mark.parametrize("is_handed_over", [False, True])
def test_a_sighting_moves_along_the_table_and_never_closes(
    state: State, status: StatusClass, desired_state: DesiredState, is_handed_over: bool
):
    before = None if state is State.BOOTING or not (is_handed_over or state is State.RUNNING) else WALL
    one = attempt(state, desired_state=desired_state, ready_at=before)
    after = carried_out(one, see(one, shown(status)))
    assert after.state is state or may_move(state, after.state)
    assert after.state is not State.CLOSED
    assert after.desired_state is desired_state


@pytest.mark.parametrize("state", sorted(ALIVE_STATES))
def test_an_instance_of_a_terminated_attempt_is_destroyed(state: State):
    one = attempt(state, desired_state=DesiredState.TERMINATED)
    after = carried_out(one, see(one, row(), moment(5)))
    assert (after.state, after.next_destroy_boot, after.absence_count) == (State.DESTROYING, moment(5).boot, 0)


@given(word=st.text())
def test_an_unknown_status_counts_as_alive(word: str):
    seen = row(status=Status.UNKNOWN, provider_status=word)
    for one in (attempt(State.RUNNING), attempt(State.MISSING, missing_at=WALL)):
        actions = see(one, seen)
        after = carried_out(one, actions)
        assert (after.state, after.missing_at, after.provider_status) == (State.RUNNING, None, word)
        assert faults(actions) == [] and of(RaiseAlarm, actions) == []
    assert faults(see(BOOTING, replace(seen, progress="10 %"))) == []


@pytest.mark.parametrize(
    ("status", "bills"),
    [(Status.RUNNING, (True, True)), (Status.UNKNOWN, (False, True)), (Status.STOPPED, (False, False)),
     (Status.OFFLINE, (False, False)), (Status.PENDING, (False, False)), (Status.FAILED, (False, False))],
)  # fmt: skip
def test_gpu_time_bills_while_running_and_an_unknown_word_changes_nothing(status: Status, bills: tuple[bool, bool]):
    for before, after in zip((False, True), bills, strict=True):
        one = attempt(State.RUNNING, is_gpu_billed=before)
        assert carried_out(one, see(one, shown(status))).is_gpu_billed is after


def test_what_a_row_leaves_out_is_kept():
    one = attempt(State.RUNNING, current_rate=RATE, ssh_host="10.0.0.1", ssh_port=22)
    after = carried_out(one, see(one, row(rate=None)))
    assert (after.current_rate, after.ssh_host, after.ssh_port) == (RATE, "10.0.0.1", 22)
    after = carried_out(one, see(one, row(rate=RATE + 1, ssh_host="10.0.0.2", ssh_port=2200)))
    assert (after.current_rate, after.ssh_host, after.ssh_port) == (RATE + 1, "10.0.0.2", 2200)


# ---- before hand-over


def test_a_running_instance_is_ready_where_no_login_is_needed():
    after = carried_out(BOOTING, see(BOOTING, row(), moment(9)))
    assert (after.state, after.ready_at) == (State.RUNNING, moment(9).wall)


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.RUNNING])
def test_nothing_but_running_is_ready(status: StatusClass):
    after = carried_out(BOOTING, see(BOOTING, shown(status, progress="10 %")))
    assert (after.state, after.ready_at) == (State.BOOTING, None)


def test_a_row_alone_passes_no_check_of_ssh_and_guard():
    after = carried_out(BOOTING, on_sighting(SESSION, BOOTING, row(), NOW, REAL))
    assert (after.state, after.ready_at) == (State.BOOTING, None)


@pytest.mark.parametrize("at", [NOW, moment(1000)])
def test_a_running_instance_that_is_not_ready_has_until_the_boot_timeout(at: ClockSnapshot):
    assert faults(on_sighting(SESSION, BOOTING, row(progress="10 %"), at, REAL)) == []


def test_a_running_instance_that_never_gets_ready_meets_the_boot_timeout():
    assert faults(on_sighting(SESSION, BOOTING, row(progress="10 %"), moment(3599), REAL)) == []
    assert faults(on_sighting(SESSION, BOOTING, row(progress="10 %"), moment(3600), REAL)) == ["boot_timeout"]


def test_a_late_instance_that_runs_is_ready():
    assert carried_out(BOOTING, see(BOOTING, row(), moment(3601))).state is State.RUNNING


@pytest.mark.parametrize("state", [State.MISSING, State.INTERRUPTED])
def test_seen_again_before_ready_it_boots_on(state: State):
    one = attempt(state, ready_at=None)
    assert carried_out(one, see(one, LOADING)).state is State.BOOTING


def test_progress_is_noted_once():
    moved = see(BOOTING, shown(Status.PENDING, progress="20 %", message="pulling"))
    assert change(moved).event is not None and "pulling" in change(moved).event.text
    assert change(see(BOOTING, LOADING)).event is None


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (row(rate=TOLERATED), None),
        (row(rate=TOLERATED + 1), "price_changed"),
        (row(rate=None), None),
        (shown(Status.STOPPED), "boot_failed"),
        (shown(Status.FAILED), "boot_failed"),
        (shown(Status.FAILED, image_refused=True), "image_refused"),
        (shown(Status.PENDING, image_refused=True), None),
        (row(image_refused=True), None),
        (shown(Status.OFFLINE), None),
        (shown(Status.STOPPED, rate=TOLERATED + 1), "price_changed"),
        (row(gpu="RTX 3090"), "offer_mismatch"),
        (row(gpu="rtx_4090"), None),
        (row(gpu_count=1), "offer_mismatch"),
        (row(gpu_count=3), None),
        (row(vram_mb=22_799), "offer_mismatch"),
        (row(vram_mb=22_800), None),
        (row(disk_gb=98.9), "offer_mismatch"),
        (row(disk_gb=99.0), None),
        (row(gpu=None, gpu_count=None, vram_mb=None, disk_gb=None), None),
        (shown(Status.PENDING, gpu_count=1), "offer_mismatch"),
    ],
)  # fmt: skip
def test_a_boot_failure_before_ready_terminates_the_attempt(seen: Instance, fault: str | None):
    actions = see(BOOTING, seen)
    assert faults(actions) == ([] if fault is None else [fault])
    if fault:
        assert carried_out(BOOTING, actions).ready_at is None
        assert of(TerminateAttempt, actions)[0].text


OURS = gs2_label(HERE, attempt_id(1))
DEAR = {"rate": TOLERATED + 1}
LAG = round(PAPER.list_lag_s * SECOND)


@pytest.mark.parametrize(
    ("seen", "age", "fault"),
    [
        (row(label=None, **DEAR), 0, []),
        (row(label=None, **DEAR), LAG, []),
        (row(label=None, **DEAR), LAG + 1, ["price_changed"]),
        (row(label="", **DEAR), 0, []),
        (row(label=None, env_label="cut off", **DEAR), 0, []),
        (shown(Status.FAILED, label=None), 0, []),
        (row(label=None, env_label=OURS, **DEAR), 0, ["price_changed"]),
        (row(label=OURS, **DEAR), 0, ["price_changed"]),
    ],
)
def test_what_only_a_creates_answer_calls_ours_is_not_ended_while_lists_may_lag(
    seen: Instance, age: int, fault: list[str]
):
    """I28: either carrier of the label proves it; without one the id may be another's, until ours can be listed."""
    actions = see(replace(BOOTING, sent_at=NOW.wall), seen, moment(age / SECOND))
    assert faults(actions) == fault
    assert carried_out(BOOTING, actions).ready_at is None


@pytest.mark.parametrize("state", [State.MISSING, State.INTERRUPTED])
def test_a_boot_failure_counts_in_every_state_before_ready(state: State):
    one = attempt(state, ready_at=None)
    assert faults(see(one, shown(Status.STOPPED))) == ["boot_failed"]


def test_an_image_refused_once_ready_terminates_nothing():
    """A host that pulls again may be refused; what a person holds, and its disk, stay theirs (I8)."""
    actions = see(attempt(State.RUNNING), shown(Status.FAILED, image_refused=True))
    assert faults(actions) == []
    assert carried_out(attempt(State.RUNNING), actions).state is State.INTERRUPTED


def test_a_boot_failure_once_ready_terminates_nothing():
    assert faults(see(attempt(State.RUNNING), row(gpu="RTX 3090", rate=10 * RATE))) == []
    assert faults(see(attempt(State.RUNNING), LOADING, moment(7000))) == []


def test_what_the_row_does_not_show_is_no_mismatch():
    assert row_mismatch(BOOTING, row(gpu=None, gpu_count=None, vram_mb=None, disk_gb=None)) == ""
    assert "RTX 3090" in row_mismatch(BOOTING, row(gpu="RTX 3090"))


# ---- a boot that is stuck


def test_a_boot_without_progress_times_out_and_progress_lets_it_go_on():
    assert faults(see(BOOTING, LOADING, moment(899))) == []
    assert faults(see(BOOTING, LOADING, moment(900))) == ["boot_timeout"]
    assert faults(see(BOOTING, replace(LOADING, progress="11 %"), moment(900))) == []


def test_visible_progress_does_not_outlive_the_boot_limit():
    late = replace(BOOTING, progress_boot=moment(3590).boot)
    assert faults(see(late, LOADING, moment(3599))) == []
    assert faults(see(late, replace(LOADING, progress="99 %"), moment(3600))) == ["boot_timeout"]


@given(jump=st.integers(-20 * HOUR, 20 * HOUR))
def test_a_wall_clock_jump_does_not_end_a_boot(jump: int):
    assert faults(see(BOOTING, LOADING, replace(moment(600), wall=WALL + us(600) + jump))) == []


def test_a_boot_from_an_earlier_run_of_the_daemon_starts_its_stall_timeout_anew():
    one = replace(BOOTING, progress_boot=None)
    actions = see(one, LOADING, moment(3000))
    assert faults(actions) == []
    assert carried_out(one, actions).progress_boot == moment(3000).boot


# ---- after hand-over


@pytest.mark.parametrize("status", [Status.STOPPED, Status.FAILED])
def test_stopped_by_others_it_is_interrupted(status: StatusClass):
    """Only a stop that the provider states starts the grace: a text that reads like a failure may be a host's (F22)."""
    one = attempt(State.RUNNING)
    actions = see(one, shown(status), moment(10))
    after = carried_out(one, actions)
    is_stopped = status is Status.STOPPED
    assert (after.state, after.interrupted_boot) == (State.INTERRUPTED, moment(10).boot if is_stopped else None)
    (alarm,) = of(RaiseAlarm, actions)
    assert alarm.kind == alarms.INTERRUPTED and ("after the grace time" in alarm.hint) is is_stopped


def test_what_its_user_keeps_stopped_is_not_said_to_end_after_a_grace_time():
    actions = on_sighting(session(keep_stopped=True), attempt(), shown(Status.STOPPED), moment(10), REAL)
    assert [alarm.hint for alarm in of(RaiseAlarm, actions)] == [alarms.KEPT_HINT]


def test_once_it_was_started_again_what_it_had_announced_is_void():
    """Its end files are of another boot (E4); a host that comes back was not started again."""
    told = {"ending_reason": "idle", "ending_at": WALL, "ending_heard_at": WALL}
    started = attempt(State.INTERRUPTED, interrupted_boot=BOOT, **told)
    after = carried_out(started, see(started, shown(Status.RUNNING), moment(60)))
    assert (after.ending_reason, after.ending_at, after.ending_heard_at) == ("", None, None)
    back = attempt(State.MISSING, missing_at=WALL, **told)
    assert carried_out(back, see(back, shown(Status.RUNNING), moment(60))).ending_reason == "idle"


def test_a_failure_that_becomes_a_stop_says_so_and_back():
    failed = attempt(State.INTERRUPTED, interrupted_boot=None)
    actions = see(failed, shown(Status.STOPPED), moment(10))
    assert carried_out(failed, actions).interrupted_boot == moment(10).boot
    assert [alarm.hint for alarm in of(RaiseAlarm, actions)] == [alarms.HINTS[alarms.INTERRUPTED]]
    stopped = attempt(State.INTERRUPTED, interrupted_boot=BOOT)
    actions = see(stopped, shown(Status.FAILED), moment(10))
    assert carried_out(stopped, actions).interrupted_boot is None
    assert [alarm.hint for alarm in of(RaiseAlarm, actions)] == [alarms.KEPT_HINT]
    assert of(RaiseAlarm, see(failed, shown(Status.FAILED), moment(20))) == []


def test_at_the_boot_timeout_a_local_error_is_told_from_the_instances_failure():
    one = replace(BOOTING, unreachable_since=WALL, probe_error="no ssh here")
    late = moment(4000)
    for unreachable_since, reason in ((WALL, "local_error"), (None, "boot_timeout")):
        seen = replace(one, unreachable_since=unreachable_since)
        (fault,) = of(
            TerminateAttempt, on_sighting(session(), seen, shown(Status.RUNNING, progress=one.progress), late, REAL)
        )
        assert fault.reason == reason


def test_a_later_sighting_does_not_restart_the_grace():
    one = attempt(State.INTERRUPTED, interrupted_boot=BOOT)
    assert carried_out(one, see(one, shown(Status.STOPPED), moment(1000))).interrupted_boot == BOOT
    forgotten = attempt(State.INTERRUPTED, interrupted_boot=None)
    assert carried_out(forgotten, see(forgotten, shown(Status.STOPPED), moment(7))).interrupted_boot == moment(7).boot


@pytest.mark.parametrize("status", [Status.RUNNING, Status.PENDING, Status.UNKNOWN])
@pytest.mark.parametrize("state", [State.MISSING, State.INTERRUPTED])
def test_back_again_it_runs_on(state: State, status: StatusClass):
    one = attempt(state, missing_at=WALL, interrupted_boot=BOOT)
    actions = see(one, shown(status))
    after = carried_out(one, actions)
    assert (after.state, after.missing_at, after.interrupted_boot) == (State.RUNNING, None, None)
    assert ClearAlarm(alarms.INTERRUPTED, one.id) in actions
    assert (ClearAlarm(alarms.MISSING, one.id) in actions) is (state is State.MISSING)


@pytest.mark.parametrize("state", [State.RUNNING, State.INTERRUPTED, State.MISSING])
def test_an_offline_host_makes_it_missing_and_keeps_the_first_time(state: State):
    one = attempt(state, missing_at=WALL if state is State.MISSING else None)
    actions = see(one, shown(Status.OFFLINE), moment(60))
    after = carried_out(one, actions)
    assert after.state is State.MISSING
    assert after.missing_at == (WALL if state is State.MISSING else moment(60).wall)
    assert ClearAlarm(alarms.MISSING, one.id) not in actions, "an alarm about a host still offline would flap"


@pytest.mark.parametrize(
    ("rate", "alarmed"), [(TOLERATED, False), (TOLERATED + 1, True), (None, False), (RATE // 2, False)]
)
def test_a_higher_price_once_ready_alarms_and_ends_nothing(rate: int | None, alarmed: bool):
    one = attempt(State.RUNNING)
    actions = see(one, row(rate=rate))
    assert (alarms.PRICE_CHANGED in [a.kind for a in of(RaiseAlarm, actions)]) is alarmed
    assert (ClearAlarm(alarms.PRICE_CHANGED, one.id) in actions) is not alarmed
    assert carried_out(one, actions).state is State.RUNNING


# ---- its cloud is removing it


def test_a_wanted_instance_that_its_cloud_removes_is_an_alarm_without_a_grace_time():
    removing = shown(StatusClass.ENDING)
    actions = see(attempt(State.RUNNING, is_gpu_billed=True), removing)
    after = carried_out(attempt(State.RUNNING, is_gpu_billed=True), actions)
    assert (after.state, after.interrupted_boot, after.is_gpu_billed) == (State.INTERRUPTED, None, True)
    (alarm,) = of(RaiseAlarm, actions)
    assert "is removing it" in alarm.text and faults(actions) == [], "nothing is destroyed for it"


def test_before_it_is_ready_it_is_given_up():
    assert faults(see(BOOTING, shown(StatusClass.ENDING, progress="10 %"))) == ["boot_failed"]


def test_whom_to_log_in_as_is_kept():
    told = carried_out(BOOTING, see(BOOTING, shown(StatusClass.PENDING, ssh_user="ubuntu")))
    assert told.ssh_user == carried_out(told, see(told, shown(StatusClass.PENDING))).ssh_user == "ubuntu"
