"""Builds the WSGI application of a dialect: the checks of every request, its routes, one request at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from gpushopper.sandbox.faults.fault_table import FaultTable
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.simulated_log import ReadLog, simulated_log
from gpushopper.sandbox.rate_limits import RateLimiter
from gpushopper.sandbox.requests import middleware
from gpushopper.sandbox.requests.dialect import Dialect
from gpushopper.sandbox.requests.request_context import RequestContext

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class MatchedRule(Rule):
    """A route that requests are matched with, and that no address is built from.

    Werkzeug would compile two Python functions per route to build addresses, the larger part of making an application.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return _build_nothing


def _build_nothing(rule: Rule, **values: Any) -> tuple[str, str]:
    raise LookupError(f"no address is built from {rule.rule}")


class Api(Flask):
    """A Flask application without addresses of its own."""

    url_rule_class = MatchedRule


def create_app(
    dialect: Dialect, market: Market, faults: FaultTable, rate_limiter: RateLimiter, read_log: ReadLog = simulated_log
) -> Flask:
    """Return the application; requests are served one at a time under the market's lock.

    Replies that the transport must break carry `X-Sandbox-Transport` (see `gpushopper.sandbox.transport_header`).
    """
    app = Api(f"gpushopper.sandbox.{dialect.name}", static_folder=None)
    app.url_map.strict_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    ctx = RequestContext(dialect.name, dialect.wire, market, faults, rate_limiter, read_log)
    middleware.install(app, ctx)
    dialect.register(app, ctx)

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> Response:
        return dialect.wire.refusals.unknown_route(error.code or 500, error.name)

    app.wsgi_app = _serialized(app.wsgi_app, market)  # type: ignore[method-assign, assignment]
    return app


def _serialized(inner: Wsgi, market: Market) -> Wsgi:
    """Serve one request at a time under the market's lock; `//api` is read as `/api`."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["PATH_INFO"] = re.sub("/{2,}", "/", environ.get("PATH_INFO", ""))
        with market.lock:
            return list(inner(environ, start_response))

    return serve
