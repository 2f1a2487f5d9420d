"""The `known_instances` table: whose each instance id on an account is, ours or foreign, as once decided (F120)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from gpushopper.store.database import Store
from gpushopper.store.schema.tables import KnownInstanceRow
from gpushopper.store.sqlite.statements import IN_LIST_SIZE, cached_select


@dataclass(frozen=True, slots=True)
class KnownInstance:
    """What was decided about an instance id on an account, so that it is not decided differently later (F120)."""

    provider: str
    account: str
    instance_id: str
    label: str | None
    ownership: str
    seen_at: int


def record_ownership(store: Store, found: KnownInstance) -> None:
    """Record whose an instance is, replacing the former record."""
    values = {f.name: getattr(found, f.name) for f in fields(KnownInstance)}
    key = [KnownInstanceRow.provider, KnownInstanceRow.account, KnownInstanceRow.instance_id]
    changes = {
        KnownInstanceRow.label: found.label,
        KnownInstanceRow.ownership: found.ownership,
        KnownInstanceRow.seen_at: found.seen_at,
    }
    store.write(KnownInstanceRow.insert(**values).on_conflict(conflict_target=key, update=changes))


def recorded_ownership(store: Store, provider: str, accounts: Collection[str], ids: Sequence[str]) -> dict[str, str]:
    """The recorded ownership of these instance ids on these accounts, for those that have one."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), IN_LIST_SIZE):
        some = tuple(ids[start : start + IN_LIST_SIZE])
        found.update(store.rows(_ownership_of(provider, tuple(sorted(accounts)), some)))
    return found


@cached_select
def _ownership_of(provider: str, accounts: tuple[str, ...], ids: tuple[str, ...]) -> Any:
    return KnownInstanceRow.select(KnownInstanceRow.instance_id, KnownInstanceRow.ownership).where(
        (KnownInstanceRow.provider == provider)
        & KnownInstanceRow.account.in_(accounts)
        & KnownInstanceRow.instance_id.in_(ids)
    )
