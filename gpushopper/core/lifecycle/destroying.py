"""Decides when an attempt enters destroying and when its destroy is retried: the retry intervals (D6, I6)."""

from __future__ import annotations

from typing import Any

from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.lifecycle.gpu_billing import shown_billing
from gpushopper.core.model.actions import EventDraft, UpdateAttempt
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, DesiredState, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def terminate_fields(attempt: Attempt, reason: str, now: ClockSnapshot) -> dict[str, Any]:
    """The fields that set the desired state to terminated.

    An attempt with an instance enters destroying at once. A create in flight keeps its state until its outcome is
    known: an instance that it made is found by its label, and destroyed then.
    """
    fields: dict[str, Any] = {
        "desired_state": DesiredState.TERMINATED,
        "reason": reason,
        "terminate_requested_at": now.wall,
    }
    if attempt.state in ALIVE_STATES:
        fields |= destroying_fields(now)
    return fields


def destroying_fields(now: ClockSnapshot) -> dict[str, Any]:
    """The fields on entering destroying: the first destroy is due now, and no absence from before counts."""
    return {
        "state": State.DESTROYING,
        "state_changed_at": now.wall,
        "next_destroy_boot": now.boot,
        "destroy_count": 0,
        "destroy_acknowledged": False,
        "off_at": None,
        **NO_ABSENCES,
    }


def reopened_fields(attempt: Attempt, row: Instance, now: ClockSnapshot) -> dict[str, Any]:
    """The fields of a closed attempt whose instance is listed again: it is destroyed again, and has billed on (I7)."""
    return destroying_fields(now) | {"last_seen_at": now.wall} | shown_billing(row, attempt.offer.billing, attempt)


def destroy_retry_s(destroys: int, policy: Policy) -> float:
    """Seconds to the next destroy after this many: 5, 15, 30, 60, 120, then 300 without end (D6, I6)."""
    index = max(destroys - 1, 0)
    steps = policy.destroy_retry_steps_s
    return steps[index] if index < len(steps) else policy.destroy_retry_steady_s


def after_destroy(
    attempt: Attempt, acknowledged: bool, detail: str, retry_after_s: float | None, now: ClockSnapshot, policy: Policy
) -> UpdateAttempt:
    """The fields after one destroy was answered or failed: nothing here closes an attempt (I5).

    Once acknowledged (success or not found), the next destroy waits while absences are counted. Otherwise it follows
    after the retry interval, or after the provider's own `retry_after_s` up to the longest interval.
    """
    count = attempt.destroy_count + 1
    wait = policy.destroy_retry_steady_s if acknowledged else destroy_retry_s(count, policy)
    if retry_after_s is not None and not acknowledged:
        wait = min(max(wait, retry_after_s), policy.destroy_retry_steady_s)
    fields = {
        "destroy_count": count,
        "destroy_acknowledged": attempt.destroy_acknowledged or acknowledged,
        "last_destroy_boot": now.boot,
        "next_destroy_boot": now.boot + us(wait),
        **NO_ABSENCES,
    }
    return UpdateAttempt(
        attempt, fields, EventDraft("destroy_sent", f"destroy {count}: {detail}", {"acknowledged": acknowledged})
    )
