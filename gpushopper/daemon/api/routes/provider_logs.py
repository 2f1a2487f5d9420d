"""The container log from the provider; waits for the cloud."""

from __future__ import annotations

from gpushopper.core.log_text import MAX_LINES
from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.api.request_validation import Malformed
from gpushopper.engine.requests.queries import provider_logs as queries
from gpushopper.wire import LogQuery, ProviderLog
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.PROVIDER_LOG)
def provider_log(call: Call[LogQuery, None]) -> ProviderLog:
    """Its last lines."""
    if not 1 <= call.query.tail <= MAX_LINES:
        raise Malformed(f"tail is a number of lines from 1 to {MAX_LINES}")
    with provider_slot(call.service):
        return queries.provider_log(call.handle, call.ref, call.query.tail)
