"""A scripted user in a simulated world: provisions, waits, ends; restarts the daemon whenever it has crashed (S20).

What the user requested is recorded here, outside the product; the oracle (oracle.py) compares it with the market.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import peewee

from gpushopper import wire
from gpushopper.core.policy import PAPER, Policy
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.errors import NotReady, ProviderFailed, Refused
from gpushopper.sandbox.market.model import Instance
from gpushopper.store import sessions
from tests.sim.crash_points import Crash, CrashPoints
from tests.sim.world import World

T = TypeVar("T")
RAM = Path("/dev/shm")


@dataclass
class ExpectedSession:
    """One session as its user sees it. `disk_gb` is unique: it identifies the session's instances on the market."""

    name: str
    disk_gb: float
    requested_at: int
    duration_us: int
    session: str = ""
    ended_at: int | None = None
    """Market µs when the user requested its end; None while it is wanted."""
    rounding_us: int = 0
    """How much earlier its guard may end it: it counts whole seconds."""
    gave_up: bool = False
    """Whether its status was `failed`, so that the user no longer expects it."""
    has_pulls: bool = False
    ends_once_landed: bool = False
    """Whether the user has ended it, and waits for its results: until they are home it is wanted (ends.md E7)."""

    def is_wanted(self, at: int) -> bool:
        """Whether the user wants it at this time: not ended, and before its deadline."""
        if self.gave_up or (self.ended_at is not None and at >= self.ended_at):
            return False
        return at < self.requested_at + self.duration_us - self.rounding_us


