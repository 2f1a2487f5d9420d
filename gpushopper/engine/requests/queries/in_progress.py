"""What the daemon is in the middle of: a restart is safe at any moment, but would make these begin again (F99)."""

from __future__ import annotations

from gpushopper.core.model.attempt import State
from gpushopper.engine.context import Context
from gpushopper.store import sessions


def in_progress(ctx: Context) -> list[str]:
    """One text for each create without its answer yet, which a restart would leave uncertain, and each pull."""
    creating = {each.session_id for each in sessions.load_attempts(ctx.store) if each.state is State.SENT}
    pulling = set(ctx.pulls_under_way)
    found = sessions.load_sessions_by_id(ctx.store, sorted(creating | pulling))
    return [f"{each.name} is being created" for each in found if each.id in creating] + [
        f"results of {each.name} are being pulled" for each in found if each.id in pulling
    ]
