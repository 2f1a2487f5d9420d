"""Routes of alarms: list them, acknowledge them (I30)."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.daemon.api.serialization import answer, read_body
from gpushopper.daemon.api.service import Service
from gpushopper.engine.commands.acknowledge import acknowledge
from gpushopper.engine.queries import events
from gpushopper.wire import AckRequest


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/alarms`, `/api/v1/alarms/ack`."""
    routes = Blueprint("alarms", __name__, url_prefix="/api/v1/alarms")

    @routes.get("")
    def alarms() -> Response:
        return answer(events.alarms(service.handle.ctx))

    @routes.post("/ack")
    def acknowledged() -> Response:
        asked = read_body(AckRequest)
        return answer({"acknowledged": acknowledge(service.handle, asked.alarm_id)})

    return routes
