"""Removal of what is kept of sessions for half a year only: events, ledger entries by the hour, details (I4).

The database itself allows it inside `compacting` alone, and of one session (store/schema/triggers.py); it refuses to
end that while the session's money does not add up as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import peewee
from peewee import fn

from gpushopper.core.compaction import KEPT_EVENTS, NumberedEntry
from gpushopper.core.model.attempt import DesiredState
from gpushopper.core.spending.ledger import Entry
from gpushopper.store.database import Store
from gpushopper.store.schema.record_tables import CompactionRow
from gpushopper.store.schema.tables import (
    AlarmRow,
    AlertRow,
    AttemptRow,
    EventRow,
    HeartbeatRow,
    LedgerRow,
    RunEndRow,
    SessionRow,
)

_ENTRY_COLUMNS = (
    LedgerRow.attempt_id, LedgerRow.kind, LedgerRow.from_at, LedgerRow.to_at, LedgerRow.micros, LedgerRow.correction,
    LedgerRow.reason,
)  # fmt: skip
_ROWS_AT_ONCE = 100


def due_sessions(store: Store, before_at: int) -> list[str]:
    """Sessions that ended before a time (wall µs) and were not compacted since, oldest first."""
    closed_since = AttemptRow.select(AttemptRow.id).where(
        (AttemptRow.session_id == SessionRow.id) & (AttemptRow.closed_at > SessionRow.compacted_at)
    )
    query = SessionRow.select(SessionRow.id).where(
        (SessionRow.desired_state == DesiredState.TERMINATED)
        & (SessionRow.ended_at < before_at)
        & (SessionRow.compacted_at.is_null() | fn.EXISTS(closed_since))
    )
    return [session_id for (session_id,) in store.rows(query.order_by(SessionRow.ended_at, SessionRow.id))]


def uncleared_alarms(store: Store) -> list[tuple[str, str, int | None]]:
    """Kind, subject and time of the acknowledgement of every alarm that was not cleared."""
    query = AlarmRow.select(AlarmRow.kind, AlarmRow.subject, AlarmRow.acknowledged_at)
    return [(kind, subject, at) for kind, subject, at in store.rows(query.where(AlarmRow.cleared_at.is_null()))]


@contextmanager
def compacting(store: Store, session_id: str | None, before_at: int) -> Iterator[None]:
    """What is inside may remove rows of this session from before a time, None: of no session. In a transaction.

    Raises:
        peewee.IntegrityError: the session is not closed, or its ledger does not add up to the same any more.
    """
    values = {"id": 1, "session_id": session_id, "before_at": before_at, "micros": _micros_of(store, session_id)}
    store.write(CompactionRow.insert(**values))
    yield
    store.write(CompactionRow.delete())


def remove_events(store: Store, session_id: str | None, before_at: int, last_id: int | None) -> int:
    """Remove events from before a time but the kept kinds, up to an id, None: all; how many.

    Those that an alert is still about stay.
    """
    of = EventRow.session_id.is_null() if session_id is None else EventRow.session_id == session_id
    where = of & (EventRow.at < before_at) & EventRow.kind.not_in(sorted(KEPT_EVENTS))
    where &= EventRow.id.not_in(AlertRow.select(AlertRow.event_id))
    return store.write(EventRow.delete().where(where if last_id is None else where & (EventRow.id <= last_id)))


def has_old_events(store: Store, before_at: int) -> bool:
    """Whether there may be events of no session to remove."""
    old = EventRow.session_id.is_null() & (EventRow.at < before_at) & EventRow.kind.not_in(sorted(KEPT_EVENTS))
    return bool(store.rows(EventRow.select(EventRow.id).where(old).limit(1)))


def entries_before(store: Store, attempt_id: str, before_at: int) -> list[NumberedEntry]:
    """An attempt's ledger entries that end before a time, with their ids, in order."""
    of = (LedgerRow.attempt_id == attempt_id) & (LedgerRow.to_at < before_at)
    query = LedgerRow.select(LedgerRow.id, *_ENTRY_COLUMNS).where(of)
    return [(number, Entry(*rest)) for number, *rest in store.rows(query.order_by(LedgerRow.id))]


def replace_entries(store: Store, before: Sequence[NumberedEntry], after: Sequence[NumberedEntry]) -> int:
    """Put fewer entries in the place of an attempt's; how many fewer."""
    former, kept = dict(before), dict(after)
    gone = [number for number, entry in former.items() if kept.get(number) != entry]
    names = [column.name for column in _ENTRY_COLUMNS]
    rows: list[dict[str, Any]] = [
        {"id": number, **{name: getattr(kept[number], name) for name in names}} for number in gone if number in kept
    ]
    for start in range(0, len(gone), _ROWS_AT_ONCE):
        store.write(LedgerRow.delete().where(LedgerRow.id.in_(gone[start : start + _ROWS_AT_ONCE])))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        store.write(LedgerRow.insert_many(rows[start : start + _ROWS_AT_ONCE]))
    return len(former) - len(kept)


def remove_reports(store: Store, session_id: str, attempt_ids: Sequence[str]) -> None:
    """Remove heartbeats and which runs might have ended the session."""
    store.write(HeartbeatRow.delete().where(HeartbeatRow.attempt_id.in_(list(attempt_ids))))
    store.write(RunEndRow.delete().where(RunEndRow.session_id == session_id))


def _micros_of(store: Store, session_id: str | None) -> int:
    attempts = AttemptRow.select(AttemptRow.id).where(AttemptRow.session_id == session_id)
    query = LedgerRow.select(fn.COALESCE(fn.SUM(LedgerRow.micros), peewee.SQL("0")))
    return int(store.rows(query.where(LedgerRow.attempt_id.in_(attempts)))[0][0])
