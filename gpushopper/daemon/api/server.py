"""The WSGI application of the local API: access by user id, request ids, headers, error handlers."""

from __future__ import annotations

import re
import secrets

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from gpushopper.daemon.api import http_responses, request_validation
from gpushopper.daemon.api.dispatch import add_routes
from gpushopper.daemon.api.members.callers import Admit, only_owner
from gpushopper.daemon.api.routes import SERVED
from gpushopper.daemon.api.service import Service
from gpushopper.errors import ShopperError
from gpushopper.wire import KEYLESS_HEADER, REQUEST_HEADER, VERSION_HEADER

SLOW_S = 5.0
"""From when on a request that only reads is in the log, too."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = {name: name for name in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")}
"""Any other text that a client sends as a method is one label of the metrics."""
_log = structlog.get_logger(__name__)


def build_app(service: Service, admit: Admit | None = None) -> Flask:
    """The WSGI application over one running daemon; `admit` says who a connection's uid is, by default the owner."""
    told = only_owner(service.uid) if admit is None else admit
    app = Flask("gpushopper", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = request_validation.MAX_BODY_BYTES
    app.url_map.strict_slashes = False
    add_routes(app, service, SERVED)
    app.before_request(lambda: _before_request(service, told))
    app.after_request(lambda response: _after_request(response, service))
    app.teardown_request(lambda _error: structlog.contextvars.clear_contextvars())
    app.register_error_handler(ShopperError, _on_expected_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_unexpected_error)
    return app


def _before_request(service: Service, admit: Admit) -> None:
    """Give the request an id, admit its sender (our own user, or a member; the socket's mode could be changed, I22),
    read its body."""
    given = request.headers.get(REQUEST_HEADER, "")
    g.began = service.clock.monotonic()
    g.request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    g.caller = admit(request.environ.get("X_REMOTE_UID"))
    if g.caller.user:
        structlog.contextvars.bind_contextvars(member=g.caller.user)
    request_validation.receive_body()


def _after_request(response: Response, service: Service) -> Response:
    rule = "unknown" if request.url_rule is None else request.url_rule.rule
    took_s = service.clock.monotonic() - g.began
    service.metrics.requests.observe(_METHODS.get(request.method, "OTHER"), rule, response.status_code, took_s)
    response.headers[REQUEST_HEADER] = g.request_id
    response.headers[VERSION_HEADER] = service.version
    caller = g.get("caller")
    if request.path.startswith("/api/") and caller is not None and caller.consumer is None:
        response.headers[KEYLESS_HEADER] = ",".join(service.keys.keyless_header())
        service.keys.on_client_contact()
    _log_request(response.status_code, took_s)
    return response


def _log_request(status: int, took_s: float) -> None:
    """One line for a command, a failure of ours, and what was slow; not for reads, of which followers send many."""
    if request.method != "GET" or status >= 500 or took_s >= SLOW_S:
        fields = {"method": request.method, "path": request.path, "status": status, "took_ms": round(took_s * 1000)}
        _log.info("request", **fields)


def _on_expected_error(error: Exception) -> Response:
    assert isinstance(error, ShopperError)
    return http_responses.error_response(error, g.request_id)


def _on_http_error(error: Exception) -> Response:
    """Errors of Flask itself: unknown paths, methods, and bodies that are too large."""
    assert isinstance(error, HTTPException)
    errors = {
        NotFound: ("no_such_path", "no such path in this API"),
        MethodNotAllowed: ("no_such_method", "this path does not take that method"),
        RequestEntityTooLarge: ("too_large", f"the body is larger than {request_validation.MAX_BODY_BYTES} bytes"),
    }
    code, message = errors.get(type(error), ("bad_request", "the request is malformed"))
    return http_responses.error_body(code, message, "", g.request_id, 2, error.code or 400)


def _on_unexpected_error(error: Exception) -> Response:
    """A bug: the traceback goes to the log only, the client gets the request id."""
    _log.error("request failed", path=request.path, exc_info=error)
    hint = f"The daemon's log has the details under request {g.request_id}."
    return http_responses.error_body("internal", "unexpected error in the daemon", hint, g.request_id, 1, 500)
