"""Keys have changed: read them again, and say where this daemon looks. No key ever travels over this API."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from gpushopper.daemon.api.request_validation import answer, waiting
from gpushopper.daemon.api.service import Service
from gpushopper.daemon.keys.account_setup import key_reach


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/keys/reload`, `/api/v1/keys/reach`."""
    routes = Blueprint("keys", __name__, url_prefix="/api/v1/keys")

    @routes.post("/reload")
    def reload() -> Response:
        with waiting(service):
            service.keys.reload()
        return answer({"providers": [asdict(each) for each in service.engine.status_providers()]})

    @routes.get("/reach")
    def reach() -> Response:
        return answer({"keyless": service.keys.keyless(), "variables": key_reach()})

    return routes
