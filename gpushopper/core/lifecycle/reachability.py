"""What an instance's word over ssh, or its silence, means for its attempt (architecture 5, 7; D7, D8, F13, F49)."""

from __future__ import annotations

from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.lifecycle.guard_renewal import ARMED, NONE, UNCONFIRMED, guard_deadline_at, guard_problem
from gpushopper.core.lifecycle.offer_mismatch import hardware_fault
from gpushopper.core.model.actions import Action, Change, Clear, Note, Raise, TerminateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.heartbeat import GuardReport, Heartbeat, ProbeFailure, ProbeFailureKind
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy, Proof
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us

REACHABLE = frozenset({State.RUNNING, State.MISSING})


def can_probe(attempt: Attempt) -> bool:
    """Whether a login is worth trying: wanted, its address known, and running as far as anybody knows.

    An instance that the sweep took in has another session's ssh key: it cannot be logged in to.
    """
    if not attempt.is_wanted or attempt.ssh_host is None or attempt.guard_state == NONE:
        return False
    return attempt.state in REACHABLE or (attempt.state is State.BOOTING and attempt.is_gpu_billed)


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
    session: Session, attempt: Attempt, beat: Heartbeat, now: ClockSnapshot, policy: Policy, *, was_moved: bool = False
) -> list[Action]:
    """One heartbeat: proof of life (T5), and before the hand-over what it still takes.

    `was_moved`: the deadline has changed since the login began, so that its guard cannot hold it yet.
    """
    if not attempt.is_wanted or attempt.state not in (State.BOOTING, *REACHABLE):
        return []
    sets = _refreshed(attempt, beat.guard, now)
    actions: list[Action] = [Clear(alarms.SSH_UNREACHABLE, attempt.id), Clear(alarms.HOST_KEY_CHANGED, attempt.id)]
    if attempt.ready_at is None:
        return actions + _before_hand_over(session, attempt, beat, sets, now, policy)
    why = guard_problem(attempt, beat.guard, now, was_moved=was_moved)
    return actions + _after_hand_over(session, attempt, why, sets)


def _refreshed(attempt: Attempt, guard: GuardReport | None, now: ClockSnapshot) -> dict[str, Any]:
    sets: dict[str, Any] = {"heartbeat_at": now.wall, "unreachable_since": None, "probe_error": ""}
    if guard is not None:
        sets |= {
            "guard_renewal_seq": max(guard.seq, attempt.guard_renewal_seq),
            "guard_deadline_at": guard_deadline_at(attempt, guard, now),
        }
    return sets


def _before_hand_over(
    session: Session, attempt: Attempt, beat: Heartbeat, sets: dict[str, Any], now: ClockSnapshot, policy: Policy
) -> list[Action]:
    fault = hardware_fault(attempt.offer, attempt.disk_gb, beat.hardware)
    if fault:
        return [Change(attempt, sets), TerminateAttempt(attempt, "offer_mismatch", fault)]
    first = attempt.first_login_boot if attempt.first_login_boot is not None else now.boot
    sets["first_login_boot"] = first
    why = guard_problem(attempt, beat.guard, now)
    if why and not session.allow_unguarded and Proof.GUARD in policy.hand_over:
        if now.boot - first >= us(policy.guard_grace_s):
            return [Change(attempt, sets), TerminateAttempt(attempt, "guard_not_armed", f"it cannot end itself: {why}")]
        note = Note("boot_progress", f"logged in; its guard: {why}") if attempt.first_login_boot is None else None
        return [Change(attempt, sets | {"probe_error": f"its guard: {why}"}, note)]
    sets |= {"state": State.RUNNING, "ready_at": now.wall, "state_changed_at": now.wall}
    sets["guard_state"] = UNCONFIRMED if why else ARMED
    text = f"{session.name} is running" + (", and nothing on it will end it in time" if why else "")
    return [Change(attempt, sets, Note("ready", text))]


