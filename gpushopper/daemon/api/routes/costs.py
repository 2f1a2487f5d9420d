"""GET /costs, /costs/summary: what sessions have cost and can still cost. POST /costs/rebuild: rollups made anew.

POST /costs/verify: the clouds' bills, read now, beside ours.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from flask import Blueprint, Response

from gpushopper.core.spending.window import Window
from gpushopper.core.timing.periods import PeriodKind, period_at
from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.api.request_validation import read_query
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries.money import costs as queries
from gpushopper.engine.requests.queries.money.bills import verify
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.rollup_job import rebuild
from gpushopper.wire import Costs, Rebuilt

By = Literal["session", "consumer", "cloud", "account", "gpu", "tag", "day", "month"]


@dataclass(frozen=True, slots=True)
class CostsQuery:
    """GET /costs; `start` and `end` are wall µs, `tag` is a key or `key=value`; `period` is today or this month."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    session: str | None = None
    consumer: str | None = None
    tag: str | None = None
    by: By = "session"
    period: Literal["daily", "monthly"] | None = None
    start: int | None = None
    end: int | None = None


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/costs`, `/api/v1/costs/summary`, `/api/v1/costs/rebuild`, `/api/v1/costs/verify`."""
    routes = Blueprint("costs", __name__, url_prefix="/api/v1/costs")

    def fetch() -> Costs:
        query, ctx = read_query(CostsQuery), service.handle.ctx
        window = Window(query.start, query.end)
        if query.period is not None:
            kind = PeriodKind.DAY if query.period == "daily" else PeriodKind.MONTH
            window = Window(period_at(kind, ctx.clock.now().wall, ctx.zone).start_at)
        return queries.costs(ctx, CostQuestion(query.session, query.consumer, query.tag, query.by, window))

    @routes.get("")
    def costs() -> Response:
        return json_response(fetch())

    @routes.get("/summary")
    def summary() -> Response:
        return json_response(sum_up(fetch()))

    @routes.post("/rebuild")
    def rebuilt() -> Response:
        count, is_same = rebuild(service.handle.ctx)
        return json_response(Rebuilt(count, is_same))

    @routes.post("/verify")
    def verified() -> Response:
        with provider_slot(service):
            return json_response(verify(service.handle))

    return routes


def sum_up(costs: Costs) -> dict[str, Any]:
    """Totals, and accrued micro-dollars by provider, GPU and consumer: derived from the rows, never kept (I26)."""
    groups: dict[str, dict[str, int]] = {name: defaultdict(int) for name in ("provider", "gpu", "consumer")}
    for row in costs.rows:
        for name, sums in groups.items():
            sums[getattr(row, name)] += row.accrued
    shares = {f"by_{name}": dict(sorted(sums.items())) for name, sums in groups.items()}
    return {"accrued": costs.accrued, "max_cost": costs.max_cost, "sessions": len(costs.rows), **shares}
