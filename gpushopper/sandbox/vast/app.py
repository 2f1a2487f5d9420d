"""Builds the WSGI application of the simulated Vast.ai API: middleware, handlers, one request at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from gpushopper.sandbox.faults.fault_table import FaultTable
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.rate_limits import RateLimiter
from gpushopper.sandbox.vast import middleware, replies
from gpushopper.sandbox.vast.handlers import account, create, destroy, instances, logs, manage, search
from gpushopper.sandbox.vast.request_context import RequestContext

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def create_app(
    market: Market,
    faults: FaultTable,
    rate_limiter: RateLimiter | None = None,
    read_log: logs.ReadLog = logs.simulated_log,
) -> Flask:
    """Return the application; requests are served one at a time under the market's lock.

    Replies that the transport must break carry `X-Sandbox-Transport` (see `gpushopper.sandbox.transport_header`).
    """
    app = Flask("gpushopper.sandbox.vast", static_folder=None)
    app.url_map.strict_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    ctx = RequestContext(market, faults, rate_limiter or RateLimiter())
    middleware.install(app, ctx)
    for part in (search, create, instances, manage, destroy, account):
        part.register(app, ctx)
    logs.register(app, ctx, read_log)

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> Response:
        code = error.name.lower().replace(" ", "_")
        return replies.refuse(error.code or 500, code, f"{error.name}.")

    app.wsgi_app = _serialized(app.wsgi_app, market)  # type: ignore[method-assign, assignment]
    return app


def _serialized(inner: Wsgi, market: Market) -> Wsgi:
    """Serve one request at a time under the market's lock; `//api` is read as `/api`."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["PATH_INFO"] = re.sub("/{2,}", "/", environ.get("PATH_INFO", ""))
        with market.lock:
            return list(inner(environ, start_response))

    return serve
