"""What an instance's word over ssh, or its failure, means for its attempt (architecture 5, 7; D7, D8, F13, F49)."""

from __future__ import annotations

from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.lifecycle.guard_renewal import ARMED, NONE, UNCONFIRMED, guard_deadline_at, guard_problem
from gpushopper.core.lifecycle.offer_mismatch import hardware_mismatch
from gpushopper.core.model.actions import Action, ClearAlarm, EventDraft, RaiseAlarm, TerminateAttempt, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.heartbeat import GuardStatus, Heartbeat, ProbeFailure, ProbeFailureKind
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy, ReadinessCheck
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us

PROBED_STATES = frozenset({State.RUNNING, State.MISSING})


def can_probe(attempt: Attempt) -> bool:
    """Whether a login is worth trying: wanted, its address known, and running as far as anybody knows.

    An instance that the sweep took in has another session's ssh key: it cannot be logged in to.
    """
    if not attempt.is_wanted or attempt.ssh_host is None or attempt.guard_state == NONE:
        return False
    return attempt.state in PROBED_STATES or (attempt.state is State.BOOTING and attempt.is_gpu_billed)


def heartbeat_interval(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> int:
    """Microseconds from one login to the next: quick until the hand-over, then steady."""
    if attempt.ready_at is not None:
        return us(policy.heartbeat_interval_s)
    age = now.wall - (attempt.sent_at if attempt.sent_at is not None else attempt.prepared_at)
    for until_s, every_s in policy.boot_heartbeat_steps_s:
        if age < us(until_s):
            return us(every_s)
    return us(policy.boot_heartbeat_steps_s[-1][1])


# ---- renewals


# ---- an answer


def on_heartbeat(
    session: Session,
    attempt: Attempt,
    heartbeat: Heartbeat,
    now: ClockSnapshot,
    policy: Policy,
    *,
    was_moved: bool = False,
) -> list[Action]:
    """One heartbeat: proof of life (T5), and before the hand-over what it still takes.

    `was_moved`: the deadline has changed since the login began, so that its guard cannot hold it yet.
    """
    if not attempt.is_wanted or attempt.state not in (State.BOOTING, *PROBED_STATES):
        return []
    fields = _heartbeat_fields(attempt, heartbeat.guard, now)
    actions: list[Action] = [
        ClearAlarm(alarms.SSH_UNREACHABLE, attempt.id),
        ClearAlarm(alarms.HOST_KEY_CHANGED, attempt.id),
    ]
    if attempt.ready_at is None:
        return actions + _before_ready(session, attempt, heartbeat, fields, now, policy)
    why = guard_problem(attempt, heartbeat.guard, now, was_moved=was_moved)
    return actions + _after_ready(session, attempt, why, fields)


def _heartbeat_fields(attempt: Attempt, guard: GuardStatus | None, now: ClockSnapshot) -> dict[str, Any]:
    fields: dict[str, Any] = {"heartbeat_at": now.wall, "unreachable_since": None, "probe_error": ""}
    if guard is not None:
        fields |= {
            "guard_renewal_seq": max(guard.seq, attempt.guard_renewal_seq),
            "guard_deadline_at": guard_deadline_at(attempt, guard, now),
        }
    return fields


def _before_ready(
    session: Session, attempt: Attempt, heartbeat: Heartbeat, fields: dict[str, Any], now: ClockSnapshot, policy: Policy
) -> list[Action]:
    fault = hardware_mismatch(attempt.offer, attempt.disk_gb, heartbeat.hardware)
    if fault:
        return [UpdateAttempt(attempt, fields), TerminateAttempt(attempt, "offer_mismatch", fault)]
    first = attempt.first_login_boot if attempt.first_login_boot is not None else now.boot
    fields["first_login_boot"] = first
    why = guard_problem(attempt, heartbeat.guard, now)
    if why and not session.allow_unguarded and ReadinessCheck.GUARD in policy.readiness_checks:
        if now.boot - first >= us(policy.guard_grace_s):
            return [
                UpdateAttempt(attempt, fields),
                TerminateAttempt(attempt, "guard_not_armed", f"it cannot end itself: {why}"),
            ]
        note = EventDraft("boot_progress", f"logged in; its guard: {why}") if attempt.first_login_boot is None else None
        return [UpdateAttempt(attempt, fields | {"probe_error": f"its guard: {why}"}, note)]
    fields |= {"state": State.RUNNING, "ready_at": now.wall, "state_changed_at": now.wall}
    fields["guard_state"] = UNCONFIRMED if why else ARMED
    text = f"{session.name} is running" + (", and nothing on it will end it in time" if why else "")
    return [UpdateAttempt(attempt, fields, EventDraft("ready", text))]


def _after_ready(session: Session, attempt: Attempt, why: str, fields: dict[str, Any]) -> list[Action]:
    actions: list[Action] = []
    note: EventDraft | None = None
    if attempt.state is State.MISSING:
        # It answers on its pinned key: whatever a list says, it is there (T5, F49).
        fields |= {
            "state": State.RUNNING,
            "state_changed_at": fields["heartbeat_at"],
            "missing_at": None,
            **NO_ABSENCES,
        }
        note = EventDraft("recovered", f"{session.name} answers over ssh")
        actions.append(ClearAlarm(alarms.MISSING, attempt.id))
    if not why:
        actions.append(ClearAlarm(alarms.GUARD_UNCONFIRMED, attempt.id))
    elif attempt.guard_state == ARMED:
        text = f"{session.name} would not end by itself any more: {why}"
        actions.append(RaiseAlarm.with_hint(alarms.GUARD_UNCONFIRMED, attempt.id, text))
    if not why or attempt.guard_state == ARMED:
        fields["guard_state"] = UNCONFIRMED if why else ARMED
    return [*actions, UpdateAttempt(attempt, fields, note)]


# ---- no answer


def on_probe_failure(
    session: Session, attempt: Attempt, failure: ProbeFailure, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """No heartbeat: before the hand-over a wait with an end, after it an alarm; never a reason to end (D8)."""
    if not attempt.is_wanted or attempt.state not in (State.BOOTING, *PROBED_STATES):
        return []
    if attempt.ready_at is None:
        return _failure_before_ready(session, attempt, failure, now, policy)
    since = attempt.unreachable_since if attempt.unreachable_since is not None else now.wall
    actions: list[Action] = [UpdateAttempt(attempt, {"unreachable_since": since, "probe_error": failure.detail})]
    if failure.kind is ProbeFailureKind.HOST_KEY:
        text = f"{session.name}: another host key than before; nothing is sent there any more"
        actions.append(RaiseAlarm.with_hint(alarms.HOST_KEY_CHANGED, attempt.id, text))
    elif now.wall - since >= us(policy.unreachable_alarm_s):
        actions.append(_unreachable_alarm(session, attempt, failure, now.wall - since))
    return actions


def _unreachable_alarm(session: Session, attempt: Attempt, failure: ProbeFailure, span: int) -> RaiseAlarm:
    what = "this computer cannot log in to it" if failure.kind is ProbeFailureKind.LOCAL else "no answer over ssh"
    text = f"{session.name}: {what} for {span // us(60)} min ({failure.detail})"
    return RaiseAlarm.with_hint(alarms.SSH_UNREACHABLE, attempt.id, text)


def _failure_before_ready(
    session: Session, attempt: Attempt, failure: ProbeFailure, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    if failure.kind is ProbeFailureKind.HOST_KEY:
        return [TerminateAttempt(attempt, "host_key_changed", "its host key changed before it was handed over")]
    moved = failure.detail != attempt.probe_error
    fields: dict[str, Any] = {"probe_error": failure.detail}
    if failure.kind is ProbeFailureKind.LOCAL:
        return _local_failure(session, attempt, failure, now, policy)
    since = attempt.progress_boot
    if attempt.unreachable_since is not None:
        # Its failure counts while we listen (F13, F64).
        fields |= {"unreachable_since": None, "progress_boot": now.boot}
        return [UpdateAttempt(attempt, fields), ClearAlarm(alarms.SSH_UNREACHABLE, attempt.id)]
    if since is not None and now.boot - since >= us(policy.boot_stall_timeout_s):
        return [
            UpdateAttempt(attempt, fields),
            TerminateAttempt(attempt, "ssh_timeout", f"it runs, and no login works: {failure.detail}"),
        ]
    return [UpdateAttempt(attempt, fields, _waiting_event(failure))] if moved else []


def _local_failure(
    session: Session, attempt: Attempt, failure: ProbeFailure, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """A fault of this computer: an alarm before long; at the limit of the boot the session ends, for no other host
    could be logged in to either (S13). `unreachable_since` says since when, and so that it is ours."""
    since = attempt.unreachable_since if attempt.unreachable_since is not None else now.wall
    fields = {"probe_error": failure.detail, "unreachable_since": since, "progress_boot": now.boot}
    actions: list[Action] = [
        UpdateAttempt(attempt, fields, _waiting_event(failure) if failure.detail != attempt.probe_error else None)
    ]
    if now.wall - since >= us(policy.unreachable_alarm_s):
        actions.append(_unreachable_alarm(session, attempt, failure, now.wall - since))
    return actions


def _waiting_event(failure: ProbeFailure) -> EventDraft:
    return EventDraft("boot_progress", f"it runs; ssh: {failure.detail}")
