"""Registers our mark at an account whose cloud tells no id, and looks for it under another key (F45).

The mark is an ssh public key that nobody has the private key of: it proves the account, and opens nothing.
"""

from __future__ import annotations

import base64
import secrets as randomness
from collections.abc import Iterable
from functools import partial

from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.provider_calls import MARK
from gpushopper.engine.account.part_interface import PollableAccount
from gpushopper.providers.base import Endpoint, Marks, ReadFailed, marking
from gpushopper.store import accounts

PAUSE_S = 600.0
"""Between two looks for the mark, and after a call that failed."""


class AccountMark:
    """The reconciler's part that marks an account, once, and proves the key by the mark."""

    def __init__(self, account: PollableAccount) -> None:
        self.account = account
        self._next_boot = 0
        self._has_looked = False
        self._seen: frozenset[str] = frozenset()
        """Marks of ours at the account, whichever name registered them."""

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When it may call next, in µs of the boot clock; empty where nothing is to be done."""
        if not self._is_wanted() or self.account.calls.of_kind(MARK):
            return []
        return [max(self._next_boot, self.account.calls.free_boot(Endpoint.KEYS, now))]

    def send(self, now: ClockSnapshot) -> None:
        """Look for marks, then register ours where the account is proven and has none."""
        if not self.dues(now) or now.boot < self._next_boot:
            return
        client, calls = marking(self.account.client), self.account.calls
        if client is None or not calls.is_free(Endpoint.KEYS, now):
            return
        limit = self.account.policy.read_timeout_s
        self._next_boot = now.boot + us(PAUSE_S)
        if not self._has_looked or self.account.observed.health.wrong_account:
            calls.submit((MARK,), partial(client.fetch_marks, limit), limit, now)
            return
        name = f"gpu-shopper {self.account.ctx.installation.id}"
        calls.submit((MARK,), partial(client.add_mark, name, _public_key(), limit), limit, now)

    def _is_wanted(self) -> bool:
        """Whether the account has yet to be looked at, proven or marked."""
        identity, health = self.account.identity, self.account.observed.health
        if identity is None or not identity.key or marking(self.account.client) is None:
            return False
        if not self._has_looked or health.wrong_account:
            return True
        return health.is_ready and not self._own_mark()

    def _own_mark(self) -> str:
        marks = accounts.recorded_marks(self.account.ctx.store, self.account.ctx.cloud_of(self.account.name))
        return marks.get((self.account.name, self.account.observed.health.account_id), "")

    def on_result(self, value: Marks | str | ReadFailed, now: ClockSnapshot) -> None:
        """Record what was found or registered; after a failure it is tried again later."""
        account, identity = self.account, self.account.identity
        if identity is None:
            return
        if isinstance(value, Marks):
            self._has_looked, self._next_boot = True, now.boot
            recorded = accounts.recorded_marks(account.ctx.store, account.ctx.cloud_of(account.name))
            found = {at: mark for at, mark in recorded.items() if mark in value.ids}
            own = {number for name, number in found if name == account.name} - identity.accounts()
            if own:
                account.transact(now, lambda tx: identity.prove_by_mark(tx, own))
            self._show(found.values())
            account.wake()
            if account.observed.health.wrong_account:
                self._next_boot = now.boot + us(PAUSE_S)
        elif isinstance(value, str) and value:
            account_id = account.observed.health.account_id
            account.transact(now, lambda tx: accounts.record_mark(tx.ctx.store, account.name, account_id, value))
            self._show({value})

    def _show(self, marks: Iterable[str]) -> None:
        self._seen |= frozenset(marks)
        self.account.show_account(marks=self._seen)


def _public_key() -> str:
    """A line as of an ed25519 key, of random bytes."""
    parts = (b"ssh-ed25519", randomness.token_bytes(32))
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} gpu-shopper"
