"""`--at-100 stop`: sessions land and end in order before a budget is spent, and never on a doubted book (D11, I13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gpushopper import wire
from gpushopper.core.lifecycle.ends.limits_line import limit_of
from gpushopper.core.policy import PAPER, REAL
from gpushopper.core.spending.budget import At80, At100, Budget, ScopeKind
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, us
from gpushopper.engine.money.standings import load_standings
from gpushopper.engine.requests.queries.why import why
from gpushopper.engine.rollup_job import run_rollups
from gpushopper.sandbox.market.actions import revise
from gpushopper.store import sessions
from gpushopper.store.money.budgets import remove_budget, save_budget
from tests.sim.simulated_remote import SimRemote
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path).start().ready()
    yield made
    made.kill()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[World]:
    """With instances that can be logged in to, and have results."""
    made = World(tmp_path, policy=REAL, boot_seconds=30.0).start().ready()
    yield made
    made.kill()


def limit(world: World, **changes: Any) -> None:
    values: dict[str, Any] = {
        "name": "lab", "scope_kind": ScopeKind.ALL, "scope": "", "daily": None, "monthly": None, "session": None,
        "at_100": At100.STOP,
    }  # fmt: skip
    with world.store.transaction():
        save_budget(world.store, Budget(**{**values, **changes}))


def rent(world: World, name: str, hours: float, **more: Any) -> str:
    ref = world.provision(hours=hours, name=name, **more)
    assert world.running(ref)
    return ref


def spent(world: World, *refs: str) -> int:
    return sum(world.requests.costs(ref).accrued for ref in refs)


def alarms(world: World) -> dict[str, str]:
    return {alarm.kind: alarm.text for alarm in world.requests.alarms().alarms}


def rate(world: World, *refs: str) -> int:
    return sum(world.view(ref).attempts[-1].rate for ref in refs)


def test_sessions_end_in_order_before_the_budget_is_spent(world: World) -> None:
    short, long = rent(world, "short", 4), rent(world, "long", 8)
    amount = spent(world, short, long) + rate(world, short, long)
    limit(world, session=None, monthly=amount)
    world.run_for(60)
    (standing,) = load_standings(world.engine.ctx, world.clock.now().wall)
    assert [end.name for end in standing.ends] == ["short", "long"]
    assert "budget_overcommitted" in alarms(world) and "budget_ends" not in alarms(world)
    ends = {(end.name, end.run): end.at for end in why(world.engine.ctx, "short").ends}
    assert ends[("budget", "lab")] == standing.ends[0].at
    world.run_for(40 * 60)
    assert "short ends at" in alarms(world)["budget_ends"] and world.status(long) == "running"
    assert world.ended(short, 1800) and world.view(short).reason == "budget"
    assert world.status(long) == "running"
    assert world.ended(long, 3600) and world.view(long).reason == "budget"
    assert amount * 0.95 < spent(world, short, long) <= amount
    assert world.view(long).status == "stopped"


def test_a_budget_that_only_refuses_ends_nothing(world: World) -> None:
    ref = rent(world, "one", 2)
    limit(world, monthly=spent(world, ref) + rate(world, ref) // 2, at_100=At100.REFUSE)
    world.run_for(3600)
    assert world.status(ref) == "running" and "budget_used_up" in alarms(world)
    assert world.ended(ref) and world.view(ref).reason == "deadline"


def test_results_are_brought_home_before(live: World) -> None:
    world = live
    ref = rent(world, "one", 8, pulls=[("out", "/results")])
    limit(world, monthly=spent(world, ref) + rate(world, ref) // 3)
    assert world.run_until(lambda: world.view(ref).landing.pulled_at is not None, 2 * 3600)
    landing = world.view(ref).landing
    assert landing.reason == "budget" and world.status(ref) == "running"
    assert isinstance(world.remote, SimRemote) and len(world.remote.landings) == 1
    assert world.ended(ref, 1800) and world.view(ref).reason == "budget"
    kinds = [event.kind for event in world.requests.events(0, 500).events if event.session == ref]
    assert "landing" in kinds and "not_pulled" not in kinds


@pytest.mark.parametrize("pulls", [[("out", "/results")], []], ids=["with results", "alone"])
def test_its_script_begins_before_a_budget_ends_it(live: World, pulls: list[tuple[str, str]]) -> None:
    """Its instance has no earlier deadline: it is told to begin once as much is left as is left now."""
    world = live
    ref = rent(world, "one", 8, pulls=pulls, before_end="sync")

    def begins_before_us() -> int:
        (attempt,) = sessions.load_attempts(world.store)
        return limit_of(attempt.confirmed_limits, "land") or 0

    limit(world, monthly=spent(world, ref) + rate(world, ref) // 2)
    assert world.run_until(lambda: world.view(ref).landing.reason == "budget", 2 * 3600)
    assert begins_before_us() == 0
    world.run_for(45)
    deadline = world.view(ref).deadline_at
    assert deadline is not None and begins_before_us() > deadline - world.clock.now().wall
    limit(world, monthly=100 * rate(world, ref))
    world.run_for(120)
    assert world.view(ref).landing == wire.LandingView(), "also where its results are here already"
    assert begins_before_us() == 0 and world.status(ref) == "running"
    limit(world, monthly=spent(world, ref) + rate(world, ref) // 3)
    assert world.ended(ref, 3600) and world.view(ref).reason == "budget"


def test_a_limit_that_is_raised_meanwhile_keeps_the_session(live: World) -> None:
    world = live
    ref = rent(world, "one", 4, pulls=[("out", "/results")])
    limit(world, monthly=spent(world, ref) + rate(world, ref) // 3)
    assert world.run_until(lambda: world.view(ref).landing.reason == "budget", 2 * 3600)
    limit(world, monthly=100 * rate(world, ref))
    world.run_for(60)
    assert world.view(ref).landing == wire.LandingView() and "budget_ends" not in alarms(world)
    world.run_for(1200)
    assert world.status(ref) == "running"


def test_nothing_ends_on_a_list_that_is_not_believed(world: World) -> None:
    ref = rent(world, "one", 4)
    limit(world, monthly=spent(world, ref) + rate(world, ref) // 2)
    world.fault("list", "status", "500", duration="50m")
    world.run_for(45 * 60)
    assert world.status(ref) == "running"
    assert "nothing is ended for it: vast's list is not believed" in alarms(world)["budget_doubted"]
    world.run_for(15 * 60)
    assert world.ended(ref, 600) and world.view(ref).reason == "budget"
    assert "budget_doubted" not in alarms(world)


def test_nothing_ends_on_a_clock_that_is_wrong(world: World) -> None:
    """Nor on what was entered by it, once it is right again (F62)."""
    ref = rent(world, "one", 8)
    limit(world, session=spent(world, ref) + 2 * rate(world, ref))
    world.run_for(60)
    world.clock.skew = us(3 * 3600)
    world.run_for(600)
    assert world.status(ref) == "running" and "clock" in alarms(world)["budget_doubted"]
    run_rollups(world.engine.ctx)
    world.clock.skew = 0
    world.run_for(600)
    assert world.status(ref) == "running" and "clock" in alarms(world)["budget_doubted"]
    assert world.ended(ref, 4 * 3600) and world.view(ref).reason == "budget"


def test_a_limit_that_is_raised_during_a_look_counts_before_anything_ends(world: World) -> None:
    ref = rent(world, "one", 4)
    limit(world, session=spent(world, ref) // 2)

    def raised_meanwhile(_account: str) -> str:
        limit(world, session=100 * rate(world, ref))
        return ""

    now = world.clock.now()
    assert not world.engine.budgets.run(raised_meanwhile, now)
    assert world.view(ref).status == "running"
    assert world.engine.budgets.next_due(now) == now.boot + 1


def test_a_price_that_has_just_risen_is_doubted_first(world: World) -> None:
    ref = rent(world, "one", 4)
    limit(world, monthly=spent(world, ref) + 3 * rate(world, ref))
    world.run_for(60)
    (instance,) = [each for each in world.market.instances.values() if each.exists]
    revise(world.market, instance, "price_factor", 1000)
    assert world.run_until(lambda: "budget_doubted" in alarms(world), 900)
    assert "price has only just risen" in alarms(world)["budget_doubted"]
    at = world.clock.now().wall
    assert world.ended(ref, 3600) and world.view(ref).reason == "budget"
    assert 10 * MINUTE <= world.clock.now().wall - at < HOUR


def test_a_wrong_price_of_a_few_minutes_ends_nothing_once_it_is_over(world: World) -> None:
    """What it booked is shown, but is not what a session is ended for (F117)."""
    ref = rent(world, "one", 4)
    limit(world, session=spent(world, ref) + 2 * rate(world, ref))
    world.run_for(60)
    (instance,) = [each for each in world.market.instances.values() if each.exists]
    revise(world.market, instance, "price_factor", 1000)
    assert world.run_until(lambda: "budget_doubted" in alarms(world), 900)
    world.run_for(60)
    revise(world.market, instance, "price_factor", 0.001)
    world.run_for(1200)
    assert world.status(ref) == "running" and "budget_used_up" in alarms(world)
    assert world.ended(ref, 2 * 3600) and world.view(ref).reason == "budget"


def test_four_fifths_are_an_alarm_which_a_new_period_clears(tmp_path: Path) -> None:
    """The simulation begins at 22:40 UTC. With what is held back for traffic, more could be spent than the limit."""
    world = World(tmp_path, policy=replace(PAPER, traffic_gb=0)).start().ready()
    ref = rent(world, "one", 3)
    limit(world, daily=round(rate(world, ref) * 1.36), at_100=At100.REFUSE)
    world.run_for(74 * 60)
    assert "is spent today" in alarms(world)["budget_warning"]
    world.run_for(10 * 60)
    assert "budget_warning" not in alarms(world)
    world.kill()


def test_the_alarms_of_a_budget_are_cleared_when_it_is_removed(world: World) -> None:
    """Also where it was the only one, and by the next daemon where this one dies."""
    ref = rent(world, "one", 3)
    for dies in (False, True):
        limit(world, monthly=spent(world, ref), at_100=At100.REFUSE)
        assert world.run_until(lambda: "budget_used_up" in alarms(world), 120)
        with world.store.transaction():
            remove_budget(world.store, "lab")
        if dies:
            world.restart().ready()
        assert world.run_until(lambda: "budget_used_up" not in alarms(world), 120)


def test_a_zone_that_is_changed_ends_nothing_without_a_warning(world: World) -> None:
    """At half past midnight, UTC, most of what was spent was spent yesterday; in New York all of it today."""
    ref = rent(world, "one", 8)
    limit(world, daily=rate(world, ref) * 3 // 2)
    world.run_for(110 * 60)
    assert world.status(ref) == "running" and "budget_ends" not in alarms(world)
    world.engine.ctx.zone = ZoneInfo("America/New_York")
    world.run_for(10 * 60)
    assert world.status(ref) == "running" and "one ends at" in alarms(world)["budget_ends"]
    assert world.ended(ref, 600) and world.view(ref).reason == "budget"


def test_no_warning_where_none_is_wanted(world: World) -> None:
    ref = rent(world, "one", 3)
    limit(world, monthly=spent(world, ref) * 100 // 85, at_80=At80.NONE, at_100=At100.REFUSE)
    world.run_for(30)
    assert "budget_warning" not in alarms(world)
