"""What was sent to which host, what a command is about to send, and everything about one session."""

from __future__ import annotations

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.engine.requests.commands.records.record_sent import record_sent
from gpushopper.engine.requests.queries.records import custody as queries
from gpushopper.engine.requests.queries.records import report as report_query
from gpushopper.wire import Custody, CustodyQuery, Report, SentRecorded, SentRequest
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.CUSTODY)
def custody(call: Call[CustodyQuery, None]) -> Custody:
    """What hosts were given."""
    return queries.custody(call.ctx, call.query.session, call.query.host)


@handlers.serves(routes.RECORD_SENT)
def sent(call: Call[None, SentRequest]) -> SentRecorded:
    """Record it before it is sent."""
    return record_sent(call.handle, call.ref, call.body, call.key)


@handlers.serves(routes.REPORT)
def report(call: Call[None, None]) -> Report:
    """For a reader long after."""
    return report_query.report(call.ctx, call.ref)
