"""Enters in the ledger what bills say of traffic (F25), and of a price, a stop or an end that was hidden from us."""

from __future__ import annotations

from gpushopper.clouds import title_of
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import signed_dollars
from gpushopper.core.model.records.charge import Charge
from gpushopper.core.spending import ledger
from gpushopper.core.spending.bills.bill_correction import corrections
from gpushopper.core.spending.bills.traffic import billed_traffic
from gpushopper.engine.context import Context
from gpushopper.store import events
from gpushopper.store import ledger as ledger_table

Read = tuple[Charge, int]
"""The charges for an instance, and when they were read, wall µs."""


def enter_traffic(ctx: Context, attempt: Attempt, found: Read, before: Read | None, *, is_settled: bool) -> None:
    """Write the entries that the new bill adds to those of the one before. Inside a transaction."""
    (charge, read_at), now = found, ctx.clock.now().wall
    entries = ledger_table.entries_of(ctx.store, attempt.id)
    if attempt.is_open:
        entries += ledger.accrue(attempt, max(now, (attempt.billed_until or now) + 1))[0]
    from_at = 0 if before is None else billed_to(attempt, *before)
    more = billed_traffic(
        attempt, charge.traffic, entries, from_at, billed_to(attempt, charge, read_at), is_settled=is_settled
    )
    ledger_table.insert_entries(ctx.store, more)


def enter_correction(ctx: Context, attempt: Attempt, charge: Charge, read_at: int) -> None:
    """Correct a closed attempt by its settled bill, as far as something was hidden; told once. Inside a transaction."""
    if attempt.is_open or not attempt.hidden:
        return
    totals = ledger_table.totals_by_attempt(ctx.store, [attempt.id]).get(attempt.id, {})
    found = corrections(attempt, attempt.hidden, charge, totals)
    if not found:
        return
    ledger_table.insert_entries(ctx.store, found)
    more = sum(entry.micros for entry in found)
    cloud = title_of(ctx.cloud_of(attempt.provider))
    events.append(
        ctx.store,
        at=read_at,
        kind="bill_corrected",
        session_id=attempt.session_id,
        attempt_id=attempt.id,
        text=f"instance {attempt.instance_id}: corrected by {cloud}'s bill: {signed_dollars(more)}",
        data={"micros": more},
    )


def billed_to(attempt: Attempt, charge: Charge, read_at: int) -> int:
    """How far a bill goes, wall µs: not beyond when it was read, nor beyond the end of an instance that is gone."""
    told = read_at if charge.until_at is None else min(charge.until_at, read_at)
    if attempt.is_open:
        return told
    return min(told, attempt.off_at or told, attempt.closed_at or told)
