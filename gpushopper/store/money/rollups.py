"""The `rollups` table: what the ledger says by day and month, so that long periods need not be added up each time.

Derived and recomputable (I14, I26, F115): each entry is rolled up once, in the transaction that moves the mark of the
last one. Entries beyond the mark count from the ledger, so that no sum depends on when this runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import tzinfo
from typing import Any

from peewee import EXCLUDED, fn

from gpushopper.core.spending.rollup import Calendar, Shares
from gpushopper.core.timing.periods import PeriodKind
from gpushopper.store.database import Store
from gpushopper.store.meta import get_meta, set_meta
from gpushopper.store.schema.tables import LedgerRow, RollupRow

BATCH = 2000
"""Entries of one transaction: other writers wait for it."""
_ROWS_AT_ONCE = 400
_META = "rollups"

EntryRow = tuple[str, str, int, int, int]
"""Attempt, kind, beginning, end and micro-dollars of an entry."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to which ledger entry the rollups go, and in whose time zone their days and months are."""

    zone: str = ""
    ledger_id: int = 0


def mark_of(store: Store) -> Mark:
    """How far the rollups are."""
    stored = get_meta(store, _META)
    return Mark() if stored is None else Mark(**json.loads(stored))


def is_done(store: Store, zone: tzinfo) -> bool:
    """Whether every entry is rolled up; the newest of them may be gone since (store/history/compaction.py)."""
    newest = store.rows(LedgerRow.select(fn.MAX(LedgerRow.id)))[0][0] or 0
    mark = mark_of(store)
    return mark.zone == str(zone) and mark.ledger_id >= newest


def roll_up(store: Store, zone: tzinfo) -> bool:
    """Roll up the next entries, in the caller's transaction; whether more are left. For another zone it begins anew."""
    mark = mark_of(store)
    if mark.zone != str(zone):
        forget(store, zone)
        mark = Mark(str(zone))
    query = LedgerRow.select(LedgerRow.id, *_COLUMNS).where(LedgerRow.id > mark.ledger_id)
    rows = store.rows(query.order_by(LedgerRow.id).limit(BATCH))
    if not rows:
        return False
    for kind in PeriodKind:
        _add(store, kind, shares_of((row[1:] for row in rows), Calendar(kind, zone)))
    set_meta(store, _META, json.dumps(asdict(Mark(str(zone), rows[-1][0]))))
    return len(rows) == BATCH


def forget(store: Store, zone: tzinfo) -> None:
    """Remove all rollups: the next entries to roll up are the first."""
    store.write(RollupRow.delete())
    set_meta(store, _META, json.dumps(asdict(Mark(str(zone)))))


def shares_of(entries: Iterable[EntryRow], calendar: Calendar) -> Shares:
    """The sums of entries by period, attempt and kind."""
    sums: Shares = {}
    for attempt_id, kind, from_at, to_at, micros in entries:
        for start_at, part in calendar.shares(micros, from_at, to_at):
            key = (start_at, attempt_id, kind)
            sums[key] = sums.get(key, 0) + part
    return sums


def _add(store: Store, span: PeriodKind, sums: Shares) -> None:
    names = ("span", "start_at", "attempt_id", "kind", "micros")
    rows = [dict(zip(names, (span.value, *key, micros), strict=True)) for key, micros in sums.items()]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        key = [RollupRow.span, RollupRow.start_at, RollupRow.attempt_id, RollupRow.kind]
        query = RollupRow.insert_many(rows[start : start + _ROWS_AT_ONCE])
        store.write(
            query.on_conflict(conflict_target=key, update={RollupRow.micros: RollupRow.micros + EXCLUDED.micros})
        )


def sums_of(
    store: Store, span: PeriodKind, start_at: int | None, end_at: int | None, *, by_time: bool, by_attempt: bool
) -> Shares:
    """The rollups of the periods that begin in [start, end), by beginning and attempt, or over all: 0 and ''."""
    groups: list[Any] = [RollupRow.kind]
    groups += [RollupRow.start_at] if by_time else []
    groups += [RollupRow.attempt_id] if by_attempt else []
    query = RollupRow.select(
        RollupRow.start_at if by_time else 0, RollupRow.attempt_id if by_attempt else "", RollupRow.kind,
        fn.SUM(RollupRow.micros),
    ).where(RollupRow.span == span.value)  # fmt: skip
    if start_at is not None:
        query = query.where(RollupRow.start_at >= start_at)
    if end_at is not None:
        query = query.where(RollupRow.start_at < end_at)
    return {(at, attempt_id, kind): micros for at, attempt_id, kind, micros in store.rows(query.group_by(*groups))}


_COLUMNS = (LedgerRow.attempt_id, LedgerRow.kind, LedgerRow.from_at, LedgerRow.to_at, LedgerRow.micros)


def rows_of(store: Store) -> list[tuple[Any, ...]]:
    """All rollups, in order: to compare those of before with those that are made anew."""
    columns = (RollupRow.span, RollupRow.start_at, RollupRow.attempt_id, RollupRow.kind, RollupRow.micros)
    return store.rows(RollupRow.select(*columns).order_by(*columns[:4]))