class Story:
    """A world, its user, and the points at which its daemon crashes."""

    def __init__(
        self,
        *,
        seed: int = 1,
        crash_at: tuple[int, ...] = (),
        points: bool = False,
        policy: Policy = PAPER,
        boot_seconds: float = 4.0,
        gaps: bool = True,
        down_s: float = 5.0,
        clouds: Sequence[str] = ("vast",),
    ) -> None:
        self._stack = ExitStack()
        top = Path(tempfile.mkdtemp(prefix="sim-", dir=RAM if RAM.is_dir() else None))
        self._stack.callback(shutil.rmtree, top, ignore_errors=True)
        home = top / "home"
        home.mkdir(mode=0o700)
        self.points = CrashPoints(crash_at)
        self.points.is_armed = points or bool(crash_at)
        self.world = World(
            home,
            clouds=clouds,
            seed=seed,
            policy=policy,
            boot_seconds=boot_seconds,
            gaps=gaps,
            database_class=self.points.database_class() if self.points.is_armed else peewee.SqliteDatabase,
        )
        if self.points.is_armed:
            self.world.on_submit, self.world.on_reply = self.points.on_submit, self.points.on_reply
            self._stack.enter_context(self.points.watch_files(home))
        self.expected: dict[str, ExpectedSession] = {}
        self.down_s = down_s
        self.starts = 0
        self._request_count = 0
        self._event_cursor = 0
        self._receipts: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.on_first_request: Callable[[], object] = lambda: None
        """Called after the first request: faults of lists begin here, because earlier they would delay it."""
        self.on_first_end: Callable[[], object] = lambda: None
        """Called before the first end is requested."""

    def __enter__(self) -> Story:
        return self

    def __exit__(self, *error: object) -> None:
        self.points.is_armed = False
        self.world.kill()
        self._stack.close()

    # ---- the process

    def start(self) -> Story:
        """Start the daemon, again after each crash."""
        self.restart_on_crash(self._start)
        return self

    def _start(self) -> None:
        self.world.kill()
        self.starts += 1
        self.world.start()

    def restart_on_crash(self, work: Callable[[], T]) -> T:
        """Do it; whenever the process crashes, restart it and repeat."""
        while True:
            try:
                return work()
            except Crash:
                self.restart_after_crash()

    def restart_after_crash(self) -> None:
        """kill -9, some time without a daemon, and a start."""
        while True:
            self.world.kill()
            self.world.clock.t += us(self.down_s)
            try:
                self.starts += 1
                self.world.start()
                return
            except Crash:
                continue

    def kill(self, down_s: float) -> None:
        """kill -9 now, and a start after a while."""
        self.world.kill()
        self.world.clock.t += us(down_s)
        self.start()

    # ---- time

    def until(self, condition: Callable[[], bool], limit_s: float = 3600.0) -> bool:
        """Let time pass until the condition holds; it is evaluated only when the database has changed."""
        end = self.world.clock.t + us(limit_s)
        last: list[int | bool] = [-1, False]

        def holds() -> bool:
            change = self.world.store.last_change
            if last[0] != change:
                self.receipts()
                last[:] = [change, condition()]
            return bool(last[1])

        def go_on() -> bool:
            last[0] = -1
            return self.world.run_until(holds, max(end - self.world.clock.t, 0) / us(1))

        return self.restart_on_crash(go_on)

    def run_for(self, seconds: float) -> None:
        """Let time pass."""
        self.until(lambda: False, seconds)

    @property
    def now(self) -> int:
        """The market's time, µs."""
        return self.world.clock.market()

    # ---- the user

    def ready(self) -> Story:
        """Wait until something can be rented."""
        assert self.restart_on_crash(self._until_ready), "never ready"
        return self

    def _until_ready(self) -> bool:
        return self.world.run_until(self.world.engine.is_ready, 1200)

    def provision(
        self, name: str, *, hours: float = 2.0, retries: int = 2, gpu: str = "RTX 4090", **more: Any
    ) -> ExpectedSession:
        """Plan and provision as the command does: the same key is repeated until an answer comes (I22).

        Of several clouds each gets a session in turn.
        """
        self._request_count += 1
        # Not the market's time: that is ahead by what searches have been charged, and no deadline counts it.
        expected = ExpectedSession(name, self._next_disk(), self.world.clock.daemon_time(), us(hours * 3600))
        expected.rounding_us = us(2) if self.world.policy.needs_login else 0
        expected.has_pulls = bool(more.get("pulls"))
        clouds = self.world.clouds
        cloud = clouds[(self._request_count - 1) % len(clouds)]
        search = wire.SearchRequest(gpu=gpu, disk_gb=expected.disk_gb, provider=cloud)
        plan_request = wire.PlanRequest(search=search, duration_us=expected.duration_us, retries=retries)
        plan = self._retry_until_answered(lambda: self.world.requests.plan(plan_request))
        request = wire.ProvisionRequest(
            offers=plan.offers,
            disk_gb=expected.disk_gb,
            max_rate=plan.max_rate,
            duration_us=expected.duration_us,
            image=plan.image,
            retries=retries,
            name=name,
            **more,
        )
        key = IdempotencyKey(f"provision {name}", "POST", "/api/v1/sessions", name)
        self.expected[name] = expected
        expected.session = self._retry_until_answered(lambda: self.world.requests.provision(request, key)).sessions[0]
        if len(self.expected) == 1:
            self.on_first_request()
        return expected

    def _next_disk(self) -> float:
        """A size that no other session has, and that every cloud of this world rents as it is, in GB."""
        if self.world.clouds == ("vast",):
            return 20.0 + self._request_count
        return 50.0 + 50 * self._request_count

    def _retry_until_answered(self, work: Callable[[], T]) -> T:
        for _ in range(40):
            try:
                answer = self.restart_on_crash(work)
            except (NotReady, ProviderFailed, Refused) as error:
                # Of refusals only this one passes by itself: an inconsistent list.
                if type(error) is Refused and error.code != "list_inconsistent":
                    raise
                self.run_for(20)
                continue
            self.world.executor.transport.charged_s = 0.0
            return answer
        raise AssertionError("never answered")

    def end(self, *names: str) -> None:
        """End sessions as `shutdown` does."""
        if all(expected.ended_at is None for expected in self.expected.values()):
            self.on_first_end()
        for name in names:
            self.expected[name].ended_at = self.now
        refs = [self.expected[name].session for name in names]
        key = IdempotencyKey(f"end {names} {self.now}", "POST", "/api/v1/end", str(names))
        self.restart_on_crash(lambda: self.world.requests.end(refs, key=key))

    def status(self, name: str) -> str:
        """The one word the user is shown."""
        return self.restart_on_crash(lambda: self.world.status(self.expected[name].session))

    def until_running(self, name: str, limit_s: float = 7200) -> bool:
        """Wait until it is ready, or has failed."""
        ref = self.expected[name].session
        self.until(lambda: self.world.status(ref) not in ("pending", "provisioning"), limit_s)
        is_running = self.status(name) == "running"
        self.expected[name].gave_up = self.status(name) == "failed"
        return is_running

    def until_ended(self, limit_s: float = 3 * 3600) -> bool:
        """Wait until every session that is not wanted any more is shown as ended."""
        return self.until(self.has_ended, limit_s)

    def has_ended(self) -> bool:
        """Whether every session that the user does not want any more is shown as ended."""
        refs = [one.session for one in self.expected.values() if not one.is_wanted(self.now)]
        return all(self.world.status(ref) in ("stopped", "failed") for ref in refs)

    def receipts(self) -> list[dict[str, Any]]:
        """Every receipt ever written, also those that a later one has replaced."""
        for event in self.world.requests.events(self._event_cursor, limit=500).events:
            self._event_cursor = event.id
            if event.kind == "closed":
                attempt = sessions.load_attempt(self.world.store, event.attempt or "")
                if attempt is not None and attempt.receipt:
                    self._receipts.append({**json.loads(attempt.receipt), "read_at": self.now})
        return self._receipts

    def reset_event_cursor(self) -> None:
        """For another database: its events begin anew."""
        self._event_cursor = 0

    # ---- the market

    def instances(self, name: str) -> list[Instance]:
        """All instances ever made for a session, by its disk size."""
        expected = self.expected[name]
        ours = (i for i in self.world.market.instances.values() if not i.spec.foreign)
        return [i for i in ours if i.spec.disk_gb == expected.disk_gb]

    def clear_faults(self) -> None:
        """Remove every fault."""
        self.world.faults.clear()

    def finish(self, *, limit_s: float = 3 * 3600, after_s: float = 4200) -> None:
        """Remove all faults, run until everything unwanted is shown as ended, then on for late effects."""
        self.clear_faults()
        self.points.is_armed = False
        if not self.until_ended(limit_s):
            self.notes.append("not ended in time")
        self.run_for(after_s)
