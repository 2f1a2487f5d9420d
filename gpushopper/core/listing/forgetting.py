"""Decides when an instance may be forgotten on a person's word that its console does not show it any more (D6).

The way out where a proof can never come: a lost key, a closed account, a cloud that has gone. Nothing else is weakened:
it is never shown as proven, and a list that shows the instance again reopens it, as one that was proven gone.
"""

from __future__ import annotations

from enum import StrEnum

from gpushopper.core.lifecycle.evidence import lists_may_lag
from gpushopper.core.model.actions import CloseAttempt
from gpushopper.core.model.attempt import Attempt, ReceiptKind, State
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us, wall_clock_lead


class Obstacle(StrEnum):
    """Why an attempt may not be forgotten yet."""

    WANTED = "wanted"
    UNDER_WAY = "under_way"
    """Its create may still make an instance that no console shows yet."""
    SEEN = "seen"
    """The cloud has shown it lately: it bills."""


def obstacle(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> Obstacle | None:
    """What forbids that an open attempt is forgotten now; None: nothing."""
    if attempt.is_wanted:
        return Obstacle.WANTED
    if attempt.state not in (State.DESTROYING, State.UNCERTAIN) or lists_may_lag(attempt, now, policy):
        return Obstacle.UNDER_WAY
    # By the slower of two clocks that disagree: a fast one of ours makes nothing older.
    unseen_us = None if attempt.last_seen_at is None else now.wall - wall_clock_lead(now) - attempt.last_seen_at
    return Obstacle.SEEN if unseen_us is not None and unseen_us < us(policy.forget_unseen_s) else None


def forget(attempt: Attempt, typed: str, now: ClockSnapshot) -> CloseAttempt:
    """Close the attempt on that word; its books go on to its first absence, or to now where none was seen."""
    ended_at = attempt.self_ended_at or attempt.off_at or now.wall
    evidence = {"typed": typed, "destroy_count": attempt.destroy_count, "last_seen_at": attempt.last_seen_at}
    return CloseAttempt(attempt, ReceiptKind.FORGOTTEN, attempt.reason, ended_at, evidence)
