"""The only actor for one account: looks, decides, applies one step, and says when it is next due (architecture 6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import ObservedList
from gpushopper.core.listing.missing import absentees, newly_missing
from gpushopper.core.listing.ownership import is_labelled_by
from gpushopper.core.listing.poll_interval import failure_backoff, poll_interval
from gpushopper.core.listing.reconcile import close_if_absent, decide_listing
from gpushopper.core.model.actions import Change, Raise
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, Witness, us
from gpushopper.engine.account import account_health, list_verification, recorded_state
from gpushopper.engine.account.creator import CREATE, Creator
from gpushopper.engine.account.destroyer import Destroyer
from gpushopper.engine.account.heartbeat_monitor import HeartbeatMonitor
from gpushopper.engine.account.in_flight import CancelledCall, CompletedCall, InFlightCall
from gpushopper.engine.account.instance_reads import Reads
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.executor import DESTROY, CallResult, Executor
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Account, Endpoint, ErrorKind, Listing, Provider, ReadFailed
from gpushopper.store import sessions
from gpushopper.store.accounts import known_account
from gpushopper.store.sqlite.error_mapping import ConstraintViolation, Stale

ACCOUNT, LIST, LABEL = "account", "list", "label"
BEGUN_S = 2.5
"""A call that begins has taken its slot in the pacing by then; until it has, a second one could be too early."""


class AccountReconciler:
    """One account's actor. Every method runs on the engine's thread; only the calls run elsewhere."""

    def __init__(self, ctx: Context, setup: AccountSetup, executor: Executor) -> None:
        self.ctx = ctx
        self.setup = setup
        self.name = setup.provider
        self.executor = executor
        self.in_flight: dict[tuple[Any, ...], InFlightCall] = {}
        self.health = account_health.AccountHealth(account_id=known_account(ctx.store, setup.provider) or "")
        self.seen: ObservedList | None = None
        self.listed: dict[str, bool] = {}
        """Every instance id listed so far, true where the row had our label: no later create can have made it."""
        self.ask: dict[str, str] = {}
        """Instances to read by id: attempt id by instance id."""
        self.next_look_boot: int | None = None
        self.witness: Witness | None = None
        self._keyless_due: int | None = ctx.clock.now().boot + us(ctx.policy.degraded_after_s)
        self._open: list[Attempt] = []
        self._open_at = -1
        self.creator = Creator(self)
        self.destroyer = Destroyer(self)
        self.heartbeats = HeartbeatMonitor(self)
        self.reads = Reads(self)

    # ---- what others ask

    @property
    def connection(self) -> Provider | None:
        return self.setup.connection

    @property
    def end_pace_s(self) -> float:
        """How far apart the provider's limits put several ends."""
        return 0.0 if self.connection is None else self.connection.traits.end_pace_s

    def wake(self) -> None:
        """Look at once."""
        self.next_look_boot = None

    def at(self, now: ClockSnapshot) -> ClockSnapshot:
        """This moment with the provider's date as third witness (D10)."""
        date = None if self.witness is None else self.witness.aged(now)
        return ClockSnapshot(now.wall, now.boot, now.boot_id, date, was_answered=self.health.whole_boot is not None)

    @property
    def can_rent(self) -> bool:
        """Whether what is rented here ends without us: it has a guard, or it is paper on this computer (S1, S16)."""
        if not self.ctx.policy.needs_login:
            return self.setup.is_local
        return self.ctx.remote is not None and self.connection is not None and self.connection.recipe is not None

    @property
    def is_ready(self) -> bool:
        """Whether a complete reconcile has been done, so that creating is allowed (I20)."""
        return self.health.is_ready

    def take_over(self, former: AccountReconciler) -> None:
        """Creates and destroys that the former reconciler of this account sent are answered here: no answer is
        lost (F67).
        """
        kept = {key: call_in_flight for key, call_in_flight in former.in_flight.items() if key[1] in (CREATE, DESTROY)}
        self.in_flight |= kept
        self.destroyer.mind(key[2] for key in kept if key[1] == DESTROY)
        self.listed |= former.listed

    def after_gap(self) -> None:
        """After sleep: no interval is measured across it, and every instance is logged in to at once (F64, F65)."""
        now = self.ctx.clock.now()
        self.break_off_waiting(now)
        self.heartbeats.wake()
        for attempt in self.open_attempts():
            if attempt.state is State.BOOTING and attempt.is_gpu_billed:
                # The silence of a login counts while we listen (F13, F64).
                self._set(attempt, {"progress_boot": now.boot}, now)

    def break_off_waiting(self, now: ClockSnapshot) -> None:
        """The waiting time of uncertain creates is connected time: after a gap, or a list that says nothing, a new
        stretch begins (F65)."""
        for attempt in self.open_attempts():
            if attempt.last_complete_list_boot is not None:
                self._set(attempt, {"last_complete_list_boot": None}, now)

    def _set(self, attempt: Attempt, sets: dict[str, Any], now: ClockSnapshot) -> None:
        change = Change(attempt, sets)
        self.transact(now, lambda tx: tx.run([change]))

    # ---- one step

    def step(self, now: ClockSnapshot, inbox: deque[CallResult]) -> None:
        """Take in what has finished, then start whatever is due.

        A result leaves the inbox only once it is stored: a full disk must not cost an instance's id (F67, F120).
        """
        now = self.at(now)
        while inbox:
            self._take(inbox[0], now)
            inbox.popleft()
        self._expire(now)
        if self.connection is None:
            self._tell_keyless(now)
            return
        now = self.at(now)
        self.destroyer.send(now)
        self.reads.send(now)
        self.creator.send(now)
        self.heartbeats.send(now)
        self._look(now)

    def next_due(self, now: ClockSnapshot) -> int | None:
        """Boot-clock µs when a step has something to do, None when nothing is planned."""
        if self.connection is None:
            return self._keyless_due if self.open_attempts() else None
        dues = [call_in_flight.expires_boot for call_in_flight in self.in_flight.values()]
        looking = any(key[1] in (ACCOUNT, LIST) for key in self.in_flight)
        if not looking:
            wanted = now.boot if self.next_look_boot is None else self.next_look_boot
            endpoint = Endpoint.ACCOUNT if self.health.needs_account_check(now, self.ctx.policy) else Endpoint.LIST
            dues.append(max(wanted, self.free_boot(endpoint, now)))
        dues += self.destroyer.dues(now) + self.creator.dues(now) + self.heartbeats.dues(now)
        dues += self.reads.dues(now)
        return min(dues, default=None)

    def free_boot(self, endpoint: Endpoint, now: ClockSnapshot) -> int:
        """When the endpoint may be called next, on the boot clock (S6)."""
        if self.connection is None:
            return now.boot
        wait = self.connection.free_at(endpoint) - self.ctx.clock.monotonic()
        return max(now.boot + us(wait), self._begun_boot(endpoint, now), now.boot)

    def _begun_boot(self, endpoint: Endpoint, now: ClockSnapshot) -> int:
        """When every call to the endpoint under way has surely taken its slot in the pacing.

        While one waits for a thread, no second one is put behind it.
        """
        under_way = [call_in_flight for key, call_in_flight in self.in_flight.items() if key[1] == endpoint.value]
        begun = [
            now.boot if call_in_flight.started_boot is None else call_in_flight.started_boot
            for call_in_flight in under_way
        ]
        return max(begun, default=-us(BEGUN_S)) + us(BEGUN_S)

    def is_free(self, endpoint: Endpoint, now: ClockSnapshot) -> bool:
        """Whether a call to the endpoint may start now."""
        return self.connection is not None and self.free_boot(endpoint, now) <= now.boot

    def submit(
        self,
        key: tuple[Any, ...],
        call: Callable[[], Any],
        limit_s: float,
        now: ClockSnapshot,
        known_before: frozenset[str] = frozenset(),
    ) -> None:
        """Start a call under this reconciler's name; one per key at a time."""
        full = (self.name, *key)
        call_in_flight = self.in_flight[full] = InFlightCall(limit_s, now.boot, known_before)
        self.executor.submit(full, call_in_flight.call(call, lambda: self.ctx.clock.now().boot), limit_s)

    def transact(self, now: ClockSnapshot, work: Callable[[Transaction], None]) -> bool:
        """Run one transaction; a row changed by somebody else undoes it, and the next pass decides anew (I16)."""
        change = Transaction(self.ctx, now)
        try:
            with self.ctx.store.transaction():
                work(change)
        except Stale:
            self.wake()
            return False
        except ConstraintViolation as conflict:
            self._report(conflict, now)
            return False
        for attempt_id in change.without_id:
            self.heartbeats.forget(attempt_id)
        for relabel in change.relabels:
            self._relabel(relabel.instance_id, relabel.label, now)
        return True

    def _report(self, conflict: Exception, now: ClockSnapshot) -> None:
        """The database refused what it must never be asked: nothing was changed; say so and go on (F54)."""
        text = f"{self.name}: the database refused a change: {conflict}"
        alarm = Raise(alarms.DATABASE_CONSTRAINT, self.name, text, alarms.HINTS[alarms.DATABASE_CONSTRAINT])
        with self.ctx.store.transaction():
            Transaction(self.ctx, now).run([alarm])

    # ---- looking

    def _look(self, now: ClockSnapshot) -> None:
        """Probe the account when its proof is about to grow old, then list (T3 needs both within a minute)."""
        if self.connection is None or (self.next_look_boot is not None and now.boot < self.next_look_boot):
            return
        keys = {key[1] for key in self.in_flight}
        if ACCOUNT in keys or LIST in keys:
            return
        limit = self.ctx.policy.read_limit_s
        connection = self.connection
        if self.health.needs_account_check(now, self.ctx.policy):
            if self.is_free(Endpoint.ACCOUNT, now):
                self.health.has_checked_account = True
                self.submit((ACCOUNT,), lambda: connection.fetch_account(limit), limit, now)
        elif self.is_free(Endpoint.LIST, now):
            self.health.has_checked_account = False
            known = frozenset(a.id for a in self.open_attempts())
            whole = connection.list_limit_s(limit)
            self.submit((LIST,), lambda: connection.fetch_instances(limit), whole, now, known)

    def _tell_keyless(self, now: ClockSnapshot) -> None:
        """Without a key nothing here can be ended: an alarm, which the next whole list clears (F105, I11)."""
        if self._keyless_due is not None and now.boot >= self._keyless_due and self.open_attempts():
            alarm = account_health.keyless_alarm(self.name, self.setup.key_problem, self.setup.key_hint)
            if self.transact(now, lambda tx: tx.run([alarm])):
                self._keyless_due = None

    def _plan_look(self, now: ClockSnapshot) -> None:
        wait = poll_interval(self.open_attempts(), now, self.ctx.policy)
        if self.health.failed_polls > 0:
            wait = min(wait, failure_backoff(self.health.failed_polls, self.ctx.policy))
        self.next_look_boot = now.boot + wait

    def open_attempts(self) -> list[Attempt]:
        """The open attempts of this provider, as stored now; read again only when something was committed."""
        store = self.ctx.store
        if store.is_writing:
            return sessions.load_attempts(store, provider=self.name)
        if self._open_at != store.last_change:
            # The mark first: a commit that comes between costs one more read, never a missed change.
            self._open_at = store.last_change
            self._open = sessions.load_attempts(store, provider=self.name)
        return self._open

    # ---- results

    def _take(self, done: CallResult, now: ClockSnapshot) -> None:
        key: tuple[Any, ...] = done.key  # type: ignore[assignment]
        if isinstance(done.value, CancelledCall):
            return
        value, call_in_flight = done.value, self.in_flight.get(key)
        if isinstance(value, CompletedCall):
            # One that was given up is late, also when the same is asked anew: an old list is no newer one (D6).
            value, call_in_flight = (
                value.value,
                value.call_in_flight if value.call_in_flight is call_in_flight else None,
            )
        if call_in_flight is not None:
            del self.in_flight[key]
        try:
            self._sort(key, call_in_flight, replace(done, value=value), now)
        except BaseException:
            if call_in_flight is not None:
                self.in_flight[key] = call_in_flight
            raise

    def _sort(
        self, key: tuple[Any, ...], call_in_flight: InFlightCall | None, done: CallResult, now: ClockSnapshot
    ) -> None:
        """Hand a result to whoever asked for it."""
        value = done.value
        if done.error is not None:
            value = ReadFailed(ErrorKind.SHAPE, f"internal fault: {type(done.error).__name__}")
        self._hear_date(value, now)
        match key[1]:
            case "account":
                self._on_account(value, now)
            case "list" if call_in_flight is not None:
                self._took_list(value, call_in_flight, now)
            case "get" if call_in_flight is not None:
                self.reads.took(key[2], value, call_in_flight, now)
            case "create":
                self.creator.took(key[2], value, now, late=call_in_flight is None)
            case "destroy":
                self.destroyer.took(key[2], value, now)
            case "beat" if call_in_flight is not None:
                self.heartbeats.took(key[2], value, now)
            case "keys":
                self.heartbeats.took_attach(key[2], value)

    def _expire(self, now: ClockSnapshot) -> None:
        """Give up calls that outlived their limit, cancel those that never began: a hung thread blocks nothing."""
        for key, call_in_flight in list(self.in_flight.items()):
            if now.boot < call_in_flight.expires_boot:
                continue
            if call_in_flight.cancel():
                self._take(CallResult(key, account_health.unasked(key[1])), now)
            elif now.boot >= call_in_flight.expires_boot:  # it has not begun just now
                self._take(CallResult(key, account_health.silence(key[1])), now)

    def _hear_date(self, value: Any, now: ClockSnapshot) -> None:
        """Only an authenticated reply's date is a witness (D10)."""
        if isinstance(value, (Account, Listing)) and value.date is not None:
            self.witness = Witness(value.date, now.boot, now.boot_id)

    def _on_account(self, value: Account | ReadFailed, now: ClockSnapshot) -> None:
        expected = {a.account for a in self.open_attempts()}
        actions = self.health.on_account(value, expected, self.name, now)
        self.transact(now, lambda tx: account_health.record(tx, self.name, value, actions))
        self._look(now)

    def _took_list(self, value: Listing | ReadFailed, call_in_flight: InFlightCall, now: ClockSnapshot) -> None:
        if not isinstance(value, ReadFailed) and (self.health.wrong_account or not self.health.account_id):
            # Rows are found by account and id: with another account's list, ours would all look like strangers (F45).
            unknown = "the account behind the key is not the one expected"
            value = ReadFailed(ErrorKind.SHAPE, self.health.last_error or unknown)  # the key itself may be good
        if isinstance(value, ReadFailed):
            actions = self.health.on_failed_list(value, self.name, now, self.ctx.policy)
            self.transact(now, lambda tx: tx.run(actions))
            self.break_off_waiting(now)
            self._plan_look(now)
            return
        is_whole = value.complete and self.health.is_proven(now, self.ctx.policy)
        seen = ObservedList(
            value.instances, is_whole, call_in_flight.requested_boot, now.boot, call_in_flight.known_before
        )
        own = self.ctx.installation.id
        self.listed |= {row.instance_id: is_labelled_by(row, own) for row in seen.instances}
        if self.transact(now, lambda tx: self._reconcile(tx, seen, value.detail, now)):
            self.seen = seen
        self._plan_look(now)

    def _reconcile(self, tx: Transaction, seen: ObservedList, detail: str, now: ClockSnapshot) -> None:
        """DB, provider, DB: decide on what is stored now, with what was open before the list left (D4)."""
        account = self.health.account_id
        is_copy = not self.ctx.may_spend
        held = recorded_state.load(self.ctx.store, self.ctx.installation.id, self.name, account, seen, is_copy=is_copy)
        missing = absentees(held, seen)
        # A list that lacks what was there a moment ago proves no absence of anything else either (I11).
        self.health.is_inconsistent = bool(newly_missing(missing))
        proof = replace(seen, is_whole=seen.is_whole and not self.health.is_inconsistent)
        tx.run(decide_listing(held, proof, now, self.ctx.policy))
        for attempt in () if is_copy else held.open:
            tx.run(close_if_absent(tx.attempt(attempt), now, self.ctx.policy))
        self.ask = list_verification.to_ask(held, missing, now, self.ctx.policy)
        tx.run(self.health.on_list(seen, detail, self.name, now, self.ctx.policy))
        if seen.is_whole:
            tx.run(list_verification.mass_change(self.name, held, missing, self.ctx.policy))
        tx.run(account_health.clock_alarm(self.name, now))
        tx.run(account_health.drift_alarms(self.name, self.connection))

    def _relabel(self, instance_id: str, label: str, now: ClockSnapshot) -> None:
        connection = self.connection
        key = (LABEL, instance_id)
        if connection is None or (self.name, *key) in self.in_flight or not self.is_free(Endpoint.LABEL, now):
            return
        limit = self.ctx.policy.read_limit_s
        self.submit(key, lambda: connection.set_label(instance_id, label, limit), limit, now)
