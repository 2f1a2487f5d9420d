"""GET and POST /consumers, GET and PATCH /consumers/NAME: whom sessions are charged to."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_validation import read_body, read_idempotency_key, read_path_part
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.commands.money import consumers as commands
from gpushopper.engine.requests.queries.money import consumers as queries
from gpushopper.wire import ConsumerName


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/consumers`, `/api/v1/consumers/NAME`."""
    routes = Blueprint("consumers", __name__, url_prefix="/api/v1/consumers")

    @routes.get("")
    def consumers() -> Response:
        return json_response(queries.list_consumers(service.handle.ctx))

    def view(name: str, status: int = 200) -> Response:
        return json_response(queries.consumer_view(service.handle.ctx, name), status)

    @routes.post("")
    def add() -> Response:
        body = read_body(ConsumerName)
        return view(commands.add_consumer(service.handle, body.name, read_idempotency_key(body)), 201)

    @routes.get("/<path:part>")
    def one(part: str) -> Response:
        return view(read_path_part(part, "consumers"))

    @routes.patch("/<path:part>")
    def rename(part: str) -> Response:
        body = read_body(ConsumerName)
        old = read_path_part(part, "consumers")
        return view(commands.rename_consumer(service.handle, old, body.name, read_idempotency_key(body)))

    return routes
