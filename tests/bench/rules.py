"""The rules on their own: a pass of the clock over many sessions, a search in many offers."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gpushopper import wire
from gpushopper.core.model.attempt import State
from gpushopper.core.model.offer import Offer, Requirements, fits, rank
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.core.timing.deadline import Deadline
from gpushopper.store import sessions as stored
from tests.bench.report import Row, spread
from tests.engine.two_clouds import TwoClouds
from tests.sim.world import START, World
from tests.store.samples import OFFER, attempt, session

OFFERS = 10_000
SHOWN = 20
SESSIONS = (500, 1000, 2000)


def laps(run: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each round, after one that is not counted."""
    run()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def measure_search(rounds: int) -> list[Row]:
    """Filter, sort and cut a market of ten thousand offers that is already here."""
    gpus = ("RTX 4090", "RTX 3090", "A100 SXM4", "H100 SXM")
    offers = [_offer(number, gpus[number % len(gpus)]) for number in range(OFFERS)]
    want = Requirements(min_vram_mb=20_000, max_rate=3_000_000, min_reliability=0.95, regions=("us", "texas"))

    def search() -> list[Offer]:
        return rank([offer for offer in offers if fits(offer, want)], want.disk_gb)[:SHOWN]

    assert len(search()) == SHOWN
    return [spread(f"inventory of {OFFERS} offers, top {SHOWN}", laps(search, rounds), "ms", 250)]


def measure_inventory(rounds: int) -> list[Row]:
    """The whole query over two clouds whose offers are in the cache; and that it grows no faster than they do."""
    taken_by = {many: laps_of_inventory(many, rounds) for many in (OFFERS, 2 * OFFERS)}
    few, most = (min(taken) / many for many, taken in taken_by.items())
    name = f"inventory of {2 * OFFERS} offers of two clouds, cached"
    detail = f"least time per offer at {2 * OFFERS} beside {OFFERS}; 1 is linear"
    return [spread(name, taken_by[2 * OFFERS], "ms", 250), Row("inventory, growth", most / few, "x", 1.5, detail)]


def laps_of_inventory(many: int, rounds: int) -> list[float]:
    asked = wire.SearchRequest(gpu="4090", regions=["US"], cpus=4, sort="value", limit=SHOWN)
    with tempfile.TemporaryDirectory(prefix="gs-") as folder:
        two = TwoClouds(Path(folder))
        for name, cloud in (("a", two.a), ("b", two.b)):
            cloud.offers = tuple(replace(_offer(number, "RTX 4090"), provider=name) for number in range(many // 2))
        try:
            return laps(lambda: two.requests.inventory(asked), rounds)
        finally:
            assert len(two.a.asked) == 1, "all but the first are from the cache"
            two.close()


def _offer(number: int, gpu: str) -> Offer:
    rate = 100_000 + (number * 7919) % 4_000_000
    region = ("Texas, US", "Sweden, SE", "California, US")[number % 3]
    return replace(OFFER, offer_id=str(number), gpu=gpu, gpu_rate=rate, region=region, host_id=str(number // 2))


def measure_passes(rounds: int) -> list[Row]:
    """The lifecycle job over sessions in a real database: its time, and that it grows no faster than they do."""
    medians = {many: laps_of_pass(many, rounds) for many in SESSIONS}
    rows = [
        spread(f"lifecycle pass over {many} sessions", taken, "ms", 100 if many == 1000 else None)
        for many, taken in medians.items()
    ]
    few, _, most = (statistics.median(medians[many]) / many for many in SESSIONS)
    detail = f"time per session at {SESSIONS[-1]} beside {SESSIONS[0]}; 1 is linear"
    return [*rows, Row("lifecycle pass, growth", most / few, "x", 1.5, detail)]


def laps_of_pass(many: int, rounds: int) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="gs-") as folder:
        world = World(Path(folder)).start()
        with world.store.transaction():
            for number in range(many):
                fill(world, number)
        try:
            return laps(world.engine.run_clock_rules, rounds)
        finally:
            world.store.close()


def fill(world: World, number: int) -> None:
    """One running session, far from its deadline."""
    deadline = Deadline(START + 2 * HOUR, START, world.clock.now().boot, "boot-1")
    held = session(f"s{number}", created_at=START)
    stored.insert_session(world.store, held)
    made = attempt(
        f"a{number}", held.id, State.RUNNING, deadline=deadline, hard_max_at=START + 12 * HOUR, prepared_at=START,
        sent_at=START, ready_at=START, state_changed_at=START,
    )  # fmt: skip
    stored.insert_attempt(world.store, made)
