"""Below /sessions/{id}: what a run may end, the outputs of runs, and results that a user has pulled."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.api.request_validation import read_body, read_idempotency_key, read_session_ref
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.commands import withdraw_run_end as withdraw_command
from gpushopper.engine.requests.commands.landing import pulled_by_hand
from gpushopper.engine.requests.queries import keep_outputs
from gpushopper.wire import LandedRequest


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/sessions/{id}/run-ends/{run}`, `/landed`, and `/keep-outputs`, which waits for the instance."""
    routes = Blueprint("runs", __name__, url_prefix="/api/v1/sessions")

    @routes.delete("/<ref>/run-ends/<run>")
    def withdraw_run_end(ref: str, run: str) -> Response:
        key = read_idempotency_key()
        return json_response(withdraw_command.withdraw_run_end(service.handle, read_session_ref(ref), run, key))

    @routes.post("/<ref>/keep-outputs")
    def keep(ref: str) -> Response:
        with provider_slot(service):
            return json_response(keep_outputs.keep_outputs(service.handle.ctx, read_session_ref(ref)))

    @routes.post("/<ref>/landed")
    def landed(ref: str) -> Response:
        body = read_body(LandedRequest)
        return json_response(pulled_by_hand.pulled_by_hand(service.handle, read_session_ref(ref), body))

    return routes
