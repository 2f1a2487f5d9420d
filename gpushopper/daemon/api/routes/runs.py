"""What a run may end, the outputs of runs, and results that a user has pulled."""

from __future__ import annotations

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.engine.requests.commands import allow_run_end as allow_command
from gpushopper.engine.requests.commands import withdraw_run_end as withdraw_command
from gpushopper.engine.requests.commands.landing import pulled_by_hand
from gpushopper.engine.requests.queries import keep_outputs
from gpushopper.wire import KeptOutputs, LandedAnswer, LandedRequest, RunEndRequest, SessionView
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.ALLOW_RUN_END)
def allow_run_end(call: Call[None, RunEndRequest]) -> SessionView:
    """The end of a run may end the session."""
    return allow_command.allow_run_end(call.handle, call.ref, call.parts["run"], call.body, call.key)


@handlers.serves(routes.WITHDRAW_RUN_END)
def withdraw_run_end(call: Call[None, None]) -> SessionView:
    """It may not any more."""
    return withdraw_command.withdraw_run_end(call.handle, call.ref, call.parts["run"], call.key)


@handlers.serves(routes.KEEP_OUTPUTS)
def keep(call: Call[None, None]) -> KeptOutputs:
    """Fetch outputs; waits for the instance."""
    with provider_slot(call.service):
        return keep_outputs.keep_outputs(call.ctx, call.ref)


@handlers.serves(routes.LANDED)
def landed(call: Call[None, LandedRequest]) -> LandedAnswer:
    """A user has pulled these folders."""
    return pulled_by_hand.pulled_by_hand(call.handle, call.ref, call.body)
