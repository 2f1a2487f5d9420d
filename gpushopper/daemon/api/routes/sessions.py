"""Routes of sessions: provision, list, get, connection, extend, end, shutdown. Changes only commit desired state."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_slots import login_slot
from gpushopper.daemon.api.request_validation import read_body, read_idempotency_key, read_query, read_session_ref
from gpushopper.daemon.api.service import Service
from gpushopper.store.sqlite.disk_reserve import with_reserve
from gpushopper.wire import EndRequest, ExtendRequest, ProvisionRequest


@dataclass(frozen=True, slots=True)
class SessionsQuery:
    """GET /sessions; `open` leaves out what has ended."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    consumer: str | None = None
    status: str | None = None
    open: bool = False


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/sessions` and below, `/shutdown`; only reads accept a prefix of a name."""
    routes = Blueprint("sessions", __name__, url_prefix="/api/v1")
    engine = service.engine

    @routes.post("/sessions")
    def provision() -> Response:
        asked = read_body(ProvisionRequest)
        # The registry login may have to be read from a keyring, which may be slow.
        with login_slot(service) if asked.image_login else nullcontext():
            return json_response(engine.provision(asked, read_idempotency_key(asked)), 202)

    @routes.get("/sessions")
    def sessions() -> Response:
        asked = read_query(SessionsQuery)
        return json_response(engine.sessions(asked.consumer, asked.status, asked.open))

    @routes.get("/sessions/<ref>")
    def session(ref: str) -> Response:
        return json_response(engine.session(read_session_ref(ref)))

    @routes.get("/sessions/<ref>/connection")
    def connection(ref: str) -> Response:
        return json_response(engine.connection(read_session_ref(ref)))

    @routes.post("/sessions/<ref>/extend")
    def extend(ref: str) -> Response:
        asked = read_body(ExtendRequest)
        key = read_idempotency_key(asked)
        change = partial(engine.extend, read_session_ref(ref), asked, key)
        return json_response(with_reserve(service.home.disk_reserve, change))

    @routes.post("/sessions/<ref>/done")
    @routes.delete("/sessions/<ref>")
    def end(ref: str) -> Response:
        return _end(service, [read_session_ref(ref)])

    @routes.post("/shutdown")
    def shutdown() -> Response:
        return _end(service, None)

    return routes


def _end(service: Service, refs: list[str] | None) -> Response:
    """Commit the desired state, on a full disk too: the disk reserve is for that."""
    asked = read_body(EndRequest)
    key = read_idempotency_key(asked)
    end = partial(service.engine.end, refs, asked.reason, key)
    return json_response(with_reserve(service.home.disk_reserve, end), 202)
