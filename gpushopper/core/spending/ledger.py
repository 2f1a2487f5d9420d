"""Computes what an attempt costs, on its offer's terms of billing, its max cost and its reserve (D11, I13).

Entries are linear in time, and none goes beyond a UTC hour. What a cloud bills beyond the time used, for whole steps
and a least duration, is one entry of class `minimum` when the attempt ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gpushopper.core.cloud import BillingStart, StoppedBilling
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.money import Micros, cost_over
from gpushopper.core.policy import Policy
from gpushopper.core.spending.pro_rata import hour_of, hours_within, share, split
from gpushopper.core.timing.clock_snapshot import us

GPU = "gpu"
STORAGE = "storage"
TRAFFIC = "traffic"
MINIMUM = "minimum"
KINDS = (GPU, STORAGE, TRAFFIC, MINIMUM)
BILL = "bill"
"""The reason of entries that a cloud's bill adds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One immutable line: an attempt's cost of one class over [from_at, to_at), wall µs, micro-dollars.

    A correction takes money back that was accrued past the proven end, or that a cloud's bill does not have; its amount
    is negative. `reason`: why an entry follows from a bill; empty where it was counted here.
    """

    attempt_id: str
    kind: str
    from_at: int
    to_at: int
    micros: Micros
    correction: bool = False
    reason: str = ""


def storage_rate(attempt: Attempt) -> Micros:
    """Storage, micro-dollars per hour, from the offer's price for the disk that was requested."""
    return attempt.offer.storage_rate(attempt.disk_gb)


def gpu_rate(attempt: Attempt) -> Micros:
    """GPU alone, micro-dollars per hour: the live price where the provider has shown one (F15)."""
    total = attempt.agreed_rate if attempt.current_rate is None else attempt.current_rate
    return max(total - storage_rate(attempt), 0)


def accrue(attempt: Attempt, until: int) -> tuple[tuple[Entry, ...], Attempt]:
    """Entries from `billed_until` to `until`, cut at each UTC hour, and the attempt with `billed_until` moved there.

    Storage bills while `is_storage_billed`, GPU time while `is_gpu_billed`: what the last sighting said. Nothing before
    the send. What may have run unseen counts once it is off. Traffic that was counted on the instance is entered up to
    its last heartbeat (F25).
    """
    if attempt.billed_until is None or until <= attempt.billed_until:
        return (), attempt
    start = attempt.billed_until
    entries = _entries(attempt.id, GPU, gpu_rate(attempt), *_gpu_time(attempt, start, until))
    if attempt.is_storage_billed:
        entries = _entries(attempt.id, STORAGE, storage_rate(attempt), start, until) + entries
    traffic, left = _counted_traffic(attempt, start, until)
    return entries + traffic, replace(attempt, billed_until=until, unbooked_traffic=left)


def _entries(attempt_id: str, kind: str, rate: Micros, start: int, until: int) -> tuple[Entry, ...]:
    return by_hours(attempt_id, kind, cost_over(rate, until - start), start, until) if until > start else ()


def by_hours(attempt_id: str, kind: str, micros: Micros, start: int, until: int, reason: str = "") -> tuple[Entry, ...]:
    """An amount as entries that are linear over [start, until), cut at each UTC hour; a negative one as corrections."""
    pieces = split(micros, start, until, hours_within(start, until))
    return tuple(Entry(attempt_id, kind, *piece, correction=micros < 0, reason=reason) for piece in pieces)


def _counted_traffic(attempt: Attempt, start: int, until: int) -> tuple[tuple[Entry, ...], Micros]:
    """Entries of the traffic that was counted between `start` and the last heartbeat, and what of it is left after."""
    if not attempt.unbooked_traffic:
        return (), 0
    counted_at = max(attempt.heartbeat_at or start, start)
    due = share(attempt.unbooked_traffic, start, counted_at, start, until)
    left = attempt.unbooked_traffic - due
    return (by_hours(attempt.id, TRAFFIC, due, start, min(counted_at, until)) if due else ()), left


def booked_columns(booked: Attempt) -> dict[str, int | None]:
    """The columns that `accrue` moves: to be written with its entries."""
    return {"billed_until": booked.billed_until, "unbooked_traffic": booked.unbooked_traffic}


