"""The `account_keys` table: which keys, as salted digests, are proven to be of which account (F45).

Only for clouds that tell no account id. A key may be proven to be of two accounts, which then are one.
"""

from __future__ import annotations

from typing import Any

from gpushopper.store.database import Store
from gpushopper.store.schema.tables import AccountKeyRow
from gpushopper.store.sqlite.statements import cached_select


def record_key(store: Store, provider: str, account: str, key: str, proof: str, at: int) -> None:
    """Record that a key is of this account, and how that was proven; again makes it the newest."""
    values = {"provider": provider, "account": account, "key_digest": key, "proof": proof, "recorded_at": at}
    target = [AccountKeyRow.provider, AccountKeyRow.account, AccountKeyRow.key_digest]
    changes = {AccountKeyRow.proof: proof, AccountKeyRow.recorded_at: at}
    store.write(AccountKeyRow.insert(**values).on_conflict(conflict_target=target, update=changes))


def recorded_keys(store: Store, provider: str) -> list[tuple[str, str]]:
    """Account and key of each proof, the newest first."""
    return store.rows(_keys_of(provider))


@cached_select
def _keys_of(provider: str) -> Any:
    query = AccountKeyRow.select(AccountKeyRow.account, AccountKeyRow.key_digest)
    query = query.where(AccountKeyRow.provider == provider)
    return query.order_by(AccountKeyRow.recorded_at.desc(), AccountKeyRow.account)
