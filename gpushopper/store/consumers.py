"""The `consumers` table: the named parties that sessions are charged to."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.store.database import Store
from gpushopper.store.schema.tables import BudgetRow, ConsumerRow, SessionRow


@dataclass(frozen=True, slots=True)
class Consumer:
    """A name, when it was first used (wall µs), and the name that it has now, where it was renamed."""

    name: str
    created_at: int
    renamed_to: str | None = None


def ensure_consumer(store: Store, name: str, at: int) -> None:
    """Record a consumer unless it is known."""
    store.write(ConsumerRow.insert(name=name, created_at=at).on_conflict_ignore())


def load_consumers(store: Store) -> list[Consumer]:
    """All consumers by name, former names included."""
    query = ConsumerRow.select(ConsumerRow.name, ConsumerRow.created_at, ConsumerRow.renamed_to)
    return [Consumer(*row) for row in store.rows(query.order_by(ConsumerRow.name))]


def present_name(store: Store, name: str) -> str:
    """The name that this one has now: a former name still means the consumer that it was of."""
    found = store.rows(ConsumerRow.select(ConsumerRow.renamed_to).where(ConsumerRow.name == name))
    return name if not found or found[0][0] is None else str(found[0][0])


def add_consumer(store: Store, name: str, at: int) -> None:
    """Record a consumer; a former name of another one becomes one of its own."""
    row = ConsumerRow.insert(name=name, created_at=at)
    store.write(row.on_conflict(conflict_target=[ConsumerRow.name], update={ConsumerRow.renamed_to: None}))


def rename_consumer(store: Store, old: str, new: str, at: int) -> int:
    """Give a consumer a new name, which no consumer has; its sessions and budgets follow. How many sessions did.

    `old`, and names that it had before, go on meaning it. The caller has checked that `old` is a present name.
    """
    (created_at,) = store.rows(ConsumerRow.select(ConsumerRow.created_at).where(ConsumerRow.name == old))[0]
    add_consumer(store, new, created_at)
    store.write(ConsumerRow.update(renamed_to=new).where((ConsumerRow.name == old) | (ConsumerRow.renamed_to == old)))
    scoped = (BudgetRow.scope_kind == "consumer") & (BudgetRow.scope == old)
    store.write(BudgetRow.update(scope=new, changed_at=at).where(scoped))
    return store.write(SessionRow.update(consumer=new).where(SessionRow.consumer == old))
