"""GET /inventory, POST /plan: offers of the market, and what a session on one would cost."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.api.request_validation import read_body, read_query
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries.market import inventory as inventory_query
from gpushopper.engine.requests.queries.market import plan as plan_query
from gpushopper.wire import PlanRequest, SearchRequest


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/inventory`, `/api/v1/plan`: both may wait for a provider."""
    routes = Blueprint("inventory", __name__, url_prefix="/api/v1")

    @routes.get("/inventory")
    def inventory() -> Response:
        query = read_query(SearchRequest)
        with provider_slot(service):
            return json_response(inventory_query.inventory(service.handle, query))

    @routes.post("/plan")
    def plan() -> Response:
        body = read_body(PlanRequest)
        with provider_slot(service):
            return json_response(plan_query.plan(service.handle, body))

    return routes
