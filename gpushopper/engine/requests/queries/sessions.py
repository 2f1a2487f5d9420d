"""List sessions, filtered by consumer or status, or show one (I26)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from gpushopper import wire
from gpushopper.core.model.attempt import Attempt
from gpushopper.engine.context import Context
from gpushopper.engine.requests.session_lookup import find
from gpushopper.engine.requests.session_view import build_session_view, session_view
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions as stored
from gpushopper.store.consumers import present_name
from gpushopper.store.money.tags import tags_by_session


def sessions(
    ctx: Context, consumer: str | None = None, status: str | None = None, open_only: bool = False
) -> wire.Sessions:
    """All sessions, oldest first, filtered."""
    with ctx.store.read():
        consumer = None if consumer is None else present_name(ctx.store, consumer)
        found = stored.load_sessions(ctx.store, open_only=open_only, consumer=consumer)
        by_session = load_attempts_by_session(ctx, open_only)
        open_ids = [attempt.id for group in by_session.values() for attempt in group] if open_only else None
        totals = ledger_table.totals_by_attempt(ctx.store, open_ids)
        tags = tags_by_session(ctx.store)
    now = ctx.clock.now().wall
    rows = [
        replace(build_session_view(ctx, s, by_session.get(s.id, []), totals, now), tags=tags.get(s.id, {}))
        for s in found
    ]
    return wire.Sessions([row for row in rows if status is None or row.status == status])


def load_attempts_by_session(ctx: Context, open_only: bool) -> dict[str, list[Attempt]]:
    """The attempts, closed ones too, of all sessions or of the open ones, by session id."""
    grouped: dict[str, list[Attempt]] = defaultdict(list)
    if not open_only:
        for attempt in stored.load_attempts(ctx.store, open_only=False):
            grouped[attempt.session_id].append(attempt)
        return grouped
    for session in stored.load_sessions(ctx.store, open_only=True):
        grouped[session.id] = stored.attempts_of(ctx.store, session.id)
    return grouped


def session(ctx: Context, ref: str) -> wire.SessionView:
    """The session meant by a name, an id or a unique prefix.

    Raises:
        NotFound: none, or more than one.
    """
    return session_view(ctx, find(ctx, ref))
