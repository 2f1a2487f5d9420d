"""A cloud whose instances can only power off: refused by default, held back for, and said in the plan (ends.md E9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.cloud import Ending, EndingKind
from gpushopper.core.model.guard_recipe import PowerOff
from gpushopper.core.model.money import cost_over
from gpushopper.core.policy import HARD_MAXIMUM_S, REAL
from gpushopper.core.spending.ledger import traffic_allowance
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.errors import Refused
from gpushopper.store import sessions
from tests.sim.world import World

PLAN = wire.PlanRequest(search=wire.SearchRequest(gpu="4090"), duration_us=2 * HOUR, to_rent=True)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=REAL, boot_seconds=30.0).start().ready()
    yield made
    made.kill()


def declare(world: World, kind: EndingKind, least_s: int = 0) -> None:
    """Let the account's cloud end its instances like this."""
    client = world.engine.handle.reconcilers["vast"].client
    assert client is not None
    traits = replace(client.traits, ending=Ending(kind, minimum_rental_s=least_s))
    client.traits = world.engine.handle.ctx.traits["vast"] = traits
    client.guard_recipe = PowerOff(("poweroff -f",)) if kind is EndingKind.POWEROFF_ONLY else None  # type: ignore[misc]


@pytest.mark.parametrize("to_rent", [True, False])
def test_a_plan_refuses_what_a_rental_would(world: World, to_rent: bool) -> None:
    """Also one that nothing follows: its offers could not be rented as asked."""
    declare(world, EndingKind.NONE)
    asked = replace(PLAN, to_rent=to_rent)
    with pytest.raises(Refused, match="bill on") as refused:
        world.requests.plan(asked)
    assert refused.value.code == "unguarded" and "--allow-unguarded" in refused.value.hint
    named = world.requests.plan(replace(asked, allow_unguarded=True)).offers[0].key
    with pytest.raises(Refused, match="bill on"):
        world.requests.plan(replace(asked, offer=named))


@pytest.mark.parametrize("kind", [EndingKind.POWEROFF_ONLY, EndingKind.NONE])
def test_without_consent_it_is_refused_before_anything_is_rented(world: World, kind: EndingKind) -> None:
    declare(world, kind)
    for request in (lambda: world.requests.plan(PLAN), lambda: world.provision(hours=1)):
        with pytest.raises(Refused, match="bill on") as refused:
            request()
        assert refused.value.code == "unguarded" and "--allow-unguarded" in refused.value.hint
    assert world.our_instances() == []


def test_the_plan_says_what_it_bills_and_the_least_that_is_paid(world: World) -> None:
    declare(world, EndingKind.POWEROFF_ONLY, least_s=4 * 3600)
    plan = world.requests.plan(replace(PLAN, allow_unguarded=True))
    assert plan.bills_on and plan.minimum_us == 4 * HOUR
    assert plan.max_cost >= cost_over(plan.offers[0].rate, 4 * HOUR)


def test_with_consent_the_reserve_goes_to_the_hard_maximum_and_a_day_more(world: World) -> None:
    declare(world, EndingKind.NONE)
    ref = world.provision(hours=1, allow_unguarded=True)
    (attempt,) = sessions.attempts_of(world.store, ref)
    traffic = traffic_allowance(attempt, world.engine.ctx.policy)
    assert attempt.reserve == cost_over(attempt.agreed_rate, us(HARD_MAXIMUM_S + 24 * 3600)) + traffic
    assert world.view(ref).bills_on and world.view(ref).guards == "D"


def test_a_recipe_that_contradicts_the_traits_is_not_rented_on(world: World) -> None:
    declare(world, EndingKind.POWEROFF_STOPS_BILLING)
    with pytest.raises(Refused) as refused:
        world.provision(hours=1)
    assert refused.value.code == "no_guard"
