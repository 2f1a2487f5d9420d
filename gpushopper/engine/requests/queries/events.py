"""List events (the history, read by cursor) and alarms (what a person should see)."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.engine.context import Context
from gpushopper.engine.requests.session_lookup import find
from gpushopper.store import alarms as stored_alarms
from gpushopper.store import events as stored_events


def events(ctx: Context, after: int, limit: int = 200, ref: str | None = None) -> wire.Events:
    """At most `limit` events with an id above `after`, of all sessions or of one.

    Raises:
        NotFound: no session, or more than one, is meant by `ref`.
    """
    session_id = None if ref is None else find(ctx, ref).id
    found = stored_events.after(ctx.store, after, limit, session_id)
    return wire.Events(found, found[-1].id if found else after)


def alarms(ctx: Context) -> wire.Alarms:
    """The alarms that neither have cleared nor were acknowledged."""
    return wire.Alarms(stored_alarms.open_alarms(ctx.store))
