"""The rules for heartbeats: decides when to probe over ssh, when a session is ready, and when it is unreachable (D8).

The values of a heartbeat are in `core/model/heartbeat.py`; its text is parsed in `remote/heartbeat_probe.py`.
"""

from __future__ import annotations

from typing import Any

from gpushopper.core import alarms
from gpushopper.core.cloud import EndingKind
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.lifecycle.guard_renewal import ARMED, NONE, UNCONFIRMED, guard_deadline_at, guard_problem
from gpushopper.core.lifecycle.guard_rule import is_guard_excused
from gpushopper.core.lifecycle.offer_mismatch import hardware_mismatch
from gpushopper.core.model.actions import Action, ClearAlarm, EventDraft, RaiseAlarm, TerminateAttempt, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.heartbeat import GuardStatus, Heartbeat, ProbeFailure, ProbeFailureKind
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy, ReadinessCheck
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us

PROBED_STATES = frozenset({State.RUNNING, State.MISSING})


def can_probe(attempt: Attempt) -> bool:
    """Whether to probe: the attempt is wanted, its ssh address known, and its instance runs or may run.

    Not an adopted orphan: it was made with another session's ssh key, so that we cannot log in.
    """
    if not attempt.is_wanted or attempt.ssh_host is None or attempt.guard_state == NONE:
        return False
    return attempt.state in PROBED_STATES or (attempt.state is State.BOOTING and attempt.is_running)


def heartbeat_interval(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> int:
    """Microseconds from one probe to the next: short until the session is ready, then steady."""
    if attempt.ready_at is not None:
        return us(policy.heartbeat_interval_s)
    age = now.wall - (attempt.sent_at if attempt.sent_at is not None else attempt.prepared_at)
    for until_s, every_s in policy.boot_heartbeat_steps_s:
        if age < us(until_s):
            return us(every_s)
    return us(policy.boot_heartbeat_steps_s[-1][1])


def on_heartbeat(
    session: Session,
    attempt: Attempt,
    heartbeat: Heartbeat,
    now: ClockSnapshot,
    policy: Policy,
    *,
    was_moved: bool = False,
    ending: EndingKind = EndingKind.SELF_DESTROY,
) -> list[Action]:
    """Apply one heartbeat: the instance lives (T5), and may now be ready.

    `was_moved`: the deadline has changed since the login began, so that the guard cannot hold it yet. `ending`: how
    instances of this cloud end, which decides what excuses an unconfirmed guard.
    """
    if not attempt.is_wanted or attempt.state not in (State.BOOTING, *PROBED_STATES):
        return []
    fields = _heartbeat_fields(attempt, heartbeat.guard, now)
    actions: list[Action] = [
        ClearAlarm(alarms.SSH_UNREACHABLE, attempt.id),
        ClearAlarm(alarms.HOST_KEY_CHANGED, attempt.id),
    ]
    if attempt.ready_at is None:
        return actions + _before_ready(session, attempt, heartbeat, fields, now, policy, ending)
    why = guard_problem(attempt, heartbeat.guard, now, was_moved=was_moved)
    return actions + _after_ready(session, attempt, why, fields)


def _heartbeat_fields(attempt: Attempt, guard: GuardStatus | None, now: ClockSnapshot) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "heartbeat_at": now.wall,
        "unreachable_since": None,
        "probe_error": "",
        "silent_since": None,
    }
    if guard is not None:
        fields |= {
            "guard_renewal_seq": max(guard.seq, attempt.guard_renewal_seq),
            "guard_deadline_at": guard_deadline_at(attempt, guard, now),
        }
    return fields


