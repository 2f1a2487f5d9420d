"""Decides a create whose outcome is unknown: counts complete lists without its label until it counts as absent (D6)."""

from __future__ import annotations

from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import (
    NO_ABSENCES,
    ObservedList,
    absence_is_due,
    add_absence,
    may_close_as_absent,
    settle_elapsed_after,
    unlabelled_candidate,
)
from gpushopper.core.listing import ownership
from gpushopper.core.listing.ownership import has_label
from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.model.actions import (
    Action,
    ClearAlarm,
    CloseAttempt,
    RaiseAlarm,
    UpdateAttempt,
)
from gpushopper.core.model.attempt import Attempt, ReceiptKind, State
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def on_complete_list(
    recorded: RecordedState, attempt: Attempt, seen: ObservedList, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """Count this list towards the absence rule: settle time first, then absences (D6).

    An instance that carries the label and was not adopted, because it is foreign or disowned, keeps the attempt open.
    So does an unlabelled instance that may be the one the create made.
    """
    session = recorded.sessions[attempt.session_id]
    if not seen.is_complete or attempt.id not in seen.open_at_request:
        return [UpdateAttempt(attempt, {"last_complete_list_boot": None, **NO_ABSENCES})]
    fields: dict[str, Any] = {
        "settle_elapsed_us": settle_elapsed_after(attempt, seen.boot, policy),
        "last_complete_list_boot": seen.boot,
    }
    if any(has_label(attempt.label, row) for row in seen.instances):
        return [UpdateAttempt(attempt, fields | NO_ABSENCES)]
    candidate = unlabelled_candidate(attempt, ownership.without(seen.instances, recorded.ids.disowned))
    if candidate is not None:
        text = f"{session.name}: instance {candidate.instance_id} carries no label and is probably yours"
        alarm = RaiseAlarm.with_hint(alarms.POSSIBLE_ORPHAN, attempt.id, text)
        return [UpdateAttempt(attempt, fields | NO_ABSENCES), alarm]
    is_settled = fields["settle_elapsed_us"] >= us(policy.settle_s)
    if is_settled and absence_is_due(attempt, seen.boot, policy.absence_spacing_s):
        fields |= add_absence(attempt, seen.boot)
    return [UpdateAttempt(attempt, fields), ClearAlarm(alarms.POSSIBLE_ORPHAN, attempt.id)]


def close_if_absent(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """Close an uncertain attempt once the absence rule holds; an instance that appears later reopens it (D6)."""
    if attempt.state is not State.UNCERTAIN or attempt.instance_id or not may_close_as_absent(attempt, policy):
        return []
    evidence = {"absence_count": attempt.absence_count, "settle_s": attempt.settle_elapsed_us // us(1)}
    ended_at = attempt.sent_at if attempt.sent_at is not None else now.wall
    return [CloseAttempt(attempt, ReceiptKind.ABSENT, attempt.reason or "create_not_found", ended_at, evidence)]
