"""How far an account can be seen: its proof, its blindness, and the alarms about both (D5, S24, F45)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import ObservedList
from gpushopper.core.model.actions import Action, Clear, Raise
from gpushopper.core.model.money import Micros
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree, us
from gpushopper.engine.account.calls.in_flight import NotSent
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import (
    Account,
    Destroyed,
    DestroyOutcome,
    ErrorKind,
    Provider,
    ReadFailed,
    UnknownOutcome,
)
from gpushopper.store import accounts as known_accounts


def silence(kind: str) -> ReadFailed | UnknownOutcome | Destroyed:
    """What a call that never answered counts as."""
    match kind:
        case "create":
            return UnknownOutcome("no answer within the time limit")
        case "destroy":
            return Destroyed(DestroyOutcome.UNKNOWN, "no answer within the time limit")
        case _:
            return ReadFailed(ErrorKind.NETWORK, "no answer within the time limit")


def unasked(kind: str) -> ReadFailed | NotSent:
    """What a call counts as that waited too long for a thread and was withdrawn: nothing was asked."""
    if kind in ("create", "destroy", "beat"):
        return NotSent()
    return ReadFailed(ErrorKind.NETWORK, "this computer is too busy to ask")


@dataclass(slots=True)
class AccountHealth:
    """What is known about an account's answers. Boot-clock µs."""

    account_id: str = ""
    balance: Micros | None = None
    proven_boot: int | None = None
    has_checked_account: bool = False
    whole_boot: int | None = None
    whole_at: int | None = None
    is_ready: bool = False
    failing_since: int | None = None
    failed_polls: int = 0
    last_error: str = ""
    wrong_account: bool = False
    is_inconsistent: bool = False
    """Whether the last list lacked wanted instances that were there: nothing is rented on such a list (F9)."""

    def needs_account_check(self, now: ClockSnapshot, policy: Policy) -> bool:
        """Whether to probe the account before the next list: its proof is getting old.

        IdempotencyKey, then list anyway.
        """
        fresh = self.proven_boot is not None and now.boot - self.proven_boot < us(policy.freshness_s / 2)
        return not fresh and not self.has_checked_account

    def is_proven(self, now: ClockSnapshot, policy: Policy) -> bool:
        """Whether the key was shown to be good, and the account the right one, within the same minute (T3)."""
        return (
            not self.wrong_account
            and self.proven_boot is not None
            and now.boot - self.proven_boot <= us(policy.freshness_s)
        )

    def is_fresh_for_create(self, now: ClockSnapshot, policy: Policy) -> bool:
        """Whether a list was whole recently enough to allow spending (F79)."""
        return self.whole_boot is not None and now.boot - self.whole_boot <= us(policy.list_fresh_for_create_s)

    def on_account(
        self, value: Account | ReadFailed, expected: Iterable[str], name: str, now: ClockSnapshot
    ) -> list[Action]:
        """Take in a probe: prove the account, or doubt it."""
        if isinstance(value, ReadFailed):
            self.last_error = value.detail
            return _key_alarm(value, name)
        accounts = {account for account in expected if account}
        self.wrong_account = bool(accounts) and value.account_id not in accounts
        self.balance = value.balance
        if self.wrong_account:
            text = f"{name}: the key belongs to account {value.account_id}, your sessions are on {', '.join(accounts)}"
            return [Raise(alarms.WRONG_ACCOUNT, name, text, alarms.HINTS[alarms.WRONG_ACCOUNT])]
        self.account_id = value.account_id
        self.proven_boot = now.boot
        return [Clear(alarms.WRONG_ACCOUNT, name), Clear(alarms.KEY_REJECTED, name)]

    def on_failed_list(self, value: ReadFailed, name: str, now: ClockSnapshot, policy: Policy) -> list[Action]:
        """A list that says nothing: changes nothing, and alarms when it lasts (I11, S24)."""
        self.failed_polls += 1
        self.failing_since = now.boot if self.failing_since is None else self.failing_since
        self.last_error = value.detail
        actions = _key_alarm(value, name)
        lasts = now.boot - self.failing_since >= us(policy.degraded_after_s)
        if lasts or self.failed_polls >= policy.degraded_passes:
            text = f"{name} cannot be seen: {value.detail}"
            actions.append(Raise(alarms.DEGRADED, name, text, alarms.HINTS[alarms.DEGRADED]))
        return actions

    def on_list(self, seen: ObservedList, detail: str, name: str, now: ClockSnapshot, policy: Policy) -> list[Action]:
        """A list came: whole ones end the blindness, others count towards it."""
        if not seen.is_whole:
            why = "wrong account" if self.wrong_account else detail or self.last_error or "the account is not proven"
            return self.on_failed_list(
                ReadFailed(ErrorKind.SHAPE, f"the list is not complete evidence ({why})"), name, now, policy
            )
        self.failing_since, self.failed_polls, self.last_error = None, 0, ""
        self.whole_boot, self.whole_at, self.is_ready = now.boot, now.wall, True
        return [Clear(alarms.DEGRADED, name), Clear(alarms.KEY_REJECTED, name)]

    @property
    def is_degraded(self) -> bool:
        return self.failed_polls > 0


def _key_alarm(value: ReadFailed, name: str) -> list[Action]:
    if value.error_kind is not ErrorKind.AUTH:
        return []
    text = f"{name} refuses the key: {value.detail}"
    return [Raise(alarms.KEY_REJECTED, name, text, alarms.HINTS[alarms.KEY_REJECTED])]


def keyless_alarm(name: str, problem: str, hint: str) -> Raise:
    """Something is rented on an account that cannot even be asked (F105)."""
    return Raise(alarms.DEGRADED, name, f"{name} cannot be asked for anything: {problem}", hint)


MOST_DRIFTS = 5
"""So many unknown things get an alarm of their own; who has acknowledged five has got the message."""


def drift_alarms(name: str, connection: Provider | None) -> list[Action]:
    """An alarm for each thing the provider says and nobody here understands (F81)."""
    strange = sorted(connection.drift) if connection is not None else []
    hint = alarms.HINTS[alarms.UNKNOWN_RESPONSE]
    text = f"{name} answers in a way this version does not know"
    return [
        Raise(alarms.UNKNOWN_RESPONSE, f"{name}: {what}", f"{text}: {what}", hint) for what in strange[:MOST_DRIFTS]
    ]


def clock_alarm(name: str, now: ClockSnapshot) -> list[Action]:
    """Nothing is rented while our clock and the provider's are far apart (F62, I12)."""
    if not clocks_disagree(now):
        return [Clear(alarms.CLOCK_SKEW, name)]
    text = f"this computer's clock and {name}'s are more than two minutes apart"
    return [Raise(alarms.CLOCK_SKEW, name, text, alarms.HINTS[alarms.CLOCK_SKEW])]


def record(tx: Transaction, name: str, value: Account | ReadFailed, actions: list[Action]) -> None:
    """Store which account the key opens, with the alarms about it; a wrong one is never recorded."""
    tx.run(actions)
    wrong = any(isinstance(action, Raise) for action in actions)
    if not isinstance(value, Account) or wrong:
        return
    if value.balance is not None:
        tx.ctx.balances[name] = value.balance
    if known_accounts.known_account(tx.ctx.store, name) != value.account_id:
        known_accounts.record_account(tx.ctx.store, name, value.account_id, tx.now.wall)