def _before_ready(
    session: Session,
    attempt: Attempt,
    heartbeat: Heartbeat,
    fields: dict[str, Any],
    now: ClockSnapshot,
    policy: Policy,
    ending: EndingKind,
) -> list[Action]:
    mismatch = hardware_mismatch(attempt.offer, attempt.disk_gb, heartbeat.hardware)
    if mismatch:
        return [UpdateAttempt(attempt, fields), TerminateAttempt(attempt, "offer_mismatch", mismatch)]
    first = attempt.first_login_boot if attempt.first_login_boot is not None else now.boot
    fields["first_login_boot"] = first
    why = guard_problem(attempt, heartbeat.guard, now)
    is_excused = is_guard_excused(session, ending)
    is_late = now.boot - first >= us(policy.guard_grace_s)
    # A guard that powers off is worth the same wait, although nothing depends on it (E9).
    is_awaited = not is_excused or (ending is EndingKind.POWEROFF_ONLY and not is_late)
    if why and is_awaited and ReadinessCheck.GUARD in policy.readiness_checks:
        if is_late:
            return [
                UpdateAttempt(attempt, fields),
                TerminateAttempt(attempt, "guard_not_armed", f"it cannot end itself: {why}"),
            ]
        is_first = attempt.first_login_boot is None
        event = EventDraft("boot_progress", f"logged in; its guard: {why}") if is_first else None
        return [UpdateAttempt(attempt, fields | {"probe_error": f"its guard: {why}"}, event)]
    fields |= {"state": State.RUNNING, "ready_at": now.wall, "state_changed_at": now.wall}
    fields["guard_state"] = UNCONFIRMED if why else ARMED
    is_missed = why and ending is not EndingKind.SERVER_TIMER
    text = f"{session.name} is running" + (", without a confirmed guard on it" if is_missed else "")
    return [UpdateAttempt(attempt, fields, EventDraft("ready", text))]


def _after_ready(session: Session, attempt: Attempt, why: str, fields: dict[str, Any]) -> list[Action]:
    actions: list[Action] = []
    event: EventDraft | None = None
    if attempt.state is State.MISSING:
        # It answers with its pinned host key: it exists, whatever a list shows (T5, F49).
        fields |= {
            "state": State.RUNNING,
            "state_changed_at": fields["heartbeat_at"],
            "missing_at": None,
            **NO_ABSENCES,
        }
        if attempt.self_ended_at is not None:  # it has billed all along
            fields |= {"self_ended_at": None, "is_gpu_billed": True, "is_storage_billed": True}
        event = EventDraft("recovered", f"{session.name} is reachable over ssh again")
        actions.append(ClearAlarm(alarms.MISSING, attempt.id))
    if not why:
        actions.append(ClearAlarm(alarms.GUARD_UNCONFIRMED, attempt.id))
    elif attempt.guard_state == ARMED:
        text = f"{session.name}: its guard is not confirmed any more: {why}"
        actions.append(RaiseAlarm.with_hint(alarms.GUARD_UNCONFIRMED, attempt.id, text))
    if not why or attempt.guard_state == ARMED:
        fields["guard_state"] = UNCONFIRMED if why else ARMED
    return [*actions, UpdateAttempt(attempt, fields, event)]


def on_probe_failure(
    session: Session,
    attempt: Attempt,
    failure: ProbeFailure,
    now: ClockSnapshot,
    policy: Policy,
    *,
    is_offline: bool = False,
) -> list[Action]:
    """Apply a probe without a heartbeat: a boot may time out, a ready session gets an alarm and is never ended (D8).

    `is_offline`: this computer's own network is down, which says nothing of the instance (F127).
    """
    if not attempt.is_wanted or attempt.state not in (State.BOOTING, *PROBED_STATES):
        return []
    if attempt.ready_at is None:
        return _failure_before_ready(session, attempt, failure, now, policy, is_offline=is_offline)
    if is_offline and failure.kind is not ProbeFailureKind.HOST_KEY:
        unknown = {"probe_error": failure.detail, "unreachable_since": None, "silent_since": None}
        return [UpdateAttempt(attempt, unknown), ClearAlarm(alarms.SSH_UNREACHABLE, attempt.id)]
    since = attempt.unreachable_since if attempt.unreachable_since is not None else now.wall
    fields = {"unreachable_since": since, "probe_error": failure.detail, "silent_since": _silent(attempt, failure, now)}
    actions: list[Action] = [UpdateAttempt(attempt, fields)]
    if failure.kind is ProbeFailureKind.HOST_KEY:
        text = f"{session.name}: its host key has changed; nothing connects to it any more"
        actions.append(RaiseAlarm.with_hint(alarms.HOST_KEY_CHANGED, attempt.id, text))
    elif now.wall - since >= us(policy.unreachable_alarm_s):
        actions.append(_unreachable_alarm(session, attempt, failure, now.wall - since))
    return actions


