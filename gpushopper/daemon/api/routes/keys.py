"""POST /keys/reload, /keys/same-account, GET /keys/environment: read keys again, trust one; where they are looked for.

No key is sent.
"""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.api.request_validation import read_body
from gpushopper.daemon.api.service import Service
from gpushopper.daemon.keys.account_setup import key_environment
from gpushopper.engine.requests.commands.same_account import trust, unproven_account
from gpushopper.engine.requests.queries.accounts import accounts
from gpushopper.wire import SameAccountRequest


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/keys/reload`, `/api/v1/keys/environment`, `/api/v1/keys/same-account`."""
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

    @routes.post("/same-account")
    def same_account() -> Response:
        body = read_body(SameAccountRequest)
        setup = service.keys.setup(body.provider)
        if body.typed is None:
            return json_response(unproven_account(service.handle.ctx, setup))
        return json_response(trust(service.handle, setup, body.typed))

    return routes
