"""Removes what creates left beside their instances, before the receipt, and names what cannot be removed (F131)."""

from __future__ import annotations

from functools import partial
from typing import Any

from gpushopper.core.cloud import Leftover
from gpushopper.core.lifecycle.destroying import destroy_retry_s
from gpushopper.core.listing import leftovers as rules
from gpushopper.core.listing.leftovers import Fate
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.leftover import LeftoverItem, ObservedLeftovers
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.in_flight import InFlightCall
from gpushopper.engine.account.calls.provider_calls import LEFTOVERS
from gpushopper.engine.account.part_interface import Account
from gpushopper.engine.account.upkeep.leftover_alarms import leftover_alarms, replace_alarms, unlisted_alarms
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Destroyed, DestroyOutcome, Endpoint, LeftoverList, Provider, leaving
from gpushopper.store import sessions

SWEEP_S = 3600.0
"""Between two looks for leftovers of attempts that are closed already: of a refused create, or of one listed late."""
AMISS = (Fate.LEFT, Fate.TAKEN, Fate.UNKNOWN)
WHOLE_LIST = "list"
"""What a call is about that reads the list; others are about one item."""


def removes_what_it_leaves(client: Provider) -> bool:
    """Whether the adapter can remove what its traits say that a create makes; else nothing is rented there."""
    return not client.traits.ending.leftovers or leaving(client) is not None


def none_left(account: Account, attempt: Attempt) -> bool:
    """Whether nothing that the attempt left keeps it open."""
    others = [a for a in account.open_attempts() if a.label == attempt.label and a.id != attempt.id]
    ending, seen = account.ctx.ending_of(account.name), account.observed.leftovers
    return rules.are_none_left(attempt, seen, ending, is_shared=bool(others))


