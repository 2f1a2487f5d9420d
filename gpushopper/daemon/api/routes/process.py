"""The daemon's process: what its API is, and its stop, after which sessions go on (F39)."""

from __future__ import annotations

from typing import Any

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.openapi import document
from gpushopper.wire import Stopping
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.OPENAPI)
def openapi(call: Call[None, None]) -> dict[str, Any]:
    """This API, for tools."""
    return document(call.service.version)


@handlers.serves(routes.STOP)
def stop(call: Call[None, None]) -> Stopping:
    """Answer, then stop."""
    call.service.request_stop()
    return Stopping(True, call.service.pid)
