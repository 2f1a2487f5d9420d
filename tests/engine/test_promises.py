"""What the forerunner promised and did not keep, where no other test says it: docs/conventions.md has all twelve."""

from __future__ import annotations

import pytest

from gpushopper import wire
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from gpushopper.sandbox.market.actions import revise
from tests.sim.world import World


def test_an_end_that_is_refused_for_long_stays_an_end_and_is_tried_until_it_is_proven(world: World):
    """Ten minutes of it once made a session failed, and the next end cleared its instance's id (3 and 5)."""
    ref = world.provision(hours=6)
    assert world.running(ref)
    number = world.view(ref).attempts[0].instance_id
    world.fault("destroy", "status", "500")
    world.requests.end([ref])
    for _ in range(2):
        world.run_for(12 * 60)
        view = world.view(ref)
        assert (view.status, view.end_stage, view.attempts[0].instance_id) == ("stopping", "requested", number)
        world.requests.end([ref])  # asked for again, as a worried user does
    assert "destroy_overdue" in world.alarms()
    world.faults.clear()
    assert world.ended(ref) and world.view(ref).end_stage == "proven"
    assert world.our_instances() == []


def test_a_stopped_instance_is_not_destroyed(world: World):
    """Its disk bills on: it is no end until the cloud lacks it (4)."""
    ref = world.provision(hours=6)
    assert world.running(ref)
    instance = world.market.existing_instances()[0]
    world.market.settle()
    revise(world.market, instance, "stop", None)
    world.run_for(600)
    before = world.view(ref)
    assert (before.end_stage, before.status) == ("", "running") and before.health == "interrupted"
    world.run_for(600)
    assert world.view(ref).accrued > before.accrued


def test_sixty_five_minutes_across_three_hours_cost_sixty_five_minutes(world: World):
    """Each hour that had begun was once charged in full (7)."""
    since = world.clock.now().wall % HOUR
    world.run_for((HOUR - since + 58 * MINUTE) % HOUR / 1_000_000)
    ref = world.provision(hours=6)
    assert world.running(ref)
    world.run_for(65 * 60)
    world.requests.end([ref])
    assert world.ended(ref)
    (row,) = world.ledger()["instances"]
    attempt = world.view(ref).attempts[0]
    assert 65 * 60 <= row["gpu_seconds"] < 68 * 60
    billed = float(row["gpu_usd"]) + float(row["storage_usd"])  # traffic comes later, with the bill
    assert attempt.accrued == pytest.approx(billed * 1_000_000, rel=0.002)
    assert attempt.accrued < attempt.rate * 1.2


def test_a_refused_request_blocks_nothing(world: World):
    """A refusal once left a row that kept its user from ever renting that offer (10)."""
    plan = world.requests.plan(wire.PlanRequest(search=wire.SearchRequest(gpu="4090"), duration_us=2 * HOUR))
    asked = wire.ProvisionRequest(
        offers=plan.offers[:1], disk_gb=plan.disk_gb, max_rate=plan.max_rate, duration_us=2 * HOUR, image=plan.image,
        retries=0,
    )  # fmt: skip
    world.fault("create", "reject", "insufficient_credit", count=1)
    (first,) = world.requests.provision(asked).sessions
    assert world.ended(first) and world.status(first) == "failed"
    (again,) = world.requests.provision(asked).sessions
    assert world.running(again)
