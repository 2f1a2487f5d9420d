"""The job `compaction`: what nobody asks of a session half a year after its end is removed (I4).

Each session in a transaction of its own, so that a commit that ends something waits for no other; a kill in between
leaves each session whole or compacted, and the next run goes on.
"""

from __future__ import annotations

from gpushopper.core.compaction import (
    EVENT,
    attempt_changes,
    is_open_alarm,
    may_compact,
    merged,
    session_changes,
)
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.context import Context
from gpushopper.store import events, sessions
from gpushopper.store.history import compaction
from gpushopper.store.money import rollups
from gpushopper.store.outbox import alerts

DAY_S = 86400


def run_compaction(ctx: Context, *, is_clock_proven: bool) -> int:
    """Compact every session that is old enough, and remove old events of no session; how many sessions.

    By a clock that is wrong nothing is done: one that is ahead by a year would take away what is of last week (F62).
    There is no way back, so that a cloud's date has to say that it is right (`Engine.is_clock_proven`). Nor before
    every entry is rolled up, for an entry is counted there by its id.
    """
    now = ctx.clock.now().wall
    before_at = now - us(ctx.policy.details_kept_s)
    if not is_clock_proven or not rollups.is_done(ctx.store, ctx.zone):
        return 0
    count = 0
    for session_id in compaction.due_sessions(ctx.store, before_at):
        if ctx.is_closing.is_set():
            return count
        with ctx.store.transaction():
            count += _compact(ctx, session_id, before_at, now)
    if compaction.has_old_events(ctx.store, before_at):
        with ctx.store.transaction(), compaction.compacting(ctx.store, None, before_at):
            compaction.remove_events(ctx.store, None, before_at, alerts.cursor(ctx.store))
    return count


def _compact(ctx: Context, session_id: str, before_at: int, now: int) -> bool:
    """Compact one session, unless something about it is still open; whether it was. Inside a transaction."""
    session = sessions.load_session(ctx.store, session_id)
    attempts = sessions.attempts_of(ctx.store, session_id)
    if session is None or not may_compact(session, attempts, _open_subjects(ctx), before_at):
        return False
    with compaction.compacting(ctx.store, session_id, before_at):
        gone = compaction.remove_events(ctx.store, session_id, before_at, alerts.cursor(ctx.store))
        for attempt in attempts:
            before = compaction.entries_before(ctx.store, attempt.id, before_at)
            compaction.replace_entries(ctx.store, before, merged(before, ctx.zone))
        compaction.remove_reports(ctx.store, session_id, [attempt.id for attempt in attempts])
    sessions.update_session(ctx.store, session, **session_changes(session, now))
    for attempt in attempts:
        sessions.update_attempt(ctx.store, attempt, **attempt_changes(attempt))
    days = round(ctx.policy.details_kept_s / DAY_S)
    text = f"details removed {days} days after the end; receipt, costs by day and the audit log's acts are kept"
    events.append(ctx.store, at=now, kind=EVENT, session_id=session_id, text=text, data={"events": gone})
    return True


def _open_subjects(ctx: Context) -> set[str]:
    found = compaction.uncleared_alarms(ctx.store)
    return {subject for kind, subject, at in found if is_open_alarm(kind, is_acknowledged=at is not None)}
