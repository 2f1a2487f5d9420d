"""The `bills` and `balances` tables: what clouds say that they have charged, and what was left on accounts."""

from __future__ import annotations

from typing import Any

from peewee import fn

from gpushopper.core.model.records.charge import Charge
from gpushopper.core.spending.bills.bill_check import Reading
from gpushopper.store.database import Store
from gpushopper.store.schema.record_tables import BalanceRow, BillRow
from gpushopper.store.schema.tables import AttemptRow
from gpushopper.store.sqlite.statements import cached_select

_PARTS = ("gpu", "storage", "traffic", "other")


def save_bill(store: Store, attempt_id: str, charge: Charge, read_at: int) -> None:
    """Record what was charged for an attempt's instance, in place of what was read before."""
    values = {name: getattr(charge, name) for name in _PARTS} | {"until_at": charge.until_at, "read_at": read_at}
    query = BillRow.insert(attempt_id=attempt_id, **values)
    store.write(query.on_conflict(conflict_target=[BillRow.attempt_id], update=values))


def bills(store: Store) -> dict[str, tuple[Charge, int]]:
    """The charges of every attempt that has any, by its id, with when they were read (wall µs)."""
    columns = (BillRow.attempt_id, AttemptRow.instance_id, *(getattr(BillRow, name) for name in _PARTS))
    query = BillRow.select(*columns, BillRow.until_at, BillRow.read_at)
    query = query.join(AttemptRow, on=AttemptRow.id == BillRow.attempt_id)
    return {row[0]: (Charge(row[1] or "", *row[2:7]), row[7]) for row in store.rows(query)}


def attempts_with_instance(store: Store, provider: str, account: str, since: int) -> list[str]:
    """The attempts of an account that had an instance and were prepared since then, wall µs."""
    held = (AttemptRow.provider == provider, AttemptRow.account == account, AttemptRow.instance_id.is_null(False))
    query = AttemptRow.select(AttemptRow.id).where(*held, AttemptRow.prepared_at >= since)
    return [attempt_id for (attempt_id,) in store.rows(query)]


def first_sent_at(store: Store, provider: str) -> int | None:
    """When the first create of an account's name was sent, wall µs; None: none was."""
    found: list[tuple[Any, ...]] = store.rows(_first_sent(provider))
    return None if found[0][0] is None else int(found[0][0])


def save_balance(store: Store, provider: str, account: str, reading: Reading) -> None:
    """Record what was left."""
    query = BalanceRow.insert(provider=provider, account=account, at=reading.at, balance=reading.balance)
    store.write(query.on_conflict(
        conflict_target=[BalanceRow.provider, BalanceRow.account, BalanceRow.at], update={"balance": reading.balance}
    ))  # fmt: skip


def last_balances(store: Store, provider: str, account: str) -> list[Reading]:
    """The last two readings, the newer one first."""
    query = BalanceRow.select(BalanceRow.at, BalanceRow.balance)
    query = query.where(BalanceRow.provider == provider, BalanceRow.account == account)
    return [Reading(*row) for row in store.rows(query.order_by(BalanceRow.at.desc()).limit(2))]


@cached_select
def _first_sent(provider: str) -> Any:
    return AttemptRow.select(fn.MIN(AttemptRow.sent_at)).where(AttemptRow.provider == provider)
