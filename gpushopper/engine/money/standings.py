"""How each budget stands now, computed from attempts and ledger (I26)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.spending import ledger
from gpushopper.core.spending.budget import PERIOD_OF, Commitment, Incurred, LimitKind
from gpushopper.core.spending.budget_doubt import in_doubt
from gpushopper.core.spending.budget_end import Pace, Standing, standings
from gpushopper.core.spending.incurred import incurred_since
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.periods import Period, period_at
from gpushopper.engine.context import Context
from gpushopper.engine.money.commitments import load_commitments
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions
from gpushopper.store.money.budgets import load_budgets


@dataclass(frozen=True, slots=True)
class Now:
    """What budgets are held against at one moment: all that counts, the present periods, and the pace of ends."""

    wall: int
    held: list[Commitment]
    periods: dict[LimitKind, Period]
    pace: Pace


def load_now(ctx: Context, now_wall: int) -> Now:
    """All that counts now."""
    periods = {kind: period_at(period, now_wall, ctx.zone) for kind, period in PERIOD_OF.items()}
    pace = Pace(us(ctx.policy.budget_end_s), us(ctx.policy.budget_warning_s))
    held = load_commitments(ctx, now_wall)
    opened = sessions.load_attempts_by_id(ctx.store, [one.attempt_id for one in held if one.going is not None])
    doubted = {attempt.id: _in_doubt(ctx, attempt, periods, now_wall) for attempt in opened}
    held = [replace(one, in_doubt=doubted.get(one.attempt_id, one.in_doubt)) for one in held]
    return Now(now_wall, held, periods, pace)


def _in_doubt(ctx: Context, attempt: Attempt, periods: dict[LimitKind, Period], now_wall: int) -> Incurred:
    """What is booked of an open attempt and no session is ended for."""
    entries = [*ledger_table.entries_of(ctx.store, attempt.id), *ledger.accrue(attempt, now_wall)[0]]
    found = in_doubt(attempt, entries, ctx.policy_of(attempt.provider))
    day, month = (periods[kind].start_at for kind in (LimitKind.DAILY, LimitKind.MONTHLY))
    of_day, of_month, ever = (sum(incurred_since(entry, at) for entry in found) for at in (day, month, 0))
    return Incurred(of_day, of_month, ever)


def load_standings(ctx: Context, now_wall: int) -> list[Standing]:
    """Every limit of every budget; nothing is read where there is none."""
    budgets = load_budgets(ctx.store)
    if not budgets:
        return []
    now = load_now(ctx, now_wall)
    return [each for one in budgets for each in standings(one, now.held, now.periods, now.wall, now.pace)]
