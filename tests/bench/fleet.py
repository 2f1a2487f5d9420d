"""A hundred sessions on simulated time, at the gaps Vast enforces: the hand-over of each, and the end of all."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from gpushopper.core.moment import us
from gpushopper.sandbox.model import Phase
from gpushopper.store import sessions as stored
from tests.bench.report import Row, p95
from tests.sim.world import START, World

GPUS = ("RTX 4090", "RTX 3090", "A100 SXM4", "H100 SXM", "RTX A6000")


def measure_fleet(many: int) -> list[Row]:
    """Rent `many`, end them all at one moment, and read the times off the market's ledger and our rows."""
    with tempfile.TemporaryDirectory(prefix="gs-") as folder:
        world = World(Path(folder), gaps=True).start().ready()
        try:
            rent(world, many)
            rows = [hand_over_row(world)]
            asked_at = START + world.clock.t
            held = sum(1 for row in world.ledger()["instances"] if row["state"] != "gone")
            world.engine.end(None)
            assert world.run_until(lambda: not stored.load_attempts(world.store), 7200), "not all were proven gone"
            return rows + end_rows(world, asked_at, held)
        finally:
            world.store.close()


def rent(world: World, many: int) -> None:
    """Keep provisioning until so many run: offers are taken under way, and some hosts fail."""
    running = 0
    for _ in range(3):
        for number in range(many - running):
            world.provision(gpu=GPUS[number % len(GPUS)], hours=6)
            world.run_for(7)  # the gap between two searches
        world.run_until(lambda: settled(world), 7200)
        running = sum(view.status == "running" for view in world.engine.sessions().sessions)
        if running >= many:
            return
    raise AssertionError(f"only {running} of {many} run")


def settled(world: World) -> bool:
    return all(view.status not in ("pending", "provisioning") for view in world.engine.sessions().sessions)


def phases(world: World) -> dict[str, int]:
    """When each instance first ran by the market's books, wall µs."""
    ran: dict[str, int] = {}
    for instance in world.market.instances.values():
        for at, phase in instance.history:
            if phase is Phase.RUNNING:
                ran.setdefault(str(instance.id), at)
    return ran


def hand_over_row(world: World) -> Row:
    ran = phases(world)
    waits = [
        (attempt.handed_over_at - ran[attempt.instance_id]) / us(1)
        for attempt in stored.load_attempts(world.store)
        if attempt.handed_over_at is not None and attempt.instance_id in ran
    ]
    return Row("running to handed over, simulated", p95(waits), "s", 2, f"p95 of {len(waits)}, looks as in real use")


def end_rows(world: World, asked_at: int, held: int) -> list[Row]:
    sent = [row for row in world.market.destroys if row.at >= asked_at]
    first: dict[Any, int] = {}
    for row in sent:
        first.setdefault(row.id, row.at)
    ended = [a for a in stored.load_attempts(world.store, open_only=False) if (a.unwanted_at or 0) >= asked_at]
    off = sorted((a.off_at - asked_at) / us(1) for a in ended if a.off_at is not None)
    proven = sorted((a.gone_at - asked_at) / us(1) for a in ended if a.gone_at is not None)
    last = (max(first.values()) - asked_at) / us(1)
    return [
        Row(f"shutdown of {held}: last destroy sent", last, "s", 15, f"of {len(first)}; {3 * len(first)} s by one call each"),
        Row("  off, p50", off[len(off) // 2], "s", None, f"p95 {p95(off):.1f}"),
        Row("  proven, p50", proven[len(proven) // 2], "s", None, f"p95 {p95(proven):.1f}"),
    ]
