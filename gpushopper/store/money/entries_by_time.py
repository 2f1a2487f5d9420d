"""Ledger entries by time: those that no rollup holds yet, and those of a part of a day."""

from __future__ import annotations

from typing import Any

from gpushopper.core.model.attempt import State
from gpushopper.store.database import Store
from gpushopper.store.money.rollups import EntryRow
from gpushopper.store.schema.tables import AttemptRow, LedgerRow
from gpushopper.store.sqlite.statements import cached_select

_COLUMNS = (LedgerRow.attempt_id, LedgerRow.kind, LedgerRow.from_at, LedgerRow.to_at, LedgerRow.micros)


def entries_after(store: Store, ledger_id: int) -> list[EntryRow]:
    """The entries written after one, by its id."""
    return store.rows(_after(ledger_id))


def entries_within(store: Store, start_at: int, end_at: int) -> list[EntryRow]:
    """The entries that lie in [start, end), wholly or in part. A closed attempt has none after it was closed."""
    return store.rows(_within(start_at, end_at))


@cached_select
def _after(ledger_id: int) -> Any:
    return LedgerRow.select(*_COLUMNS).where(LedgerRow.id > ledger_id)


@cached_select
def _within(start_at: int, end_at: int) -> Any:
    # One that was seen again after its receipt is open and has the time of that receipt still.
    is_open = AttemptRow.closed_at.is_null() | (AttemptRow.state != State.CLOSED)
    lived = is_open | (AttemptRow.closed_at >= start_at)
    query = AttemptRow.select(*_COLUMNS).join(LedgerRow, on=LedgerRow.attempt_id == AttemptRow.id)
    return query.where(lived, LedgerRow.from_at < end_at, LedgerRow.to_at >= start_at)
