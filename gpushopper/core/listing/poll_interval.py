"""Decides the poll interval: how soon an account is listed again, and the backoff after failed polls (S15, S24)."""

from __future__ import annotations

from collections.abc import Iterable

from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


def poll_interval(attempts: Iterable[Attempt], now: ClockSnapshot, policy: Policy) -> int:
    """Microseconds from one list to the next: the shortest interval that one of its attempts needs."""
    return min((_interval(attempt, now, policy) for attempt in attempts), default=us(policy.steady_poll_s))


def failure_backoff(failed_polls: int, policy: Policy) -> int:
    """Microseconds to the next poll after this many failed ones: short at first, then as for an uncertain attempt."""
    steps = policy.failure_poll_steps_s
    return us(steps[failed_polls - 1] if failed_polls <= len(steps) else policy.uncertain_poll_s)


def _interval(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> int:
    match attempt.state:
        case State.PREPARED:
            return us(policy.prepared_poll_s)
        case State.BOOTING:
            return us(_boot_interval(attempt, now, policy))
        case State.UNCERTAIN:
            return us(
                min(policy.uncertain_poll_s, max(_boot_interval(attempt, now, policy), policy.boot_poll_steps_s[0][1]))
            )
        case State.DESTROYING:
            return _destroy_interval(attempt, now, policy)
        case State.MISSING | State.INTERRUPTED:
            return us(policy.uncertain_poll_s)
        case _:
            return us(policy.steady_poll_s)


def _boot_interval(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> float:
    age = now.wall - (attempt.sent_at if attempt.sent_at is not None else attempt.prepared_at)
    for until_s, every_s in policy.boot_poll_steps_s:
        if age < us(until_s):
            return every_s
    return policy.boot_poll_steps_s[-1][1]


def _destroy_interval(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> int:
    """2, 5, 10, 20 s after a destroy, then every 30 s; once absences are counted, when the next one is due."""
    steady = us(policy.destroy_poll_steady_s)
    if attempt.last_absence_boot is not None and attempt.absence_count:
        due = attempt.last_absence_boot + us(policy.gone_interval_s)
        return max(due - now.boot, us(policy.destroy_poll_steps_s[0]))
    if attempt.last_destroy_boot is None:
        return us(policy.destroy_poll_steps_s[0])
    since, total = now.boot - attempt.last_destroy_boot, 0
    for step_s in policy.destroy_poll_steps_s:
        total += us(step_s)
        if since < total:
            return max(total - since, us(policy.destroy_poll_steps_s[0]))
    return steady
