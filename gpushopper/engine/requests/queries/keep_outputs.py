"""Keep outputs: fetch those of a session's runs now, before its user ends it (ends.md E8). Changes no row."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.lifecycle.guard_renewal import NOT_APPLICABLE
from gpushopper.core.model.session import current
from gpushopper.engine.context import Context
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.ssh_files import may_log_in
from gpushopper.store import sessions

LIMIT_S = 20.0


def keep_outputs(ctx: Context, ref: str) -> wire.KeptOutputs:
    """Fetch what is not kept yet; a failure is said, not raised: it must not stop the end. Waits for the instance.

    Raises:
        NotFound: no session has this name or id.
    """
    session = find_exactly(ctx, ref)
    attempt = current(sessions.attempts_of(ctx.store, session.id))
    if attempt is None or ctx.remote is None or attempt.guard_state == NOT_APPLICABLE or not may_log_in(attempt):
        return wire.KeptOutputs(session.id)
    login = ctx.login_of(attempt)
    if login is None:
        return wire.KeptOutputs(session.id, problem="its address is not known")
    done = ctx.remote.keep_outputs(login, ctx.clock.now().wall, LIMIT_S)
    return wire.KeptOutputs(session.id, sorted(done.complete), done.problem)
