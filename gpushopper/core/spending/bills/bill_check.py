"""Compares what a cloud has billed with what we have counted; a person is to look at the difference (D11).

Bills come late: what is billed too much counts at once, what is billed too little only once the bill is settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from gpushopper.core.model.money import DOLLAR, Micros
from gpushopper.core.timing.clock_snapshot import HOUR, us

LEAST: Micros = DOLLAR
PERCENT = 5
"""A difference is meant above a dollar, and above this share of what we have counted (D11)."""
LEAST_SAMPLES = 5
"""So many instances must have ended before it is said what a cloud bills beyond the time used."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Our count and the cloud's over the same time, micro-dollars. `is_settled`: the bill has had its day to arrive."""

    ours: Micros
    billed: Micros
    is_settled: bool

    @property
    def difference(self) -> Micros:
        """What was billed beyond our count; negative where it was less."""
        return self.billed - self.ours

    @property
    def tolerance(self) -> Micros:
        """The largest difference that raises no alarm."""
        return max(LEAST, self.ours * PERCENT // 100)

    @property
    def is_beyond(self) -> bool:
        """Whether the difference should be looked at by a person."""
        if self.difference < 0 and not self.is_settled:
            return False
        return abs(self.difference) > self.tolerance


def counted_until(until_at: int | None, read_at: int, ended_at: int | None, settled_s: float) -> int | None:
    """Up to when our count is comparable with a bill, wall µs; None: all of it.

    `until_at` is how far the bill goes, `ended_at` when the instance was gone; None while it is not. Once the bill is
    settled all counts: what we have counted beyond its last line is then a difference.
    """
    billed_to = read_at if until_at is None else min(until_at, read_at)
    is_covered = ended_at is not None and ended_at <= billed_to
    return None if is_covered or is_settled(ended_at, read_at, settled_s) else billed_to


def is_settled(ended_at: int | None, read_at: int, settled_s: float) -> bool:
    """Whether a bill that was read then is as good as final for an instance that was gone at `ended_at`."""
    return ended_at is not None and read_at - ended_at >= us(settled_s)


@dataclass(frozen=True, slots=True)
class GpuBill:
    """The GPU time of one instance that has ended: our count, the cloud's, and its rate per hour."""

    ours: Micros
    billed: Micros
    rate: Micros


def billed_beyond_use(bills: Sequence[GpuBill]) -> int | None:
    """What a cloud bills beyond the GPU time that we counted, µs for an instance, in the median; None: too few."""
    beyond = [(bill.billed - bill.ours) * HOUR // bill.rate for bill in bills if bill.rate > 0]
    return None if len(beyond) < LEAST_SAMPLES else round(median(beyond))


@dataclass(frozen=True, slots=True)
class Reading:
    """What was left on an account at a moment, wall µs; micro-dollars."""

    at: int
    balance: Micros


def spent_between(before: Reading, after: Reading, ours: Micros) -> Comparison | None:
    """What an account has lost between two readings, beside what we have counted there; None: it was topped up.

    A top-up that is smaller than what was spent looks like a low bill, which therefore never counts.
    """
    spent = before.balance - after.balance
    return Comparison(ours, spent, is_settled=False) if spent >= 0 else None
