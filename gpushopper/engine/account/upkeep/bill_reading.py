"""Reads once a day what an account was billed, and compares it with our ledger: charges, else the balance (D11).

Nothing waits for it, and nothing but alarms and ledger entries follows from it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from gpushopper.core.model.records.charge import ChargeList
from gpushopper.core.spending.bills.bill_check import Reading
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.provider_calls import CHARGES
from gpushopper.engine.account.part_interface import Account
from gpushopper.engine.money.bill_alarms import charges_alarms, record_balance
from gpushopper.engine.money.bills import are_settled, record_charges
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Endpoint
from gpushopper.providers.charges import TellsCharges, charging
from gpushopper.store.meta import get_meta, set_meta
from gpushopper.store.money.bills import first_sent_at

RETRY_S = 3600.0
"""After charges that could not be read: a key may lack the permission for ever."""
LIMIT_S = 60.0
"""For all pages together."""


class BillReading:
    """The reconciler's part for bills. The last look is stored: a daemon that is restarted daily still takes one."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._next_boot: int | None = None
        """When to look next, µs of the boot clock; None while there is nothing to look for."""
        self._has_started = False

    def _is_able(self) -> bool:
        """Only under a key that is proven to be this account's: another one's bill would prove nothing (F45)."""
        health = self.account.observed.health
        return self.account.client is not None and health.is_ready and not health.wrong_account

    def _due(self, now: ClockSnapshot) -> int | None:
        if self._next_boot is None and (not self._has_started or self.account.open_attempts()):
            self._has_started = True
            stored = get_meta(self.account.ctx.store, self._key)
            last = int(stored) if stored else first_sent_at(self.account.ctx.store, self.account.name)
            if last is None:
                return None
            since = min(last, now.wall)
            self._next_boot = now.boot + max(us(self.account.policy.bill_check_s) - (now.wall - since), 0)
        return self._next_boot

    @property
    def _key(self) -> str:
        return f"bill_read_at:{self.account.name}"

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When the next look can be taken."""
        due = self._due(now)
        if due is None or not self._is_able() or self.account.calls.of_kind(CHARGES):
            return []
        is_called = charging(self.account.client) is not None
        return [max(due, self.account.calls.free_boot(Endpoint.CHARGES, now))] if is_called else [due]

    def send(self, now: ClockSnapshot) -> None:
        """Ask for the charges that are due; where the cloud tells none, record the balance as last read."""
        due, calls = self._due(now), self.account.calls
        if due is None or due > now.boot or not self._is_able() or calls.of_kind(CHARGES):
            return
        client = charging(self.account.client)
        if client is None:
            self._record_balance(now)
        elif calls.is_free(Endpoint.CHARGES, now):
            start_at = now.wall - us(self.account.policy.bill_lookback_s)
            calls.submit((CHARGES, "all"), partial(_fetch, client, start_at, now.wall), LIMIT_S, now)

    def _record_balance(self, now: ClockSnapshot) -> None:
        self._next_boot = now.boot + us(self.account.policy.bill_check_s)
        health = self.account.observed.health
        if health.balance is not None:
            reading = Reading(now.wall, health.balance)
            self.account.transact(now, lambda tx: self._store(tx, reading, now))

    def _store(self, tx: Transaction, reading: Reading, now: ClockSnapshot) -> None:
        tx.run(record_balance(tx.ctx, self.account.name, self.account.observed.health.account_id, reading))
        set_meta(tx.ctx.store, self._key, str(now.wall))

    def on_result(self, value: Any, now: ClockSnapshot) -> None:
        """Record whole charges; anything else is tried again later, and changes nothing (I11)."""
        is_whole = isinstance(value, ChargeList) and value.complete
        self._next_boot = now.boot + us(self.account.policy.bill_check_s if is_whole else RETRY_S)
        if is_whole and self._is_able():
            self.account.transact(now, lambda tx: self._record(tx, value, now))

    def _record(self, tx: Transaction, found: ChargeList, now: ClockSnapshot) -> None:
        name, account = self.account.name, self.account.observed.health.account_id
        changed = record_charges(tx.ctx, name, account, found, now.wall)
        tx.run(charges_alarms(tx.ctx, name, changed))
        if are_settled(tx.ctx, name, account, now.wall):
            self._next_boot = None
        set_meta(tx.ctx.store, self._key, str(now.wall))


def _fetch(client: TellsCharges, start_at: int, end_at: int) -> Any:
    return client.fetch_charges(start_at, end_at, LIMIT_S)
