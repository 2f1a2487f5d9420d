"""Keeps the proof that the present key is of the account that holds our instances, at a cloud that tells no account id.

What proves it is decided in `core/listing/same_account.py`; here it is read and stored.
"""

from __future__ import annotations

from collections.abc import Iterable

from gpushopper.core import alarms
from gpushopper.core.listing import same_account
from gpushopper.core.listing.same_account import BY_MARK, BY_ROW, FIRST_KEY
from gpushopper.core.model.actions import ClearAlarm, RaiseAlarm
from gpushopper.core.model.attempt import Attempt
from gpushopper.engine.context import Context
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import InstanceList
from gpushopper.store import account_keys, accounts, sessions
from gpushopper.store.known_instances import recorded_ownership

PREFIX = "inferred-"
"""How the id of an account begins that its cloud does not tell: made up once, and not from a key."""


class InferredIdentity:
    """Which accounts the key in use is of, for one reconciler."""

    def __init__(self, ctx: Context, name: str, key: str) -> None:
        self.ctx = ctx
        self.name = name
        self.key = key
        """Its salted digest."""

    def accounts(self) -> frozenset[str]:
        """The accounts that the key is proven to be of."""
        return same_account.accounts_of(account_keys.recorded_keys(self.ctx.store, self.name), self.key)

    def is_proven(self, opened: list[Attempt]) -> bool:
        """Whether every open attempt is on an account of this key; with nothing open, any key will do."""
        return {attempt.account for attempt in opened} <= self.accounts()

    def current_account(self, opened: list[Attempt]) -> str:
        """The account that rows are read and written under: where something is open, else the key's newest."""
        if opened:
            return min(attempt.account for attempt in opened)
        own = self.accounts()
        recorded = account_keys.recorded_keys(self.ctx.store, self.name)
        return next((account for account, _ in recorded if account in own), "")

    def record(self, tx: Transaction, listing: InstanceList, opened: list[Attempt]) -> None:
        """Record what an authentic list proves of the key; raise or clear the alarm about an unproven one."""
        if not self.key:
            tx.run([self._alarm(opened)])
            return
        for account in sorted(self._shown_accounts(listing) - self.accounts()):
            self._prove(tx, account, BY_ROW)
        if not self.accounts() and not opened and listing.complete:
            # Nothing of ours is open: whatever this key opens, what is made with it belongs to it.
            account = PREFIX + self.ctx.new_id(16)
            accounts.record_account(self.ctx.store, self.name, account, tx.now.wall, self.ctx.cloud_of(self.name))
            self._prove(tx, account, FIRST_KEY)
        is_proven = self.is_proven(opened)
        tx.run([ClearAlarm(alarms.ACCOUNT_UNPROVEN, self.name) if is_proven else self._alarm(opened)])

    def prove_by_mark(self, tx: Transaction, accounts_found: Iterable[str]) -> None:
        """Our mark, as it was registered at these accounts, is where this key looks."""
        for account in sorted(accounts_found):
            self._prove(tx, account, BY_MARK)

    def _prove(self, tx: Transaction, account: str, proof: str) -> None:
        account_keys.record_key(self.ctx.store, self.name, account, self.key, proof, tx.now.wall)

    def _shown_accounts(self, listing: InstanceList) -> set[str]:
        # With whatever installation's label: what counts is that id and label are recorded together.
        own = [row for row in listing.instances if row.owner() is not None]
        ids = [row.instance_id for row in own]
        store = self.ctx.store
        held = sessions.find_listed(store, self.name, None, ids, []) if ids else []
        ownership = {
            (account, instance_id): ownership
            for account in {attempt.account for attempt in held}
            for instance_id, ownership in recorded_ownership(store, self.name, {account}, ids).items()
        }
        return same_account.proven_by_rows(own, held, ownership)

    def _alarm(self, opened: list[Attempt]) -> RaiseAlarm:
        held = sessions.load_sessions_by_id(self.ctx.store, sorted({attempt.session_id for attempt in opened}))
        return same_account.unproven_alarm(self.name, opened, {session.id: session.name for session in held})
