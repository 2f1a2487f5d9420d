"""The `accounts` table: which account each provider's key has opened, to notice a key of another account (F45)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from gpushopper.store.database import Store
from gpushopper.store.schema.tables import AccountRow
from gpushopper.store.sqlite.statements import cached_select


def record_account(store: Store, provider: str, account: str, at: int, cloud: str = "") -> None:
    """Make this the account that the provider's key is expected to open; `cloud` where it has another name."""
    query = AccountRow.insert(
        provider=provider, account=account, first_seen_at=at, recorded_at=at, cloud=cloud, mark=""
    )
    key = [AccountRow.provider, AccountRow.account]
    store.write(query.on_conflict(conflict_target=key, update={AccountRow.recorded_at: at, AccountRow.cloud: cloud}))


def known_account(store: Store, provider: str) -> str | None:
    """The account recorded last. Another account's complete, empty list must not close our sessions (F45)."""
    found = store.rows(_last_account(provider))
    return found[0][0] if found else None


def known_cloud(store: Store, provider: str) -> str:
    """The cloud that a named account was last seen at; empty where none is recorded."""
    query = AccountRow.select(AccountRow.cloud).where(AccountRow.provider == provider)
    found = store.rows(query.order_by(AccountRow.recorded_at.desc()).limit(1))
    return found[0][0] if found else ""


def clouds_of_accounts(store: Store, provider: str, accounts: Collection[str]) -> set[str]:
    """The clouds that these accounts of a name were recorded at; without those recorded before clouds were."""
    at = (AccountRow.provider == provider) & AccountRow.account.in_(sorted(accounts)) & (AccountRow.cloud != "")
    return {cloud for (cloud,) in store.rows(AccountRow.select(AccountRow.cloud).where(at))}


def record_mark(store: Store, provider: str, account: str, mark: str) -> None:
    """Record the id of our mark at an account."""
    at = (AccountRow.provider == provider) & (AccountRow.account == account)
    store.write(AccountRow.update(mark=mark).where(at))


def recorded_marks(store: Store, cloud: str) -> dict[tuple[str, str], str]:
    """Our marks at a cloud, by the account's name and id."""
    return dict(store.kept(_marks_at(cloud), lambda name, number, mark: ((name, number), mark)))


@cached_select
def _last_account(provider: str) -> Any:
    query = AccountRow.select(AccountRow.account).where(AccountRow.provider == provider)
    return query.order_by(AccountRow.recorded_at.desc(), AccountRow.account).limit(1)


@cached_select
def _marks_at(cloud: str) -> Any:
    at = (AccountRow.cloud == cloud) | ((AccountRow.cloud == "") & (AccountRow.provider == cloud))
    query = AccountRow.select(AccountRow.provider, AccountRow.account, AccountRow.mark)
    return query.where(at & (AccountRow.mark != ""))
