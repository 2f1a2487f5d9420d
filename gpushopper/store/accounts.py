"""The `accounts` table: which account each provider's key has opened, to notice a key of another account (F45)."""

from __future__ import annotations

from gpushopper.store.database import Store
from gpushopper.store.schema.tables import AccountRow


def record_account(store: Store, provider: str, account: str, at: int) -> None:
    """Make this the account that the provider's key is expected to open."""
    query = AccountRow.insert(provider=provider, account=account, first_seen_at=at, recorded_at=at)
    key = [AccountRow.provider, AccountRow.account]
    store.write(query.on_conflict(conflict_target=key, update={AccountRow.recorded_at: at}))


def known_account(store: Store, provider: str) -> str | None:
    """The account recorded last. Another account's complete, empty list must not close our sessions (F45)."""
    query = AccountRow.select(AccountRow.account).where(AccountRow.provider == provider)
    found = store.rows(query.order_by(AccountRow.recorded_at.desc(), AccountRow.account).limit(1))
    return found[0][0] if found else None
