"""GET /alarms, POST /alarms/ack: open alarms, and acknowledging them (I30)."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_validation import read_body
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.commands.acknowledge import acknowledge
from gpushopper.engine.requests.queries import events
from gpushopper.wire import AckRequest


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/alarms`, `/api/v1/alarms/ack`."""
    routes = Blueprint("alarms", __name__, url_prefix="/api/v1/alarms")

    @routes.get("")
    def alarms() -> Response:
        return json_response(events.alarms(service.handle.ctx))

    @routes.post("/ack")
    def acknowledged() -> Response:
        body = read_body(AckRequest)
        return json_response({"acknowledged": acknowledge(service.handle, body.alarm_id)})

    return routes
