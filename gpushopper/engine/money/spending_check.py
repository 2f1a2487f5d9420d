"""Check budgets, spending limits and the account's balance against what is open now, read from the database (D11, I13).

One path for whatever provisions or extends: it decides only inside the transaction that writes the change, so that two
requests never both fit (F113).
"""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import Micros
from gpushopper.core.model.session import Session
from gpushopper.core.spending import ledger
from gpushopper.core.spending.admission import Denial, Usage, denied_by_balance, denied_by_limits
from gpushopper.core.spending.later.free_again import said_with_time
from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot
from gpushopper.engine.context import Context
from gpushopper.engine.money.budget_denial import denied_by_budget
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions


def denial_of_attempt(
    ctx: Context,
    session: Session,
    attempt: Attempt,
    now: ClockSnapshot,
    *,
    new_session: bool,
    tags: Mapping[str, str] | None = None,
) -> Denial | None:
    """The spending limit, balance or budget that one more attempt would exceed.

    `tags` are those of a session that is not written yet; None: as stored.
    """
    return denial_of_rental(
        ctx, attempt.provider, attempt.agreed_rate, attempt.reserve, now, new_session=new_session
    ) or denied_by_budget(ctx, session, None, attempt, now, tags)


def denial_of_rental(
    ctx: Context, provider: str, rate: Micros, reserve: Micros, now: ClockSnapshot, *, new_session: bool
) -> Denial | None:
    """The spending limit or the balance that a rental at this hourly rate would exceed."""
    load = usage_of(ctx, provider, now)
    denial = denied_by_limits(load, rate, ctx.spending_limits, new_session=new_session)
    return said_with_time(denial, now.wall, ctx.zone) or denied_by_balance(ctx.balances.get(provider), load, reserve)


def denial_of_change(
    ctx: Context, session: Session, former: Attempt, changed: Attempt, now: ClockSnapshot
) -> Denial | None:
    """The balance or budget that a changed deadline of an open attempt would exceed; an earlier one exceeds none."""
    more = changed.reserve - former.reserve
    if more <= 0:
        return denied_by_budget(ctx, session, former, changed, now)
    return denied_by_balance(
        ctx.balances.get(changed.provider), usage_of(ctx, changed.provider, now), more
    ) or denied_by_budget(ctx, session, former, changed, now)


def usage_of(ctx: Context, provider: str, now: ClockSnapshot) -> Usage:
    """What is open, what was created in the last hour, and what is reserved at this provider."""
    opened = sessions.load_attempts(ctx.store)
    booked = ledger_table.totals_by_attempt(ctx.store, [a.id for a in opened])
    created_at = sessions.creates_since(ctx.store, now.wall - HOUR)
    return Usage(
        open_sessions=len(sessions.load_sessions(ctx.store, open_only=True)),
        creates_last_hour=len(created_at),
        created_at=tuple(created_at),
        rate=sum(a.agreed_rate for a in opened if a.off_at is None),
        ends=tuple((min(a.deadline.wall, a.hard_max_at), a.agreed_rate) for a in opened if a.off_at is None),
        reserved=sum(
            ledger.remaining_reserve(a, _used_of_reserve(ctx, a, booked.get(a.id, {}), now))
            for a in opened
            if a.provider == provider
        ),
    )


def _used_of_reserve(ctx: Context, attempt: Attempt, booked: Mapping[str, int], now: ClockSnapshot) -> Micros:
    accrued = sum(booked.values()) + ledger.pending(attempt, now.wall)
    traffic = booked.get(ledger.TRAFFIC, 0) + attempt.unbooked_traffic
    return ledger.used_of_reserve(accrued, traffic, ledger.traffic_allowance(attempt, ctx.policy_of(attempt.provider)))
