"""Traffic that a cloud has billed counts against budgets, in the time that was billed; no session ends for it (F25)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.model.records.charge import Charge, ChargeList
from gpushopper.core.spending.budget import At100, LimitKind
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND
from gpushopper.core.timing.periods import PeriodKind, period_at
from gpushopper.engine.money.bills import record_charges
from gpushopper.engine.money.commitments import load_commitments
from gpushopper.engine.requests.queries.money.budgets import budgets
from gpushopper.store import sessions
from tests.engine.test_budgets import committed, early_in_a_month, limit, refusal
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = early_in_a_month(tmp_path)
    yield made
    made.kill()


def billed(world: World, attempt: Attempt, dollars: float, until_at: int | None = None) -> None:
    """As if the day's look at the charges had found this."""
    now = world.clock.now().wall
    with world.store.transaction():
        charge = Charge(attempt.instance_id or "", traffic=round(dollars * DOLLAR), until_at=until_at or now)
        record_charges(world.engine.ctx, attempt.provider, attempt.account, ChargeList((charge,), True), now)


def spent(world: World, kind: LimitKind) -> int:
    return sum(one.spent(kind) for one in load_commitments(world.engine.ctx, world.clock.now().wall))


def test_billed_traffic_counts_in_day_month_and_session(world: World):
    ref = world.provision(hours=2)
    assert world.running(ref)
    (attempt,) = sessions.load_attempts(world.store)
    before, was = {kind: spent(world, kind) for kind in LimitKind}, committed(world)
    billed(world, attempt, 3)
    assert {kind: spent(world, kind) - before[kind] for kind in LimitKind} == dict.fromkeys(LimitKind, 3 * DOLLAR)
    assert 2 * DOLLAR < committed(world) - was <= 3 * DOLLAR, "what was held back for it covers a part"
    limit(world, monthly=3 * DOLLAR)
    assert "is committed this month" in refusal(world, hours=1).message
    world.requests.end([ref])
    assert world.ended(ref)
    assert spent(world, LimitKind.MONTHLY) > 3 * DOLLAR, "after its end, too"


def test_a_bill_over_midnight_counts_in_each_day_for_its_part(world: World):
    ref = world.provision(hours=8)
    assert world.running(ref)
    (attempt,) = sessions.load_attempts(world.store)
    midnight = period_at(PeriodKind.DAY, world.clock.now().wall, world.engine.ctx.zone).end_at
    world.run_for((midnight - world.clock.now().wall) / SECOND + 3600)
    before = spent(world, LimitKind.DAILY)
    billed(world, attempt, 4, until_at=midnight + HOUR)
    assert attempt.sent_at is not None
    part = 4 * DOLLAR * HOUR / (midnight + HOUR - attempt.sent_at)
    assert abs(spent(world, LimitKind.DAILY) - before - part) < 10


def test_no_session_ends_for_traffic_but_an_alarm_says_that_the_budget_is_used_up(world: World):
    """It is the cloud's word, and can be checked against nothing here."""
    ref = world.provision(hours=2)
    assert world.running(ref)
    (attempt,) = sessions.load_attempts(world.store)
    limit(world, monthly=5 * DOLLAR, at_100=At100.STOP)
    billed(world, attempt, 50)
    world.run_for(1800)
    assert world.status(ref) == "running"
    (text,) = [alarm.text for alarm in world.requests.alarms().alarms if alarm.kind == "budget_used_up"]
    assert "budget lab is used up: $50." in text
    (found,) = budgets(world.engine.ctx).budgets
    assert found.limits[0].traffic_micros == 50 * DOLLAR and not found.limits[0].ends
