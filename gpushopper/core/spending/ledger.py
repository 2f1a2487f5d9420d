"""Computes what an attempt costs (GPU while it runs, storage in every state), its max cost and reserve (D11, I13)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.money import Micros, cost_over
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import us

GPU = "gpu"
STORAGE = "storage"
TRAFFIC = "traffic"
MINIMUM = "minimum"
KINDS = (GPU, STORAGE, TRAFFIC, MINIMUM)


@dataclass(frozen=True, slots=True)
class Entry:
    """One immutable line: an attempt's cost of one class over [from_at, to_at), wall µs, micro-dollars.

    A correction takes money back that was accrued past the proven end; its amount is negative.
    """

    attempt_id: str
    kind: str
    from_at: int
    to_at: int
    micros: Micros
    correction: bool = False


def storage_rate(attempt: Attempt) -> Micros:
    """Storage, micro-dollars per hour, from the offer's price for the disk that was requested."""
    return attempt.offer.storage_rate(attempt.disk_gb)


def gpu_rate(attempt: Attempt) -> Micros:
    """GPU alone, micro-dollars per hour: the live price where the provider has shown one (F15)."""
    total = attempt.agreed_rate if attempt.current_rate is None else attempt.current_rate
    return max(total - storage_rate(attempt), 0)


def accrue(attempt: Attempt, until: int) -> tuple[tuple[Entry, ...], Attempt]:
    """Entries from `billed_until` to `until`, and the attempt with `billed_until` moved there.

    Storage bills from the send in every state, GPU time only while `is_gpu_billed` (vastai.md 15). Nothing before the
    send.
    """
    if attempt.billed_until is None or until <= attempt.billed_until:
        return (), attempt
    start, span = attempt.billed_until, until - attempt.billed_until
    entries = [Entry(attempt.id, STORAGE, start, until, cost_over(storage_rate(attempt), span))]
    if attempt.is_gpu_billed:
        entries.append(Entry(attempt.id, GPU, start, until, cost_over(gpu_rate(attempt), span)))
    return tuple(entries), replace(attempt, billed_until=until)


def pending(attempt: Attempt, now_wall: int) -> Micros:
    """Cost since the last entry: what `accrue` would write now."""
    entries, _ = accrue(attempt, now_wall)
    return sum(entry.micros for entry in entries)


def settle(attempt: Attempt, ended_at: int, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Corrections that take back what was accrued after the proven end."""
    corrections = []
    for entry in entries:
        if entry.correction or entry.to_at <= ended_at:
            continue
        start = max(entry.from_at, ended_at)
        span, late = entry.to_at - entry.from_at, entry.to_at - start
        corrections.append(
            Entry(attempt.id, entry.kind, start, entry.to_at, -(entry.micros * late // span), correction=True)
        )
    return tuple(corrections)


def reserve_for(attempt: Attempt, policy: Policy, *, ends_alone: bool = True) -> Micros:
    """The most that an attempt can cost, with the time that a slow end may take (D11).

    GPU and disk to the deadline plus the destroy slack; the disk alone for a further day. Where the instance bills on
    without us (not `ends_alone`): all of it to the hard maximum and a day more (E9).
    """
    start = attempt.prepared_at if attempt.sent_at is None else attempt.sent_at
    rate = max(attempt.agreed_rate, attempt.current_rate or 0)
    if not ends_alone:
        return cost_over(rate, max(attempt.hard_max_at, attempt.deadline.wall) - start + us(policy.unguarded_slack_s))
    busy = attempt.deadline.wall - start + us(policy.reserve_slack_s)
    return cost_over(rate, busy) + cost_over(storage_rate(attempt), us(policy.storage_slack_s))


def max_cost(attempt: Attempt, accrued: Micros) -> Micros:
    """The most an attempt costs if it ends on time: as the plan showed, and never less than what has accrued.

    Once it is off or closed, no cost is added. What a slow end could add is part of the reserve alone.
    """
    if attempt.state is State.CLOSED or attempt.off_at is not None:
        return accrued
    return max(accrued, expected_max_cost(attempt))


def remaining_reserve(attempt: Attempt, accrued: Micros) -> Micros:
    """The part of the reserve that has not accrued yet; released only when the attempt is closed (I13)."""
    return 0 if attempt.state is State.CLOSED else max(attempt.reserve - accrued, 0)


def expected_max_cost(attempt: Attempt) -> Micros:
    """Cost if it runs to its deadline and ends on time: as a plan shows it, higher if the price has risen."""
    start = attempt.prepared_at if attempt.sent_at is None else attempt.sent_at
    return cost_over(max(attempt.agreed_rate, attempt.current_rate or 0), attempt.deadline.wall - start)