def _after_hand_over(session: Session, attempt: Attempt, why: str, sets: dict[str, Any]) -> list[Action]:
    actions: list[Action] = []
    note: Note | None = None
    if attempt.state is State.MISSING:
        # It answers on its pinned key: whatever a list says, it is there (T5, F49).
        sets |= {"state": State.RUNNING, "state_changed_at": sets["heartbeat_at"], "missing_at": None, **NO_ABSENCES}
        note = Note("recovered", f"{session.name} answers over ssh")
        actions.append(Clear(alarms.MISSING, attempt.id))
    if not why:
        actions.append(Clear(alarms.GUARD_UNCONFIRMED, attempt.id))
    elif attempt.guard_state == ARMED:
        text = f"{session.name} would not end by itself any more: {why}"
        actions.append(Raise.with_hint(alarms.GUARD_UNCONFIRMED, attempt.id, text))
    if not why or attempt.guard_state == ARMED:
        sets["guard_state"] = UNCONFIRMED if why else ARMED
    return [*actions, Change(attempt, sets, note)]


# ---- no answer


def on_probe_failure(
    session: Session, attempt: Attempt, silence: ProbeFailure, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """No heartbeat: before the hand-over a wait with an end, after it an alarm; never a reason to end (D8)."""
    if not attempt.is_wanted or attempt.state not in (State.BOOTING, *REACHABLE):
        return []
    if attempt.ready_at is None:
        return _not_yet(session, attempt, silence, now, policy)
    since = attempt.unreachable_since if attempt.unreachable_since is not None else now.wall
    actions: list[Action] = [Change(attempt, {"unreachable_since": since, "probe_error": silence.detail})]
    if silence.kind is ProbeFailureKind.HOST_KEY:
        text = f"{session.name}: another host key than before; nothing is sent there any more"
        actions.append(Raise.with_hint(alarms.HOST_KEY_CHANGED, attempt.id, text))
    elif now.wall - since >= us(policy.unreachable_alarm_s):
        actions.append(_unreached(session, attempt, silence, now.wall - since))
    return actions


def _unreached(session: Session, attempt: Attempt, silence: ProbeFailure, span: int) -> Raise:
    what = "this computer cannot log in to it" if silence.kind is ProbeFailureKind.LOCAL else "no answer over ssh"
    text = f"{session.name}: {what} for {span // us(60)} min ({silence.detail})"
    return Raise.with_hint(alarms.SSH_UNREACHABLE, attempt.id, text)


def _not_yet(
    session: Session, attempt: Attempt, silence: ProbeFailure, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    if silence.kind is ProbeFailureKind.HOST_KEY:
        return [TerminateAttempt(attempt, "host_key_changed", "its host key changed before it was handed over")]
    moved = silence.detail != attempt.probe_error
    sets: dict[str, Any] = {"probe_error": silence.detail}
    if silence.kind is ProbeFailureKind.LOCAL:
        return _not_asked(session, attempt, silence, now, policy)
    since = attempt.progress_boot
    if attempt.unreachable_since is not None:
        # Its silence counts while we listen (F13, F64).
        sets |= {"unreachable_since": None, "progress_boot": now.boot}
        return [Change(attempt, sets), Clear(alarms.SSH_UNREACHABLE, attempt.id)]
    if since is not None and now.boot - since >= us(policy.boot_silence_s):
        return [
            Change(attempt, sets),
            TerminateAttempt(attempt, "ssh_timeout", f"it runs, and no login works: {silence.detail}"),
        ]
    return [Change(attempt, sets, _waits(silence))] if moved else []


def _not_asked(
    session: Session, attempt: Attempt, silence: ProbeFailure, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """A fault of this computer: an alarm before long; at the limit of the boot the session ends, for no other host
    could be logged in to either (S13). `unreachable_since` says since when, and so that it is ours."""
    since = attempt.unreachable_since if attempt.unreachable_since is not None else now.wall
    sets = {"probe_error": silence.detail, "unreachable_since": since, "progress_boot": now.boot}
    actions: list[Action] = [Change(attempt, sets, _waits(silence) if silence.detail != attempt.probe_error else None)]
    if now.wall - since >= us(policy.unreachable_alarm_s):
        actions.append(_unreached(session, attempt, silence, now.wall - since))
    return actions


def _waits(silence: ProbeFailure) -> Note:
    return Note("boot_progress", f"it runs; ssh: {silence.detail}")
