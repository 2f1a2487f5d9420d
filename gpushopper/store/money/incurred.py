"""What attempts have cost since a moment, by the ledger's entries: those that begin before it count in part."""

from __future__ import annotations

from typing import Any

from peewee import fn

from gpushopper.core.model.attempt import DesiredState, State
from gpushopper.core.spending.incurred import incurred_since
from gpushopper.core.spending.ledger import Entry
from gpushopper.store.database import Store
from gpushopper.store.schema.tables import AttemptRow, LedgerRow, SessionRow
from gpushopper.store.sqlite.statements import cached_select


def incurred_by_attempt(store: Store, start_at: int) -> dict[str, int]:
    """Micro-dollars by attempt since `start_at`, wall µs; only of attempts that were open after it."""
    found: dict[str, int] = {}
    for attempt_id, amount in store.rows(_whole(start_at)):
        found[attempt_id] = amount
    for attempt_id, kind, from_at, to_at, micros in store.rows(_cut(start_at)):
        share = incurred_since(Entry(attempt_id, kind, from_at, to_at, micros, correction=micros < 0), start_at)
        found[attempt_id] = found.get(attempt_id, 0) + share
    return found


def attempts_that_count(store: Store, wall: int) -> list[str]:
    """The attempts that are open or were closed since this moment, and all of sessions that are wanted.

    None other has an entry after it, or counts against a limit per session.
    """
    return [attempt_id for (attempt_id,) in store.rows(_counting(wall))]


def _is_open_since(wall: int) -> Any:
    # One that was seen again after its receipt is open and has the time of that receipt still.
    return AttemptRow.closed_at.is_null() | (AttemptRow.state != State.CLOSED) | (AttemptRow.closed_at >= wall)


def _entries() -> Any:
    """By attempt, whose entries an index finds: the ledger has none by time."""
    return LedgerRow.attempt_id == AttemptRow.id


@cached_select
def _counting(wall: int) -> Any:
    wanted = SessionRow.select(SessionRow.id).where(SessionRow.desired_state == DesiredState.RUNNING)
    counts = _is_open_since(wall) | AttemptRow.session_id.in_(wanted)
    return AttemptRow.select(AttemptRow.id).where(counts).order_by(AttemptRow.prepared_at)


@cached_select
def _whole(start_at: int) -> Any:
    query = AttemptRow.select(AttemptRow.id, fn.SUM(LedgerRow.micros)).join(LedgerRow, on=_entries())
    return query.where(_is_open_since(start_at), LedgerRow.from_at >= start_at).group_by(AttemptRow.id)


@cached_select
def _cut(start_at: int) -> Any:
    columns = (LedgerRow.attempt_id, LedgerRow.kind, LedgerRow.from_at, LedgerRow.to_at, LedgerRow.micros)
    query = AttemptRow.select(*columns).join(LedgerRow, on=_entries())
    return query.where(_is_open_since(start_at), LedgerRow.from_at < start_at, LedgerRow.to_at > start_at)
