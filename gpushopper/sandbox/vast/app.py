"""The Vast.ai dialect as one WSGI application over a market."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from gpushopper.sandbox.faults.fault_table import FaultBook
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.rate_limits import Pacer
from gpushopper.sandbox.vast import middleware, replies
from gpushopper.sandbox.vast.handlers import account, create, destroy, instances, logs, manage, search
from gpushopper.sandbox.vast.request_context import Desk

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def create_app(
    market: Market, faults: FaultBook, pacer: Pacer | None = None, read_log: logs.ReadLog = logs.paper_log
) -> Flask:
    """Return the dialect; requests are served one at a time under the market's lock.

    Replies that a transport must break carry `X-Sandbox-Transport` (see `gpushopper.sandbox.transport_header`).
    """
    app = Flask("gpushopper.sandbox.vast", static_folder=None)
    app.url_map.strict_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    desk = Desk(market, faults, pacer or Pacer())
    middleware.guard(app, desk)
    for part in (search, create, instances, manage, destroy, account):
        part.register(app, desk)
    logs.register(app, desk, read_log)

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> Response:
        word = error.name.lower().replace(" ", "_")
        return replies.refuse(error.code or 500, word, f"{error.name}.")

    app.wsgi_app = _orderly(app.wsgi_app, market)  # type: ignore[method-assign, assignment]
    return app


def _orderly(inner: Wsgi, market: Market) -> Wsgi:
    """Serve one request at a time, and read `//api` as `/api` (a base address with a final slash)."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["PATH_INFO"] = re.sub("/{2,}", "/", environ.get("PATH_INFO", ""))
        with market.lock:
            return list(inner(environ, start_response))

    return serve
