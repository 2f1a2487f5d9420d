"""Costs: what sessions have cost and can still cost; rollups made anew; the clouds' bills beside ours."""

from __future__ import annotations

from collections import defaultdict

from gpushopper.core.spending.window import Window
from gpushopper.core.timing.periods import PeriodKind, period_at
from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.engine.requests.queries.money import bills
from gpushopper.engine.requests.queries.money import costs as queries
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.rollup_job import rebuild
from gpushopper.wire import Bills, Costs, CostsQuery, CostSummary, Rebuilt
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.COSTS)
def costs(call: Call[CostsQuery, None]) -> Costs:
    """What was incurred, by session or in groups."""
    query, ctx = call.query, call.ctx
    window = Window(query.start, query.end)
    if query.period is not None:
        kind = PeriodKind.DAY if query.period == "daily" else PeriodKind.MONTH
        window = Window(period_at(kind, ctx.clock.now().wall, ctx.zone).start_at)
    return queries.costs(ctx, CostQuestion(query.session, query.consumer, query.tag, query.by, window))


@handlers.serves(routes.COSTS_SUMMARY)
def summary(call: Call[CostsQuery, None]) -> CostSummary:
    """The totals of that."""
    return sum_up(costs(call))


@handlers.serves(routes.REBUILD_COSTS)
def rebuilt(call: Call[None, None]) -> Rebuilt:
    """Make the rollups anew from the ledger."""
    return Rebuilt(*rebuild(call.ctx))


@handlers.serves(routes.VERIFY_COSTS)
def verified(call: Call[None, None]) -> Bills:
    """Read the clouds' bills now."""
    with provider_slot(call.service):
        return bills.verify(call.handle)


def sum_up(costs: Costs) -> CostSummary:
    """Totals, and accrued micro-dollars by provider, GPU and consumer: derived from the rows, never kept (I26)."""

    def by(name: str) -> dict[str, int]:
        sums: dict[str, int] = defaultdict(int)
        for row in costs.rows:
            sums[getattr(row, name)] += row.accrued
        return dict(sorted(sums.items()))

    totals = (costs.accrued, costs.max_cost, len(costs.rows))
    return CostSummary(*totals, by_provider=by("provider"), by_gpu=by("gpu"), by_consumer=by("consumer"))
