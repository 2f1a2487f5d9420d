"""The only actor for one account: looks, decides, applies one step, and says when it is next due (architecture 6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import Seen
from gpushopper.core.listing.missing import absentees, newly_missing
from gpushopper.core.listing.ownership import is_labelled_by
from gpushopper.core.listing.poll_interval import blind_interval, look_interval
from gpushopper.core.listing.reconcile import close_if_absent, decide_listing
from gpushopper.core.model.actions import Change, Raise
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.timing.clock_snapshot import Moment, Witness, us
from gpushopper.engine.account import account_health, list_verification, recorded_state
from gpushopper.engine.account.creator import CREATE, Creator
from gpushopper.engine.account.destroyer import Destroyer
from gpushopper.engine.account.heartbeat_monitor import Beats
from gpushopper.engine.account.in_flight import Flight, Landed, Withdrawn
from gpushopper.engine.account.instance_reads import Reads
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.executor import DESTROY, Done, Executor
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Account, Blind, Endpoint, Listing, Provider, Trouble
from gpushopper.store import sessions
from gpushopper.store.accounts import known_account
from gpushopper.store.sqlite.failures import Conflict, Stale

ACCOUNT, LIST, LABEL = "account", "list", "label"
BEGUN_S = 2.5
"""A call that begins has taken its slot in the pacing by then; until it has, a second one could be too early."""


class Lane:
    """One account's actor. Every method runs on the engine's thread; only the calls run elsewhere."""

    def __init__(self, ctx: Context, setup: AccountSetup, executor: Executor) -> None:
        self.ctx = ctx
        self.setup = setup
        self.name = setup.provider
        self.executor = executor
        self.flights: dict[tuple[Any, ...], Flight] = {}
        self.sight = account_health.Sight(account_id=known_account(ctx.store, setup.provider) or "")
        self.seen: Seen | None = None
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
        self.beats = Beats(self)
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

    def at(self, now: Moment) -> Moment:
        """This moment with the provider's date as third witness (D10)."""
        date = None if self.witness is None else self.witness.aged(now)
        return Moment(now.wall, now.boot, now.boot_id, date, was_answered=self.sight.whole_boot is not None)

    @property
    def can_rent(self) -> bool:
        """Whether what is rented here ends without us: it has a guard, or it is paper on this computer (S1, S16)."""
        if not self.ctx.policy.needs_login:
            return self.setup.is_local
        return self.ctx.remote is not None and self.connection is not None and self.connection.recipe is not None

    @property
    def is_ready(self) -> bool:
        """Whether a complete reconcile has been done, so that creating is allowed (I20)."""
        return self.sight.is_ready

    def take_over(self, former: Lane) -> None:
        """Creates and destroys that the former lane of this account sent are answered here: no answer is lost (F67)."""
        kept = {key: flight for key, flight in former.flights.items() if key[1] in (CREATE, DESTROY)}
        self.flights |= kept
        self.destroyer.mind(key[2] for key in kept if key[1] == DESTROY)
        self.listed |= former.listed

    def after_gap(self) -> None:
        """After sleep: no interval is measured across it, and every instance is logged in to at once (F64, F65)."""
        now = self.ctx.clock.now()
        self.break_off_waiting(now)
        self.beats.wake()
        for attempt in self.open_attempts():
            if attempt.state is State.BOOTING and attempt.gpu_billing:
                # The silence of a login counts while we listen (F13, F64).
                self._set(attempt, {"progress_boot": now.boot}, now)

    def break_off_waiting(self, now: Moment) -> None:
        """The waiting time of uncertain creates is connected time: after a gap, or a list that says nothing, a new
        stretch begins (F65)."""
        for attempt in self.open_attempts():
            if attempt.last_good_look_boot is not None:
                self._set(attempt, {"last_good_look_boot": None}, now)

    def _set(self, attempt: Attempt, sets: dict[str, Any], now: Moment) -> None:
        change = Change(attempt, sets)
        self.transact(now, lambda tx: tx.run([change]))

    # ---- one step

    def step(self, now: Moment, inbox: deque[Done]) -> None:
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
        self.beats.send(now)
        self._look(now)

    def next_due(self, now: Moment) -> int | None:
        """Boot-clock µs when a step has something to do, None when nothing is planned."""
        if self.connection is None:
            return self._keyless_due if self.open_attempts() else None
        dues = [flight.expires_boot for flight in self.flights.values()]
        looking = any(key[1] in (ACCOUNT, LIST) for key in self.flights)
        if not looking:
            wanted = now.boot if self.next_look_boot is None else self.next_look_boot
            endpoint = Endpoint.ACCOUNT if self.sight.needs_probe(now, self.ctx.policy) else Endpoint.LIST
            dues.append(max(wanted, self.free_boot(endpoint, now)))
        dues += self.destroyer.dues(now) + self.creator.dues(now) + self.beats.dues(now)
        dues += self.reads.dues(now)
        return min(dues, default=None)

    def free_boot(self, endpoint: Endpoint, now: Moment) -> int:
        """When the endpoint may be called next, on the boot clock (S6)."""
        if self.connection is None:
            return now.boot
        wait = self.connection.free_at(endpoint) - self.ctx.clock.monotonic()
        return max(now.boot + us(wait), self._begun_boot(endpoint, now), now.boot)

    def _begun_boot(self, endpoint: Endpoint, now: Moment) -> int:
        """When every call to the endpoint under way has surely taken its slot in the pacing.

        While one waits for a thread, no second one is put behind it.
        """
        under_way = [flight for key, flight in self.flights.items() if key[1] == endpoint.value]
        begun = [now.boot if flight.begun_boot is None else flight.begun_boot for flight in under_way]
        return max(begun, default=-us(BEGUN_S)) + us(BEGUN_S)

    def is_free(self, endpoint: Endpoint, now: Moment) -> bool:
        """Whether a call to the endpoint may start now."""
        return self.connection is not None and self.free_boot(endpoint, now) <= now.boot

    def submit(
        self,
        key: tuple[Any, ...],
        call: Callable[[], Any],
        limit_s: float,
        now: Moment,
        known_before: frozenset[str] = frozenset(),
    ) -> None:
        """Start a call under this lane's name; one per key at a time."""
        full = (self.name, *key)
        flight = self.flights[full] = Flight(limit_s, now.boot, known_before)
        self.executor.submit(full, flight.call(call, lambda: self.ctx.clock.now().boot), limit_s)

    def transact(self, now: Moment, work: Callable[[Transaction], None]) -> bool:
        """Run one transaction; a row changed by somebody else undoes it, and the next pass decides anew (I16)."""
        change = Transaction(self.ctx, now)
        try:
            with self.ctx.store.transaction():
                work(change)
        except Stale:
            self.wake()
            return False
        except Conflict as conflict:
            self._report(conflict, now)
            return False
        for attempt_id in change.without_id:
            self.beats.forget(attempt_id)
        for relabel in change.relabels:
            self._relabel(relabel.instance_id, relabel.label, now)
        return True

    def _report(self, conflict: Exception, now: Moment) -> None:
        """The database refused what it must never be asked: nothing was changed; say so and go on (F54)."""
        text = f"{self.name}: the database refused a change: {conflict}"
        alarm = Raise(alarms.CONFLICT, self.name, text, alarms.HINTS[alarms.CONFLICT])
        with self.ctx.store.transaction():
            Transaction(self.ctx, now).run([alarm])

    # ---- looking

    def _look(self, now: Moment) -> None:
        """Probe the account when its proof is about to grow old, then list (T3 needs both within a minute)."""
        if self.connection is None or (self.next_look_boot is not None and now.boot < self.next_look_boot):
            return
        keys = {key[1] for key in self.flights}
        if ACCOUNT in keys or LIST in keys:
            return
        limit = self.ctx.policy.read_limit_s
        connection = self.connection
        if self.sight.needs_probe(now, self.ctx.policy):
            if self.is_free(Endpoint.ACCOUNT, now):
                self.sight.has_probed = True
                self.submit((ACCOUNT,), lambda: connection.fetch_account(limit), limit, now)
        elif self.is_free(Endpoint.LIST, now):
            self.sight.has_probed = False
            known = frozenset(a.id for a in self.open_attempts())
            whole = connection.list_limit_s(limit)
            self.submit((LIST,), lambda: connection.fetch_instances(limit), whole, now, known)

    def _tell_keyless(self, now: Moment) -> None:
        """Without a key nothing here can be ended: an alarm, which the next whole list clears (F105, I11)."""
        if self._keyless_due is not None and now.boot >= self._keyless_due and self.open_attempts():
            alarm = account_health.keyless_alarm(self.name, self.setup.key_problem, self.setup.key_hint)
            if self.transact(now, lambda tx: tx.run([alarm])):
                self._keyless_due = None

    def _plan_look(self, now: Moment) -> None:
        wait = look_interval(self.open_attempts(), now, self.ctx.policy)
        if self.sight.blind_passes > 0:
            wait = min(wait, blind_interval(self.sight.blind_passes, self.ctx.policy))
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

    def _take(self, done: Done, now: Moment) -> None:
        key: tuple[Any, ...] = done.key  # type: ignore[assignment]
        if isinstance(done.value, Withdrawn):
            return
        value, flight = done.value, self.flights.get(key)
        if isinstance(value, Landed):
            # One that was given up is late, also when the same is asked anew: an old list is no newer one (D6).
            value, flight = value.value, value.flight if value.flight is flight else None
        if flight is not None:
            del self.flights[key]
        try:
            self._sort(key, flight, replace(done, value=value), now)
        except BaseException:
            if flight is not None:
                self.flights[key] = flight
            raise

    def _sort(self, key: tuple[Any, ...], flight: Flight | None, done: Done, now: Moment) -> None:
        """Hand a result to whoever asked for it."""
        value = done.value
        if done.error is not None:
            value = Blind(Trouble.SHAPE, f"internal fault: {type(done.error).__name__}")
        self._hear_date(value, now)
        match key[1]:
            case "account":
                self._took_account(value, now)
            case "list" if flight is not None:
                self._took_list(value, flight, now)
            case "get" if flight is not None:
                self.reads.took(key[2], value, flight, now)
            case "create":
                self.creator.took(key[2], value, now, late=flight is None)
            case "destroy":
                self.destroyer.took(key[2], value, now)
            case "beat" if flight is not None:
                self.beats.took(key[2], value, now)
            case "keys":
                self.beats.took_attach(key[2], value)

    def _expire(self, now: Moment) -> None:
        """Give up calls that outlived their limit, withdraw those that never began: a hung thread blocks nothing."""
        for key, flight in list(self.flights.items()):
            if now.boot < flight.expires_boot:
                continue
            if flight.withdraw():
                self._take(Done(key, account_health.unasked(key[1])), now)
            elif now.boot >= flight.expires_boot:  # it has not begun just now
                self._take(Done(key, account_health.silence(key[1])), now)

    def _hear_date(self, value: Any, now: Moment) -> None:
        """Only an authenticated reply's date is a witness (D10)."""
        if isinstance(value, (Account, Listing)) and value.date is not None:
            self.witness = Witness(value.date, now.boot, now.boot_id)

    def _took_account(self, value: Account | Blind, now: Moment) -> None:
        expected = {a.account for a in self.open_attempts()}
        actions = self.sight.took_account(value, expected, self.name, now)
        self.transact(now, lambda tx: account_health.record(tx, self.name, value, actions))
        self._look(now)

    def _took_list(self, value: Listing | Blind, flight: Flight, now: Moment) -> None:
        if not isinstance(value, Blind) and (self.sight.wrong_account or not self.sight.account_id):
            # Rows are found by account and id: with another account's list, ours would all look like strangers (F45).
            unknown = "the account behind the key is not the one expected"
            value = Blind(Trouble.SHAPE, self.sight.trouble or unknown)  # the key itself may be good
        if isinstance(value, Blind):
            actions = self.sight.blind(value, self.name, now, self.ctx.policy)
            self.transact(now, lambda tx: tx.run(actions))
            self.break_off_waiting(now)
            self._plan_look(now)
            return
        is_whole = value.complete and self.sight.is_proven(now, self.ctx.policy)
        seen = Seen(value.instances, is_whole, flight.asked_boot, now.boot, flight.known_before)
        own = self.ctx.installation.id
        self.listed |= {row.instance_id: is_labelled_by(row, own) for row in seen.instances}
        if self.transact(now, lambda tx: self._reconcile(tx, seen, value.detail, now)):
            self.seen = seen
        self._plan_look(now)

    def _reconcile(self, tx: Transaction, seen: Seen, detail: str, now: Moment) -> None:
        """DB, provider, DB: decide on what is stored now, with what was open before the list left (D4)."""
        account = self.sight.account_id
        is_copy = not self.ctx.may_spend
        held = recorded_state.load(self.ctx.store, self.ctx.installation.id, self.name, account, seen, is_copy=is_copy)
        missing = absentees(held, seen)
        # A list that lacks what was there a moment ago proves no absence of anything else either (I11).
        self.sight.is_doubted = bool(newly_missing(missing))
        proof = replace(seen, is_whole=seen.is_whole and not self.sight.is_doubted)
        tx.run(decide_listing(held, proof, now, self.ctx.policy))
        for attempt in () if is_copy else held.open:
            tx.run(close_if_absent(tx.attempt(attempt), now, self.ctx.policy))
        self.ask = list_verification.to_ask(held, missing, now, self.ctx.policy)
        tx.run(self.sight.listed(seen, detail, self.name, now, self.ctx.policy))
        if seen.is_whole:
            tx.run(list_verification.mass_change(self.name, held, missing, self.ctx.policy))
        tx.run(account_health.clock_alarm(self.name, now))
        tx.run(account_health.drift_alarms(self.name, self.connection))

    def _relabel(self, instance_id: str, label: str, now: Moment) -> None:
        connection = self.connection
        key = (LABEL, instance_id)
        if connection is None or (self.name, *key) in self.flights or not self.is_free(Endpoint.LABEL, now):
            return
        limit = self.ctx.policy.read_limit_s
        self.submit(key, lambda: connection.set_label(instance_id, label, limit), limit, now)
