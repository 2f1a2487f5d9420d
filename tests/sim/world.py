"""The simulation, in one thread: simulated clocks, an in-process market, real SQLite, the real engine (S5, S30)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import peewee
from flask import Flask

from gpushopper import wire
from gpushopper.core.cloud import PlantingMethod
from gpushopper.core.policy import PAPER, Policy
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.core.timing.clock_snapshot import SECOND, ClockSnapshot, us
from gpushopper.engine.account.calls.in_flight import CompletedCall
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.engine import Engine
from gpushopper.engine.executor import CallResult
from gpushopper.engine.metrics.call_observer import ObserveCall, unobserved
from gpushopper.engine.ssh_files import SshFiles
from gpushopper.paths import Home
from gpushopper.providers import adapter, traits
from gpushopper.sandbox.dialects import BUILT_IN
from gpushopper.sandbox.faults.fault_table import Fault, FaultTable
from gpushopper.sandbox.market.actions import launch_foreign
from gpushopper.sandbox.market.ground_truth import build_ledger
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.rate_limits import RateLimiter
from gpushopper.sandbox.requests.app import create_app
from gpushopper.sandbox.requests.dialect import Dialect
from gpushopper.store.database import Store
from gpushopper.store.installation import check
from tests.credentials import address, credential
from tests.new_database import lay_down
from tests.sim.requests import Requests
from tests.sim.simulated_calls import SimCalls
from tests.sim.simulated_remote import SimRemote
from tests.transport import FaultTransport

START = 1_793_400_000 * us(1)
BOOTED = 1000 * SECOND
"""Boot clock at the start."""
FIRST_PORT = 9
WIDE_LIMITS = SpendingLimits(open_sessions=500, creates_per_hour=10_000, dollars_per_hour=10**12)


class SimClock:
    """Simulated wall, boot and monotonic clocks; a call in flight sees the time it has already been charged."""

    def __init__(self) -> None:
        self.t = 0
        self.pending: Callable[[], float] = lambda: 0.0
        self.asleep = 0
        self.skew = 0
        self.boot_id = "boot-1"
        self._market = START

    def now(self) -> ClockSnapshot:
        return ClockSnapshot(START + self.t + self.skew, BOOTED + self.t, self.boot_id)

    def monotonic(self) -> float:
        return (self.t - self.asleep) / SECOND + self.pending()

    def daemon_time(self) -> int:
        """The true time of the daemon, µs."""
        return START + self.t

    def market(self) -> int:
        """The market's clock: never back, although calls of one instant overlap."""
        self._market = max(self._market, START + self.t + us(self.pending()))
        return self._market


@dataclass
class SimExecutor:
    """A call acts on the market at once; its reply is delivered when the charged time has passed (S5)."""

    clock: SimClock
    transport: FaultTransport
    waiting: list[tuple[int, CallResult]] = field(default_factory=list)
    on_submit: Callable[[tuple[Any, ...]], None] = lambda key: None
    on_reply: Callable[[tuple[Any, ...]], None] = lambda key: None
    is_calling: bool = False
    stores_faults: bool = False
    """Whether a bug inside a call becomes its result, as on threads, or ends the test."""
    full: set[str] = field(default_factory=set)
    """Kinds of calls whose pool has no free thread: they wait in `queue` until `free` is called."""
    queue: list[tuple[tuple[Any, ...], Callable[[], Any], float]] = field(default_factory=list)

    def free(self) -> None:
        """The threads are free again: what has waited begins now, in order."""
        self.full, waiting, self.queue = set(), self.queue, []
        for key, call, limit_s in waiting:
            self.submit(key, call, limit_s)

    def submit(self, key: tuple[Any, ...], call: Callable[[], Any], limit_s: float) -> None:
        if key[1] in self.full:
            self.queue.append((key, call, limit_s))
            return
        self.on_submit(key)
        self.transport.charged_s = 0.0
        self.is_calling = True
        try:
            value = call()
        finally:
            self.is_calling = False
        if isinstance(value, CompletedCall) and value.error is not None and not self.stores_faults:
            raise value.error
        spent, self.transport.charged_s = us(self.transport.charged_s), 0.0
        self.waiting.append((self.clock.t + spent, CallResult(key, value)))
        self.on_reply(key)

    def collect(self) -> list[CallResult]:
        ready = [done for due, done in self.waiting if due <= self.clock.t]
        self.waiting = [(due, done) for due, done in self.waiting if due > self.clock.t]
        return ready

    def next_due(self) -> int | None:
        return min((us(1000) + due for due, _ in self.waiting), default=None)


