"""Decides whether a create that was cut off may be sent again: only with its token, where that makes no second one.

Elsewhere, and outside these bounds, an uncertain create is never repeated (I2): its list decides.
"""

from __future__ import annotations

from typing import Any

from gpushopper.core.cloud import Limits
from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.model.actions import EventDraft, UpdateAttempt
from gpushopper.core.model.attempt import Attempt, Origin, State
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree, us
from gpushopper.core.timing.deadline import DeadlineStatus, deadline_status


def may_replay(attempt: Attempt, key_digest: str, limits: Limits, now: ClockSnapshot, policy: Policy) -> bool:
    """Whether the cloud still knows the token of this create when it is sent again now.

    By the same key: another account knows no token of ours. By the later of two clocks, and so long before the token is
    forgotten that a request that is held up on its way still finds it. Not for a session that is ending: it must not
    make what it would only destroy.
    """
    if attempt.state is not State.UNCERTAIN or not attempt.is_wanted or attempt.origin is not Origin.CREATED:
        return False
    if attempt.instance_id is not None or attempt.sent_at is None:
        return False
    if not key_digest or attempt.made_by_key != key_digest or clocks_disagree(now):
        return False
    if deadline_status(attempt.deadline, now) is not DeadlineStatus.AHEAD:
        return False
    latest = now.wall if now.provider_date is None else max(now.wall, now.provider_date)
    age = latest - attempt.sent_at
    return age >= 0 and age + us(policy.max_in_flight_s) < us(limits.create_replay_s)


def mark_replayed(attempt: Attempt, count: int) -> UpdateAttempt:
    """Before it is sent: what has counted towards its absence so far counts no more, for it may make one now (D6)."""
    fields: dict[str, Any] = {"settle_elapsed_us": 0, "last_complete_list_boot": None, **NO_ABSENCES}
    event = EventDraft("sent_again", f"the create is sent again with the same token ({count})")
    return UpdateAttempt(attempt, fields, event)
