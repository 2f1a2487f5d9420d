"""The `budgets` table: limits that a user has set."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from gpushopper.core.spending.budget import At80, At100, Budget, ScopeKind
from gpushopper.store.database import Store
from gpushopper.store.meta import get_meta, set_meta
from gpushopper.store.schema.tables import BudgetRow
from gpushopper.store.sqlite.statements import cached_select

_ZONE = "budget_zone"
_NAMES = tuple(f.name for f in fields(Budget))


def load_budgets(store: Store) -> tuple[Budget, ...]:
    """All budgets by name."""
    return tuple(store.kept(_all(), _budget))


def load_budget(store: Store, name: str) -> Budget | None:
    """One budget by its name."""
    return next((each for each in load_budgets(store) if each.name == name), None)


def save_budget(store: Store, budget: Budget) -> None:
    """Write a budget, in place of one of the same name."""
    columns = {name: getattr(budget, name) for name in _NAMES}
    columns |= {name: str(columns[name]) for name in ("scope_kind", "at_80", "at_100")}
    changed = {getattr(BudgetRow, name): value for name, value in columns.items() if name not in ("name", "created_at")}
    store.write(BudgetRow.insert(**columns).on_conflict(conflict_target=[BudgetRow.name], update=changed))


def remove_budget(store: Store, name: str) -> bool:
    """Remove a budget; whether there was one."""
    return bool(store.write(BudgetRow.delete().where(BudgetRow.name == name)))


def note_zone(store: Store, zone: str, wall: int) -> None:
    """Record in whose time zone days and months are counted; in another one than before, all budgets are changed."""
    former = get_meta(store, _ZONE)
    if former == zone:
        return
    set_meta(store, _ZONE, zone)
    if former is not None:
        store.write(BudgetRow.update(changed_at=wall))


@cached_select
def _all() -> Any:
    return BudgetRow.select(*(getattr(BudgetRow, name) for name in _NAMES)).order_by(BudgetRow.name)


def _budget(*row: Any) -> Budget:
    found = dict(zip(_NAMES, row, strict=True))
    found |= {
        "scope_kind": ScopeKind(found["scope_kind"]), "at_80": At80(found["at_80"]), "at_100": At100(found["at_100"]),
    }  # fmt: skip
    return Budget(**found)
