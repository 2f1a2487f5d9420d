"""Events: the history after a cursor; a client that follows it polls."""

from __future__ import annotations

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.engine.requests.queries import events as queries
from gpushopper.wire import Events, EventsQuery
from gpushopper.wire.api import routes

MOST_AT_ONCE = 1000

handlers = Handlers()


@handlers.serves(routes.EVENTS)
def events(call: Call[EventsQuery, None]) -> Events:
    """At most a thousand at once."""
    limit = max(1, min(call.query.limit, MOST_AT_ONCE))
    return queries.events(call.ctx, call.query.after, limit, call.query.session)
