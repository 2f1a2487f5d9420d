"""What clouds have billed, recorded and compared with our ledger by session and by account (D11).

Entered as billed are traffic, which is certain nowhere else, and time in which a change was hidden from us; of all else
a person is to find out which of the two is right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import Micros
from gpushopper.core.model.records.charge import Charge, ChargeList
from gpushopper.core.spending import ledger
from gpushopper.core.spending.bills.bill_check import (
    Comparison,
    GpuBill,
    Reading,
    billed_beyond_use,
    counted_until,
    is_settled,
    spent_between,
)
from gpushopper.core.spending.window import Window
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.context import Context
from gpushopper.engine.money.bill_entries import enter_correction, enter_traffic
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions
from gpushopper.store.money import bills
from gpushopper.store.money.entries_by_time import entries_within


@dataclass(frozen=True, slots=True)
class AttemptBill:
    """One attempt with its bill and what we have counted over the same time, GPU alone and in all."""

    attempt: Attempt
    charge: Charge
    read_at: int
    ours: Micros
    gpu_ours: Micros
    is_settled: bool


@dataclass(frozen=True, slots=True)
class SessionBill:
    """The attempts of one session that were billed."""

    session_id: str
    attempts: tuple[AttemptBill, ...]

    @property
    def comparison(self) -> Comparison:
        """Of all of them together."""
        return Comparison(
            sum(each.ours for each in self.attempts),
            sum(each.charge.total for each in self.attempts),
            all(each.is_settled for each in self.attempts),
        )


def record_charges(ctx: Context, provider: str, account: str, found: ChargeList, read_at: int) -> list[str]:
    """Store the charges of our instances on an account, and return the sessions they are of. Inside a transaction.

    An instance that a whole list lacks, although its bill should be there by now, was billed nothing. What was read in
    part replaces nothing.
    """
    if not found.complete:
        return []
    by_instance = {charge.instance_id: charge for charge in found.charges}
    policy = ctx.policy_of(provider)
    known, changed = bills.bills(ctx.store), []
    for attempt in _comparable(ctx, provider, account, read_at - us(policy.bill_lookback_s)):
        charge, gone_at = by_instance.get(attempt.instance_id or ""), ended_at(attempt)
        settled = is_settled(gone_at, read_at, policy.bill_settled_s)
        if charge is None and settled:
            charge = Charge(attempt.instance_id or "")
        if charge is None:
            continue
        before = known.get(attempt.id)
        was_settled = before is not None and is_settled(gone_at, before[1], policy.bill_settled_s)
        if before is None or before[0] != charge or not was_settled:
            enter_traffic(ctx, attempt, (charge, read_at), before, is_settled=settled)
            if settled:
                enter_correction(ctx, attempt, charge, read_at)
        bills.save_bill(ctx.store, attempt.id, charge, read_at)
        changed.append(attempt.session_id)
    return list(dict.fromkeys(changed))


def are_settled(ctx: Context, provider: str, account: str, now_wall: int) -> bool:
    """Whether every bill of an account is as good as final, so that another look would show nothing new."""
    policy, found = ctx.policy_of(provider), bills.bills(ctx.store)
    return all(
        attempt.id in found and is_settled(ended_at(attempt), found[attempt.id][1], policy.bill_settled_s)
        for attempt in _comparable(ctx, provider, account, now_wall - us(policy.bill_lookback_s))
    )


def _comparable(ctx: Context, provider: str, account: str, since: int) -> list[Attempt]:
    """The attempts that a bill is compared with: of an instance that was taken over it begins before our books do."""
    ids = bills.attempts_with_instance(ctx.store, provider, account, since)
    return [attempt for attempt in sessions.load_attempts_by_id(ctx.store, ids) if not attempt.is_taken_over]


def ended_at(attempt: Attempt) -> int | None:
    """When the attempt's instance was gone, wall µs; None while it is not known to be."""
    if attempt.is_open:
        return attempt.off_at
    return attempt.off_at or attempt.closed_at


