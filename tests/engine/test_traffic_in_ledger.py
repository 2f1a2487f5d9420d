"""Traffic is in the ledger once: as the instance counted it, then as the cloud billed it; never nowhere (F25)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper.cli.output.receipt_view import billed_text
from gpushopper.core.model.heartbeat import NetworkCount
from gpushopper.core.policy import REAL
from gpushopper.core.spending.budget import LimitKind
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.engine.money.bills import session_bills
from gpushopper.engine.money.commitments import load_commitments
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.sandbox.market.model import Instance
from gpushopper.store import sessions
from tests.sim.world import World

GB = 10**9
DAY_S = 3600
QUICK = replace(REAL, bill_check_s=DAY_S, bill_settled_s=DAY_S)


def used(instance: Instance, per_hour_gb: float) -> NetworkCount:
    """What its network has counted at a steady pace since it began to run."""
    return NetworkCount(received=3 * GB, sent=int(instance.meter.gpu_us * per_hour_gb * GB / HOUR))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=QUICK).start().ready()
    yield made
    made.kill()


def traffic(world: World) -> int:
    return sum(row.traffic_micros for row in costs(world.engine.ctx, CostQuestion()).rows)


def test_what_the_instance_counts_is_its_cost_until_the_bill_says_what_it_was(world: World):
    world.remote.network = lambda instance: used(instance, 200)
    ref = world.provision(hours=2)
    assert world.running(ref)
    world.run_for(1800)
    during = traffic(world)
    assert 400_000 < during <= 500_000, "half an hour of 200 GB an hour at $0.005"
    world.fault("charges", "status", "503", duration="5h")
    world.requests.end([ref])
    assert world.ended(ref)
    after = world.view(ref)
    assert after.attempts[0].receipt is not None and after.attempts[0].receipt["cost"]["traffic"] == traffic(world)
    assert during <= traffic(world) <= 520_000, "between its end and the bill it is still there"
    (one,) = load_commitments(world.engine.ctx, world.clock.now().wall)
    assert one.incurred.of(LimitKind.MONTHLY) == after.accrued, "and budgets count it once"
    world.faults.clear()
    world.run_for(3 * DAY_S)
    (row,) = session_bills(world.engine.ctx)
    billed = row.attempts[0].charge.traffic
    assert traffic(world) == billed < 5_000, "the bill has the last word once it is settled"
    assert world.view(ref).accrued == after.accrued - after.attempts[0].receipt["cost"]["traffic"] + billed
    assert row.comparison.difference < -400_000, "that our count was another is still to be seen"
    found = world.view(ref).attempts[0].by_bill.traffic_micros
    assert billed_text("Vast.ai", {"traffic_micros": found}).startswith("traffic by Vast.ai's bill: -$0.")


def test_what_no_counter_has_shown_is_entered_from_the_bill_and_from_it_alone(world: World):
    ref = world.provision(hours=4)
    assert world.running(ref)
    world.run_for(3.5 * 3600)
    (row,) = session_bills(world.engine.ctx)
    assert 0 < traffic(world) == row.attempts[0].charge.traffic
    assert world.ended(ref, 7200)
    world.run_for(3 * DAY_S)
    (row,) = session_bills(world.engine.ctx)
    assert traffic(world) == row.attempts[0].charge.traffic
    (attempt,) = sessions.attempts_of(world.store, ref)
    by_day = costs(world.engine.ctx, CostQuestion(by="day"))
    assert sum(group.accrued for group in by_day.groups) == world.view(ref).accrued
    assert attempt.unbooked_traffic == 0
