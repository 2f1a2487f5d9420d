"""GET /budgets, and GET, PUT and DELETE /budgets/NAME: what may be spent, and how that stands."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_validation import read_body, read_idempotency_key, read_path_part
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.commands.money.set_budget import forget_budget, set_budget
from gpushopper.engine.requests.queries.money import budgets as queries
from gpushopper.wire import BudgetRequest


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/budgets`, `/api/v1/budgets/NAME`."""
    routes = Blueprint("budgets", __name__, url_prefix="/api/v1/budgets")

    @routes.get("")
    def budgets() -> Response:
        return json_response(queries.budgets(service.handle.ctx))

    @routes.get("/<path:part>")
    def one(part: str) -> Response:
        return json_response(queries.budget(service.handle.ctx, read_path_part(part, "budgets")))

    @routes.put("/<path:part>")
    def put(part: str) -> Response:
        body = read_body(BudgetRequest)
        name = read_path_part(part, "budgets")
        return json_response(set_budget(service.handle, name, body, read_idempotency_key(body)))

    @routes.delete("/<path:part>")
    def remove(part: str) -> Response:
        return json_response(forget_budget(service.handle, read_path_part(part, "budgets"), read_idempotency_key()))

    return routes
