"""GET /custody: what was sent to which host. POST /sessions/{id}/sent: what a command is about to send.

GET /sessions/{id}/report: everything about one session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_validation import read_body, read_idempotency_key, read_query, read_session_ref
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.commands.records.record_sent import record_sent
from gpushopper.engine.requests.queries.records import custody as queries
from gpushopper.engine.requests.queries.records.report import report
from gpushopper.wire import SentRequest


@dataclass(frozen=True, slots=True)
class CustodyQuery:
    """GET /custody; `host` is an id, or `cloud:id`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    session: str | None = None
    host: str | None = None


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/custody`, and `/api/v1/sessions/{id}/sent` and `/report`."""
    routes = Blueprint("records", __name__, url_prefix="/api/v1")

    @routes.get("/custody")
    def custody() -> Response:
        query = read_query(CustodyQuery)
        return json_response(queries.custody(service.handle.ctx, query.session, query.host))

    @routes.post("/sessions/<ref>/sent")
    def sent(ref: str) -> Response:
        request, key = read_body(SentRequest), read_idempotency_key()
        return json_response(record_sent(service.handle, read_session_ref(ref), request, key))

    @routes.get("/sessions/<ref>/report")
    def show_report(ref: str) -> Response:
        return json_response(report(service.handle.ctx, read_session_ref(ref)))

    return routes
