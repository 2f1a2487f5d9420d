"""Check budgets, spending limits and the account's balance against what is open now, read from the database (D11, I13).

One path for whatever provisions or extends: it decides only inside the transaction that writes the change, so that two
requests never both fit (F113).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import DOLLAR, Micros
from gpushopper.core.model.session import Session
from gpushopper.core.spending import ledger
from gpushopper.core.spending.admission import BUDGET, Denial, Usage, denied_by_balance, denied_by_limits
from gpushopper.core.spending.budget import Commitment, ScopeKind
from gpushopper.core.spending.budget_check import Breach, first_breach, fit_text, longest_fit, refusal_text
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND, ClockSnapshot
from gpushopper.engine.context import Context
from gpushopper.engine.money.commitments import NOTHING_BOOKED, as_changed, commitment, load_commitments
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions
from gpushopper.store.money.budgets import load_budgets
from gpushopper.store.money.tags import tags_of


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
    return _with_free_time(ctx, denial, now) or denied_by_balance(ctx.balances.get(provider), load, reserve)


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


def denied_by_budget(
    ctx: Context,
    session: Session,
    former: Attempt | None,
    wanted: Attempt,
    now: ClockSnapshot,
    tags: Mapping[str, str] | None = None,
) -> Denial | None:
    """The budget that `wanted`, new or in place of `former`, would pass, and what would fit."""
    budgets = load_budgets(ctx.store)
    if not budgets:
        return None
    counted = {one.attempt_id: one for one in load_commitments(ctx, now.wall)}
    before = counted.pop(wanted.id, None) if former is not None else None
    if before is None:
        tags = tags_of(ctx.store, session.id) if tags is None else tags
        mine = commitment(ctx, session, wanted, NOTHING_BOOKED, tags, now.wall)
    else:
        mine = as_changed(ctx, before, wanted, now.wall)
    others = list(counted.values())

    def breach_of(one: Commitment) -> Breach | None:
        return first_breach(budgets, others, before, one, now.wall, ctx.zone)

    breach = breach_of(mine)
    if breach is None:
        return None

    def fits(span_us: int) -> bool:
        return breach_of(as_changed(ctx, mine, _lasting(ctx, former, wanted, span_us, now), now.wall)) is None

    longest = longest_fit(MINUTE, _span(former, wanted, now), fits)
    is_of_account = breach.budget.scope_kind is ScopeKind.ACCOUNT
    text, hint = refusal_text(breach, now.wall, ctx.zone), _hint(breach, longest)
    return Denial(BUDGET, text, hint, is_of_account=is_of_account)


def _span(former: Attempt | None, wanted: Attempt, now: ClockSnapshot) -> int:
    """How long the attempt was requested for, or by how much it would be extended, µs."""
    return wanted.deadline.wall - (now.wall if former is None else former.deadline.wall)


def _lasting(ctx: Context, former: Attempt | None, wanted: Attempt, span_us: int, now: ClockSnapshot) -> Attempt:
    """The attempt with another duration, and its reserve."""
    begins = now.wall if former is None else former.deadline.wall
    moved = replace(wanted, deadline=replace(wanted.deadline, wall=begins + span_us))
    return replace(moved, reserve=ctx.reserve_for(moved))


def _hint(breach: Breach, longest_us: int) -> str:
    fitting = fit_text(longest_us)
    first = f"what fits: {fitting}; or" if fitting else "nothing fits now;"
    cents = -(-(breach.committed + breach.more) * 100 // DOLLAR)
    option = f"--{breach.kind} {cents // 100}.{cents % 100:02d}"
    return f"{first} raise the limit: gpu-shopper budget set {breach.budget.name} {option}"


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
            ledger.remaining_reserve(a, sum(booked.get(a.id, {}).values()) + ledger.pending(a, now.wall))
            for a in opened
            if a.provider == provider
        ),
    )


def _with_free_time(ctx: Context, denial: Denial | None, now: ClockSnapshot) -> Denial | None:
    """The denial with the moment from which on it would not be one, in the user's time zone."""
    if denial is None or denial.free_at is None or denial.free_at <= now.wall:
        return denial
    at, today = (datetime.fromtimestamp(wall / SECOND, ctx.zone) for wall in (denial.free_at, now.wall))
    text = f"{at:%H:%M}" if at.date() == today.date() else f"{at:%a %H:%M}"
    return replace(denial, text=f"{denial.text}; free at {text}")
