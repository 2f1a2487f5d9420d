"""Decides which deadline the guard on an instance is renewed with, and whether it is armed and in sync (D7, I10)."""

from __future__ import annotations

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.heartbeat import GuardRenewal, GuardStatus
from gpushopper.core.timing.clock_snapshot import MAX_CLOCK_SKEW, SECOND, ClockSnapshot, us
from gpushopper.core.timing.deadline import remaining_us

NOT_APPLICABLE, INSTALLED, ARMED, UNCONFIRMED, NONE = "not_applicable", "installed", "armed", "unconfirmed", "none"
"""Values of `Attempt.guard_state`.

A simulated instance; in the boot script, no heartbeat yet; confirmed by a heartbeat; not confirmed any more; an adopted
instance, which we cannot log in to.
"""


def next_renewal(attempt: Attempt, now: ClockSnapshot) -> GuardRenewal | None:
    """The renewal to send with the next probe: seconds to the deadline, and a number above every earlier one.

    None where the deadline has passed, the clocks disagree about it, or the attempt is to be terminated.
    """
    left = remaining_us(attempt.deadline, now)
    if left is None or left < us(1) or not attempt.is_wanted:
        return None
    return GuardRenewal(max(now.wall // SECOND, attempt.guard_renewal_seq + 1), left // SECOND)


SYNC_TOLERANCE = 30 * SECOND
"""How far a guard in sync may be from our deadline: it counts whole seconds, and a login takes time."""


def is_guard_in_sync(attempt: Attempt) -> bool:
    """Whether the last heartbeat showed that the guard holds the present deadline; until then it acts on the old one.

    Also for a guard that is unconfirmed: it may still act.
    """
    return (
        attempt.guard_deadline_at is not None
        and abs(attempt.guard_deadline_at - attempt.deadline.wall) <= SYNC_TOLERANCE
    )


def guard_deadline_at(attempt: Attempt, guard: GuardStatus, now: ClockSnapshot) -> int:
    """When the guard ends the instance, wall µs on the clock that wrote the deadline: later steps do not move it."""
    left = remaining_us(attempt.deadline, now)
    own = us(guard.left_s)
    return now.wall + own if left is None else attempt.deadline.wall + own - left


def is_armed(guard: GuardStatus | None) -> bool:
    """Whether the instance will end itself: self-test passed, and a guard process (`holders`) runs (F91, F92)."""
    return guard is not None and guard.armed and guard.holders > 0


def ends_too_late(attempt: Attempt, guard: GuardStatus, now: ClockSnapshot) -> bool:
    """Whether the guard would end the instance too late: it ignores renewals, or its clock is slow (I10)."""
    left = remaining_us(attempt.deadline, now)
    return left is not None and us(guard.left_s) > max(left, 0) + MAX_CLOCK_SKEW


def guard_problem(attempt: Attempt, guard: GuardStatus | None, now: ClockSnapshot, *, was_moved: bool = False) -> str:
    """Why the guard cannot be relied on; empty when it can.

    `was_moved`: the deadline has changed since the login began, so that the guard cannot hold it yet.
    """
    if guard is None:
        return "no guard answers"
    if not is_armed(guard):
        return guard.why or "none of its timers runs"
    is_late = not was_moved and ends_too_late(attempt, guard, now)
    return "it would end the instance too late" if is_late else ""
