"""How each budget stands now, computed from attempts and ledger (I26)."""

from __future__ import annotations

from gpushopper.core.spending.budget import PERIOD_OF
from gpushopper.core.spending.budget_end import Pace, Standing, standings
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.periods import period_at
from gpushopper.engine.context import Context
from gpushopper.engine.money.commitments import load_commitments
from gpushopper.store.money.budgets import load_budgets


def load_standings(ctx: Context, now_wall: int) -> list[Standing]:
    """Every limit of every budget; nothing is read where there is none."""
    budgets = load_budgets(ctx.store)
    if not budgets:
        return []
    held = load_commitments(ctx, now_wall)
    periods = {kind: period_at(period, now_wall, ctx.zone) for kind, period in PERIOD_OF.items()}
    pace = Pace(us(ctx.policy.budget_end_s), us(ctx.policy.budget_warning_s))
    return [each for budget in budgets for each in standings(budget, held, periods, now_wall, pace)]
