"""List events (the history, read by cursor) and alarms (what a person should see)."""

from __future__ import annotations

from dataclasses import replace

from gpushopper import wire
from gpushopper.clouds import console_of
from gpushopper.core.alarms import HINTS, OWN_HINT, fill_hint, names_cloud, names_session
from gpushopper.engine.context import Context
from gpushopper.engine.requests.session_lookup import find
from gpushopper.store import alarms as stored_alarms
from gpushopper.store import events as stored_events
from gpushopper.store import sessions


def events(ctx: Context, after: int, limit: int = 200, ref: str | None = None) -> wire.Events:
    """At most `limit` events with an id above `after`, of all sessions or of one.

    Raises:
        NotFound: no session, or more than one, is meant by `ref`.
    """
    session_id = None if ref is None else find(ctx, ref).id
    found = stored_events.after(ctx.store, after, limit, session_id)
    return wire.Events(found, found[-1].id if found else after, stored_events.database_id(ctx.store))


def alarms(ctx: Context) -> wire.Alarms:
    """The alarms that neither have cleared nor were acknowledged, with the hints of this version."""
    return wire.Alarms([replace(each, hint=_hint(ctx, each)) for each in stored_alarms.open_alarms(ctx.store)])


def _hint(ctx: Context, alarm: wire.AlarmView) -> str:
    """The hint of the alarm's kind, as it is now: the stored one may be of an older version, with its commands.

    The stored one stays where it was made for this very alarm, and where its cloud cannot be told.
    """
    hint = "" if alarm.kind in OWN_HINT else HINTS.get(alarm.kind, "")
    attempt = sessions.load_attempt(ctx.store, alarm.subject)
    provider = alarm.subject.partition(":")[0] if attempt is None else attempt.provider
    if not names_cloud(hint) and (attempt is None or not names_session(hint)):
        return hint or alarm.hint
    if attempt is None and provider not in ctx.clouds:
        return alarm.hint
    session = None if attempt is None else sessions.load_session(ctx.store, attempt.session_id)
    name = "" if session is None else session.name
    return fill_hint(hint, provider, console_of(ctx.cloud_of(provider)), name)
