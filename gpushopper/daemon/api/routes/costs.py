"""GET /costs, /costs/summary: what sessions have cost and can still cost."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_validation import read_query
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries import costs as queries
from gpushopper.wire import Costs


@dataclass(frozen=True, slots=True)
class CostsQuery:
    """GET /costs; `start` and `end` are wall µs."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    session: str | None = None
    consumer: str | None = None
    start: int | None = None
    end: int | None = None


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/costs`, `/api/v1/costs/summary`."""
    routes = Blueprint("costs", __name__, url_prefix="/api/v1/costs")

    def fetch() -> Costs:
        query = read_query(CostsQuery)
        return queries.costs(service.handle.ctx, query.session, query.consumer, query.start, query.end)

    @routes.get("")
    def costs() -> Response:
        return json_response(fetch())

    @routes.get("/summary")
    def summary() -> Response:
        return json_response(sum_up(fetch()))

    return routes


def sum_up(costs: Costs) -> dict[str, Any]:
    """Totals, and accrued micro-dollars by provider, GPU and consumer: derived from the rows, never kept (I26)."""
    groups: dict[str, dict[str, int]] = {name: defaultdict(int) for name in ("provider", "gpu", "consumer")}
    for row in costs.rows:
        for name, sums in groups.items():
            sums[getattr(row, name)] += row.accrued
    shares = {f"by_{name}": dict(sorted(sums.items())) for name, sums in groups.items()}
    return {"accrued": costs.accrued, "max_cost": costs.max_cost, "sessions": len(costs.rows), **shares}
