"""GET /sessions/{id}/provider-log: the container log from the provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Blueprint, Response

from gpushopper.core.log_text import MAX_LINES
from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.api.request_validation import Malformed, read_query, read_session_ref
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries import provider_logs as queries


@dataclass(frozen=True, slots=True)
class LogQuery:
    """GET /sessions/{id}/provider-log; `tail` is how many lines at most."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    tail: int = 1000


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/sessions/{id}/provider-log`: waits for the cloud."""
    routes = Blueprint("provider_logs", __name__, url_prefix="/api/v1/sessions")

    @routes.get("/<ref>/provider-log")
    def provider_log(ref: str) -> Response:
        tail = read_query(LogQuery).tail
        if not 1 <= tail <= MAX_LINES:
            raise Malformed(f"tail is a number of lines from 1 to {MAX_LINES}")
        with provider_slot(service):
            return json_response(queries.provider_log(service.handle, read_session_ref(ref), tail))

    return routes
