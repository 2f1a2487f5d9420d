"""Sessions over simulated days at two clouds, with what moves money: prices, stops, outages, kills; held against the
market's ledger.

python -m tests.sim.money_days SEED DAYS SESSIONS
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.engine.rollup_job import rebuild, run_rollups
from gpushopper.errors import ShopperError
from gpushopper.sandbox.market.actions import revise
from gpushopper.store import ledger, sessions
from tests.sim.world import World

ZONE = ZoneInfo("America/New_York")
"""Its clocks are put back on the second day of the simulation."""
GPUS = ("RTX 4090", "H100 SXM", "A100 SXM")
HOUR_S = 3600.0
CENT = 10_000
CREDIT = 10_000 * 10**6
"""Micro-dollars."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Our books and the market's, micro-dollars.

    `worst` and its share are of the attempt that is most off, of those whose price and time nobody moved. What a host
    moves between two sightings is noticed at the second: `worst_moved`, and `too_little`, the most that any attempt has
    below the market's books.
    """

    sessions: int
    ours: int
    market: int
    worst: int
    worst_share: float
    moved: int
    worst_moved: int
    too_little: int
    by_day: int
    is_rebuilt_same: bool
    done: dict[str, int]

    @property
    def share(self) -> float:
        """The error of the total."""
        return abs(self.ours - self.market) / max(self.market, 1)

    @property
    def is_worst_small(self) -> bool:
        """Whether no attempt is off by more than a cent and a hundredth of its cost."""
        return self.worst <= CENT or self.worst_share <= 0.01


class MoneyDays:
    """One seeded run."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rng = Random(f"money {seed}")
        self.done: Counter[str] = Counter()
        self.opened: list[str] = []
        self.moved: set[str] = set()
        """Instances that were stopped, or whose price was changed."""
        for account in world.market.accounts.values():  # what the days cost is more than accounts begin with
            account.paid_in_micros += CREDIT

    def run(self, days: float, count: int) -> Compared:
        """So many sessions over so many days, then all of them ended."""
        world, end, made = self.world, us(days * 24 * HOUR_S), 0
        step_s = days * 24 * HOUR_S / count
        while made < count or world.clock.t < end:
            if made < count and world.clock.t >= made * us(step_s):
                made += 1
                self.provision(made)
            self.rng.choice((self.price, self.stop, self.outage, self.kill, self.end, *[self.nothing] * 10))()
            self.pass_time(self.rng.uniform(0.2, 1.2) * step_s)
        return self.finish()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with the job each hour."""
        while seconds > 0:
            self.world.run_for(min(seconds, HOUR_S))
            seconds -= HOUR_S
            run_rollups(self.world.engine.ctx)

    def provision(self, number: int) -> None:
        hours = self.rng.choice((0.3, 1.0, 2.5, 6.0, 11.5))
        try:
            ref = self.world.provision(self.rng.choice(GPUS), hours, name=f"s{number}", consumer=f"c{number % 3}")
            self.opened.append(ref)
        except ShopperError as error:
            self.done[f"refused {error.code}"] += 1

    def nothing(self) -> None: ...

    def end(self) -> None:
        if self.opened:
            self.done["end"] += 1
            self.world.requests.end([self.opened.pop(self.rng.randrange(len(self.opened)))])

    def price(self) -> None:
        self._revise("price_factor", self.rng.choice((1.1, 0.8, 1.02)))

    def stop(self) -> None:
        self._revise("stop", None)

    def _revise(self, action: str, value: float | None) -> None:
        living = [each for each in self.world.market.instances.values() if each.exists and not each.spec.foreign]
        if living:
            self.done[action] += 1
            self.world.market.settle()
            chosen = self.rng.choice(living)
            self.moved.add(str(chosen.cloud_id))
            revise(self.world.market, chosen, action, value)

    def outage(self) -> None:
        self.done["outage"] += 1
        self.world.fault("list", "status", "503", cloud=self.rng.choice(self.world.clouds), duration="20m")

    def kill(self) -> None:
        self.done["kill"] += 1
        self.world.kill()
        self.world.clock.t += us(self.rng.choice((5, 300, 2 * HOUR_S)))
        self.world.start()
        self.world.engine.ctx.zone = ZONE

    def finish(self) -> Compared:
        """End everything, then compare."""
        self.world.faults.clear()
        self.world.requests.end(None)
        assert self.world.run_until(lambda: not sessions.load_attempts(self.world.store), 12 * HOUR_S)
        self.pass_time(2 * HOUR_S)
        return self.compare()

    def compare(self) -> Compared:
        world, ctx = self.world, self.world.engine.ctx
        truth = {
            (row["provider"], str(row["id"])): usd(row["usd"]) - usd(row["traffic_usd"])
            for row in world.ledger()["instances"]
            if not row["foreign"]
        }
        totals = ledger.totals_by_attempt(world.store)
        errors = []
        for attempt in sessions.load_attempts(world.store, open_only=False):
            ours, name = sum(totals.get(attempt.id, {}).values()), str(attempt.instance_id)
            theirs = truth.pop((attempt.provider, name), 0)
            errors.append((abs(ours - theirs), ours, theirs, name in self.moved))
        assert not any(truth.values()), "an instance that billed without an attempt"
        worst, _, theirs, _ = max(
            (each for each in errors if not each[3]),
            key=lambda each: (each[0] > CENT and each[0] / max(each[2], 1), each[0]),
        )
        by_day, by_session = (costs(ctx, CostQuestion(by=by)) for by in ("day", "session"))
        return Compared(
            sessions=len(by_session.rows),
            ours=by_session.accrued,
            market=sum(each[2] for each in errors),
            worst=worst,
            worst_share=worst / max(theirs, 1),
            moved=sum(each[3] for each in errors),
            worst_moved=max((each[0] for each in errors if each[3]), default=0),
            too_little=max(each[2] - each[1] for each in errors),
            by_day=sum(group.accrued for group in by_day.groups),
            is_rebuilt_same=rebuild(ctx)[1],
            done=dict(self.done),
        )


def usd(text: str) -> int:
    """Micro-dollars of the ledger's decimal text."""
    whole, _, rest = text.partition(".")
    return int(whole) * 10**6 + int(rest)


def money_days(seed: int, days: float, count: int) -> Compared:
    """One run in a world of its own."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), clouds=("vast", "tensordock"), seed=seed).start().ready()
        world.engine.ctx.zone = ZONE
        try:
            return MoneyDays(world, seed).run(days, count)
        finally:
            world.kill()


if __name__ == "__main__":
    found = money_days(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
    print(found, f"total off by {100 * found.share:.4f} %")