class World:
    """One user, one home, one market; all is determined by the seed and the test.

    The daemon has one account at each of `clouds`; where a test names none, the first is meant.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clouds: Sequence[str] = ("vast",),
        dialects: Mapping[str, Dialect] = BUILT_IN,
        seed: int = 1,
        policy: Policy = PAPER,
        gaps: bool = True,
        database_class: type[peewee.SqliteDatabase] = peewee.SqliteDatabase,
        limits: SpendingLimits = WIDE_LIMITS,
        boot_seconds: float = 30.0,
        observe_call: ObserveCall = unobserved,
    ) -> None:
        self.home = Home(data=folder, config=folder)
        self.policy = policy
        self.limits = limits
        self.observe_call = observe_call
        self.database_class = database_class
        self.clock = SimClock()
        self.rng = Random(seed)
        self.clouds = clouds
        self.market = Market(self.clock.market, dialects.values(), seed=seed, boot_seconds=boot_seconds)
        self.faults = FaultTable(self.clock.market, seed=seed)
        gate = RateLimiter(enabled=gaps)
        self.apps = {name: create_app(dialects[name], self.market, self.faults, gate) for name in clouds}
        self.keys = {name: self.market.keys_of(name)[0] for name in clouds}
        self.engine: Engine
        self.requests: Requests
        self.ssh_files: SshFiles
        self.executor: SimExecutor
        self.calls: SimCalls
        self.store: Store
        # An image that takes our key with the create needs one, even if nobody logs in.
        takes_key = any(self.method_at(name) is not PlantingMethod.ONSTART for name in clouds)
        self.remote = SimRemote(self) if policy.needs_login or takes_key else None
        self.on_submit: Callable[[tuple[Any, ...]], None] = lambda key: None
        self.on_reply: Callable[[tuple[Any, ...]], None] = lambda key: None

    @property
    def app(self) -> Flask:
        """The API of the first cloud."""
        return self.apps[self.clouds[0]]

    @property
    def key(self) -> str:
        """The key of the first cloud."""
        return self.keys[self.clouds[0]]

    @key.setter
    def key(self, secret: str) -> None:
        self.keys[self.clouds[0]] = secret

    def method_at(self, name: str) -> PlantingMethod:
        """How this cloud takes the boot script."""
        return traits(name).planting.method

    # ---- process

    def start(self) -> World:
        """Start the engine as the daemon does: open, recover, connect."""
        transport = FaultTransport(self._serve)
        self.clock.pending = lambda: transport.charged_s
        self.executor = SimExecutor(self.clock, transport, on_submit=self.on_submit, on_reply=self.on_reply)
        if self.database_class is peewee.SqliteDatabase:
            lay_down(self.home.database)
        self.store = Store.open(self.home.database, now_wall=self.clock.now().wall, database_class=self.database_class)
        installation = check(self.home, self.store, random=self.rng.randbytes, machine_id="sim")
        ctx = Context(
            self.store, self.clock, self.policy, self.limits, installation, self.home,
            new_id=self.new_id, remote=self.remote, pause=transport.wait, observe_call=self.observe_call,
        )  # fmt: skip
        self.calls = SimCalls(transport, self.clock.monotonic)
        accounts = [self.setup(name) for name in self.clouds]
        self.engine = Engine(ctx, self.executor, accounts, self.calls)
        self.requests = Requests(self.engine.handle)
        self.ssh_files = SshFiles(ctx)
        self.engine.recover()
        return self

    def setup(self, name: str) -> AccountSetup:
        """The daemon's account at one cloud, with the key of now; each cloud answers at a port of its own."""
        transport = self.executor.transport
        endpoint = address(name, FIRST_PORT + self.clouds.index(name))
        key = credential(name, self.keys[name])
        connection = adapter(name)(endpoint, key, self.clock.monotonic, transport=transport, wait=transport.wait)
        return AccountSetup(name, connection, "", "test", endpoint, is_local=True, credential=key)

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Hand a request to the cloud at whose port it arrives."""
        name = self.clouds[int(environ["SERVER_PORT"]) - FIRST_PORT]
        return self.apps[name](environ, start_response)

    def new_id(self, length: int) -> str:
        return base64.b32encode(self.rng.randbytes(length)).decode().lower()[:length]

    def kill(self) -> None:
        """kill -9: memory is lost, and nothing more is sent to the market."""
        if hasattr(self, "store"):
            self.executor.waiting.clear()
            self.store.database.close()

    def restart(self) -> World:
        self.kill()
        return self.start()

    # ---- time

    def run_until(self, condition: Callable[[], bool], limit_s: float = 3600.0) -> bool:
        """Jump from due time to due time until the condition holds or the limit passes."""
        end = self.clock.t + us(limit_s)
        while True:
            if self.remote is not None:
                self.remote.step()
            self.engine.step()
            if condition():
                return True
            if self.clock.t >= end:
                return False
            self._jump(end)

    def run_for(self, seconds: float) -> None:
        self.run_until(lambda: False, seconds)

    def _jump(self, end: int) -> None:
        due = self.engine.next_due()
        target = end if due is None else min(due - us(1000), end)
        if self.remote is not None:
            target = min(target, self.remote.next_due() or target)
        self.clock.t = max(target, self.clock.t + us(0.001))

    def sleep(self, seconds: float) -> None:
        """The computer sleeps: wall and boot clock go on, the monotonic clock stands still."""
        self.clock.t += us(seconds)
        self.clock.asleep += us(seconds)
        self.engine.resume()

    # ---- the user

    def ready(self) -> World:
        assert self.run_until(self.engine.is_ready, 600)
        return self

    def provision(self, gpu: str = "RTX 4090", hours: float = 2.0, name: str | None = None, **more: Any) -> str:
        """Plan and provision as the command does; the session's id."""
        plan = self.requests.plan(
            wire.PlanRequest(
                search=wire.SearchRequest(gpu=gpu),
                duration_us=us(hours * 3600),
                retries=more.pop("retries", 2),
                allow_unguarded=more.get("allow_unguarded", False),
            )
        )
        self.executor.transport.charged_s = 0.0
        request = wire.ProvisionRequest(
            offers=plan.offers,
            disk_gb=plan.disk_gb,
            max_rate=plan.max_rate,
            duration_us=plan.duration_us,
            image=plan.image,
            retries=plan.retries,
            name=name,
            **more,
        )
        return self.requests.provision(request).sessions[0]

    def view(self, ref: str) -> wire.SessionView:
        return self.requests.session(ref)

    def status(self, ref: str) -> str:
        return self.view(ref).status

    def running(self, ref: str, limit_s: float = 1800) -> bool:
        return self.reaches(ref, ("running",), limit_s)

    def ended(self, ref: str, limit_s: float = 7200) -> bool:
        return self.reaches(ref, ("stopped", "failed"), limit_s)

    def reaches(self, ref: str, wanted: tuple[str, ...], limit_s: float) -> bool:
        """Run until the session has one of these statuses."""
        return self.run_until(self.has_status(ref, wanted), limit_s)

    def has_status(self, ref: str, wanted: tuple[str, ...]) -> Callable[[], bool]:
        """Whether the session has one of these statuses; it follows from rows, so is read once they have changed."""
        seen = -1

        def is_there() -> bool:
            nonlocal seen
            if self.store.last_change == seen:
                return False
            seen = self.store.last_change
            return self.status(ref) in wanted

        return is_there

    # ---- the truth

    def fault(self, call: str, word: str, arg: str | None = None, *, cloud: str | None = None, **more: Any) -> Fault:
        return self.faults.add(cloud or self.clouds[0], call, word, arg, **more)

    def launch_foreign(self, label: str | None = None, cloud: str | None = None) -> Instance:
        """A foreign instance on the same account."""
        return launch_foreign(self.market, cloud or self.clouds[0], label)

    def ledger(self) -> dict[str, Any]:
        return build_ledger(self.market)

    def our_instances(self) -> list[dict[str, Any]]:
        """Ledger rows of our instances that exist on the market now, known to the daemon or not."""
        return [row for row in self.ledger()["instances"] if row["state"] != "gone" and not row["foreign"]]

    def alarms(self) -> set[str]:
        return {alarm.kind for alarm in self.requests.alarms().alarms}
