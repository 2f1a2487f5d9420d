"""Which deadline the guard on an instance is given, and whether it holds it."""

from __future__ import annotations

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.heartbeat import GuardRenewal, GuardStatus
from gpushopper.core.timing.clock_snapshot import MAX_CLOCK_SKEW, SECOND, ClockSnapshot, us
from gpushopper.core.timing.deadline import remaining_us

NOT_APPLICABLE, INSTALLED, ARMED, UNCONFIRMED, NONE = "not_applicable", "installed", "armed", "unconfirmed", "none"
"""The words of an attempt's `guard`: nothing to guard; sent along, not yet on_heartbeat of; confirmed; gone;
never planted.
"""


def next_renewal(attempt: Attempt, now: ClockSnapshot) -> GuardRenewal | None:
    """What to tell the guard now, if anything: seconds to the deadline under a number above every earlier one.

    Nothing is renewed past its time: the end is then under way.
    """
    left = remaining_us(attempt.deadline, now)
    if left is None or left < us(1) or not attempt.is_wanted:
        return None
    return GuardRenewal(max(now.wall // SECOND, attempt.guard_renewal_seq + 1), left // SECOND)


SYNC_TOLERANCE = 30 * SECOND
"""How far a guard's end may lie from the deadline and still be it: whole seconds, and the way of a login."""


def is_guard_in_sync(attempt: Attempt) -> bool:
    """Whether the guard was on_heartbeat to hold the present deadline; until then it ends the instance at the former
    one.

    Asked of a guard in doubt too: one that is called lost may still act.
    """
    return (
        attempt.guard_deadline_at is not None
        and abs(attempt.guard_deadline_at - attempt.deadline.wall) <= SYNC_TOLERANCE
    )


def guard_deadline_at(attempt: Attempt, guard: GuardStatus, now: ClockSnapshot) -> int:
    """When the guard ends the instance, wall µs by the clock that wrote the deadline: a step of ours moves neither."""
    left = remaining_us(attempt.deadline, now)
    own = us(guard.left_s)
    return now.wall + own if left is None else attempt.deadline.wall + own - left


def is_armed(guard: GuardStatus | None) -> bool:
    """Whether the instance will end itself: tested, and at least one of its holders lives (F91, F92)."""
    return guard is not None and guard.armed and guard.holders > 0


def ends_too_late(attempt: Attempt, guard: GuardStatus, now: ClockSnapshot) -> bool:
    """Whether the guard would end the instance too late: it takes no renewals, or counts wrongly (I10)."""
    left = remaining_us(attempt.deadline, now)
    return left is not None and us(guard.left_s) > max(left, 0) + MAX_CLOCK_SKEW


def guard_problem(attempt: Attempt, guard: GuardStatus | None, now: ClockSnapshot, *, was_moved: bool = False) -> str:
    """Why the guard cannot be relied on; empty when it can."""
    if guard is None:
        return "no guard answers"
    if not is_armed(guard):
        return guard.why or "none of its timers runs"
    is_late = not was_moved and ends_too_late(attempt, guard, now)
    return "it would end the instance too late" if is_late else ""
