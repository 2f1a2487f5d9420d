"""GET /alarms, POST /alarms/ack: open alarms, and acknowledging them (I30)."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_validation import read_body
from gpushopper.daemon.api.service import Service
from gpushopper.store.sqlite.disk_reserve import with_reserve
from gpushopper.wire import AckRequest


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/alarms`, `/api/v1/alarms/ack`."""
    routes = Blueprint("alarms", __name__, url_prefix="/api/v1/alarms")

    @routes.get("")
    def alarms() -> Response:
        return json_response(service.engine.alarms())

    @routes.post("/ack")
    def seen() -> Response:
        asked = read_body(AckRequest)
        acknowledge = partial(service.engine.acknowledge, asked.alarm_id)
        return json_response({"acknowledged": with_reserve(service.home.disk_reserve, acknowledge)})

    return routes
