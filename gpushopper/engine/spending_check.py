"""Check spending limits and the account's balance against what is open now, read from the database (D11, I13, F113)."""

from __future__ import annotations

from gpushopper.core.model.money import Micros
from gpushopper.core.spending import ledger
from gpushopper.core.spending.admission import Denial, Usage, denied_by_balance, denied_by_limits
from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot
from gpushopper.engine.context import Context
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions


def denial_of_attempt(
    ctx: Context, provider: str, rate: Micros, reserve: Micros, now: ClockSnapshot, *, new_session: bool
) -> Denial | None:
    """The spending limit or the balance that one more attempt would exceed.

    Decides only within the transaction that writes that attempt: two requests must not both fit (F113).
    """
    load = usage_of(ctx, provider, now)
    return denied_by_limits(load, rate, ctx.spending_limits, new_session=new_session) or denied_by_balance(
        ctx.balances.get(provider), load, reserve
    )


def denial_of_reserve(ctx: Context, provider: str, more: Micros, now: ClockSnapshot) -> Denial | None:
    """The balance, where it does not cover this much more reserve of an open attempt."""
    return denied_by_balance(ctx.balances.get(provider), usage_of(ctx, provider, now), more)


def usage_of(ctx: Context, provider: str, now: ClockSnapshot) -> Usage:
    """What is open, what was created in the last hour, and what is reserved at this provider."""
    opened = sessions.load_attempts(ctx.store)
    booked = ledger_table.totals_by_attempt(ctx.store, [a.id for a in opened])
    return Usage(
        open_sessions=len(sessions.load_sessions(ctx.store, open_only=True)),
        creates_last_hour=sessions.count_creates_since(ctx.store, now.wall - HOUR),
        rate=sum(a.agreed_rate for a in opened if a.off_at is None),
        reserved=sum(
            ledger.remaining_reserve(a, sum(booked.get(a.id, {}).values()) + ledger.pending(a, now.wall))
            for a in opened
            if a.provider == provider
        ),
    )