def _silent(attempt: Attempt, failure: ProbeFailure, now: ClockSnapshot) -> int | None:
    """Since when the instance itself gives no answer: not while we cannot log in, nor where a login worked."""
    if failure.kind in (ProbeFailureKind.LOCAL, ProbeFailureKind.MALFORMED):
        return None
    return now.wall if attempt.silent_since is None else attempt.silent_since


def _unreachable_alarm(session: Session, attempt: Attempt, failure: ProbeFailure, span: int) -> RaiseAlarm:
    what = "this computer cannot log in to it" if failure.kind is ProbeFailureKind.LOCAL else "no answer over ssh"
    text = f"{session.name}: {what} for {span // us(60)} min ({failure.detail})"
    return RaiseAlarm.with_hint(alarms.SSH_UNREACHABLE, attempt.id, text)


def _failure_before_ready(
    session: Session, attempt: Attempt, failure: ProbeFailure, now: ClockSnapshot, policy: Policy, *, is_offline: bool
) -> list[Action]:
    if failure.kind is ProbeFailureKind.HOST_KEY:
        return [TerminateAttempt(attempt, "host_key_changed", "its host key changed before it was ready")]
    is_new = failure.detail != attempt.probe_error
    fields: dict[str, Any] = {"probe_error": failure.detail}
    if failure.kind is ProbeFailureKind.LOCAL or is_offline:
        return _local_failure(session, attempt, failure, now, policy, is_offline=is_offline)
    since = attempt.progress_boot
    if attempt.unreachable_since is not None:
        # The stall timeout starts anew: this computer can log in again, so that only now the instance fails (F13, F64).
        fields |= {"unreachable_since": None, "progress_boot": now.boot}
        return [UpdateAttempt(attempt, fields), ClearAlarm(alarms.SSH_UNREACHABLE, attempt.id)]
    if since is not None and now.boot - since >= us(policy.boot_stall_timeout_s):
        return [
            UpdateAttempt(attempt, fields),
            TerminateAttempt(attempt, "ssh_timeout", f"it runs, but no ssh login works: {failure.detail}"),
        ]
    return [UpdateAttempt(attempt, fields, _waiting_event(failure))] if is_new else []


def _local_failure(
    session: Session, attempt: Attempt, failure: ProbeFailure, now: ClockSnapshot, policy: Policy, *, is_offline: bool
) -> list[Action]:
    """This computer cannot log in: raise an alarm after a while, and do not blame the instance.

    At the boot timeout the session ends (`local_error`), because no other host could be logged in to either (S13).
    Before ready, `unreachable_since` is set by local failures only.
    """
    since = attempt.unreachable_since if attempt.unreachable_since is not None else now.wall
    fields = {"probe_error": failure.detail, "unreachable_since": since, "progress_boot": now.boot}
    actions: list[Action] = [
        UpdateAttempt(attempt, fields, _waiting_event(failure) if failure.detail != attempt.probe_error else None)
    ]
    if not is_offline and now.wall - since >= us(policy.unreachable_alarm_s):
        actions.append(_unreachable_alarm(session, attempt, failure, now.wall - since))
    return actions


def _waiting_event(failure: ProbeFailure) -> EventDraft:
    return EventDraft("boot_progress", f"it runs; ssh: {failure.detail}")
