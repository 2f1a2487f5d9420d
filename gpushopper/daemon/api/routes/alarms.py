"""GET /alarms, POST /alarms/ack, GET /channels, POST /channels/{name}/test: open alarms, and who is told (I30)."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.core.alerts.delivery import Result
from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.api.request_validation import read_body
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.commands.acknowledge import acknowledge
from gpushopper.engine.requests.queries import alert_channels, events
from gpushopper.errors import NotFound
from gpushopper.wire import AckRequest, ChannelTest


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/alarms`, `/api/v1/alarms/ack`, `/api/v1/channels`; a test of a channel waits for its receiver."""
    routes = Blueprint("alarms", __name__, url_prefix="/api/v1")

    @routes.get("/alarms")
    def alarms() -> Response:
        return json_response(events.alarms(service.handle.ctx))

    @routes.post("/alarms/ack")
    def acknowledged() -> Response:
        body = read_body(AckRequest)
        return json_response({"acknowledged": acknowledge(service.handle, body.alarm_id)})

    @routes.get("/channels")
    def channels() -> Response:
        return json_response(alert_channels.channels(service.alerts))

    @routes.post("/channels/<name>/test")
    def test(name: str) -> Response:
        channel = service.alerts.channels().get(name)
        if channel is None:
            raise NotFound(f"there is no channel {name}", "see: gpu-shopper notify ls")
        with provider_slot(service):
            outcome = service.alerts.test(name, channel)
        return json_response(ChannelTest(name, outcome.result is Result.DELIVERED, outcome.problem))

    return routes
