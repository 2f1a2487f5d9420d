"""A hundred sessions on simulated time, at the gaps Vast enforces: the time to ready of each, and the end of all."""

from __future__ import annotations

import tempfile
from collections import deque
from pathlib import Path
from typing import Any

from gpushopper.core.model.money import DOLLAR
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.errors import NoOffer, NotFound
from gpushopper.sandbox.market.model import Phase
from gpushopper.store import sessions as stored
from tests.bench.report import Row, p95
from tests.sim.world import START, World

GPUS = (
    "RTX 4090", "RTX 3090", "RTX 5090", "RTX 3080", "RTX 4080", "RTX 3060", "RTX A6000", "L40S", "A100 SXM4", "A40",
    "A100 PCIE", "H100 SXM", "RTX 3070", "RTX 4070", "V100", "RTX 3090 Ti", "RTX A5000", "RTX A4000",
)  # fmt: skip
FEW = 20
"""So many fit on one page of Vast's list (25); each further page costs every poll a gap."""


def measure_fleet(many: int) -> list[Row]:
    """Rent `many`, end them all at one moment, and read the times off the market's ledger and our rows."""
    with tempfile.TemporaryDirectory(prefix="gs-") as folder:
        world = World(Path(folder), gaps=True)
        for account in world.market.accounts.values():
            account.paid_in_micros = 10_000 * DOLLAR  # so many at once hold back more than a market lends by itself
        world.start().ready()
        try:
            rent(world, many)
            rows = ready_rows(world)
            requested_at = START + world.clock.t
            held = sum(1 for row in world.ledger()["instances"] if row["state"] != "gone")
            world.requests.end(None)
            assert world.run_until(lambda: not stored.load_attempts(world.store), 7200), "not all were proven gone"
            return rows + end_rows(world, requested_at, held)
        finally:
            world.store.close()


def rent(world: World, many: int) -> None:
    """Keep provisioning until so many run, from kind to kind: a market does not hold a hundred of one."""
    kinds = deque(GPUS)
    while (running := count_running(world)) < many:
        for _ in range(many - running):
            try:
                world.provision(gpu=kinds[0], hours=6, retries=5)
                kinds.rotate(-1)
            except (NoOffer, NotFound):
                kinds.popleft()
            world.run_for(7)  # the gap between two searches
        assert world.run_until(lambda: settled(world), 7200)


def count_running(world: World) -> int:
    return sum(view.status == "running" for view in world.requests.sessions().sessions)


def settled(world: World) -> bool:
    return all(view.status not in ("pending", "provisioning") for view in world.requests.sessions().sessions)


def phases(world: World) -> dict[str, int]:
    """When each instance first ran by the market's ledger, wall µs."""
    ran: dict[str, int] = {}
    for instance in world.market.instances.values():
        for at, phase in instance.history:
            if phase is Phase.RUNNING:
                ran.setdefault(str(instance.id), at)
    return ran


def ready_rows(world: World) -> list[Row]:
    """From the moment the market's ledger says running to the moment ours says ready, in the order of the creates."""
    ran = phases(world)
    waits = [
        (attempt.ready_at - ran[attempt.instance_id]) / us(1)
        for attempt in sorted(stored.load_attempts(world.store), key=lambda attempt: attempt.sent_at or 0)
        if attempt.ready_at is not None and attempt.instance_id in ran
    ]
    what = "running to ready, simulated"
    many = Row(f"  all {len(waits)}", p95(waits), "s", None, "p95; lists of several pages, a gap between two")
    return [Row(what, p95(waits[:FEW]), "s", 2, f"p95 of the first {FEW}, polls as in real use"), many]


def end_rows(world: World, requested_at: int, held: int) -> list[Row]:
    sent = [row for row in world.market.destroys if row.at >= requested_at]
    first: dict[Any, int] = {}
    for row in sent:
        first.setdefault(row.cloud_id, row.at)
    ended = [
        a for a in stored.load_attempts(world.store, open_only=False) if (a.terminate_requested_at or 0) >= requested_at
    ]
    off = sorted((a.off_at - requested_at) / us(1) for a in ended if a.off_at is not None)
    proven = sorted((a.closed_at - requested_at) / us(1) for a in ended if a.closed_at is not None)
    last = (max(first.values()) - requested_at) / us(1)
    alone = f"of {len(first)}; {3 * len(first)} s by one call each"
    return [
        Row(f"shutdown of {held}: last destroy sent", last, "s", 15, alone),
        Row("  off, p50", off[len(off) // 2], "s", None, f"p95 {p95(off):.1f}"),
        Row("  proven, p50", proven[len(proven) // 2], "s", None, f"p95 {p95(proven):.1f}"),
    ]
