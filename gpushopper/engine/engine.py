"""The engine: one thread that steps every account reconciler when it is due, and applies the clock rules.

Requests and jobs only commit rows or set a flag, and notify it.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from functools import partial

from gpushopper.core.lifecycle.account_choice import AccountState
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree, us
from gpushopper.engine import lifecycle_job, startup_recovery
from gpushopper.engine.account.calls.moved_account import at_its_cloud
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.budget_job import BudgetJob
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.executor import CallResult, Executor
from gpushopper.engine.requests.commands.rentable_account import account_state
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.offer_cache import OfferCache
from gpushopper.engine.requests.queries.accounts import are_ready
from gpushopper.engine.shared_calls import SharedCalls, ThreadedCalls
from gpushopper.errors import DiskFull, Misconfigured
from gpushopper.store.sqlite.disk_reserve import release

__all__ = ["AccountSetup", "Engine"]

DISK_PAUSE_S = 1.0
MAX_PAUSE_S = 1.0
"""The engine's thread never waits longer: a jump of the clocks must be noticed soon (F58)."""
MOST_OFFERS = 100
"""So many are told to shells, which complete them."""
MAX_RULE_ROUNDS = 5
"""What one pass of the clock rules changes may make others due at once; more waits for the next step."""


class Engine:
    """Drives the reconcilers: with `run` on a thread of its own or, in a simulation, with `step`."""

    def __init__(
        self, ctx: Context, executor: Executor, accounts: Sequence[AccountSetup], calls: SharedCalls | None = None
    ) -> None:
        self.ctx = ctx
        self.executor = executor
        accounts = [at_its_cloud(ctx, setup) for setup in accounts]
        for setup in accounts:
            ctx.learn_traits(setup)
        self.reconcilers = {setup.provider: AccountReconciler(ctx, setup, executor) for setup in accounts}
        for setup in accounts:
            ctx.redactions.attach(setup.provider, setup.client)
        self.handle = EngineHandle(ctx, self.reconcilers, OfferCache(), calls or ThreadedCalls(), self.notify)
        self.budgets = BudgetJob(ctx)
        self._changed = threading.Condition()
        self._is_notified = False
        self._polls_now = True
        self._has_resumed = False
        self._replacements: list[AccountSetup] = []
        self._inbox: dict[str, deque[CallResult]] = defaultdict(deque)
        self._clock_due = 0
        self._clock_lock = threading.Lock()
        self._last_change = -1
        self._was_ready = False
        self.turned_boot = ctx.clock.now().boot
        """When its loop last turned, µs of the boot clock; it does so each second, also while the disk is full."""

    # ---- from any thread

    def notify(self) -> None:
        """A call has finished or rows have changed: step now."""
        with self._changed:
            self._is_notified = True
            self._changed.notify()

    def recent_offers(self) -> list[str]:
        """The offers that searches have found in the last minutes, the latest first."""
        return self.handle.offers.recent_keys(self.ctx.clock.now().boot, MOST_OFFERS)

    def wake(self) -> None:
        """Poll every account now."""
        self._polls_now = True
        self.notify()

    def resume(self) -> None:
        """After sleep or a jump of the clocks: no interval across the gap counts (F65)."""
        self._has_resumed = True
        self.wake()

    def replace_account(self, setup: AccountSetup) -> None:
        """Use another key or endpoint from the next step on."""
        self._replacements.append(setup)
        self.wake()

    def is_ready(self) -> bool:
        """Whether every account with a key has been reconciled once (S18)."""
        return are_ready(self.reconcilers)

    def is_clock_right(self) -> bool:
        """Whether no cloud's date says that this computer's clock is wrong (F62)."""
        now = self.ctx.clock.now()
        return not any(clocks_disagree(reconciler.at(now)) for reconciler in list(self.reconcilers.values()))

    def is_clock_proven(self) -> bool:
        """Whether a cloud's date says that this computer's clock is right, and none that it is wrong (F62)."""
        now = self.ctx.clock.now()
        dated = any(reconciler.at(now).provider_date is not None for reconciler in list(self.reconcilers.values()))
        return dated and self.is_clock_right()

    def run_clock_rules(self) -> None:
        """The lifecycle job: what time alone decides, however long a provider hangs (I9)."""
        with self._clock_lock:
            now = self.ctx.clock.now()
            intervals = {name: reconciler.destroy_interval_s for name, reconciler in self.reconcilers.items()}
            look = partial(self._account_state, now=now)
            for _ in range(MAX_RULE_ROUNDS):
                self._last_change = self.ctx.store.last_change
                if not lifecycle_job.apply_clock_rules(self.ctx, look, intervals, now):
                    break
                self.notify()
            if self.budgets.run(self._list_problem, now):
                self.notify()
            dues = (lifecycle_job.next_due(self.ctx, now), self.budgets.next_due(now))
            self._clock_due = min(due for due in dues if due is not None)

    def _list_problem(self, name: str) -> str:
        """Why an account's list, or this computer's clock, is not relied on now; empty where both are."""
        reconciler = self.reconcilers.get(name)
        if reconciler is None or reconciler.client is None:
            return f"{name} has no key"
        health = reconciler.health
        if health.is_degraded or health.is_inconsistent or health.wrong_account or not health.is_ready:
            return f"{name}'s list is not believed now"
        if clocks_disagree(reconciler.at(self.ctx.clock.now())):
            return f"this computer's clock and {name}'s are more than two minutes apart"
        return ""

    def _account_state(self, name: str, now: ClockSnapshot) -> AccountState | None:
        reconciler = self.reconcilers.get(name)
        return None if reconciler is None else account_state(self.ctx, reconciler, now)

    # ---- on the engine's thread

    def recover(self) -> None:
        """Start-up recovery, on the database alone (I20)."""
        startup_recovery.recover(self.ctx, self.ctx.clock.now())

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set. A full or busy disk is waited for.

        Raises:
            Misconfigured: the database cannot be used.
        """
        while not stop.is_set():
            self.turned_boot = self.ctx.clock.now().boot
            try:
                self.step()
            except DiskFull:
                # Ends must be recordable: free the disk reserve and go on (F67, F73).
                release(self.ctx.home.disk_reserve)
                stop.wait(DISK_PAUSE_S)
            except Misconfigured as busy:
                if busy.code != "database_busy":
                    raise
                stop.wait(DISK_PAUSE_S)
            self._wait(stop)

    def _wait(self, stop: threading.Event) -> None:
        now = self.ctx.clock.now()
        due = self.next_due()
        pause_s = MAX_PAUSE_S if due is None else max(due - now.boot, us(0.01)) / us(1)
        with self._changed:
            if not self._is_notified and not stop.is_set():
                self._changed.wait(min(pause_s, MAX_PAUSE_S))
            self._is_notified = False

    def step(self) -> None:
        """One pass over everything that is due. Only ever called by one thread."""
        now = self.ctx.clock.now()
        self._take_flags()
        for result in self.executor.collect():
            self._inbox[result.key[0]].append(result)  # type: ignore[index]
        if now.boot >= self._clock_due or self.ctx.store.last_change != self._last_change:
            self.run_clock_rules()
        self._step_reconcilers(now)
        was_ready, self._was_ready = self._was_ready, self.is_ready()
        if self.ctx.store.last_change != self._last_change or self._was_ready is not was_ready:
            self.run_clock_rules()

    def _step_reconcilers(self, now: ClockSnapshot) -> None:
        for name, reconciler in self.reconcilers.items():
            reconciler.step(now, self._inbox[name])

    def _take_flags(self) -> None:
        """Carry out what other threads have left: replaced accounts, a resume, a poll."""
        while self._replacements:
            self._replace(self._replacements.pop(0))
        if self._has_resumed:
            self._has_resumed = False
            for reconciler in self.reconcilers.values():
                reconciler.after_gap()
        if self._polls_now:
            self._polls_now = False
            for reconciler in self.reconcilers.values():
                reconciler.wake()

    def _replace(self, setup: AccountSetup) -> None:
        """Another key or address gets a reconciler of its own; the same client, read again, changes nothing."""
        former = self.reconcilers[setup.provider]
        if setup.client is not None and setup.client is former.client:
            former.setup = setup
            return
        if former.client is not None:
            former.client.close()
        setup = at_its_cloud(self.ctx, setup)
        self.ctx.learn_traits(setup)
        self.ctx.redactions.attach(setup.provider, setup.client)
        reconciler = self.reconcilers[setup.provider] = AccountReconciler(self.ctx, setup, self.executor)
        reconciler.take_over(former)

    def next_due(self) -> int | None:
        """Boot-clock µs of the next thing to do; in a simulation time jumps there."""
        now = self.ctx.clock.now()
        due_times = [reconciler.next_due(now) for reconciler in self.reconcilers.values()]
        due_times += [self._clock_due, self.executor.next_due()]
        return min((due for due in due_times if due is not None), default=None)
