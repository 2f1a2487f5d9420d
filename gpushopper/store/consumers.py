"""The `consumers` table: the named parties that sessions are charged to."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.store.database import Store
from gpushopper.store.schema.tables import ConsumerRow


@dataclass(frozen=True, slots=True)
class Consumer:
    """A name, and when it was first used (wall µs)."""

    name: str
    created_at: int


def ensure_consumer(store: Store, name: str, at: int) -> None:
    """Record a consumer unless it is known."""
    store.write(ConsumerRow.insert(name=name, created_at=at).on_conflict_ignore())


def load_consumers(store: Store) -> list[Consumer]:
    """All consumers by name."""
    query = ConsumerRow.select(ConsumerRow.name, ConsumerRow.created_at).order_by(ConsumerRow.name)
    return [Consumer(*row) for row in store.rows(query)]
