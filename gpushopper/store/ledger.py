"""The `ledger` table: immutable cost entries, from which every total is computed (I14)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import peewee
from peewee import fn

from gpushopper.core.spending.ledger import BILL, TRAFFIC, Entry
from gpushopper.store.database import Store
from gpushopper.store.schema.tables import LedgerRow
from gpushopper.store.sqlite.statements import CompiledSelect, cached_select

_NAMES = tuple(f.name for f in fields(Entry))


def insert_entries(store: Store, entries: Iterable[Entry]) -> None:
    """Write entries; in the same transaction as the attempt's `billed_until`."""
    rows = [{name: getattr(entry, name) for name in _NAMES} for entry in entries]
    if rows:
        store.write(LedgerRow.insert_many(rows))


def totals_by_attempt(
    store: Store, attempt_ids: Iterable[str] | None = None, *, counted_here: bool = False
) -> dict[str, dict[str, int]]:
    """Micro-dollars by attempt and kind, corrections included; None means every attempt.

    An attempt without entries has no key. `counted_here`: without the traffic that bills have added.
    """
    found: dict[str, dict[str, int]] = {}
    if attempt_ids is None:
        _add_totals(store, found, _totals())
        return found
    wanted = sorted(set(attempt_ids))
    with store.read():
        # SQLite takes a limited number of values in one query.
        for start in range(0, len(wanted), 500):
            _add_totals(store, found, _totals(tuple(wanted[start : start + 500]), counted_here=counted_here))
    return found


@cached_select
def _totals(attempt_ids: tuple[str, ...] | None = None, *, counted_here: bool = False) -> Any:
    amount = fn.SUM(LedgerRow.micros)
    query = LedgerRow.select(LedgerRow.attempt_id, LedgerRow.kind, amount)
    query = query if attempt_ids is None else query.where(LedgerRow.attempt_id.in_(attempt_ids))
    if counted_here:
        query = query.where((LedgerRow.kind != TRAFFIC) | (LedgerRow.reason != BILL))
    return query.group_by(LedgerRow.attempt_id, LedgerRow.kind)


def _add_totals(store: Store, found: dict[str, dict[str, int]], query: CompiledSelect) -> None:
    for attempt_id, kind, amount in store.rows(query):
        found.setdefault(attempt_id, {})[kind] = amount


def billed_by_attempt(store: Store, attempt_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """What bills have added to the ledger, micro-dollars by attempt and kind; those without any have no key."""
    found: dict[str, dict[str, int]] = {}
    wanted = sorted(set(attempt_ids))
    for start in range(0, len(wanted), 500):
        _add_totals(store, found, _billed(tuple(wanted[start : start + 500])))
    return found


@cached_select
def _billed(attempt_ids: tuple[str, ...]) -> Any:
    query = LedgerRow.select(LedgerRow.attempt_id, LedgerRow.kind, fn.SUM(LedgerRow.micros))
    query = query.where(LedgerRow.reason == peewee.SQL("'bill'"), LedgerRow.attempt_id.in_(attempt_ids))
    return query.group_by(LedgerRow.attempt_id, LedgerRow.kind)


def entries_of(store: Store, attempt_id: str) -> list[Entry]:
    """An attempt's entries in the order they were written."""
    query = LedgerRow.select(*(getattr(LedgerRow, name) for name in _NAMES))
    return [Entry(*row) for row in store.rows(query.where(LedgerRow.attempt_id == attempt_id).order_by(LedgerRow.id))]
