"""Whatever a user does, no budget is passed by what we commit, nor by what the market then bills (I13).

A user who provisions, extends and ends at random, over a change of summer time; destroys come late, and prices rise.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from gpushopper import wire
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.spending.budget import PERIOD_OF, Budget, LimitKind, ScopeKind, covered
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND
from gpushopper.core.timing.periods import PeriodKind, period_at, periods_over
from gpushopper.engine.money.commitments import load_commitments
from gpushopper.errors import NoOffer, Refused
from gpushopper.sandbox.market.actions import revise
from gpushopper.sandbox.market.model import UNITS_PER_MICRO
from gpushopper.store.money.budgets import save_budget
from tests.sim.world import World

ZONE = ZoneInfo("America/New_York")
"""Its clocks are put back on 1 November 2026, the second midnight of the simulation."""
JUMP = 1.3
ROUNDING = 2000
"""Micro-dollars: each entry is rounded up here, and down at the market."""


def budget(name: str, kind: ScopeKind, scope: str, **limits: int) -> Budget:
    return Budget(name, kind, scope, limits.get("daily"), limits.get("monthly"), limits.get("session"))


BUDGETS = (
    budget("all", ScopeKind.ALL, "", daily=3 * DOLLAR, session=1_500_000),
    budget("ada", ScopeKind.CONSUMER, "ada", daily=1_200_000),
    budget("vast", ScopeKind.ACCOUNT, "vast", monthly=6 * DOLLAR),
)


class Spender:
    """The user, and what the market has billed by each local midnight."""

    def __init__(self, folder: Path, seed: int, *, jumps: bool) -> None:
        self.random = Random(seed)
        self.jumps = jumps
        self.world = World(folder, seed=seed)
        self.world.start().ready()
        self.world.engine.ctx.zone = ZONE
        with self.world.store.transaction():
            for each in BUDGETS:
                save_budget(self.world.store, each)
        self.billed_at_midnight: list[int] = []
        self.jumped: set[str] = set()
        """Each price rises once."""
        self.outcomes: Counter[str] = Counter()

    @property
    def now(self) -> int:
        return self.world.clock.now().wall

    def billed(self) -> int:
        self.world.market.settle()
        meters = [instance.meter for instance in self.world.market.instances.values()]
        return sum(meter.gpu_units + meter.storage_units for meter in meters) // UNITS_PER_MICRO

    def spend_for(self, span_us: int) -> None:
        """Go on, and read the market's ledger at each local midnight."""
        end = self.now + span_us
        while (midnight := period_at(PeriodKind.DAY, self.now, ZONE).end_at) <= end:
            self.world.run_for((midnight - self.now) / SECOND)
            self.billed_at_midnight.append(self.billed())
        self.world.run_for(max(end - self.now, 0) / SECOND)

    def act(self) -> None:
        """One thing a user may do; what was accepted passes no limit that was not passed from outside before."""
        before = self.breaches()
        action = self.random.choice([self.provision, self.provision, self.extend, self.end, self.misfortune])
        try:
            action()
        except Refused as refused:
            self.outcomes[refused.code] += 1
        except NoOffer:
            self.outcomes["no offer"] += 1
        else:
            self.outcomes[action.__name__] += 1
            if action in (self.provision, self.extend):
                assert self.breaches() <= (before if self.jumps else set())

    def provision(self) -> None:
        consumer = self.random.choice(["ada", "bob"])
        self.world.provision(hours=self.random.choice([0.5, 1, 2, 4, 8, 11]), consumer=consumer)

    def extend(self) -> None:
        running = [s for s in self.world.requests.sessions().sessions if s.status == "running"]
        if running:
            more = self.random.choice([30 * MINUTE, HOUR, 3 * HOUR])
            self.world.requests.extend(self.random.choice(running).id, wire.ExtendRequest(add_us=more))

    def end(self) -> None:
        wanted = [s for s in self.world.requests.sessions().sessions if s.status in ("running", "provisioning")]
        if wanted:
            self.world.requests.end([self.random.choice(wanted).id])

    def misfortune(self) -> None:
        alive = [each for each in self.world.market.instances.values() if each.exists]
        if alive and self.jumps and self.random.random() < 0.5:
            instance = self.random.choice(alive)
            if instance.cloud_id not in self.jumped:
                self.jumped.add(instance.cloud_id)
                revise(self.world.market, instance, "price_factor", JUMP)
        else:
            self.world.fault("destroy", "zombie", "10m", count=1)

    def breaches(self) -> set[str]:
        """The limits that what is committed would pass, in any period to come."""
        held, found = load_commitments(self.world.engine.ctx, self.now), set()
        last = max((one.to_come.end_at for one in held), default=self.now)
        for each in BUDGETS:
            counted = covered(each, held)
            for kind, amount in each.limits():
                if kind is LimitKind.SESSION:
                    sums = Counter({one.session_id: 0 for one in counted})
                    for one in counted:
                        sums[one.session_id] += one.counted(kind, None, self.now)
                    found |= {f"{each.name} {kind} {ref}" for ref, total in sums.items() if total > amount}
                    continue
                for period in periods_over(PERIOD_OF[kind], self.now, last, ZONE):
                    total = sum(one.counted(kind, period, self.now) for one in counted)
                    found |= {f"{each.name} {kind} {period.start_at}"} if total > amount else set()
        return found

    def daily(self) -> list[int]:
        """What the market has billed on each local day that is over."""
        return [after - before for before, after in pairwise([0, *self.billed_at_midnight])]


def run(folder: Path, seed: int, *, jumps: bool, hours: int) -> Spender:
    spender = Spender(folder, seed, jumps=jumps)
    end = spender.now + hours * HOUR
    while spender.now < end:
        spender.act()
        spender.spend_for(spender.random.randrange(2, 90) * MINUTE)
    spender.spend_for(14 * HOUR)
    return spender


def check(spender: Spender, tolerance: float) -> None:
    daily, (whole, ada, vast) = spender.daily(), BUDGETS
    print(dict(spender.outcomes), [round(amount / DOLLAR, 3) for amount in daily])
    assert whole.daily is not None and whole.session is not None and vast.monthly is not None and ada.daily is not None
    assert all(amount <= whole.daily * tolerance + ROUNDING for amount in daily)
    meters = [(each.meter.gpu_units + each.meter.storage_units) // UNITS_PER_MICRO
              for each in spender.world.market.instances.values()]  # fmt: skip
    assert max(meters) <= whole.session * tolerance + ROUNDING
    assert spender.outcomes["budget"] > 0 and spender.outcomes["provision"] > 2
    spender.world.kill()


def test_no_limit_is_passed_by_what_is_committed_or_billed(tmp_path: Path) -> None:
    check(run(tmp_path, 1, jumps=False, hours=18), tolerance=1.0)


@pytest.mark.proofs
@pytest.mark.parametrize("seed", range(2, 6))
@pytest.mark.parametrize("jumps", [False, True], ids=["steady prices", "rising prices"])
def test_no_limit_is_passed_over_days(tmp_path: Path, seed: int, jumps: bool) -> None:
    """A price that rises is the market's doing: by no more than it rises."""
    check(run(tmp_path, seed, jumps=jumps, hours=72), tolerance=JUMP if jumps else 1.0)
