"""Simulated days with random users, faults, kills, sleeps and clock jumps; every run is named by its seed (C6).

python -m tests.sim.soak SEED [DAYS]
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from random import Random

from gpushopper.core.timing.clock_snapshot import us
from gpushopper.errors import ShopperError
from gpushopper.sandbox.dialects import BUILT_IN
from tests.sim.fault_cases import CREATE_CASES, DESTROY_CASES, NETWORK_CASES, Case
from tests.sim.oracle import audit, is_healthy
from tests.sim.story import Story

HOUR_S = 3600.0
LIST_CASES = [
    # Within the stated bounds of evidence: three false lists in a row would defeat any rule of three absences (C7).
    Case("list", "omit", "all,80s", None),
    Case("list", "lag", "2m", None),
    Case("list", "empty200", None, 2),
    Case("list", "null200", None, 4),
    Case("list", "status", "410", 8),
    Case("list", "auth404", None, 4),
    Case("list", "dup_rows", None, 8),
    Case("list", "foreign", "3", 1),
    Case("list", "no_field", "label", 4),
    Case("get", "null", None, 1),
    Case("get", "404", None, 1),
    Case("account", "revoke", None, 30),
    Case("account", "zero_balance", None, 3),
    Case("account", "price_change", "x1.4", 1),
]
FAULTS = CREATE_CASES + DESTROY_CASES + NETWORK_CASES + LIST_CASES


class Soak:
    """One seeded run: a user of up to four sessions, and a world that fails in every known way."""

    def __init__(self, story: Story, seed: int) -> None:
        self.story = story
        self.rng = Random(f"soak {seed}")
        self.done: Counter[str] = Counter()

    def run(self, days: float) -> None:
        """Simulate so many days."""
        story = self.story
        story.start().ready()
        end = story.world.clock.t + us(days * 24 * HOUR_S)
        acts = (*[self.provision] * 3, self.end, *[self.fault] * 3, self.kill, self.sleep)
        while story.world.clock.t < end:
            act = self.rng.choice((*acts, self.jump, self.clear_faults))
            self.done[act.__name__] += 1
            act()
            story.run_for(self.rng.choice((5, 60, 600, 1800)))

    def _open(self) -> list[str]:
        words = {name: self.story.status(name) for name in self.story.expected}
        for name, word in words.items():
            self.story.expected[name].gave_up |= word in ("failed", "stopped", "stopping")
        return [name for name, word in words.items() if word in ("pending", "provisioning", "running")]

    def provision(self) -> None:
        if len(self._open()) >= 4:
            return
        name, hours = f"s{len(self.story.expected)}", self.rng.choice((0.5, 2.0, 6.0, 11.0))
        try:
            self.story.provision(name, hours=hours)
        except (ShopperError, AssertionError):
            # Refused: nothing was requested. Without a network between, no answer is ambiguous.
            self.done["refused"] += 1
            self.story.expected.pop(name, None)

    def end(self) -> None:
        found = self._open()
        if found:
            self.story.end(self.rng.choice(found))

    def fault(self) -> None:
        case = self.rng.choice(FAULTS)
        self.done[case.name] += 1
        more = {} if case.word in ("omit", "offline") else {"duration": self.rng.choice(("5m", "30m", "3h"))}
        clouds = [name for name in self.story.world.clouds if case.word not in BUILT_IN[name].without]
        if not clouds:
            return
        cloud = clouds[0] if len(clouds) == 1 else self.rng.choice(clouds)
        self.story.world.fault(case.call, case.word, case.arg, cloud=cloud, count=case.count, **more)

    def clear_faults(self) -> None:
        self.story.clear_faults()

    def kill(self) -> None:
        self.story.world.kill()
        self.story.world.clock.t += us(self.rng.choice((1, 30, 1200, 2 * HOUR_S)))
        self.story.start()

    def sleep(self) -> None:
        self.story.world.sleep(self.rng.choice((60, 1800, 8 * HOUR_S)))

    def jump(self) -> None:
        self.story.world.clock.skew = us(self.rng.choice((0, 0, 3600, -3600, 86_400, -86_400)))
        self.story.world.engine.resume()

    def finish_and_audit(self) -> list[str]:
        """Clear faults, end all sessions but those that run and have time left, and audit."""
        story = self.story
        story.clear_faults()
        story.world.clock.skew = 0
        story.world.engine.resume()
        story.run_for(1800)
        kept = [name for name in self._open() if self._stays(name)]
        for name in self._open():
            if name not in kept:
                story.end(name)
        story.finish()
        return audit(story, must_run=tuple(kept))

    def _stays(self, name: str) -> bool:
        expected = self.story.expected[name]
        alive = [i for i in self.story.instances(name) if i.exists and is_healthy(i, self.story.now)]
        is_young = expected.requested_at + expected.duration_us - self.story.now > us(3 * HOUR_S)
        return len(alive) == 1 and is_young and self.story.status(name) == "running"


def soak(seed: int, days: float, clouds: Sequence[str] = ("vast",)) -> tuple[list[str], str]:
    """One run; what was wrong, and a line about what was done."""
    with Story(seed=seed, clouds=clouds) as story:
        run = Soak(story, seed)
        run.run(days)
        wrong = run.finish_and_audit()
        market = story.world.market
        summary = (
            f"seed {seed}, {days} days: {len(story.expected)} sessions, {len(market.creates)} creates, "
            f"{len(market.instances)} instances, {len(market.destroys)} destroys, {story.starts} starts, "
            f"{len(story.receipts())} receipts"
        )
        return wrong, summary


if __name__ == "__main__":
    problems, line = soak(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 2.0)
    print(line, *problems, sep="\n")
    sys.exit(1 if problems else 0)
