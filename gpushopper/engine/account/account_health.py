"""Decides whether an account's answers may be relied on: key proven, account the expected one, lists complete (S24)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import ObservedList
from gpushopper.core.model.actions import Action, ClearAlarm, RaiseAlarm
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import Micros
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.account_alarms import key_rejected_alarms
from gpushopper.engine.account.key_refusals import KeyRefusals
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Account, ErrorKind, ReadFailed
from gpushopper.store import accounts as known_accounts


class ProvenIdentity(Protocol):
    """Which accounts a key is proven to be of (inferred_identity.py)."""

    def is_proven(self, opened: list[Attempt]) -> bool: ...

    def current_account(self, opened: list[Attempt]) -> str: ...


@dataclass(slots=True)
class AccountHealth:
    """What an account's answers in this process have shown. `*_boot` and `*_since`: µs of the boot clock."""

    account_id: str = ""
    """The account that the key opens, as last proven or, after a start, as stored; empty while unknown."""
    balance: Micros | None = None
    proven_boot: int | None = None
    has_checked_account: bool = False
    """Whether the account was requested since the last list was."""
    complete_list_boot: int | None = None
    complete_list_at: int | None = None
    is_ready: bool = False
    """Whether there has been a complete list since the start: before that, nothing is created (I20)."""
    failing_since: int | None = None
    failed_polls: int = 0
    alarming_polls: int = 0
    """Those of them that were not throttled."""
    has_alarmed: bool = False
    """Whether they have raised an alarm."""
    key_refusals: KeyRefusals = field(default_factory=KeyRefusals)
    account_error: ErrorKind | None = None
    """Why the account could not be read the last time; None where it could."""
    last_error: str = ""
    wrong_account: bool = False
    """The key opens another account than the one that open attempts are on, or is not proven to open it (F45)."""
    is_inconsistent: bool = False
    """The last list lacked wanted instances that were there before: nothing is rented on such a list (F9)."""

    def needs_account_check(self, now: ClockSnapshot, policy: Policy) -> bool:
        """Whether to request the account before the next list: its proof is more than half as old as it may be.

        Requested once: when that fails, the list is polled all the same.
        """
        is_recent = self.proven_boot is not None and now.boot - self.proven_boot < us(policy.freshness_s / 2)
        return not is_recent and not self.has_checked_account

    def is_proven(self, now: ClockSnapshot, policy: Policy) -> bool:
        """Whether, within the last minute, the key was accepted and opened the expected account (T3)."""
        return (
            not self.wrong_account
            and self.proven_boot is not None
            and now.boot - self.proven_boot <= us(policy.freshness_s)
        )

    def is_fresh_for_create(self, now: ClockSnapshot, policy: Policy) -> bool:
        """Whether the last complete list is recent enough to allow spending (F79)."""
        latest = self.complete_list_boot
        return latest is not None and now.boot - latest <= us(policy.list_fresh_for_create_s)

    def on_account(
        self, value: Account | ReadFailed, expected: Iterable[str], name: str, now: ClockSnapshot, policy: Policy
    ) -> list[Action]:
        """Record which account the key opens: proven, or wrong where it is not in `expected`."""
        if isinstance(value, ReadFailed):
            return self._on_failed_account(value, name, now, policy)
        self.account_error = None
        self.key_refusals.accepted("account", now)
        accounts = {account for account in expected if account}
        self.wrong_account = bool(accounts) and value.account_id not in accounts
        self.balance = value.balance
        if self.wrong_account:
            text = f"{name}: the key belongs to account {value.account_id}, your sessions are on {', '.join(accounts)}"
            return [RaiseAlarm.with_hint(alarms.WRONG_ACCOUNT, name, text)]
        self.account_id = value.account_id
        self.proven_boot = now.boot
        return [ClearAlarm(alarms.WRONG_ACCOUNT, name), ClearAlarm(alarms.KEY_REJECTED, name)]

    def _on_failed_account(self, value: ReadFailed, name: str, now: ClockSnapshot, policy: Policy) -> list[Action]:
        value = self._weighed(value, "account", now, policy)
        self.last_error, self.account_error = value.detail, value.error_kind
        return key_rejected_alarms(value, name, self.key_refusals.source)

    def on_inferred(self, identity: ProvenIdentity, opened: list[Attempt]) -> None:
        """Take over which account the key is of, where the cloud does not tell it; unproven counts as wrong."""
        self.wrong_account = not identity.is_proven(opened)
        self.account_id = identity.current_account(opened)

    def on_key_accepted(
        self, value: Account | ReadFailed, name: str, now: ClockSnapshot, policy: Policy
    ) -> list[Action]:
        """Record that the cloud takes the key, where it does not tell the account."""
        if isinstance(value, ReadFailed):
            return self._on_failed_account(value, name, now, policy)
        self.account_error = None
        self.key_refusals.accepted("account", now)
        self.balance, self.proven_boot = value.balance, now.boot
        return [ClearAlarm(alarms.KEY_REJECTED, name)]

    def on_failed_list(self, value: ReadFailed, name: str, now: ClockSnapshot, policy: Policy) -> list[Action]:
        """Count a list without a usable answer; an alarm after several in a row, or when they go on for long (S24).

        Throttling is no failure of the cloud: such lists raise nothing by their number, as long as it may last.
        Whatever the cause, an account without a whole list for `degraded_after_s` is degraded.
        """
        value = self._weighed(value, "list", now, policy)
        self.failed_polls += 1
        self.failing_since = now.boot if self.failing_since is None else self.failing_since
        self.last_error = value.detail
        lasts = now.boot - self.failing_since
        if value.error_kind is not ErrorKind.THROTTLED or lasts >= us(policy.throttled_max_s):
            self.alarming_polls += 1
        actions = key_rejected_alarms(value, name, self.key_refusals.source)
        if lasts >= us(policy.degraded_after_s) or self.alarming_polls >= policy.degraded_failed_polls:
            actions.append(self._degraded_alarm(name))
        return actions

    def overdue_alarm_boot(self, policy: Policy) -> int | None:
        """When the account is degraded by time alone, also where no answer comes; None where nothing fails, or an alarm
        has said so.
        """
        if self.failing_since is None or self.has_alarmed:
            return None
        return self.failing_since + us(policy.degraded_after_s)

    def overdue_alarms(self, name: str, now: ClockSnapshot, policy: Policy) -> list[Action]:
        """The alarm of an account that has been without a whole list for too long."""
        due = self.overdue_alarm_boot(policy)
        return [] if due is None or now.boot < due else [self._degraded_alarm(name)]

    def _degraded_alarm(self, name: str) -> RaiseAlarm:
        self.has_alarmed = True
        return RaiseAlarm.with_hint(alarms.DEGRADED, name, f"{name} cannot be read: {self.last_error}")

    def _weighed(self, value: ReadFailed, kind: str, now: ClockSnapshot, policy: Policy) -> ReadFailed:
        """A refusal of the key as what it counts as: a rejection, or throttling."""
        if value.error_kind not in (ErrorKind.AUTH, ErrorKind.FORBIDDEN):
            return value
        is_own_form = value.error_kind is ErrorKind.AUTH
        is_rejected = self.key_refusals.is_rejected(kind, now, policy, is_own_form=is_own_form)
        return replace(value, error_kind=ErrorKind.AUTH if is_rejected else ErrorKind.THROTTLED)

    def on_list(self, seen: ObservedList, detail: str, name: str, now: ClockSnapshot, policy: Policy) -> list[Action]:
        """Record a list: a complete one ends the failures, an incomplete one counts as one."""
        if not seen.is_complete:
            why = "wrong account" if self.wrong_account else detail or self.last_error or "the account is not proven"
            failed = ReadFailed(self.doubt_kind, f"the list is not complete evidence ({why})")
            return self.on_failed_list(failed, name, now, policy)
        self.key_refusals.accepted("list", now)
        self.failing_since, self.failed_polls, self.alarming_polls, self.last_error = None, 0, 0, ""
        self.has_alarmed = False
        self.complete_list_boot, self.complete_list_at, self.is_ready = now.boot, now.wall, True
        return [ClearAlarm(alarms.DEGRADED, name), ClearAlarm(alarms.KEY_REJECTED, name)]

    @property
    def doubt_kind(self) -> ErrorKind:
        """As what a list counts whose account is not proven: as throttled where only that kept us from asking."""
        is_throttled = self.account_error is ErrorKind.THROTTLED and not self.wrong_account
        return ErrorKind.THROTTLED if is_throttled else ErrorKind.SHAPE

    @property
    def is_degraded(self) -> bool:
        """Whether the last list failed: nothing is created before the next complete one."""
        return self.failed_polls > 0


def record(tx: Transaction, name: str, value: Account | ReadFailed, actions: list[Action]) -> None:
    """Store the account that the key opens and its balance, with the alarms about it; a wrong one is not stored."""
    tx.run(actions)
    wrong = any(isinstance(action, RaiseAlarm) for action in actions)
    if not isinstance(value, Account) or wrong:
        return
    if value.balance is not None:
        tx.ctx.balances[name] = value.balance
    if value.account_id and known_accounts.known_account(tx.ctx.store, name) != value.account_id:
        known_accounts.record_account(tx.ctx.store, name, value.account_id, tx.now.wall, tx.ctx.cloud_of(name))
