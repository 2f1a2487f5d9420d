"""POST /stop: stop the daemon; sessions go on (F39)."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.service import Service


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/stop`."""
    routes = Blueprint("process", __name__, url_prefix="/api/v1")

    @routes.post("/stop")
    def stop() -> Response:
        service.request_stop()
        return json_response({"stopping": True, "pid": service.pid}, 202)

    return routes
