"""Decides what an absence means: a wanted instance goes missing, one being destroyed gets closer to proven (D5).

The list must be complete and fresh, and a read by id must agree. The circuit breaker is in `list_breaker.py`.
"""

from __future__ import annotations

from gpushopper.core.lifecycle.boot_failure import boot_is_over
from gpushopper.core.lifecycle.ends.early_end import is_gone_as_heard
from gpushopper.core.lifecycle.evidence import ObservedList, absence_is_due, add_absence, counts_as_absence
from gpushopper.core.listing import ownership
from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.model.actions import Action, CloseAttempt, EventDraft, RaiseAlarm, TerminateAttempt, UpdateAttempt
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, ReceiptKind, State
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.spending.ledger import is_disk_left
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def missing_attempts(recorded: RecordedState, seen: ObservedList) -> tuple[Attempt, ...]:
    """Attempts whose known instance a complete list does not show, open both before and after it (F42)."""
    return tuple(a for a in _not_shown(recorded, seen) if a.instance_id not in recorded.shown_elsewhere)


def moved_alarms(recorded: RecordedState, seen: ObservedList) -> list[RaiseAlarm]:
    """Instances that moved to another account: it may bill on there, so it is not gone, and no key here ends it."""
    return [
        ownership.moved_alarm(recorded.sessions[attempt.session_id].name, attempt, now_at)
        for attempt in _not_shown(recorded, seen)
        if (now_at := recorded.shown_elsewhere.get(attempt.instance_id or ""))
    ]


def _not_shown(recorded: RecordedState, seen: ObservedList) -> tuple[Attempt, ...]:
    return tuple(
        attempt
        for attempt in recorded.open
        if attempt.instance_id is not None
        and attempt.id in seen.open_at_request
        and seen.proves_absent(attempt.instance_id)
    )


def decide_missing(
    session: Session, attempt: Attempt, seen: ObservedList, requested_boot: int, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """Count a T4 absence, if due: a by-id read (sent at `requested_boot`) found nothing, and this list agrees."""
    if attempt.state is State.DESTROYING:
        return _count_absence(attempt, seen, requested_boot, now, policy)
    if attempt.state not in ALIVE_STATES or attempt.instance_id is None:
        return []
    if not seen.proves_absent(attempt.instance_id) or not seen.is_fresh(now, policy):
        return []
    return _mark_missing(session, attempt, seen, now, policy)


def _count_absence(
    attempt: Attempt, seen: ObservedList, requested_boot: int, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    if not counts_as_absence(attempt, seen, requested_boot, now, policy):
        return []
    fields = add_absence(attempt, now.boot)
    if attempt.destroy_acknowledged:
        # Only an acknowledged destroy may wait: the proof needs one, so any other is retried at its interval (I6).
        fields["next_destroy_boot"] = now.boot + us(policy.destroy_retry_steady_s)
    if attempt.off_at is None or attempt.absence_count == 0:
        # Cost ends at the first absence of the proof that holds, not of one that a sighting cancelled.
        fields["off_at"] = now.wall
    text = f"instance {attempt.instance_id} is not shown by list and by id (absence {fields['absence_count']})"
    event = EventDraft("absence_observed", text, {"absence_count": fields["absence_count"]})
    return [UpdateAttempt(attempt, fields, event)]


def _mark_missing(
    session: Session, attempt: Attempt, seen: ObservedList, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """Mark a wanted attempt missing; absence alone never ends it, whatever the evidence (I5).

    A list without any instance must stay empty for `empty_list_hold_s` before it counts (S2): where lists cannot count
    (`ListProof.NOTHING`), nothing else distinguishes it from a failure. Of an instance that has announced to be gone by
    now, and is silent since, it says what is expected (E5).
    """
    fields = add_absence(attempt, now.boot) if absence_is_due(attempt, now.boot, policy.gone_interval_s) else {}
    first = fields.get("first_absence_boot", attempt.first_absence_boot)
    was_held = first is not None and now.boot - first >= us(policy.empty_list_hold_s)
    is_expected = is_gone_as_heard(attempt, now, policy)
    actions: list[Action] = []
    if attempt.state is not State.MISSING and (seen.instances or was_held or is_expected):
        text = f"{session.name}: the provider no longer shows instance {attempt.instance_id}"
        fields |= {"state": State.MISSING, "state_changed_at": now.wall, "missing_at": now.wall}
        actions.append(UpdateAttempt(attempt, fields, EventDraft("missing", text)))
    elif fields:
        actions.append(UpdateAttempt(attempt, fields))
    if boot_is_over(attempt, now, policy):
        actions.append(TerminateAttempt(attempt, "boot_timeout", "it disappeared while booting"))
    return actions


def close_if_proven(attempt: Attempt, is_proven: bool, now: ClockSnapshot) -> list[Action]:
    """Close an attempt whose end is proven; its cost ends at the first absence of the proof, or where books stopped."""
    if attempt.state is not State.DESTROYING or not is_proven:
        return []
    ended_at = attempt.off_at if attempt.off_at is not None else now.wall
    if attempt.self_ended_at is not None:
        ended_at = attempt.self_ended_at  # nothing has shown it since
    evidence = {"destroy_count": attempt.destroy_count, "absence_count": attempt.absence_count}
    disk_end = attempt.billed_until if is_disk_left(attempt) else None
    return [CloseAttempt(attempt, ReceiptKind.PROVEN, attempt.reason, ended_at, evidence, disk_end)]
