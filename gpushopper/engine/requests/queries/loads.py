"""GPU loads of open sessions, from the heartbeats that are kept: what `top` draws."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.lifecycle.ends.use_history import gpu_steps
from gpushopper.core.model.session import current
from gpushopper.engine.context import Context
from gpushopper.store import sessions
from gpushopper.store.instances import heartbeats


def loads(ctx: Context, step_us: int, count: int) -> wire.Loads:
    """The load of each open session's newest attempt in so many steps up to now."""
    now = ctx.clock.now().wall
    found = []
    with ctx.store.read():
        for session in sessions.load_sessions(ctx.store, open_only=True):
            attempt = current(sessions.attempts_of(ctx.store, session.id))
            rows = [] if attempt is None else heartbeats.history(ctx.store, attempt.id, now - step_us * count)
            found.append(wire.LoadView(session.id, gpu_steps(rows, now, step_us, count)))
    return wire.Loads(now, step_us, found)
