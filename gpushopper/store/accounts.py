"""Small facts: accounts seen per provider (F45), and the meta table."""

from __future__ import annotations

from gpushopper.store.database import Store
from gpushopper.store.schema.tables import AccountRow, MetaRow


def get_meta(store: Store, key: str) -> str | None:
    """A stored fact by its name."""
    found = store.rows(MetaRow.select(MetaRow.value).where(MetaRow.key == key))
    return found[0][0] if found else None


def set_meta(store: Store, key: str, value: str) -> None:
    """Store a fact, replacing the former."""
    query = MetaRow.insert(key=key, value=value)
    store.write(query.on_conflict(conflict_target=[MetaRow.key], update={MetaRow.value: value}))


def record_account(store: Store, provider: str, account: str, at: int) -> None:
    """Make this the account that the provider's key is expected to open."""
    query = AccountRow.insert(provider=provider, account=account, first_seen_at=at, recorded_at=at)
    key = [AccountRow.provider, AccountRow.account]
    store.write(query.on_conflict(conflict_target=key, update={AccountRow.recorded_at: at}))


def known_account(store: Store, provider: str) -> str | None:
    """The account recorded last; another one's complete, empty list must not close our sessions (F45)."""
    query = AccountRow.select(AccountRow.account).where(AccountRow.provider == provider)
    found = store.rows(query.order_by(AccountRow.recorded_at.desc(), AccountRow.account).limit(1))
    return found[0][0] if found else None
