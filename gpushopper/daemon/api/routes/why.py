"""What would end a session, and when; takes the beginning of a name."""

from __future__ import annotations

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.engine.requests.queries import why as queries
from gpushopper.wire import WhyQuery, WhyView
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.WHY)
def why(call: Call[WhyQuery, None]) -> WhyView:
    """Every end that is known of."""
    return queries.why(call.ctx, call.ref, replay=call.query.replay)
