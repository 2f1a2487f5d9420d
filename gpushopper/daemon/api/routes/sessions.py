"""/sessions and below, POST /adoptions, /shutdown: provision, adopt, get, extend, limits, tags, run ends, end."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_slots import login_slot, provider_slot
from gpushopper.daemon.api.request_validation import read_body, read_idempotency_key, read_query, read_session_ref
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.commands import allow_run_end as run_end_command
from gpushopper.engine.requests.commands import end as end_command
from gpushopper.engine.requests.commands import extend as extend_command
from gpushopper.engine.requests.commands import provision as provision_command
from gpushopper.engine.requests.commands import restart as restart_command
from gpushopper.engine.requests.commands import set_limits as limits_command
from gpushopper.engine.requests.commands.by_hand import adopt as adopt_command
from gpushopper.engine.requests.commands.by_hand import forget as forget_command
from gpushopper.engine.requests.commands.money import set_tags as tags_command
from gpushopper.engine.requests.queries import sessions as queries
from gpushopper.engine.requests.queries import ssh_connection
from gpushopper.wire import (
    AdoptRequest,
    EndRequest,
    ExtendRequest,
    ForgetRequest,
    LimitsRequest,
    ProvisionRequest,
    RestartRequest,
    RunEndRequest,
    TagsRequest,
)


@dataclass(frozen=True, slots=True)
class SessionsQuery:
    """GET /sessions; `open` leaves out what has ended."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    consumer: str | None = None
    status: str | None = None
    open: bool = False


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/sessions` and below, `/shutdown`; only requests that read take the beginning of a name."""
    routes = Blueprint("sessions", __name__, url_prefix="/api/v1")
    handle = service.handle

    @routes.post("/sessions")
    def provision() -> Response:
        body = read_body(ProvisionRequest)
        # The login may be in a keyring, which may be slow.
        with login_slot(service) if body.image_login else nullcontext():
            return json_response(provision_command.provision(handle, body, read_idempotency_key(body)), 202)

    @routes.get("/sessions")
    def sessions() -> Response:
        query = read_query(SessionsQuery)
        return json_response(queries.sessions(handle.ctx, query.consumer, query.status, query.open))

    @routes.get("/sessions/<ref>")
    def session(ref: str) -> Response:
        return json_response(queries.session(handle.ctx, read_session_ref(ref)))

    @routes.get("/sessions/<ref>/connection")
    def connection(ref: str) -> Response:
        return json_response(ssh_connection.connection(handle.ctx, read_session_ref(ref)))

    _add_changes(routes, service)
    _add_tags(routes, service)
    _add_early_ends(routes, service)
    return routes


def _add_changes(routes: Blueprint, service: Service) -> None:
    """What changes a session that is there."""
    handle = service.handle

    @routes.post("/sessions/<ref>/extend")
    def extend(ref: str) -> Response:
        body = read_body(ExtendRequest)
        key = read_idempotency_key(body)
        return json_response(extend_command.extend(handle, read_session_ref(ref), body, key))

    @routes.post("/sessions/<ref>/restart")
    def restart(ref: str) -> Response:
        body = read_body(RestartRequest)
        key = read_idempotency_key(body)
        return json_response(restart_command.restart(handle, read_session_ref(ref), body, key), 202)

    @routes.post("/adoptions")
    def adopt() -> Response:
        body = read_body(AdoptRequest)
        with provider_slot(service):
            return json_response(adopt_command.adopt(handle, body, read_idempotency_key(body)))

    @routes.post("/sessions/<ref>/forget")
    def forget(ref: str) -> Response:
        body = read_body(ForgetRequest)
        key = read_idempotency_key(body)
        return json_response(forget_command.forget(handle, read_session_ref(ref), body, key))

    @routes.post("/sessions/<ref>/done")
    @routes.delete("/sessions/<ref>")
    def end(ref: str) -> Response:
        return _end(service, [read_session_ref(ref)])

    @routes.post("/shutdown")
    def shutdown() -> Response:
        return _end(service, None)


def _add_tags(routes: Blueprint, service: Service) -> None:
    """What the costs of a session are grouped by."""

    @routes.put("/sessions/<ref>/tags")
    def change_tags(ref: str) -> Response:
        body = read_body(TagsRequest)
        key = read_idempotency_key(body)
        return json_response(tags_command.change_tags(service.handle, read_session_ref(ref), body, key))


def _add_early_ends(routes: Blueprint, service: Service) -> None:
    """What may end a session before its deadline: its limits, and the ends of runs."""
    handle = service.handle

    @routes.put("/sessions/<ref>/limits")
    def set_limits(ref: str) -> Response:
        body = read_body(LimitsRequest)
        key = read_idempotency_key(body)
        return json_response(limits_command.set_limits(handle, read_session_ref(ref), body, key))

    @routes.put("/sessions/<ref>/run-ends/<run>")
    def allow_run_end(ref: str, run: str) -> Response:
        body = read_body(RunEndRequest)
        key = read_idempotency_key(body)
        return json_response(run_end_command.allow_run_end(handle, read_session_ref(ref), run, body, key))


def _end(service: Service, refs: list[str] | None) -> Response:
    body = read_body(EndRequest)
    key = read_idempotency_key(body)
    return json_response(end_command.end(service.handle, refs, body.reason, key, lands=body.lands), 202)
