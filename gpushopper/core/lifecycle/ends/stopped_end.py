"""Decides what follows where an instance whose end was heard is listed as stopped and not gone (ends.md E5, F23).

Its guard may only stop it where the key there may not destroy it, and a stopped instance bills its disk. That it is
listed, and stopped, is evidence of the end that it announced; an absence is none, and nothing here follows from one.
"""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core import alarms
from gpushopper.core.lifecycle.ends.early_end import end_for, is_heard_last, is_used, suffices
from gpushopper.core.model.actions import Action, ClearAlarm, RaiseAlarm
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.ends.end_reason import DONE, WHY
from gpushopper.core.model.session import Session
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import us


def stopped_as_heard(session: Session, attempt: Attempt, allowed: frozenset[str], policy: Policy) -> list[Action]:
    """End the session now; where its user keeps stopped instances, say that it bills on."""
    if not is_used(session, attempt) or attempt.ending_reason not in allowed | {DONE}:
        return []
    if not suffices(session, attempt, attempt.ending_reason) or not _is_stopped_as_heard(attempt, policy):
        return []
    if session.keep_stopped:
        return _kept(session, attempt)
    end = end_for(session, attempt)
    return [replace(end, text=f"{end.text}; its instance was only stopped, and is destroyed now")]


def _is_stopped_as_heard(attempt: Attempt, policy: Policy) -> bool:
    """Whether it was listed as stopped soon after its end was heard, and still after its time to end itself.

    Soon: while the list may lag behind that end. What stops later may have stopped for another reason: it may come
    back, and gets the grace time of any other. Not a failed start, which is a guess from a host's text (F22).
    """
    at, seen_at, heard_at = attempt.ending_at, attempt.last_seen_at, attempt.ending_heard_at
    if attempt.state is not State.INTERRUPTED or attempt.interrupted_boot is None:
        return False
    if at is None or seen_at is None or heard_at is None or not is_heard_last(attempt, policy):
        return False
    own_end = us(policy.own_end_s)
    is_soon = attempt.state_changed_at - max(at, heard_at) <= own_end + us(policy.list_lag_s)
    is_after = attempt.state_changed_at >= at  # before it, something else has stopped it
    return is_after and is_soon and seen_at - at >= own_end


def _kept(session: Session, attempt: Attempt) -> list[Action]:
    if not (attempt.is_gpu_billed or attempt.is_storage_billed):
        return []
    bills = "it bills in full" if attempt.is_gpu_billed else "its disk bills"
    text = f"{session.name}: {WHY[attempt.ending_reason]}, and it is only stopped: {bills} until its deadline"
    return [
        ClearAlarm(alarms.INTERRUPTED, attempt.id),
        RaiseAlarm.with_hint(alarms.STOPPED_BILLS, attempt.id, text),
    ]
