"""A scripted user in a simulated world: asks, waits, ends; starts the daemon again whenever it has died (S20).

What the user asked for is kept here, never in the product: the oracle (oracle.py) compares it with the market's ledger.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gpushopper import wire
from gpushopper.core.policy import PAPER, Policy
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.errors import NotReady, ProviderFailed, Refused
from gpushopper.sandbox.market.model import Instance
from gpushopper.store import sessions
from tests.sim.crash_points import Crash, Points
from tests.sim.world import World

T = TypeVar("T")
RAM = Path("/dev/shm")


@dataclass
class Wish:
    """One session as its user sees it. `disk_gb` is unlike any other's: by it the market's rows are told apart."""

    name: str
    disk_gb: float
    asked_at: int
    duration_us: int
    session: str = ""
    ended_at: int | None = None
    """Market µs when the user asked for its end; None while it is wanted."""
    gave_up: bool = False
    """Whether the user was told that it failed, and so no longer expects it."""

    def is_wanted(self, at: int) -> bool:
        """Whether the user wants it at this time: asked for, not ended, and its time is not nearly up."""
        if self.gave_up or (self.ended_at is not None and at >= self.ended_at):
            return False
        return at < self.asked_at + self.duration_us


class Story:
    """A world, its user, and the points at which its daemon dies."""

    def __init__(
        self,
        *,
        seed: int = 1,
        dies_at: tuple[int, ...] = (),
        points: bool = False,
        policy: Policy = PAPER,
        boot_seconds: float = 4.0,
        gaps: bool = True,
        down_s: float = 5.0,
    ) -> None:
        self._stack = ExitStack()
        top = Path(tempfile.mkdtemp(prefix="sim-", dir=RAM if RAM.is_dir() else None))
        self._stack.callback(shutil.rmtree, top, ignore_errors=True)
        home = top / "home"
        home.mkdir(mode=0o700)
        self.points = Points(dies_at)
        self.points.is_armed = points or bool(dies_at)
        self.world = World(
            home,
            seed=seed,
            policy=policy,
            boot_seconds=boot_seconds,
            gaps=gaps,
            database_class=self.points.database_class(),
        )
        if self.points.is_armed:
            self.world.on_submit, self.world.on_reply = self.points.on_submit, self.points.on_reply
            self._stack.enter_context(self.points.watch_files(home))
        self.wishes: dict[str, Wish] = {}
        self.down_s = down_s
        self.starts = 0
        self._asked = 0
        self._heard_to = 0
        self._receipts: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.once_asked: Callable[[], object] = lambda: None
        """Called when the first session has been asked for: when faults of lists begin, which would else delay it."""
        self.once_ended: Callable[[], object] = lambda: None
        """Called before the first end is asked for."""

    def __enter__(self) -> Story:
        return self

    def __exit__(self, *error: object) -> None:
        self.points.is_armed = False
        self.world.kill()
        self._stack.close()

    # ---- the process

    def start(self) -> Story:
        """Start the daemon, again and again if need be, and wait for its first complete look."""
        self.survive(self._start)
        return self

    def _start(self) -> None:
        self.world.kill()
        self.starts += 1
        self.world.start()

    def survive(self, work: Callable[[], T]) -> T:
        """Do it; whenever the process dies, start it again and repeat."""
        while True:
            try:
                return work()
            except Crash:
                self.revive()

    def revive(self) -> None:
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
        """Die now and stay down for a while."""
        self.world.kill()
        self.world.clock.t += us(down_s)
        self.start()

    # ---- time

    def until(self, condition: Callable[[], bool], limit_s: float = 3600.0) -> bool:
        """Let time pass until the condition holds; it is looked at only when the database has changed."""
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

        return self.survive(go_on)

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
        assert self.survive(self._until_ready), "never ready"
        return self

    def _until_ready(self) -> bool:
        return self.world.run_until(self.world.engine.is_ready, 1200)

    def provision(self, name: str, *, hours: float = 2.0, retries: int = 2, gpu: str = "RTX 4090", **more: Any) -> Wish:
        """Plan and provision as the command does: the same key is repeated until an answer comes (I22)."""
        self._asked += 1
        # Not the market's time: that is ahead by what searches have been charged, and no deadline counts it.
        wish = Wish(name, 20.0 + self._asked, self.world.clock.ours(), us(hours * 3600))
        search = wire.SearchRequest(gpu=gpu, disk_gb=wish.disk_gb)
        asked = wire.PlanRequest(search=search, duration_us=wish.duration_us, retries=retries)
        plan = self._patiently(lambda: self.world.requests.plan(asked))
        request = wire.ProvisionRequest(
            offers=plan.offers,
            disk_gb=wish.disk_gb,
            max_rate=plan.max_rate,
            duration_us=wish.duration_us,
            image=plan.image,
            retries=retries,
            name=name,
            **more,
        )
        once = IdempotencyKey(f"provision {name}", "POST", "/api/v1/sessions", name)
        self.wishes[name] = wish
        wish.session = self._patiently(lambda: self.world.requests.provision(request, once)).sessions[0]
        if len(self.wishes) == 1:
            self.once_asked()
        return wish

    def _patiently(self, work: Callable[[], T]) -> T:
        for _ in range(40):
            try:
                answer = self.survive(work)
            except (NotReady, ProviderFailed, Refused) as told:
                # Of refusals only this one passes by itself: a list that is not believed for the moment.
                if type(told) is Refused and told.code != "list_inconsistent":
                    raise
                self.run_for(20)
                continue
            self.world.executor.transport.charged_s = 0.0
            return answer
        raise AssertionError("the user gave up asking")

    def end(self, *names: str) -> None:
        """End sessions as `shutdown` does."""
        if all(wish.ended_at is None for wish in self.wishes.values()):
            self.once_ended()
        for name in names:
            self.wishes[name].ended_at = self.now
        refs = [self.wishes[name].session for name in names]
        once = IdempotencyKey(f"end {names} {self.now}", "POST", "/api/v1/end", str(names))
        self.survive(lambda: self.world.requests.end(refs, key=once))

    def status(self, name: str) -> str:
        """The one word the user is shown."""
        return self.survive(lambda: self.world.status(self.wishes[name].session))

    def until_running(self, name: str, limit_s: float = 7200) -> bool:
        """Wait for the hand-over, or the admission that there will be none."""
        ref = self.wishes[name].session
        self.until(lambda: self.world.status(ref) not in ("pending", "provisioning"), limit_s)
        is_running = self.status(name) == "running"
        self.wishes[name].gave_up = self.status(name) == "failed"
        return is_running

    def until_over(self, limit_s: float = 3 * 3600) -> bool:
        """Wait until what is unwanted is shown as ended."""
        return self.until(self.is_over, limit_s)

    def is_over(self) -> bool:
        """Whether every session that the user does not want any more is shown as ended."""
        refs = [w.session for w in self.wishes.values() if not w.is_wanted(self.now)]
        return all(self.world.status(ref) in ("stopped", "failed") for ref in refs)

    def receipts(self) -> list[dict[str, Any]]:
        """Every receipt there ever was, those included that a later one has replaced."""
        for event in self.world.requests.events(self._heard_to, limit=500).events:
            self._heard_to = event.id
            if event.kind == "closed":
                attempt = sessions.load_attempt(self.world.store, event.attempt or "")
                if attempt is not None and attempt.receipt:
                    self._receipts.append({**json.loads(attempt.receipt), "read_at": self.now})
        return self._receipts

    def forget_history(self) -> None:
        """The database is another one: its history begins anew."""
        self._heard_to = 0

    # ---- the market

    def instances(self, name: str) -> list[Instance]:
        """All instances ever made for a wish, by the disk it asked for."""
        wish = self.wishes[name]
        ours = (i for i in self.world.market.instances.values() if not i.spec.foreign)
        return [i for i in ours if i.spec.disk_gb == wish.disk_gb]

    def heal(self) -> None:
        """Every fault is over."""
        self.world.faults.clear()

    def finish(self, *, limit_s: float = 3 * 3600, after_s: float = 4200) -> None:
        """Heal everything, run until what is unwanted is shown as ended, and then on, for what comes late."""
        self.heal()
        self.points.is_armed = False
        if not self.until_over(limit_s):
            self.notes.append("not over in time")
        self.run_for(after_s)
