"""The engine: one thread that steps every reconciler when something is due; all else leaves wishes and wakes it."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Collection, Sequence

from gpushopper import wire
from gpushopper.clock import Clock
from gpushopper.core.policy import Policy
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine import credential_redaction, lifecycle_job, session_lookup, startup_recovery
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.commands import provision as intents
from gpushopper.engine.commands.provision import IdempotencyKey
from gpushopper.engine.context import AccountSetup, Context, ReadLogin, Remote, no_logins
from gpushopper.engine.executor import CallResult, Executor
from gpushopper.engine.queries import audit as auditing
from gpushopper.engine.queries import provider_logs, ssh_connection, views
from gpushopper.engine.queries.search import OfferSearch
from gpushopper.errors import DiskFull, Misconfigured
from gpushopper.paths import Home
from gpushopper.store import alarms, events
from gpushopper.store.database import Store
from gpushopper.store.installation import Installation

__all__ = ["AccountSetup", "Engine", "IdempotencyKey"]

DISK_PAUSE_S = 1.0


class Engine:
    """Everything the daemon does, behind thread-safe methods; driven by `run` or, in a simulation, by `step`.

    Methods that answer requests raise the classes of gpushopper.errors and return the dataclasses of wire.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        executor: Executor,
        accounts: Sequence[AccountSetup],
        policy: Policy,
        brakes: SpendingLimits,
        installation: Installation,
        home: Home,
        remote: Remote | None = None,
        read_login: ReadLogin = no_logins,
    ) -> None:
        self.ctx = Context(
            store, clock, policy, brakes, installation, home, remote=remote, read_login=read_login
        )
        self.executor = executor
        self.reconcilers = {setup.provider: AccountReconciler(self.ctx, setup, executor) for setup in accounts}
        for setup in accounts:
            self.ctx.redactions.attach(setup.provider, setup.connection)
        self.searcher = OfferSearch(self.ctx, self.reconcilers)
        self._bell = threading.Condition()
        self._rung = False
        self._look = True
        self._resumed = False
        self._swaps: list[AccountSetup] = []
        self._inbox: dict[str, deque[CallResult]] = defaultdict(deque)
        self._clock_due = 0
        self._clock_lock = threading.Lock()
        self._last_change = -1
        self._was_ready = False
        self._tidied = -1

    # ---- driving

    def recover(self) -> None:
        """Start-up recovery, on the database alone (I20)."""
        startup_recovery.recover(self.ctx, self.ctx.clock.now())

    def open_registries(self) -> list[str]:
        """Whose logins instances may still carry."""
        return credential_redaction.open_registries(self.ctx)

    def load_login_redactions(self, registries: Collection[str]) -> int:
        """Know the redactions of logins that an earlier process sent. Asks keyrings: on a thread that may wait."""
        return credential_redaction.load_redactions(self.ctx, registries)

    def run(self, stop: threading.Event) -> None:
        """Step until told to stop."""
        while not stop.is_set():
            try:
                self.step()
            except DiskFull:
                self._make_room(stop)
            except Misconfigured as busy:
                if busy.code != "database_busy":
                    raise
                stop.wait(DISK_PAUSE_S)
            self._wait(stop)

    def _make_room(self, stop: threading.Event) -> None:
        """The disk is full: give up the space kept for this, and go on; ends must be recordable (F67, F73)."""
        self._release_disk_reserve()
        stop.wait(DISK_PAUSE_S)

    def _release_disk_reserve(self) -> None:
        self.ctx.home.disk_reserve.unlink(missing_ok=True)

    def _wait(self, stop: threading.Event) -> None:
        now = self.ctx.clock.now()
        due = self.next_due()
        pause = 1.0 if due is None else max(due - now.boot, us(0.01)) / us(1)
        with self._bell:
            if not self._rung and not stop.is_set():
                # Never longer than a second: a jump of the clocks must be noticed soon (F58).
                self._bell.wait(min(pause, 1.0))
            self._rung = False

    def ring(self) -> None:
        """Something finished or changed: step now."""
        with self._bell:
            self._rung = True
            self._bell.notify()

    def wake(self) -> None:
        """Look at every account now."""
        self._look = True
        self.ring()

    def resume(self) -> None:
        """After sleep or a jump of the clocks: no interval across the gap counts (F65)."""
        self._resumed = True
        self.wake()

    def replace_account(self, setup: AccountSetup) -> None:
        """Use another key or endpoint from the next step on."""
        self._swaps.append(setup)
        self.wake()

    def step(self) -> None:
        """One pass over everything that is due. Only ever called by one thread."""
        now = self.ctx.clock.now()
        self._heed(now)
        for result in self.executor.collect():
            self._inbox[result.key[0]].append(result)  # type: ignore[index]
        if now.boot >= self._clock_due or self.ctx.store.last_change != self._last_change:
            self.run_clock_rules()
        for name, reconciler in self.reconcilers.items():
            reconciler.step(now, self._inbox[name])
        was_ready, self._was_ready = self._was_ready, self.is_ready()
        if self.ctx.store.last_change != self._last_change or self._was_ready is not was_ready:
            self.run_clock_rules()

    def _heed(self, now: ClockSnapshot) -> None:
        while self._swaps:
            self._swap(self._swaps.pop(0))
        if self._resumed:
            self._resumed = False
            for reconciler in self.reconcilers.values():
                reconciler.after_gap()
        if self._look:
            self._look = False
            for reconciler in self.reconcilers.values():
                reconciler.wake()

    def _swap(self, setup: AccountSetup) -> None:
        """Another key or address gets a reconciler of its own; the same connection, read again, changes nothing."""
        former = self.reconcilers[setup.provider]
        if setup.connection is not None and setup.connection is former.connection:
            former.setup = setup
            return
        if former.connection is not None:
            former.connection.close()
        self.ctx.redactions.attach(setup.provider, setup.connection)
        reconciler = self.reconcilers[setup.provider] = AccountReconciler(self.ctx, setup, self.executor)
        reconciler.take_over(former)

    def next_due(self) -> int | None:
        """Boot-clock µs of the next thing to do; in a simulation time jumps there."""
        now = self.ctx.clock.now()
        dues = [reconciler.next_due(now) for reconciler in self.reconcilers.values()]
        dues += [self._clock_due, self.executor.next_due()]
        return min((due for due in dues if due is not None), default=None)

    def run_clock_rules(self) -> None:
        """The lifecycle job: what time alone decides, however long a provider hangs (I9)."""
        with self._clock_lock:
            now = self.ctx.clock.now()
            moments = {name: reconciler.at(now) for name, reconciler in self.reconcilers.items()}
            paces = {name: reconciler.end_pace_s for name, reconciler in self.reconcilers.items()}
            for _ in range(5):
                self._last_change = self.ctx.store.last_change
                if not lifecycle_job.keep_time(self.ctx, moments, paces, now):
                    break
                self.ring()
            self._clock_due = lifecycle_job.next_clock(self.ctx, now)

    # ---- requests

    def inventory(self, request: wire.SearchRequest) -> wire.Inventory:
        return self.searcher.inventory(request)

    def plan(self, request: wire.PlanRequest) -> wire.Plan:
        return self.searcher.plan(request)

    def provision(self, request: wire.ProvisionRequest, once: IdempotencyKey | None = None) -> wire.Accepted:
        accepted = intents.provision(self.ctx, self.reconcilers, request, once)
        self.ring()
        return accepted

    def end(self, refs: list[str] | None, reason: str = "user", once: IdempotencyKey | None = None) -> wire.Accepted:
        try:
            accepted = intents.end(self.ctx, refs, reason, once)
        except DiskFull:
            # An end that somebody asks for is what that space is kept for.
            self._release_disk_reserve()
            accepted = intents.end(self.ctx, refs, reason, once)
        self.ring()
        return accepted

    def extend(self, ref: str, request: wire.ExtendRequest, once: IdempotencyKey | None = None) -> wire.SessionView:
        return intents.extend(self.ctx, self.reconcilers, ref, request, once)

    def sessions(
        self, consumer: str | None = None, status: str | None = None, open_only: bool = False
    ) -> wire.Sessions:
        return views.sessions(self.ctx, consumer, status, open_only)

    def session(self, ref: str) -> wire.SessionView:
        return views.session(self.ctx, session_lookup.find(self.ctx, ref))

    def connection(self, ref: str) -> wire.ConnectionView:
        return ssh_connection.connection(self.ctx, session_lookup.find_exactly(self.ctx, ref))

    def tidy_ssh(self) -> None:
        """Let the files of ssh follow what is open, when anything has changed."""
        if self._tidied != self.ctx.store.last_change:
            seen = self.ctx.store.last_change
            ssh_connection.tidy(self.ctx)
            self._tidied = seen

    def prune_keys(self) -> None:
        ssh_connection.prune_keys(self.ctx)

    def events(self, after: int, limit: int = 200, session_ref: str | None = None) -> wire.Events:
        session_id = None if session_ref is None else session_lookup.find(self.ctx, session_ref).id
        found = events.after(self.ctx.store, after, limit, session_id)
        return wire.Events(found, found[-1].id if found else after)

    def alarms(self) -> wire.Alarms:
        return wire.Alarms(alarms.open_alarms(self.ctx.store))

    def acknowledge(self, alarm_id: int | None) -> int:
        with self.ctx.store.transaction():
            return alarms.acknowledge(self.ctx.store, at=self.ctx.clock.now().wall, alarm_id=alarm_id)

    def costs(
        self,
        session: str | None = None,
        consumer: str | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> wire.Costs:
        session_id = None if session is None else session_lookup.find(self.ctx, session).id
        return views.costs(self.ctx, session_id, consumer, start, end)

    def audit(self) -> wire.Audit:
        return auditing.audit(self.ctx, {name: reconciler.setup for name, reconciler in self.reconcilers.items()})

    def provider_log(self, ref: str, tail: int) -> wire.ProviderLog:
        return provider_logs.provider_log(self.ctx, self.reconcilers, session_lookup.find(self.ctx, ref), tail)

    def status_providers(self) -> list[wire.ProviderStatus]:
        return [views.provider(self.ctx, reconciler) for reconciler in self.reconcilers.values()]

    def is_ready(self) -> bool:
        """Whether every account with a key has been reconciled once (S18)."""
        return all(reconciler.is_ready for reconciler in self.reconcilers.values() if reconciler.connection is not None)
