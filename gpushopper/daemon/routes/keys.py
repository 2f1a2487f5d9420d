"""Keys have changed: read them again. No key ever travels over this API."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from gpushopper.daemon.edge import answer
from gpushopper.daemon.service import Service


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/keys/reload`."""
    routes = Blueprint("keys", __name__, url_prefix="/api/v1/keys")

    @routes.post("/reload")
    def reload() -> Response:
        service.reload_keys()
        return answer({"providers": [asdict(each) for each in service.engine.status_providers()]})

    return routes