def rest_of_traffic(attempt: Attempt, ended_at: int) -> tuple[Entry, ...]:
    """What is left of the counted traffic when an attempt is closed, at its end."""
    left = attempt.unbooked_traffic
    return (Entry(attempt.id, TRAFFIC, ended_at, ended_at, left),) if left else ()


def _gpu_time(attempt: Attempt, start: int, until: int) -> tuple[int, int]:
    """The part of [start, until) that bills GPU time; empty where none does.

    An instance that is off may have begun to run after the last sighting that shows it booting, or without any: lists
    failed, or nobody looked. That time counts, so that it is never too little (S19): until it was off, or until both a
    complete list and a read by id lacked it, as of an id that never existed.
    """
    if attempt.is_gpu_billed:
        return start, until
    if attempt.off_at is None or attempt.ready_at is not None or attempt.offer.billing.begins is BillingStart.CREATE:
        return start, start
    seen_at, gone_at = attempt.last_seen_at or start, attempt.off_at
    if attempt.missing_at is not None and attempt.missing_at >= seen_at:
        gone_at = attempt.missing_at
    return max(start, seen_at), min(until, gone_at)


def whole_hours_until(attempt: Attempt, now_wall: int) -> int | None:
    """Up to where an open attempt's time can be entered while it goes on: the last full UTC hour, wall µs; None: none.

    Not beyond its last sighting, for what a later one shows may count from there; nor once it is off.
    """
    if attempt.billed_until is None or attempt.last_seen_at is None or attempt.off_at is not None:
        return None
    until = hour_of(min(now_wall, attempt.last_seen_at))
    return until if until > attempt.billed_until else None


def pending(attempt: Attempt, now_wall: int) -> Micros:
    """Cost since the last entry: what `accrue` would write now."""
    entries, _ = accrue(attempt, now_wall)
    return sum(entry.micros for entry in entries)


def accrue_disk_alone(attempt: Attempt, until: int) -> tuple[tuple[Entry, ...], Attempt]:
    """As `accrue` for an instance that is off and has left its disk: GPU time to `off_at`, the disk to `until`."""
    off_at = until if attempt.off_at is None else min(attempt.off_at, until)
    with_gpu, booked = accrue(attempt, off_at)
    alone, booked = accrue(replace(booked, is_gpu_billed=False), until)
    return with_gpu + alone, booked


def is_disk_left(attempt: Attempt) -> bool:
    """Whether the disk has been billed alone after the instance was off: nothing else is booked beyond `off_at`."""
    if attempt.off_at is None or attempt.billed_until is None:
        return False
    return not attempt.is_gpu_billed and attempt.billed_until > attempt.off_at


