"""The `meta` table: single facts by name, such as the installation's id."""

from __future__ import annotations

from typing import Any

from gpushopper.store.database import Store
from gpushopper.store.schema.tables import MetaRow
from gpushopper.store.sqlite.statements import cached_select


def get_meta(store: Store, key: str) -> str | None:
    """The value stored under a name."""
    found = store.rows(_value_of(key))
    return found[0][0] if found else None


def set_meta(store: Store, key: str, value: str) -> None:
    """Store a value, replacing the former one."""
    query = MetaRow.insert(key=key, value=value)
    store.write(query.on_conflict(conflict_target=[MetaRow.key], update={MetaRow.value: value}))


@cached_select
def _value_of(key: str) -> Any:
    return MetaRow.select(MetaRow.value).where(MetaRow.key == key)
