"""Enters in the ledger what a cloud's bill says of traffic, in place of what was counted on the instance (F25)."""

from __future__ import annotations

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.records.charge import Charge
from gpushopper.core.spending import ledger
from gpushopper.core.spending.bills.traffic import billed_traffic
from gpushopper.engine.context import Context
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


def billed_to(attempt: Attempt, charge: Charge, read_at: int) -> int:
    """How far a bill goes, wall µs: not beyond when it was read, nor beyond the end of an instance that is gone."""
    told = read_at if charge.until_at is None else min(charge.until_at, read_at)
    if attempt.is_open:
        return told
    return min(told, attempt.off_at or told, attempt.closed_at or told)
