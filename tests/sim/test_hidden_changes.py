"""An end or price that an outage hides: the books go on, and the bill corrects them, told and bounded (D11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gpushopper.cli.output.money.cost_views import corrected_lines
from gpushopper.cli.output.receipt_view import billed_text, hidden_text
from gpushopper.core.policy import PAPER
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.sandbox.market.actions import revise
from gpushopper.sandbox.market.model import UNITS_PER_MICRO, Instance
from gpushopper.store import events, sessions
from tests.sim.world import World

DAY_S = 7200
CENT = 10_000


def opened(folder: Path, cloud: str) -> World:
    policy = replace(PAPER, bill_check_s=DAY_S, bill_settled_s=DAY_S)
    return World(folder, clouds=(cloud,), policy=policy).start().ready()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = opened(tmp_path, "vast")
    yield made
    made.kill()


def hidden_end(world: World, factor: float = 1) -> tuple[str, Instance]:
    """A session whose price changes and which its host ends, both within an hour and a half without lists."""
    ref = world.provision("H100 SXM", hours=6)
    assert world.running(ref)
    world.run_for(1800)
    (instance,) = [one for one in world.market.instances.values() if one.exists and not one.spec.foreign]
    outages = [world.fault(call, "status", "503", duration="90m") for call in ("list", "get")]
    world.run_for(900)
    revise(world.market, instance, "price_factor", factor)
    world.run_for(900)
    revise(world.market, instance, "host_destroy", None)
    world.run_for(3600)
    for outage in outages:
        world.faults.clear(outage.id)
    world.run_for(1800)
    world.requests.end([ref])
    assert world.ended(ref, 7200)
    return ref, instance


def billed(world: World, instance: Instance) -> int:
    world.market.settle()
    return instance.meter.units // UNITS_PER_MICRO


def test_a_hidden_end_is_corrected_by_the_bill_and_said(world: World):
    ref, instance = hidden_end(world)
    before, truth = world.view(ref), billed(world, instance)
    assert before.accrued > truth + 500_000, "an hour of it was counted and not billed"
    world.run_for(4 * DAY_S)
    after = world.view(ref)
    assert abs(after.accrued - truth) <= 1_000, "as billed, to a tenth of a cent"
    (attempt,) = after.attempts
    assert billed_text("Vast.ai", asdict(attempt.by_bill)).startswith("corrected by Vast.ai's bill: -$")
    (line,) = corrected_lines(costs(world.engine.ctx, CostQuestion()))
    assert line.startswith(f"{after.name}: corrected by Vast.ai's bill: -$")
    assert len(events.data_of(world.store, ref, "bill_corrected")) == 1, "once, also after more looks"
    assert attempt.receipt is not None
    assert "is uncertain at most" in hidden_text(attempt.receipt, world.clock.now().wall)
    assert not [alarm for alarm in world.requests.alarms().alarms if alarm.kind == "bill_differs"]


def test_a_bill_beyond_what_was_hidden_stays_an_alarm(world: World):
    ref, _ = hidden_end(world)
    before = world.view(ref).accrued
    world.fault("charges", "misbill", "x30")
    world.run_for(4 * DAY_S)
    assert abs(world.view(ref).accrued - before) < CENT, "but for traffic"
    assert [alarm for alarm in world.requests.alarms().alarms if alarm.kind == "bill_differs"]


def test_where_a_cloud_tells_no_charges_the_receipt_says_which_minutes_nobody_saw(tmp_path: Path):
    world = opened(tmp_path, "tensordock")
    ref, instance = hidden_end(world)
    world.run_for(2 * DAY_S)
    (attempt,) = sessions.attempts_of(world.store, ref)
    view, truth = world.view(ref), billed(world, instance)
    assert view.attempts[0].receipt is not None
    bound = view.attempts[0].receipt["hidden_cost_micros"]
    assert 0 < view.accrued - truth <= bound, "as it was counted, within the bound that is stated"
    assert hidden_text(view.attempts[0].receipt, world.clock.now().wall) and attempt.hidden
    world.kill()
