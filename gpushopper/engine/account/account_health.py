"""How far an account can be seen: its proof, its blindness, and the alarms about both (D5, S24, F45)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import Seen
from gpushopper.core.model.actions import Action, Clear, Raise
from gpushopper.core.model.money import Micros
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import Moment, clocks_disagree, us
from gpushopper.engine.account.in_flight import Unsent
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Account, Blind, Destroyed, DestroyOutcome, Provider, Trouble, Unclear
from gpushopper.store import accounts as known_accounts


def silence(kind: str) -> Blind | Unclear | Destroyed:
    """What a call that never answered counts as."""
    match kind:
        case "create":
            return Unclear("no answer within the time limit")
        case "destroy":
            return Destroyed(DestroyOutcome.UNKNOWN, "no answer within the time limit")
        case _:
            return Blind(Trouble.NETWORK, "no answer within the time limit")


def unasked(kind: str) -> Blind | Unsent:
    """What a call counts as that waited too long for a thread and was withdrawn: nothing was asked."""
    if kind in ("create", "destroy", "beat"):
        return Unsent()
    return Blind(Trouble.NETWORK, "this computer is too busy to ask")


@dataclass(slots=True)
class Sight:
    """What is known about an account's answers. Boot-clock µs."""

    account_id: str = ""
    balance: Micros | None = None
    proven_boot: int | None = None
    has_probed: bool = False
    whole_boot: int | None = None
    whole_at: int | None = None
    is_ready: bool = False
    blind_since: int | None = None
    blind_passes: int = 0
    trouble: str = ""
    wrong_account: bool = False
    is_doubted: bool = False
    """Whether the last list lacked wanted instances that were there: nothing is rented on such a list (F9)."""

    def needs_probe(self, now: Moment, policy: Policy) -> bool:
        """Whether to probe the account before the next list: its proof is getting old. Once, then list anyway."""
        fresh = self.proven_boot is not None and now.boot - self.proven_boot < us(policy.freshness_s / 2)
        return not fresh and not self.has_probed

    def is_proven(self, now: Moment, policy: Policy) -> bool:
        """Whether the key was shown to be good, and the account the right one, within the same minute (T3)."""
        return (
            not self.wrong_account
            and self.proven_boot is not None
            and now.boot - self.proven_boot <= us(policy.freshness_s)
        )

    def is_fresh_for_create(self, now: Moment, policy: Policy) -> bool:
        """Whether a list was whole recently enough to allow spending (F79)."""
        return self.whole_boot is not None and now.boot - self.whole_boot <= us(policy.list_fresh_for_create_s)

    def took_account(self, value: Account | Blind, expected: Iterable[str], name: str, now: Moment) -> list[Action]:
        """Take in a probe: prove the account, or doubt it."""
        if isinstance(value, Blind):
            self.trouble = value.detail
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

    def blind(self, value: Blind, name: str, now: Moment, policy: Policy) -> list[Action]:
        """A list that says nothing: changes nothing, and alarms when it lasts (I11, S24)."""
        self.blind_passes += 1
        self.blind_since = now.boot if self.blind_since is None else self.blind_since
        self.trouble = value.detail
        actions = _key_alarm(value, name)
        lasts = now.boot - self.blind_since >= us(policy.degraded_after_s)
        if lasts or self.blind_passes >= policy.degraded_passes:
            text = f"{name} cannot be seen: {value.detail}"
            actions.append(Raise(alarms.DEGRADED, name, text, alarms.HINTS[alarms.DEGRADED]))
        return actions

    def listed(self, seen: Seen, detail: str, name: str, now: Moment, policy: Policy) -> list[Action]:
        """A list came: whole ones end the blindness, others count towards it."""
        if not seen.is_whole:
            why = "wrong account" if self.wrong_account else detail or self.trouble or "the account is not proven"
            return self.blind(Blind(Trouble.SHAPE, f"the list is not complete evidence ({why})"), name, now, policy)
        self.blind_since, self.blind_passes, self.trouble = None, 0, ""
        self.whole_boot, self.whole_at, self.is_ready = now.boot, now.wall, True
        return [Clear(alarms.DEGRADED, name), Clear(alarms.KEY_REJECTED, name)]

    @property
    def is_degraded(self) -> bool:
        return self.blind_passes > 0


def _key_alarm(value: Blind, name: str) -> list[Action]:
    if value.trouble is not Trouble.AUTH:
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
    hint = alarms.HINTS[alarms.DRIFT]
    text = f"{name} answers in a way this version does not know"
    return [Raise(alarms.DRIFT, f"{name}: {what}", f"{text}: {what}", hint) for what in strange[:MOST_DRIFTS]]


def clock_alarm(name: str, now: Moment) -> list[Action]:
    """Nothing is rented while our clock and the provider's are far apart (F62, I12)."""
    if not clocks_disagree(now):
        return [Clear(alarms.CLOCK_SUSPECT, name)]
    text = f"this computer's clock and {name}'s are more than two minutes apart"
    return [Raise(alarms.CLOCK_SUSPECT, name, text, alarms.HINTS[alarms.CLOCK_SUSPECT])]


def record(tx: Transaction, name: str, value: Account | Blind, actions: list[Action]) -> None:
    """Store which account the key opens, with the alarms about it; a wrong one is never recorded."""
    tx.run(actions)
    wrong = any(isinstance(action, Raise) for action in actions)
    if not isinstance(value, Account) or wrong:
        return
    if value.balance is not None:
        tx.ctx.balances[name] = value.balance
    if known_accounts.known_account(tx.ctx.store, name) != value.account_id:
        known_accounts.record_account(tx.ctx.store, name, value.account_id, tx.now.wall)
