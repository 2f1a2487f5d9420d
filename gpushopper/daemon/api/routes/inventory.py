"""Routes of inventory and plan: what can be rented, and what a session would cost."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.daemon.api.serialization import answer, read_body, read_query, waiting
from gpushopper.daemon.api.service import Service
from gpushopper.engine.queries import inventory as inventory_query
from gpushopper.engine.queries import plan as plan_query
from gpushopper.wire import PlanRequest, SearchRequest


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/inventory`, `/api/v1/plan`: both may wait for a provider."""
    routes = Blueprint("inventory", __name__, url_prefix="/api/v1")

    @routes.get("/inventory")
    def inventory() -> Response:
        asked = read_query(SearchRequest)
        with waiting(service):
            return answer(inventory_query.inventory(service.handle, asked))

    @routes.post("/plan")
    def plan() -> Response:
        asked = read_body(PlanRequest)
        with waiting(service):
            return answer(plan_query.plan(service.handle, asked))

    return routes
