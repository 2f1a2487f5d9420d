"""A least time that is billed, and a least rental: in plan, reserve, books and receipt alike, as the market bills."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gpushopper import wire
from gpushopper.core.cloud import Ending
from gpushopper.core.model.money import cost_over
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.store import sessions
from tests.third_cloud.world import NimbusWorld

MINUTE = us(60)


def plan_of(world: NimbusWorld, minutes: int) -> wire.Plan:
    request = wire.PlanRequest(search=wire.SearchRequest(gpu="H100 SXM"), duration_us=minutes * MINUTE)
    return world.requests.plan(request)


def declare_minimum_rental(world: NimbusWorld, seconds: int) -> None:
    """The cloud has a minimum rental beside what it bills at least."""
    client = world.engine.reconcilers["nimbus"].client
    assert client is not None
    ending: Ending = replace(client.traits.ending, minimum_rental_s=seconds)
    client.traits = world.engine.ctx.traits["nimbus"] = replace(client.traits, ending=ending)


@pytest.mark.parametrize(("rental_s", "least_s"), [(0, 600), (300, 600), (3600, 3600)])
def test_the_plan_says_the_least_that_is_paid_and_counts_it(world: NimbusWorld, rental_s: int, least_s: int) -> None:
    declare_minimum_rental(world, rental_s)
    plan = plan_of(world, 2)
    assert plan.minimum_us == us(least_s)
    assert plan.max_cost >= cost_over(plan.offers[0].rate, us(least_s))
    assert plan_of(world, 120).max_cost == pytest.approx(cost_over(plan.offers[0].rate, 120 * MINUTE), rel=0.001)


@pytest.mark.parametrize("rental_s", [0, 3600])
def test_the_reserve_and_the_receipt_hold_it(world: NimbusWorld, rental_s: int) -> None:
    declare_minimum_rental(world, rental_s)
    world.nimbus.minimum_s = max(600, rental_s)
    ref = world.provision("H100 SXM", hours=0.1)
    assert world.running(ref)
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert attempt.reserve >= cost_over(attempt.agreed_rate, us(world.nimbus.minimum_s))
    assert world.view(ref).max_cost >= cost_over(attempt.agreed_rate, us(world.nimbus.minimum_s))
    world.run_for(60)
    view = world.view(ref)
    assert view.least_billed_us == us(world.nimbus.minimum_s)
    assert view.least_cost == cost_over(attempt.agreed_rate, us(world.nimbus.minimum_s))
    world.requests.end([ref])
    assert world.ended(ref)
    receipt = json.loads(sessions.attempts_of(world.store, ref)[0].receipt or "{}")
    assert receipt["cost"]["minimum"] > 0
    assert receipt["total"] == pytest.approx(world.nimbus.bill() * 1_000_000, rel=0.01)
    assert receipt["total"] <= attempt.reserve
