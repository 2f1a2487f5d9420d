"""Decides when an instance counts as ended by itself, unconfirmed: books stop, nothing is destroyed (ends.md E5)."""

from __future__ import annotations

from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.ends.landing import not_pulled_text
from gpushopper.core.model.actions import Action, ClearAlarm, EventDraft, RaiseAlarm, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us

REASON = "self_ended"
"""Why such a session ends at its deadline."""


def is_self_ended(
    session: Session, attempt: Attempt, allowed: frozenset[str], now: ClockSnapshot, policy: Policy
) -> bool:
    """Whether it is absent often and long enough, silent over ssh all that time, and a row allows an early end.

    `allowed` are the ends that a row allows (`early_end.py`): an instance that may not end early is missing, and bills.
    """
    if session.desired_state is not DesiredState.RUNNING or not attempt.is_wanted or not allowed:
        return False
    if attempt.state is not State.MISSING or attempt.ready_at is None or attempt.self_ended_at is not None:
        return False
    first, last, silent = attempt.first_absence_boot, attempt.last_absence_boot, attempt.silent_since
    if first is None or last is None or silent is None or attempt.absence_count < policy.self_ended_observations:
        return False
    # Both over the same time: absences from before the silence, as of before a sleep, agree with nothing.
    silent_boot = now.boot - (now.wall - silent)
    return last - max(first, silent_boot) >= us(policy.self_ended_window_s)


def after_gap(attempt: Attempt) -> dict[str, Any]:
    """What changes after a sleep of this computer or a jump of its clocks: the time of that shows nothing (F65).

    Silence begins anew, and one absence is left of those before: its books stop there, and it takes more to conclude.
    """
    if not attempt.is_wanted or attempt.self_ended_at is not None:
        return {}
    silence = {"silent_since": None} if attempt.silent_since is not None else {}
    return silence | ({"absence_count": 1} if attempt.absence_count > 1 else {})


def has_been_silent(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> bool:
    """Whether more than one login in a row has failed: one alone fails now and then, at an instance that is there."""
    least = us(policy.heartbeat_interval_s + policy.heartbeat_timeout_s)
    return attempt.silent_since is not None and now.wall - attempt.silent_since >= least


def on_absent_and_silent(
    session: Session, attempt: Attempt, allowed: frozenset[str], now: ClockSnapshot, policy: Policy
) -> list[Action]:
    """Stop the books at the first absence; a sighting or a heartbeat makes it running again, with books from there.

    The session stays wanted: no destroy is sent for it before its deadline, or before its user ends it.
    """
    if not is_self_ended(session, attempt, allowed, now, policy):
        return []
    ended_at = now.wall - (now.boot - (attempt.first_absence_boot or now.boot))
    text = f"{session.name} seems to have ended by itself; nobody heard it, so that it is not confirmed"
    if lost := not_pulled_text(session):
        text += f"; {lost}"
    fields = {"self_ended_at": ended_at, "is_gpu_billed": False, "is_storage_billed": False}
    return [
        UpdateAttempt(attempt, fields, EventDraft(REASON, text, {"at": ended_at, "allowed": sorted(allowed)})),
        ClearAlarm(alarms.MISSING, attempt.id),
        RaiseAlarm.with_hint(alarms.SELF_ENDED, attempt.id, text),
    ]
