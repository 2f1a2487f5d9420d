"""Sessions over simulated days at two clouds, with what moves money: prices, stops, outages, kills; held against the
market's ledger, traffic included, once the bills have come.

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

from gpushopper.core.model.money import dollars
from gpushopper.core.spending.bills.bill_correction import hidden_cost
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.engine.rollup_job import rebuild, run_rollups
from gpushopper.errors import ShopperError
from gpushopper.sandbox.market.actions import revise
from gpushopper.store import ledger, sessions
from gpushopper.store.money.bills import bills
from tests.sim.world import World

ZONE = ZoneInfo("America/New_York")
"""Its clocks are put back on the second day of the simulation."""
GPUS = ("RTX 4090", "H100 SXM", "A100 SXM")
HOUR_S = 3600.0
CENT = 10_000
CREDIT = 10_000 * 10**6
"""Micro-dollars."""


@dataclass(frozen=True, slots=True)
class Line:
    """One attempt in our books and the market's, micro-dollars.

    `bound`: what its receipt says that may be wrong for what nobody saw, where no bill has said more; 0 where one has.
    `corrected`: what its bill has corrected.
    """

    name: str
    cloud: str
    ours: int
    market: int
    bound: int
    corrected: int

    @property
    def error(self) -> int:
        return self.ours - self.market

    @property
    def is_small(self) -> bool:
        """Whether it is off by a cent or a hundredth at most, or within the bound that is stated."""
        return abs(self.error) <= max(CENT, self.market // 100, self.bound)


@dataclass(frozen=True, slots=True)
class Compared:
    """Our books and the market's, by attempt."""

    sessions: int
    lines: tuple[Line, ...]
    by_day: int
    by_session: int
    is_rebuilt_same: bool
    done: dict[str, int]

    @property
    def share(self) -> float:
        """The error of the total."""
        market = sum(line.market for line in self.lines)
        return abs(sum(line.error for line in self.lines)) / max(market, 1)

    @property
    def wrong(self) -> list[Line]:
        """Attempts that are off by more than they may be."""
        return [line for line in self.lines if not line.is_small]

    def table(self) -> str:
        """A line for each cloud: attempts, both books, the errors, and what was hidden and corrected."""
        head = ("cloud", "attempts", "ours $", "market $", "off %", "most $", "least $", "hidden", "most", "corrected")
        rows = [head, *(_row(cloud, [x for x in self.lines if x.cloud == cloud]) for cloud in self.clouds)]
        rows += [_row("all", list(self.lines))]
        return "\n".join("  ".join(f"{cell:>10}" for cell in row) for row in rows)

    @property
    def clouds(self) -> list[str]:
        return sorted({line.cloud for line in self.lines})


def _row(name: str, lines: list[Line]) -> tuple[str, ...]:
    ours, market = (sum(getattr(line, side) for line in lines) for side in ("ours", "market"))
    errors, bounds = [line.error for line in lines], [line.bound for line in lines if line.bound > CENT]
    off = 100 * (ours - market) / max(market, 1)
    return (
        name, str(len(lines)), dollars(ours), dollars(market), f"{off:.4f}", dollars(max(errors, default=0), 4),
        dollars(min(errors, default=0), 4), str(len(bounds)), dollars(max(bounds, default=0), 4),
        str(sum(line.corrected != 0 for line in lines)),
    )  # fmt: skip


class MoneyDays:
    """One seeded run."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rng = Random(f"money {seed}")
        self.done: Counter[str] = Counter()
        self.opened: list[str] = []
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
            revise(self.world.market, self.rng.choice(living), action, value)

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
        """End everything, let the bills come and settle, then compare."""
        self.world.faults.clear()
        self.world.requests.end(None)
        assert self.world.run_until(lambda: not sessions.load_attempts(self.world.store), 12 * HOUR_S)
        self.pass_time(75 * HOUR_S)
        return self.compare()

    def compare(self) -> Compared:
        world, ctx = self.world, self.world.engine.ctx
        truth = {
            (row["provider"], str(row["id"])): usd(row["usd"])
            for row in world.ledger()["instances"]
            if not row["foreign"]
        }
        totals, lines = ledger.totals_by_attempt(world.store), []
        attempts = sessions.load_attempts(world.store, open_only=False)
        billed, corrected = bills(world.store), ledger.billed_by_attempt(world.store, [each.id for each in attempts])
        for attempt in attempts:
            name = str(attempt.instance_id)
            changes = corrected.get(attempt.id, {})
            lines.append(
                Line(
                    name,
                    attempt.provider,
                    ours=sum(totals.get(attempt.id, {}).values()),
                    market=truth.pop((attempt.provider, name), 0),
                    bound=0 if attempt.id in billed else hidden_cost(attempt, attempt.hidden),
                    corrected=sum(changes.values()) - changes.get("traffic", 0),
                )
            )
        assert not any(truth.values()), "an instance that billed without an attempt"
        by_day, by_session = (costs(ctx, CostQuestion(by=by)) for by in ("day", "session"))
        return Compared(
            sessions=len(by_session.rows),
            lines=tuple(lines),
            by_day=sum(group.accrued for group in by_day.groups),
            by_session=by_session.accrued,
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
    print(f"{found.table()}\n{found.sessions} sessions, {found.done}, wrong: {found.wrong}")
