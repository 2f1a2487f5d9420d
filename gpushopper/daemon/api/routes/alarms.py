"""Alarms: shown until they clear or a person has seen them (I30)."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response

from gpushopper.daemon.api.request_validation import answer, read_body
from gpushopper.daemon.api.service import Service
from gpushopper.store.sqlite.disk_reserve import with_room
from gpushopper.wire import AckRequest


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/alarms`, `/api/v1/alarms/ack`."""
    routes = Blueprint("alarms", __name__, url_prefix="/api/v1/alarms")

    @routes.get("")
    def alarms() -> Response:
        return answer(service.engine.alarms())

    @routes.post("/ack")
    def seen() -> Response:
        asked = read_body(AckRequest)
        acknowledge = partial(service.engine.acknowledge, asked.alarm_id)
        return answer({"acknowledged": with_room(service.home.reserve, acknowledge)})

    return routes
