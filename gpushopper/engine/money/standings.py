"""How each budget stands now, computed from attempts and ledger (I26)."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.core.spending.budget import PERIOD_OF, Commitment, LimitKind
from gpushopper.core.spending.budget_end import Pace, Standing, standings
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.periods import Period, period_at
from gpushopper.engine.context import Context
from gpushopper.engine.money.commitments import load_commitments
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
    return Now(now_wall, load_commitments(ctx, now_wall), periods, pace)


def load_standings(ctx: Context, now_wall: int) -> list[Standing]:
    """Every limit of every budget; nothing is read where there is none."""
    budgets = load_budgets(ctx.store)
    if not budgets:
        return []
    now = load_now(ctx, now_wall)
    return [each for one in budgets for each in standings(one, now.held, now.periods, now.wall, now.pace)]
