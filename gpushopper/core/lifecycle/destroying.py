"""Entering the state destroying, and the retry intervals of a destroy."""

from __future__ import annotations

from typing import Any

from gpushopper.core.lifecycle.billing_state import bills_gpu_time
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.model.actions import Change, Note
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, DesiredState, State
from gpushopper.core.model.instance import Instance
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def unwanted(attempt: Attempt, reason: str, now: ClockSnapshot) -> dict[str, Any]:
    """The columns of an attempt nobody wants any more.

    A known instance is to be destroyed at once. A create that is out stays where it is until its outcome is known:
    its label still protects it from nothing but forgetting.
    """
    sets: dict[str, Any] = {
        "desired_state": DesiredState.TERMINATED,
        "reason": reason,
        "terminate_requested_at": now.wall,
    }
    if attempt.state in ALIVE_STATES:
        sets |= destroying(now)
    return sets


def destroying(now: ClockSnapshot) -> dict[str, Any]:
    """The columns on entering `destroying`: the first destroy is due now, and no older absence counts."""
    return {
        "state": State.DESTROYING,
        "state_changed_at": now.wall,
        "next_destroy_boot": now.boot,
        "destroy_count": 0,
        "destroy_acknowledged": False,
        "off_at": None,
        **NO_ABSENCES,
    }


def reopened(row: Instance, now: ClockSnapshot) -> dict[str, Any]:
    """The columns of a closed attempt whose instance exists: it has billed on since its supposed end."""
    return destroying(now) | {"last_seen_at": now.wall, "is_gpu_billed": bills_gpu_time(row, was_billed=False)}


def ladder_step(destroys: int, policy: Policy) -> float:
    """Seconds from one destroy to the next: 5, 15, 30, 60, 120, then every five minutes, for ever (D6, I6)."""
    index = max(destroys - 1, 0)
    ladder = policy.destroy_ladder_s
    return ladder[index] if index < len(ladder) else policy.destroy_every_s


def after_destroy(
    attempt: Attempt, heard: bool, detail: str, retry_after_s: float | None, now: ClockSnapshot, policy: Policy
) -> Change:
    """The columns after one destroy was answered or gave up: nothing here closes an attempt (I5).

    Heard (acknowledged or not found): pause while the proof forms. Otherwise go on by the ladder.
    """
    count = attempt.destroy_count + 1
    wait = policy.destroy_every_s if heard else ladder_step(count, policy)
    if retry_after_s is not None and not heard:
        wait = min(max(wait, retry_after_s), policy.destroy_every_s)
    sets = {
        "destroy_count": count,
        "destroy_acknowledged": attempt.destroy_acknowledged or heard,
        "last_destroy_boot": now.boot,
        "next_destroy_boot": now.boot + us(wait),
        **NO_ABSENCES,
    }
    return Change(attempt, sets, Note("destroy_sent", f"destroy {count}: {detail}", {"heard": heard}))
