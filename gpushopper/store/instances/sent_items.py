"""The `sent_items` table: what was sent to instances, one immutable row for each thing, written before it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from gpushopper.core.model.records.sent_item import SentItem
from gpushopper.store.database import Store
from gpushopper.store.schema.record_tables import SentItemRow
from gpushopper.store.sqlite.statements import IN_LIST_SIZE

_NAMES = tuple(f.name for f in fields(SentItem))
_COLUMNS = [getattr(SentItemRow, name) for name in _NAMES]


def add_sent(store: Store, items: Iterable[SentItem]) -> None:
    """Record them, in order."""
    rows = [{name: getattr(item, name) for name in _NAMES} for item in items]
    if rows:
        store.write(SentItemRow.insert_many(rows))


def sent_to(store: Store, attempt_ids: Sequence[str]) -> list[SentItem]:
    """What was sent to the instances of these attempts, in order."""
    found: list[SentItem] = []
    for start in range(0, len(attempt_ids), IN_LIST_SIZE):
        query = SentItemRow.select(*_COLUMNS)
        query = query.where(SentItemRow.attempt_id.in_(attempt_ids[start : start + IN_LIST_SIZE]))
        found += [SentItem(*row) for row in store.rows(query.order_by(SentItemRow.id), _COLUMNS)]
    return found
