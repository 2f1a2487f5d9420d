"""Simulated days with random users, faults, kills, sleeps and clock jumps; every run is named by its seed (C6).

    python -m tests.sim.soak SEED [DAYS]
"""

from __future__ import annotations

import sys
from collections import Counter
from random import Random

from gpushopper.core.timing.clock_snapshot import us
from gpushopper.errors import ShopperError
from tests.sim.fault_cases import CREATE_WORDS, DESTROY_WORDS, NETWORK_WORDS, Case
from tests.sim.oracle import audit, is_healthy
from tests.sim.story import Story

HOUR_S = 3600.0
LIES = [
    # Within the stated bounds of evidence: three lies in a row about one look would beat any rule of three (C7).
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
FAULTS = CREATE_WORDS + DESTROY_WORDS + NETWORK_WORDS + LIES


class Soak:
    """One seeded run: a user of up to four sessions, and a world that is out to get him."""

    def __init__(self, story: Story, seed: int) -> None:
        self.story = story
        self.dice = Random(f"soak {seed}")
        self.done: Counter[str] = Counter()

    def run(self, days: float) -> None:
        """Live through so many simulated days."""
        story = self.story
        story.start().ready()
        end = story.world.clock.t + us(days * 24 * HOUR_S)
        acts = (self.ask, self.ask, self.ask, self.end, self.fault, self.fault, self.fault, self.kill, self.sleep)
        while story.world.clock.t < end:
            act = self.dice.choice((*acts, self.jump, self.heal))
            self.done[act.__name__] += 1
            act()
            story.run_for(self.dice.choice((5, 60, 600, 1800)))

    def _open(self) -> list[str]:
        words = {name: self.story.status(name) for name in self.story.wishes}
        for name, word in words.items():
            self.story.wishes[name].gave_up |= word in ("failed", "stopped", "stopping")
        return [name for name, word in words.items() if word in ("pending", "provisioning", "running")]

    def ask(self) -> None:
        if len(self._open()) >= 4:
            return
        name, hours = f"s{len(self.story.wishes)}", self.dice.choice((0.5, 2.0, 6.0, 11.0))
        try:
            self.story.provision(name, hours=hours)
        except (ShopperError, AssertionError):
            # Told that it was refused: nothing was asked for. An ambiguous answer does not exist on this side.
            self.done["refused"] += 1
            self.story.wishes.pop(name, None)

    def end(self) -> None:
        found = self._open()
        if found:
            self.story.end(self.dice.choice(found))

    def fault(self) -> None:
        case = self.dice.choice(FAULTS)
        self.done[case.name] += 1
        more = {} if case.word in ("omit", "offline") else {"duration": self.dice.choice(("5m", "30m", "3h"))}
        self.story.world.fault(case.call, case.word, case.arg, count=case.count, **more)

    def heal(self) -> None:
        self.story.heal()

    def kill(self) -> None:
        self.story.world.kill()
        self.story.world.clock.t += us(self.dice.choice((1, 30, 1200, 2 * HOUR_S)))
        self.story.start()

    def sleep(self) -> None:
        self.story.world.sleep(self.dice.choice((60, 1800, 8 * HOUR_S)))

    def jump(self) -> None:
        self.story.world.clock.skew = us(self.dice.choice((0, 0, 3600, -3600, 86_400, -86_400)))
        self.story.world.engine.resume()

    def judge(self) -> list[str]:
        """Heal, let the user end all but what runs and has time left, and audit."""
        story = self.story
        story.heal()
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
        wish = self.story.wishes[name]
        alive = [i for i in self.story.instances(name) if i.exists and is_healthy(i, self.story.now)]
        is_young = wish.asked_at + wish.duration_us - self.story.now > us(3 * HOUR_S)
        return len(alive) == 1 and is_young and self.story.status(name) == "running"


def soak(seed: int, days: float) -> tuple[list[str], str]:
    """One run; what was wrong, and a line about what was done."""
    with Story(seed=seed) as story:
        run = Soak(story, seed)
        run.run(days)
        wrong = run.judge()
        market = story.world.market
        said = (
            f"seed {seed}, {days} days: {len(story.wishes)} sessions, {len(market.creates)} creates, "
            f"{len(market.instances)} instances, {len(market.destroys)} destroys, {story.starts} starts, "
            f"{len(story.receipts())} receipts"
        )
        return wrong, said


if __name__ == "__main__":
    problems, line = soak(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 2.0)
    print(line, *problems, sep="\n")
    sys.exit(1 if problems else 0)
