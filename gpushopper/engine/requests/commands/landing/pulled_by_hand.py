"""Its user has pulled a session's results: where the session waits for them, nothing more is pulled (ends.md E7)."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.lifecycle.ends.landing import counts_by_hand
from gpushopper.core.model.ends.landed import Landed, PulledByHand
from gpushopper.core.model.session import current
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.requests.session_view import session_view
from gpushopper.store import sessions


def pulled_by_hand(handle: EngineHandle, ref: str, request: wire.LandedRequest) -> wire.LandedAnswer:
    """Have the instance told, where that is all that the session waits for; whether it is.

    Nothing is stored before the instance knows: a daemon that stops before pulls once more.

    Raises:
        NotFound: no session has this name or id.
    """
    ctx = handle.ctx
    session = find_exactly(ctx, ref)
    attempt = current(sessions.attempts_of(ctx.store, session.id))
    found = Landed(
        tuple(request.ours), request.files, request.bytes, tuple(request.changed), tuple(request.left_out), by_hand=True
    )  # fmt: skip
    pulled = PulledByHand(request.began_at, frozenset(request.theirs), found)
    if attempt is None or not counts_by_hand(session, attempt, pulled, ctx.policy_of(attempt.provider)):
        return wire.LandedAnswer(False, session_view(ctx, session))
    if (reconciler := handle.reconcilers.get(attempt.provider)) is not None:
        reconciler.landings.pulled_by_hand(attempt.id, pulled)
    handle.notify()
    return wire.LandedAnswer(True, session_view(ctx, session))
