"""What would end a session, and when; takes the beginning of a name. How busy the GPUs of open sessions are."""

from __future__ import annotations

from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.engine.requests.queries import loads as load_queries
from gpushopper.engine.requests.queries import why as queries
from gpushopper.wire import Loads, LoadsQuery, WhyQuery, WhyView
from gpushopper.wire.api import routes

MOST_STEPS = 240
LONGEST_STEP_S = 3600

handlers = Handlers()


@handlers.serves(routes.WHY)
def why(call: Call[WhyQuery, None]) -> WhyView:
    """Every end that is known of."""
    return queries.why(call.ctx, call.ref, replay=call.query.replay)


@handlers.serves(routes.LOADS)
def loads(call: Call[LoadsQuery, None]) -> Loads:
    """The means of each step, within what a terminal can show."""
    step_us = max(1, min(call.query.step_s, LONGEST_STEP_S)) * SECOND
    return load_queries.loads(call.ctx, step_us, max(1, min(call.query.steps, MOST_STEPS)))
