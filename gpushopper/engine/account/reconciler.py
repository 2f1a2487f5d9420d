"""The account reconciler: the only actor for one account; each step records results, sends what is due, then polls."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gpushopper.core.cloud import Identity
from gpushopper.core.listing.same_account import SeenAccount, same_as
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.guard_recipe import fits
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.account_alarms import missing_key_alarm
from gpushopper.engine.account.account_health import AccountHealth
from gpushopper.engine.account.account_mark import AccountMark
from gpushopper.engine.account.account_transactions import AccountTransactions
from gpushopper.engine.account.calls.provider_calls import CREATE, DESTROY, LABEL, PULL, ProviderCalls
from gpushopper.engine.account.create.creator import Creator
from gpushopper.engine.account.destroyer import Destroyer
from gpushopper.engine.account.heartbeat_monitor import HeartbeatMonitor
from gpushopper.engine.account.inferred_identity import InferredIdentity
from gpushopper.engine.account.interval_restarts import restart_login_timeouts, restart_settling, restart_silence
from gpushopper.engine.account.key_refusals import KeyRefusals
from gpushopper.engine.account.listing.instance_reads import InstanceReads
from gpushopper.engine.account.listing.list_polling import ListPoller
from gpushopper.engine.account.observed_state import ObservedState
from gpushopper.engine.account.result_dispatch import ResultDispatch
from gpushopper.engine.account.ssh_key_attachment import KeyAttachment
from gpushopper.engine.account.upkeep.bill_reading import BillReading
from gpushopper.engine.account.upkeep.leftover_removal import LeftoverRemoval, removes_what_it_leaves
from gpushopper.engine.account.upkeep.server_timers import ServerTimers
from gpushopper.engine.account.watching.landings import Landings
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.executor import CallResult, Executor
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Endpoint, Provider
from gpushopper.store.accounts import known_account


class AccountReconciler:
    """Everything that is done on one account. All methods run on the engine's thread; only the calls run elsewhere."""

    def __init__(self, ctx: Context, setup: AccountSetup, executor: Executor) -> None:
        self.ctx = ctx
        self.setup = setup
        self.name = setup.provider
        self.calls = ProviderCalls(setup.provider, setup.client, ctx.clock, executor, ctx.observe_call)
        account_id = known_account(ctx.store, setup.provider) or ""
        self.observed = ObservedState(AccountHealth(account_id, key_refusals=KeyRefusals(setup.key_source)))
        if setup.client is not None:
            ctx.key_refusals[self.name] = (setup.client, self.health.key_refusals)
        self.transactions = AccountTransactions(ctx, setup.provider, on_stale=self.wake)
        self.key_digest = ctx.key_digest(setup)
        self.identity = self._inferred_identity()
        self.show_account(account_id="", instance_ids=frozenset(), marks=frozenset())
        self.destroyer = Destroyer(self)
        self.reads = InstanceReads(self)
        self.creator = Creator(self)
        self.heartbeats = HeartbeatMonitor(self)
        self.key_attachment = KeyAttachment(self)
        self.poller = ListPoller(self)
        self.mark = AccountMark(self)
        self.leftovers = LeftoverRemoval(self)
        self.timers = ServerTimers(self)
        self.landings = Landings(self)
        self.bills = BillReading(self)
        self.results = ResultDispatch(
            self.calls,
            self.observed,
            self.poller,
            self.reads,
            self.creator,
            self.destroyer,
            self.heartbeats,
            self.key_attachment,
            self.mark,
            self.leftovers,
            self.timers,
            self.landings,
            self.bills,
        )
        self._missing_key_due: int | None = ctx.clock.now().boot + us(self.policy.degraded_after_s)

    def _inferred_identity(self) -> InferredIdentity | None:
        """What proves the account where the cloud does not tell it; a key is unproven from the start (F45)."""
        if self.client is None or self.client.traits.identity is not Identity.INFERRED:
            return None
        identity = InferredIdentity(self.ctx, self.name, self.key_digest)
        self.health.on_inferred(identity, self.open_attempts())
        return identity

    def show_account(self, **shown: Any) -> None:
        """Note what the account has shown of itself, to compare it with the cloud's other accounts."""
        if self.client is None:
            self.ctx.seen_accounts.pop(self.name, None)
            return
        known = self.ctx.seen_accounts.get(self.name, SeenAccount(self.ctx.cloud_of(self.name)))
        self.ctx.seen_accounts[self.name] = replace(known, key_digest=self.key_digest, **shown)

    @property
    def same_as(self) -> str:
        """The other name under which this very account is used too; empty where there is none."""
        return same_as(self.name, self.ctx.seen_accounts)

    # ---- one step

    def step(self, now: ClockSnapshot, inbox: deque[CallResult]) -> None:
        """Record what has finished, then start whatever is due: destroys first, the next poll last.

        A result leaves the inbox only once it is stored: a full disk must not cost an instance's id (F67, F120).
        """
        now = self.at(now)
        while inbox:
            self.results.on_result(inbox[0], now)
            inbox.popleft()
        self.results.expire(now)
        if self.client is None:
            self._alarm_missing_key(now)
            return
        now = self.at(now)
        self.destroyer.send(now)
        self.reads.send(now)
        self.creator.send(now)
        self.heartbeats.send(now)
        self.landings.send(now)
        self.key_attachment.send(now)
        self.poller.send(now)
        self.mark.send(now)
        self.timers.send(now)
        self.leftovers.send(now)
        self.bills.send(now)

    def next_due(self, now: ClockSnapshot) -> int | None:
        """When a step has something to do, in µs of the boot clock; None when nothing is planned."""
        if self.client is None:
            return self._missing_key_due if self.open_attempts() else None
        dues = self.calls.expirations()
        dues += self.poller.dues(now) + self.destroyer.dues(now) + self.creator.dues(now)
        dues += self.heartbeats.dues(now) + self.key_attachment.dues(now) + self.reads.dues(now) + self.mark.dues(now)
        dues += self.leftovers.dues(now) + self.timers.dues(now) + self.landings.dues(now) + self.bills.dues(now)
        return min(dues, default=None)

    def _alarm_missing_key(self, now: ClockSnapshot) -> None:
        """Without a key nothing here can be ended: an alarm, which the next complete list clears (F105, I11)."""
        if self._missing_key_due is not None and now.boot >= self._missing_key_due and self.open_attempts():
            alarm = missing_key_alarm(self.name, self.setup.key_problem, self.setup.key_hint)
            if self.transact(now, lambda tx: tx.run([alarm])):
                self._missing_key_due = None

    # ---- what the engine, requests and the parts ask

    @property
    def client(self) -> Provider | None:
        """The provider's client; None without a key."""
        return self.setup.client

    @property
    def policy(self) -> Policy:
        """The rules' numbers, with the limits of this cloud."""
        return self.ctx.policy_of(self.name)

    @property
    def health(self) -> AccountHealth:
        """Whether the account's answers may be relied on."""
        return self.observed.health

    @property
    def is_ready(self) -> bool:
        """Whether there has been a complete list since the start, so that creating is allowed (I20)."""
        return self.health.is_ready

    @property
    def can_rent(self) -> bool:
        """Whether an instance rented here ends as its cloud's traits say, or is simulated on this computer (S16).

        Where the traits say that it bills on without us, each session's user must accept it as well (E9).
        """
        if not self.policy.needs_login:
            return self.setup.is_local
        if self.ctx.remote is None or self.client is None:
            return False
        is_cleared = removes_what_it_leaves(self.client)
        return is_cleared and fits(self.client.guard_recipe, self.client.traits.ending.kind)

    @property
    def ends_alone(self) -> bool:
        """Whether an instance rented here ends its bill without us; simulated ones end with their sandbox."""
        return not self.policy.needs_login or self.ctx.ending_of(self.name).ends_bill_alone

    @property
    def destroy_interval_s(self) -> float:
        """Seconds between two destroys by the provider's rate limit."""
        return 0.0 if self.client is None else self.client.traits.pace.destroy_interval_s

    def at(self, now: ClockSnapshot) -> ClockSnapshot:
        """This snapshot with the provider's date added as third clock (D10)."""
        return self.observed.at(now)

    def open_attempts(self) -> list[Attempt]:
        """The open attempts of this account, as stored now."""
        return self.transactions.open_attempts()

    # ---- notifications from the engine and the parts

    def wake(self) -> None:
        """Poll the list as soon as the rate limit allows it."""
        self.poller.wake()

    def after_gap(self) -> None:
        """After sleep or a clock jump: measure no interval across it, and probe every instance at once (F65)."""
        now = self.ctx.clock.now()
        restart_settling(self, now)
        self.heartbeats.wake()
        restart_login_timeouts(self, now)
        restart_silence(self, now)

    def take_over(self, former: AccountReconciler) -> None:
        """Expect the answers to creates and destroys that the former reconciler of this account sent (F67)."""
        kept = self.calls.take_over(former.calls, (CREATE, DESTROY, PULL))
        batches = [key[2] for key in kept if key[1] == DESTROY]
        self.destroyer.mark_in_flight(batches, is_trusted=not former.health.wrong_account)
        self.observed.listed |= former.observed.listed

    def transact(self, now: ClockSnapshot, work: Callable[[Transaction], None]) -> bool:
        """Run one transaction and what follows from it; False where it was undone, and the next step decides anew."""
        tx = self.transactions.run(now, work)
        if tx is None:
            return False
        for attempt_id in tx.without_id:
            self.heartbeats.forget(attempt_id)
            self.key_attachment.forget(attempt_id)
        for relabel in tx.relabels:
            self._set_label(relabel.instance_id, relabel.label, now)
        return True

    def _set_label(self, instance_id: str, label: str, now: ClockSnapshot) -> None:
        """Set a lost label again, where the cloud has such a call; the next list asks again if that cannot be now."""
        client = self.client
        if client is None or not client.traits.naming.can_relabel or self.calls.is_in_flight(LABEL, instance_id):
            return
        if not self.calls.is_free(Endpoint.LABEL, now):
            return
        limit = self.policy.read_timeout_s
        self.calls.submit((LABEL, instance_id), lambda: client.set_label(instance_id, label, limit), limit, now)