def session_bills(ctx: Context, attempt_ids: Collection[str] | None = None) -> list[SessionBill]:
    """The sessions of these attempts, or all, that were billed. Inside `ctx.store.read()` or a transaction."""
    found = bills.bills(ctx.store)
    if attempt_ids is not None:
        found = {attempt_id: bill for attempt_id, bill in found.items() if attempt_id in attempt_ids}
    attempts = sessions.load_attempts_by_id(ctx.store, list(found))
    totals = ledger_table.totals_by_attempt(ctx.store, found, counted_here=True)
    by_session: dict[str, list[AttemptBill]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda one: (one.prepared_at, one.id)):
        by_session[attempt.session_id].append(_compared(ctx, attempt, *found[attempt.id], totals.get(attempt.id, {})))
    return [SessionBill(session_id, tuple(those)) for session_id, those in by_session.items()]


def _compared(
    ctx: Context, attempt: Attempt, charge: Charge, read_at: int, totals: Mapping[str, Micros]
) -> AttemptBill:
    gone_at = ended_at(attempt)
    settled_s = ctx.policy_of(attempt.provider).bill_settled_s
    until = counted_until(charge.until_at, read_at, gone_at, settled_s)
    kinds = totals if until is None and not attempt.is_open else _counted(ctx, attempt, until)
    settled = is_settled(gone_at, read_at, settled_s)
    return AttemptBill(attempt, charge, read_at, sum(kinds.values()), kinds.get(ledger.GPU, 0), settled)


def _counted(ctx: Context, attempt: Attempt, until: int | None) -> dict[str, Micros]:
    """What was counted here of an attempt up to a moment, with what accrues on, by kind: a bill's traffic is not."""
    window = Window(None, until)
    now = ctx.clock.now().wall
    entries = ledger_table.entries_of(ctx.store, attempt.id)
    if attempt.is_open:
        entries += ledger.accrue(attempt, now if attempt.off_at is None else min(now, attempt.off_at))[0]
    kinds: dict[str, Micros] = defaultdict(int)
    for entry in entries:
        if entry.kind != ledger.TRAFFIC or entry.reason != ledger.BILL:
            kinds[entry.kind] += window.share(entry.micros, entry.from_at, entry.to_at)
    return kinds


def beyond_use_us(found: Sequence[SessionBill], provider: str) -> int | None:
    """What this account bills beyond the GPU time used, in the median of the instances that have ended."""
    ended = [each for one in found for each in one.attempts if each.is_settled and each.attempt.provider == provider]
    return billed_beyond_use([GpuBill(e.gpu_ours, e.charge.gpu, ledger.gpu_rate(e.attempt)) for e in ended])


def compare_balances(ctx: Context, provider: str, account: str) -> tuple[Reading, Reading, Comparison | None] | None:
    """The last two readings of an account's balance, and what it has lost between them; None: there are not two.

    Whatever else is rented on the account is in it.
    """
    readings = bills.last_balances(ctx.store, provider, account)
    if len(readings) < 2:
        return None
    after, before = readings
    return before, after, spent_between(before, after, _incurred(ctx, provider, account, before.at, after.at))


def _incurred(ctx: Context, provider: str, account: str, start_at: int, end_at: int) -> Micros:
    """What we have counted on an account in [start, end), wall µs."""
    window = Window(start_at, end_at)
    ours = set(bills.attempts_with_instance(ctx.store, provider, account, 0))
    entries = [row for row in entries_within(ctx.store, start_at, end_at) if row[0] in ours]
    for attempt in sessions.load_attempts(ctx.store, provider=provider):
        if attempt.id in ours:
            until = end_at if attempt.off_at is None else min(end_at, attempt.off_at)
            entries += [(e.attempt_id, e.kind, e.from_at, e.to_at, e.micros) for e in ledger.accrue(attempt, until)[0]]
    return sum(window.share(micros, from_at, to_at) for _, _, from_at, to_at, micros in entries)
