"""A plan for a rental waits for the account's first complete list, and no longer than its limit (S18)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.errors import NotReady
from tests.sim.world import World


def waiting(world: World) -> list[float]:
    """Let the engine go on while the caller's thread pauses; the pauses that were made."""
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        world.clock.t += us(seconds)
        world.engine.step()

    world.engine.ctx.pause = pause
    return pauses


def plan(*, to_rent: bool) -> wire.PlanRequest:
    return wire.PlanRequest(search=wire.SearchRequest(gpu="RTX 4090"), to_rent=to_rent)


def test_a_plan_for_a_rental_waits_until_the_account_is_ready(tmp_path: Path) -> None:
    world = World(tmp_path, gaps=False).start()
    pauses = waiting(world)
    assert not world.engine.is_ready()
    world.requests.plan(plan(to_rent=True))
    assert world.engine.is_ready() and pauses
    assert world.provision()
    world.kill()


def test_a_plan_without_a_rental_waits_for_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, gaps=False).start()
    pauses = waiting(world)
    world.requests.plan(plan(to_rent=False))
    assert pauses == [] and not world.engine.is_ready()
    world.kill()


def test_an_account_that_cannot_be_read_delays_a_plan_by_twenty_seconds(tmp_path: Path) -> None:
    world = World(tmp_path, gaps=False).start()
    world.fault("list", "status", "503")
    pauses = waiting(world)
    world.requests.plan(plan(to_rent=True))
    assert 19 < sum(pauses) < 21
    with pytest.raises(NotReady):
        world.provision()
    world.kill()