def settle(
    attempt: Attempt, ended_at: int, entries: tuple[Entry, ...], storage_ended_at: int | None = None
) -> tuple[Entry, ...]:
    """Corrections that take back what was accrued after the proven end; the disk's may have been later.

    Traffic was counted, and is not taken back.
    """
    corrections = []
    for entry in entries:
        end = ended_at if entry.kind != STORAGE or storage_ended_at is None else storage_ended_at
        if entry.correction or entry.reason or entry.kind in (MINIMUM, TRAFFIC) or entry.to_at <= end:
            continue
        start = max(entry.from_at, end)
        span, late = entry.to_at - entry.from_at, entry.to_at - start
        corrections.append(
            Entry(attempt.id, entry.kind, start, entry.to_at, -(entry.micros * late // span), correction=True)
        )
    return tuple(corrections)


def beyond_use(attempt: Attempt, ended_at: int, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """What the cloud bills beyond the time of these entries: the rest of the last step, and up to the minimum.

    What a bill has corrected is left out. Entries of this class that exist already (of an attempt that was closed
    before) are counted; the amount may then be a correction.
    """
    booked = tuple(entry for entry in entries if not entry.reason)
    billing = attempt.offer.billing
    due = -sum(entry.micros for entry in booked if entry.kind == MINIMUM)
    for kind, rate in ((GPU, gpu_rate(attempt)), (STORAGE, storage_rate(attempt))):
        runs = _runs(entry for entry in booked if entry.kind == kind)
        if runs:
            steps = sum(billing.in_steps(run) for run in runs)
            due += cost_over(rate, max(steps, billing.billed_us(sum(runs))) - sum(runs))
    return (Entry(attempt.id, MINIMUM, ended_at, ended_at, due, correction=due < 0),) if due else ()


def least_billed_us(attempt: Attempt, now: int) -> int:
    """The least time that is billed although the attempt ends now, wall µs; 0 once it has run that long, or is off."""
    if attempt.sent_at is None or attempt.off_at is not None or attempt.state is State.CLOSED:
        return 0
    least = us(attempt.offer.billing.minimum_s)
    return least if now - attempt.sent_at < least else 0


def least_cost(attempt: Attempt, now: int) -> Micros:
    """What that least time costs."""
    return cost_over(max(attempt.current_rate or 0, attempt.agreed_rate), least_billed_us(attempt, now))


def _runs(entries: Iterable[Entry]) -> list[int]:
    """The lengths of the unbroken spans that are booked and not taken back, µs."""
    changes: Counter[int] = Counter()
    for entry in entries:
        sign = -1 if entry.correction else 1
        changes[entry.from_at] += sign
        changes[entry.to_at] -= sign
    runs, depth, begun = [], 0, 0
    for at, change in sorted(changes.items()):
        before, depth = depth, depth + change
        if before == 0 and depth != 0:
            begun = at
        elif before != 0 and depth == 0:
            runs.append(at - begun)
    return runs


def reserve_for(attempt: Attempt, policy: Policy, *, ends_alone: bool = True) -> Micros:
    """The most that an attempt can cost, with the time that a slow end may take (D11).

    GPU and disk to the deadline plus the destroy slack, in whole steps and with the minimum; the disk alone for a
    further day, or all of it where a stopped instance bills all. Where the instance bills on without us (not
    `ends_alone`): all of it to the hard maximum and a day more (E9). Some traffic is in it (F25).
    """
    return _reserve_for_time(attempt, policy, ends_alone=ends_alone) + traffic_allowance(attempt, policy)


def traffic_allowance(attempt: Attempt, policy: Policy) -> Micros:
    """What is held back for traffic, which no clock bounds: a fixed amount each way, at the offer's prices (F25)."""
    return round((attempt.offer.upload_gb + attempt.offer.download_gb) * policy.traffic_gb)


def _reserve_for_time(attempt: Attempt, policy: Policy, *, ends_alone: bool) -> Micros:
    start = attempt.prepared_at if attempt.sent_at is None else attempt.sent_at
    rate = max(attempt.agreed_rate, attempt.current_rate or 0)
    if not ends_alone:
        longest = max(attempt.hard_max_at, attempt.deadline.wall) - start + us(policy.unguarded_slack_s)
        return cost_over(rate, attempt.offer.billing.billed_us(longest))
    busy = attempt.deadline.wall - start + us(policy.reserve_slack_s)
    billing = attempt.offer.billing
    later = rate if billing.stopped is StoppedBilling.ALL else storage_rate(attempt)
    return cost_over(rate, billing.billed_us(busy)) + cost_over(later, billing.in_steps(us(policy.storage_slack_s)))


def max_cost(attempt: Attempt, accrued: Micros, traffic: Micros = 0) -> Micros:
    """The most an attempt costs if it ends on time: as the plan showed, and never less than what has accrued.

    Once it is off or closed, no cost is added. What a slow end could add is part of the reserve alone. `traffic` is the
    part of `accrued` that the plan has not.
    """
    if attempt.state is State.CLOSED or attempt.off_at is not None:
        return accrued
    return max(accrued, expected_max_cost(attempt) + traffic)


def used_of_reserve(accrued: Micros, traffic: Micros, allowance: Micros) -> Micros:
    """The part of a cost that was reserved: traffic beyond its allowance leaves what is held back for time as it is."""
    return accrued - max(traffic - allowance, 0)


def remaining_reserve(attempt: Attempt, accrued: Micros) -> Micros:
    """The part of the reserve that has not accrued yet; released only when the attempt is closed (I13)."""
    return 0 if attempt.state is State.CLOSED else max(attempt.reserve - accrued, 0)


def expected_max_cost(attempt: Attempt) -> Micros:
    """Cost if it runs to its deadline and ends on time: as a plan shows it, higher if the price has risen."""
    start = attempt.prepared_at if attempt.sent_at is None else attempt.sent_at
    span = attempt.offer.billing.billed_us(attempt.deadline.wall - start)
    return cost_over(max(attempt.agreed_rate, attempt.current_rate or 0), span)
