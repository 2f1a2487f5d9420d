"""Creates whose outcome is unknown."""

from __future__ import annotations

from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import (
    NO_ABSENCES,
    ObservedList,
    absence_is_due,
    add_unit,
    awake_after,
    may_close_as_absent,
    probably_ours,
)
from gpushopper.core.listing import ownership
from gpushopper.core.listing.ownership import carries
from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.model.actions import (
    Action,
    Change,
    Clear,
    Close,
    Raise,
)
from gpushopper.core.model.attempt import Attempt, ReceiptKind, State
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def on_complete_list(
    held: RecordedState, attempt: Attempt, seen: ObservedList, now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """One more good look without the label: time and units towards the absence rule (D6).

    A foreign or contradicted instance that carries the label since is not adopted; it holds the attempt open.
    """
    session = held.sessions[attempt.session_id]
    if not seen.is_whole or attempt.id not in seen.known_before:
        return [Change(attempt, {"last_complete_list_boot": None, **NO_ABSENCES})]
    sets: dict[str, Any] = {
        "settle_elapsed_us": awake_after(attempt, seen.boot, policy),
        "last_complete_list_boot": seen.boot,
    }
    if any(carries(attempt.label, row) for row in seen.instances):
        return [Change(attempt, sets | NO_ABSENCES)]
    suspect = probably_ours(attempt, session.image, ownership.without(seen.instances, held.ids.disowned))
    if suspect is not None:
        text = f"{session.name}: instance {suspect.instance_id} carries no label and is probably yours"
        hint = alarms.HINTS[alarms.POSSIBLE_ORPHAN]
        return [Change(attempt, sets | NO_ABSENCES), Raise(alarms.POSSIBLE_ORPHAN, attempt.id, text, hint)]
    settled = sets["settle_elapsed_us"] >= us(policy.settle_s)
    if settled and absence_is_due(attempt, seen.boot, policy.absence_spacing_s):
        sets |= add_unit(attempt, seen.boot)
    return [Change(attempt, sets), Clear(alarms.POSSIBLE_ORPHAN, attempt.id)]


def close_if_absent(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> list[Action]:
    """Close an uncertain attempt once the absence rule holds; a late arrival is the sweep's (D6)."""
    if attempt.state is not State.UNCERTAIN or attempt.instance_id or not may_close_as_absent(attempt, policy):
        return []
    evidence = {"lists": attempt.absence_count, "awake_s": attempt.settle_elapsed_us // us(1)}
    ended_at = attempt.sent_at if attempt.sent_at is not None else now.wall
    return [Close(attempt, ReceiptKind.ABSENT, attempt.reason or "create_not_found", ended_at, evidence)]
