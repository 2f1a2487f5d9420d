"""Entering the state destroying_fields, and the retry intervals of a destroy."""

from __future__ import annotations

from typing import Any

from gpushopper.core.lifecycle.billing_state import bills_gpu_time
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.model.actions import EventDraft, UpdateAttempt
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, DesiredState, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def terminate_fields(attempt: Attempt, reason: str, now: ClockSnapshot) -> dict[str, Any]:
    """The columns of an attempt nobody wants any more.

    A known instance is to be destroyed at once. A create that is out stays where it is until its outcome is known:
    its label still protects it from nothing but forgetting.
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
    """The columns on entering `destroying_fields`: the first destroy is due now, and no older absence counts."""
    return {
        "state": State.DESTROYING,
        "state_changed_at": now.wall,
        "next_destroy_boot": now.boot,
        "destroy_count": 0,
        "destroy_acknowledged": False,
        "off_at": None,
        **NO_ABSENCES,
    }


def reopened_fields(row: Instance, now: ClockSnapshot) -> dict[str, Any]:
    """The columns of a closed attempt whose instance exists: it has billed on since its supposed end."""
    return destroying_fields(now) | {"last_seen_at": now.wall, "is_gpu_billed": bills_gpu_time(row, was_billed=False)}


def destroy_retry_s(destroys: int, policy: Policy) -> float:
    """Seconds from one destroy to the next: 5, 15, 30, 60, 120, then every five minutes, for ever (D6, I6)."""
    index = max(destroys - 1, 0)
    ladder = policy.destroy_retry_steps_s
    return ladder[index] if index < len(ladder) else policy.destroy_retry_steady_s


def after_destroy(
    attempt: Attempt, heard: bool, detail: str, retry_after_s: float | None, now: ClockSnapshot, policy: Policy
) -> UpdateAttempt:
    """The columns after one destroy was answered or gave up: nothing here closes an attempt (I5).

    Heard (acknowledged or not found): pause while the proof forms. Otherwise go on by the ladder.
    """
    count = attempt.destroy_count + 1
    wait = policy.destroy_retry_steady_s if heard else destroy_retry_s(count, policy)
    if retry_after_s is not None and not heard:
        wait = min(max(wait, retry_after_s), policy.destroy_retry_steady_s)
    fields = {
        "destroy_count": count,
        "destroy_acknowledged": attempt.destroy_acknowledged or heard,
        "last_destroy_boot": now.boot,
        "next_destroy_boot": now.boot + us(wait),
        **NO_ABSENCES,
    }
    return UpdateAttempt(attempt, fields, EventDraft("destroy_sent", f"destroy {count}: {detail}", {"heard": heard}))
