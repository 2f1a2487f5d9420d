"""An instance that no list has shown running has billed all the same: no fault of lists makes a receipt too small
(S19, F114).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.engine.rollup_job import rebuild
from gpushopper.sandbox.market.model import UNITS_PER_MICRO
from gpushopper.store import sessions
from tests.sim.world import World

CENT = 10_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path).start().ready()
    yield made
    made.kill()


def billed(world: World) -> int:
    """Micro-dollars that the market has billed by now, without traffic."""
    world.market.settle()
    meters = [instance.meter for instance in world.market.instances.values()]
    return sum(meter.gpu_units + meter.storage_units for meter in meters) // UNITS_PER_MICRO


def is_off(world: World) -> bool:
    return all(attempt.off_at is not None for attempt in sessions.load_attempts(world.store))


@pytest.mark.parametrize("seen_s", [0, 5], ids=["never seen", "seen booting"])
def test_what_ran_unseen_is_booked_once_it_is_off(world: World, seen_s: float) -> None:
    """Its lists fail from its create, or from its boot, until it is destroyed at its deadline."""
    if seen_s:
        ref = world.provision(hours=0.5)
        world.run_for(seen_s)
        assert world.view(ref).attempts[0].provider_status
        world.fault("list", "status", "503")
    else:
        world.fault("list", "status", "503")
        ref = world.provision(hours=0.5)
    world.run_for(1700)
    assert world.run_until(lambda: not world.our_instances(), 300)
    world.faults.clear()
    assert world.run_until(lambda: is_off(world), 600)
    shown = world.view(ref).accrued
    assert world.ended(ref, 900)
    assert 0 <= shown - billed(world) <= CENT
    assert 0 <= world.view(ref).accrued - billed(world) <= CENT
    ctx = world.engine.ctx
    assert costs(ctx, CostQuestion(by="day")).accrued == world.view(ref).accrued
    assert rebuild(ctx)[1]


def test_what_no_list_has_shown_yet_is_booked(world: World) -> None:
    """No list fails: lists and reads are late, and the instance is destroyed before one shows it."""
    world.fault("list", "lag", "9m")
    world.fault("get", "stale", "9m")
    ref = world.provision(hours=2)
    world.run_for(400)
    world.requests.end([ref])
    assert world.ended(ref, 900)
    assert 0 <= world.view(ref).accrued - billed(world) <= CENT


def test_an_id_that_never_existed_costs_no_gpu_time(world: World) -> None:
    """What both list and read lack from the beginning has not run unseen."""
    world.launch_foreign()
    world.fault("create", "id_never_exists", count=1)
    ref = world.provision(hours=2, retries=0)
    assert world.ended(ref, 9000)
    assert world.view(ref).accrued <= CENT
