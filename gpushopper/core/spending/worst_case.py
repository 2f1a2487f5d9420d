"""What an open attempt may still cost at most, and when: so that a budget counts it in the periods it falls into."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.core.cloud import StoppedBilling
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import Micros, cost_over
from gpushopper.core.policy import Policy
from gpushopper.core.spending import ledger
from gpushopper.core.spending.forecast import burn_rate
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.periods import Period


@dataclass(frozen=True, slots=True)
class BilledSpan:
    """A span of wall time, µs, and the most that bills in it, micro-dollars per hour."""

    from_at: int
    to_at: int
    rate: Micros


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The most that may still be billed: spans of time, and a lump for whole steps, a least duration and traffic.

    The lump is booked when the attempt ends, whenever that is, so it counts in each period that the attempt may end
    in; so does traffic, which may be used at any time. `at_most` bounds all of it: the part of the reserve that has
    not accrued.
    """

    spans: tuple[BilledSpan, ...] = ()
    lump: Micros = 0
    at_most: Micros = 0

    @property
    def end_at(self) -> int:
        """Until when it may bill, wall µs; 0 where it bills nothing more."""
        return max((span.to_at for span in self.spans), default=0)

    def within(self, period: Period) -> Micros:
        """The most that may be billed in this period."""
        inside = [(span.rate, period.overlap(span.from_at, span.to_at)) for span in self.spans]
        if not any(length for _, length in inside):
            return 0
        return min(sum(cost_over(rate, length) for rate, length in inside) + self.lump, self.at_most)


NOTHING = WorstCase()
"""Of an attempt that is closed."""


def worst_case(
    attempt: Attempt, accrued: Micros, now_wall: int, policy: Policy, *, ends_alone: bool, traffic: Micros = 0
) -> WorstCase:
    """What the reserve still covers, laid out over time as `ledger.reserve_for` adds it up (D11, E9).

    `traffic` is what has been billed for it beside what `accrued`. A destroy that is late counts on for the slack from
    now on, as far as the reserve goes; beyond that, as long as it bills, for what an end usually takes, and the disk.
    """
    allowance = ledger.traffic_allowance(attempt, policy)
    used = min(traffic, allowance)
    left = max(ledger.remaining_reserve(attempt, accrued + used), _least_to_come(attempt, policy))
    if not left:
        return NOTHING
    rate = max(attempt.agreed_rate, attempt.current_rate or 0)
    billing, slack = attempt.offer.billing, us(policy.reserve_slack_s)
    lump = cost_over(rate, _beyond_use(attempt, now_wall)) + allowance - used
    if not ends_alone:
        last = max(attempt.hard_max_at, attempt.deadline.wall) + us(policy.unguarded_slack_s)
        return WorstCase((BilledSpan(now_wall, max(last, now_wall + slack), rate),), lump, left)
    busy_until = max(attempt.deadline.wall, now_wall) + slack
    later = rate if billing.stopped is StoppedBilling.ALL else ledger.storage_rate(attempt)
    disk_until = busy_until + billing.in_steps(us(policy.storage_slack_s))
    spans = (BilledSpan(now_wall, busy_until, rate), BilledSpan(busy_until, disk_until, later))
    return WorstCase(spans, lump, left)


def _least_to_come(attempt: Attempt, policy: Policy) -> Micros:
    """What still comes if it is destroyed now, whatever has been reserved; 0 once nothing of it bills (F18)."""
    rate = 0 if attempt.self_ended_at is not None else burn_rate(attempt)
    billing = attempt.offer.billing
    later = rate if billing.stopped is StoppedBilling.ALL else min(ledger.storage_rate(attempt), rate)
    disk = cost_over(later, billing.in_steps(us(policy.storage_slack_s)))
    return cost_over(rate, us(policy.budget_end_s)) + disk


def _beyond_use(attempt: Attempt, now_wall: int) -> int:
    """The most time that is billed beyond the time used, µs: a step, or what the least duration lacks now."""
    billing = attempt.offer.billing
    step = us(billing.granularity_s) if billing.granularity_s > 1 else 0
    used = 0 if attempt.sent_at is None else max(now_wall - attempt.sent_at, 0)
    return max(step, us(billing.minimum_s) - used, 0)
