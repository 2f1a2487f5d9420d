"""POST /keys/reload, GET /keys/environment: read API keys again; where this daemon looks for them. No key is sent."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.api.service import Service
from gpushopper.daemon.keys.account_setup import key_environment
from gpushopper.engine.requests.queries.accounts import accounts


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/keys/reload`, `/api/v1/keys/environment`."""
    routes = Blueprint("keys", __name__, url_prefix="/api/v1/keys")

    @routes.post("/reload")
    def reload() -> Response:
        with provider_slot(service):
            service.keys.reload()
        return json_response({"providers": [asdict(each) for each in accounts(service.handle)]})

    @routes.get("/environment")
    def environment() -> Response:
        keys = service.keys
        return json_response({"keyless": keys.keyless(), "held": keys.held(), "variables": key_environment()})

    return routes
