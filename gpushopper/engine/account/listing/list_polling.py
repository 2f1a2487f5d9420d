"""Polls the account and its list of instances: when the next poll is due, and what a good or failed answer leads to."""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core.lifecycle.evidence import ObservedList
from gpushopper.core.listing import same_account
from gpushopper.core.listing.ownership import is_labelled_by
from gpushopper.core.listing.poll_interval import failure_backoff, poll_interval
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.account import account_health
from gpushopper.engine.account.calls.in_flight import InFlightCall
from gpushopper.engine.account.calls.provider_calls import ACCOUNT, LIST
from gpushopper.engine.account.inferred_identity import InferredIdentity
from gpushopper.engine.account.interval_restarts import restart_settling
from gpushopper.engine.account.listing.list_reconciliation import reconcile_list
from gpushopper.engine.account.part_interface import Account
from gpushopper.providers.base import Account as ProviderAccount
from gpushopper.providers.base import Endpoint, InstanceList, ReadFailed


class ListPoller:
    """The reconciler's part that polls: the account first when its proof grows old, then the list.

    A list is evidence of absence only where the account was proven within the same minute (T3).
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.next_poll_boot: int | None = None
        """When the next poll is due, in µs of the boot clock; None: at once."""

    def wake(self) -> None:
        """Poll as soon as the rate limit allows it."""
        self.next_poll_boot = None

    # ---- polling

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When the next poll can be sent, if none is in flight, and when the account is degraded; boot clock, µs."""
        calls, health = self.account.calls, self.account.observed.health
        overdue = health.overdue_alarm_boot(self.account.policy)
        late = [] if overdue is None else [overdue]
        if calls.of_kind(ACCOUNT, LIST):
            return late
        wanted = now.boot if self.next_poll_boot is None else self.next_poll_boot
        needs_account = health.needs_account_check(now, self.account.policy)
        return [*late, max(wanted, calls.free_boot(Endpoint.ACCOUNT if needs_account else Endpoint.LIST, now))]

    def send(self, now: ClockSnapshot) -> None:
        """Request the account or the list, when that is due and neither is in flight."""
        self._alarm_overdue(now)
        client, calls, health = self.account.client, self.account.calls, self.account.observed.health
        if client is None or (self.next_poll_boot is not None and now.boot < self.next_poll_boot):
            return
        if calls.of_kind(ACCOUNT, LIST):
            return
        limit = self.account.policy.read_timeout_s
        if health.needs_account_check(now, self.account.policy):
            if calls.is_free(Endpoint.ACCOUNT, now):
                health.has_checked_account = True
                calls.submit((ACCOUNT,), lambda: client.fetch_account(limit), limit, now)
        elif calls.is_free(Endpoint.LIST, now):
            health.has_checked_account = False
            known = frozenset(a.id for a in self.account.open_attempts())
            all_pages = client.list_limit_s(limit)
            calls.submit((LIST,), lambda: client.fetch_instances(limit), all_pages, now, known)

    def _alarm_overdue(self, now: ClockSnapshot) -> None:
        """However long the cloud has asked us to wait, or lets us wait: see `degraded_after_s`."""
        actions = self.account.observed.health.overdue_alarms(self.account.name, now, self.account.policy)
        if actions:
            self.account.transact(now, lambda tx: tx.run(actions))

    def _schedule(self, now: ClockSnapshot) -> None:
        health, policy = self.account.observed.health, self.account.policy
        wait = poll_interval(self.account.open_attempts(), now, policy)
        if health.failed_polls > 0:
            wait = min(wait, failure_backoff(health.failed_polls, policy))
        self.next_poll_boot = now.boot + wait

    # ---- answers

    def on_account(self, value: ProviderAccount | ReadFailed, now: ClockSnapshot) -> None:
        """Record which account the key opens; then request the list."""
        account = self.account
        if account.identity is not None:
            actions = account.observed.health.on_key_accepted(value, account.name, now, account.policy)
            account.transact(now, lambda tx: account_health.record(tx, account.name, value, actions))
            self.send(now)
            return
        expected = {a.account for a in account.open_attempts()}
        actions = account.observed.health.on_account(value, expected, account.name, now, account.policy)
        account.transact(now, lambda tx: account_health.record(tx, account.name, value, actions))
        if isinstance(value, ProviderAccount):
            account.show_account(account_id=value.account_id)
        self.send(now)

    def on_list(self, value: InstanceList | ReadFailed, call: InFlightCall, now: ClockSnapshot) -> None:
        """Reconcile with a list; one that failed changes nothing but the alarms and the time of the next poll."""
        account, observed = self.account, self.account.observed
        if isinstance(value, InstanceList):
            account.show_account(instance_ids=frozenset(row.instance_id for row in value.instances))
        if account.identity is None:
            value = self._of_the_expected_account(value)
        elif isinstance(value, InstanceList):
            value = self._infer_account(account.identity, value, now)
        if isinstance(value, ReadFailed):
            actions = observed.health.on_failed_list(value, account.name, now, account.policy)
            account.transact(now, lambda tx: tx.run(actions))
            restart_settling(account, now)
            self._schedule(now)
            return
        is_whole = account.client is not None and value.is_whole(account.client.traits.limits.list_proof)
        is_complete = is_whole and observed.health.is_proven(now, account.policy)
        seen = ObservedList(value.instances, is_complete, call.requested_boot, now.boot, call.open_at_request)
        own = account.ctx.installation.id
        detail = value.detail or (f"{value.unread} items could not be read" if value.unread else "")
        observed.listed |= {row.instance_id: is_labelled_by(row, own) for row in seen.instances}
        if account.transact(now, lambda tx: reconcile_list(tx, account, seen, detail, now)):
            observed.last_list = seen
        self._schedule(now)

    def _infer_account(self, identity: InferredIdentity, value: InstanceList, now: ClockSnapshot) -> InstanceList:
        """The list, as far as it counts: of an account that is not proven only what carries our label (F45)."""
        account, health = self.account, self.account.observed.health
        opened = account.open_attempts()
        account.transact(now, lambda tx: identity.record(tx, value, opened))
        health.on_inferred(identity, opened)
        if not health.wrong_account:
            return value
        rows = same_account.own_rows(value.instances, account.ctx.installation.id, opened)
        return replace(value, instances=rows, complete=False, detail="the key is not proven to be of the same account")

    def _of_the_expected_account(self, value: InstanceList | ReadFailed) -> InstanceList | ReadFailed:
        """The list, unless its account is unknown or wrong: stored rows are found by account and id, so in another
        account's list ours would all look foreign (F45).
        """
        health = self.account.observed.health
        if isinstance(value, ReadFailed) or not (health.wrong_account or not health.account_id):
            return value
        unknown = "the account behind the key is not the one expected"
        return ReadFailed(health.doubt_kind, health.last_error or unknown)  # not AUTH: the key itself may be good