class LeftoverRemoval:
    """The reconciler's part for leftovers: one call at a time. Times in µs of the boot clock, kept in memory only."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._sweep_boot = 0
        self._list_boot = 0
        """When the list may be read again for an attempt that waits for it."""
        self._list_tries = 0
        self._to_remove: dict[LeftoverItem, int] = {}
        """When each is removed next."""
        self._tries: dict[LeftoverItem, int] = {}
        self._waits_since: dict[str, int] = {}
        """Since when attempts wait for nothing but their leftovers, by id."""
        self._left_since: dict[LeftoverItem, int] = {}
        """Since when each is left, in use elsewhere, or of no record."""
        self._open: frozenset[str] = frozenset()
        self._unlisted = ""
        """Why the list could not be read the last time; empty where it could."""

    # ---- when

    def _waiting(self, now: ClockSnapshot) -> list[Attempt]:
        """Attempts with all the proof of their end but this."""
        policy = self.account.policy
        over = [a for a in self.account.open_attempts() if rules.is_over(a, policy) and not none_left(self.account, a)]
        self._waits_since = {a.id: self._waits_since.get(a.id, now.boot) for a in over}
        return over

    def _is_able(self) -> bool:
        """Only where creates leave something, and under a key that is proven to be this account's (F45)."""
        client, health = self.account.client, self.account.observed.health
        if client is None or not client.traits.ending.leftovers or leaving(client) is None:
            return False
        return health.is_ready and not health.wrong_account

    def _list_due(self, now: ClockSnapshot) -> int:
        """When the list is read next: for an attempt that waits, after one was closed, or by the hour."""
        return min(self._sweep_boot, self._list_boot) if self._waiting(now) else self._sweep_boot

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When the next call can be made."""
        if not self._is_able() or self.account.calls.of_kind(LEFTOVERS):
            return []
        free = self.account.calls.free_boot(Endpoint.LEFTOVERS, now)
        return [max(free, min([self._list_due(now), *self._to_remove.values()]))]

    # ---- sending

    def send(self, now: ClockSnapshot) -> None:
        """Remove what is due, then read the list."""
        self._note_closed(now)
        calls, client = self.account.calls, leaving(self.account.client)
        if client is None or not self._is_able() or calls.of_kind(LEFTOVERS):
            return
        if not calls.is_free(Endpoint.LEFTOVERS, now):
            return
        limit = self.account.policy.destroy_timeout_s
        for item in sorted((i for i, boot in self._to_remove.items() if boot <= now.boot), key=lambda i: i.item_id):
            if self._fate(item) is Fate.LEFT:
                self._to_remove[item] = now.boot + us(self._pause_s(item))
                calls.submit((LEFTOVERS, item), partial(client.remove_leftover, item, limit), limit, now)
                return
            del self._to_remove[item]
        if self._list_due(now) <= now.boot:
            limit = self.account.policy.read_timeout_s
            calls.submit((LEFTOVERS, WHOLE_LIST), partial(client.fetch_leftovers, limit), limit, now)

    def _note_closed(self, now: ClockSnapshot) -> None:
        """After an attempt was closed there is something to look for: the key of a refused create, for example."""
        opened = frozenset(a.id for a in self.account.open_attempts())
        if self._open - opened:
            self._sweep_boot = now.boot
        self._open = opened

    def _pause_s(self, item: LeftoverItem) -> float:
        """The pauses of destroys: 5 s, 15 s, and so on."""
        self._tries[item] = self._tries.get(item, 0) + 1
        return destroy_retry_s(self._tries[item], self.account.policy)

    def _known(self, item: LeftoverItem) -> list[Attempt]:
        """The attempts with its label; one of another account proves nothing: the label was copied (I28)."""
        owner, ctx, name = item.owner(), self.account.ctx, self.account.name
        found = [] if owner is None else sessions.find_listed(ctx.store, name, None, [], [owner.text])
        here = (ctx.cloud_of(name), self.account.observed.health.account_id)
        return [a for a in found if a.provider == name or (ctx.cloud_of(a.provider), a.account) == here]

    def _fate(self, item: LeftoverItem) -> Fate:
        """By what is stored now: an attempt may have been reopened since the list was read."""
        last, ctx, known = self.account.observed.last_list, self.account.ctx, self._known(item)
        if last is None or not last.is_complete:
            return Fate.IN_USE  # what uses it may be what the list lacks (I11)
        found = rules.fate(item, ctx.installation.id, known, last.instances, self.account.policy)
        if found is Fate.LEFT and not ctx.may_spend and any(a.state is not State.DESTROYING for a in known):
            return Fate.IN_USE  # a copied home ends only what was ending (S10)
        return found

    # ---- answers

    def on_result(self, subject: LeftoverItem | str, value: Any, call: InFlightCall, now: ClockSnapshot) -> None:
        """Take over a whole list; after a removal read it again, for only a list proves that something is gone."""
        if isinstance(subject, LeftoverItem):
            self._on_removed(subject, value, now)
            return
        if not isinstance(value, LeftoverList) or not value.complete:
            self._list_tries += 1
            self._list_boot = self._sweep_boot = now.boot + us(destroy_retry_s(self._list_tries, self.account.policy))
            self._unlisted = (
                "the list of what it left is not whole" if isinstance(value, LeftoverList) else value.detail
            )
        elif not self._is_able():
            return  # another account's key came between
        else:
            self._list_tries, self._unlisted = 0, ""
            if call.requested_boot >= self._sweep_boot:  # an attempt that was closed meanwhile wants a newer list
                self._sweep_boot = now.boot + us(SWEEP_S)
            self._list_boot = now.boot + us(self.account.policy.destroy_retry_steps_s[-1])
            self.account.observed.leftovers = ObservedLeftovers(value.items, call.requested_boot)
        self.account.transact(now, lambda tx: self._decide(tx, now))

    def _on_removed(self, item: LeftoverItem, value: Any, now: ClockSnapshot) -> None:
        reply = value if isinstance(value, Destroyed) else Destroyed(DestroyOutcome.UNKNOWN, "no usable answer")
        if reply.outcome in (DestroyOutcome.ACKNOWLEDGED, DestroyOutcome.NOT_FOUND):
            self._list_boot = self._sweep_boot = now.boot
        elif reply.retry_after_s is not None and item in self._to_remove:
            longest = us(self.account.policy.destroy_retry_steady_s)
            wait = min(us(reply.retry_after_s), longest)
            self._to_remove[item] = max(self._to_remove[item], now.boot + wait)
        text = f"removal of {item.text}: {reply.outcome.value.replace('_', ' ')}"
        self.account.transact(now, lambda tx: self._note(tx, item, EventDraft("leftover", text)))

    def _note(self, tx: Transaction, item: LeftoverItem, event: EventDraft) -> None:
        known = self._known(item)
        if known:
            tx.add_event(event, known[0].session_id, known[0].id)

    def _decide(self, tx: Transaction, now: ClockSnapshot) -> None:
        """What the last list says of each attempt and item; without one, only that this goes on for too long."""
        seen = self.account.observed.leftovers
        fates = {} if seen is None else {item: self._fate(item) for item in seen.items}
        self._to_remove = {i: self._to_remove.get(i, now.boot) for i, what in fates.items() if what is Fate.LEFT}
        self._tries = {item: count for item, count in self._tries.items() if item in self._to_remove}
        for attempt in self.account.open_attempts():
            if seen is not None and not self._unlisted and rules.is_over(attempt, self.account.policy):
                tx.run(rules.billing_of_disk(attempt, seen))
        self._left_since = {i: self._left_since.get(i, now.boot) for i, what in fates.items() if what in AMISS}
        late = now.boot - us(self.account.policy.destroy_alarms_s[0])
        unlisted = [a for a in self._waiting(now) if self._unlisted and self._waits_since[a.id] <= late]
        overdue = {i: fates[i] for i, since in self._left_since.items() if since <= late or self._bills_unseen(i)}
        found = leftover_alarms(tx, self.account.name, {i: (what, self._known(i)) for i, what in overdue.items()})
        replace_alarms(tx, self.account.name, found | unlisted_alarms(tx, unlisted, self._unlisted))

    def _bills_unseen(self, item: LeftoverItem) -> bool:
        """Whether it is a disk that no open attempt accounts for: that is said at once."""
        return item.kind is Leftover.DISK and not any(attempt.is_open for attempt in self._known(item))
