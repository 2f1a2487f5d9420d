"""Instances that are stopped, not gone, after they announced their end (ends.md E5, F23)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND
from gpushopper.sandbox.market.actions import stop
from tests.sim.simulated_remote import SimGuard
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=REAL, boot_seconds=30.0).start().ready()
    yield made
    made.kill()


def only_guard(world: World) -> SimGuard:
    assert world.remote is not None
    (guard,) = world.remote.guards.values()
    return guard


def resting_session(world: World, **more: Any) -> str:
    """A running session that nobody uses, and that may end when idle."""
    ref = world.provision(hours=4, idle_us=30 * MINUTE, **more)
    assert world.running(ref)
    world.run_for(40)
    return ref


def kinds(world: World, ref: str) -> list[str]:
    return [event.kind for event in world.requests.events(0).events if event.session == ref]


@pytest.mark.parametrize("keeps", [False, True])
def test_one_that_its_guard_could_only_stop_is_destroyed_and_bills_no_disk_for_long(world: World, keeps: bool) -> None:
    """Its own destroy was refused: half an hour of grace, or a disk until the deadline, would be billed (E5, F23)."""
    ref = resting_session(world, keep_stopped=keeps)
    guard = only_guard(world)
    guard.may_destroy, guard.lag = False, 45 * SECOND
    assert world.run_until(lambda: world.view(ref).health == "interrupted", 3600)
    stopped_at = world.market.now()
    if keeps:
        world.run_for(HOUR // SECOND)
        assert (world.status(ref), kinds(world, ref).count("destroy_sent")) == ("running", 0)
        assert "stopped_bills" in world.alarms() and "interrupted" not in world.alarms()
        world.requests.end([ref])
    assert world.ended(ref, 900) and "stopped_bills" not in world.alarms()
    if not keeps:
        assert world.view(ref).reason == "idle" and world.market.now() - stopped_at < 6 * MINUTE


def test_what_is_stopped_for_another_reason_keeps_its_grace(world: World) -> None:
    """Its end was withdrawn, and then its host stopped it: it may come back."""
    ref = resting_session(world)
    assert world.run_until(lambda: "ending" in kinds(world, ref), 2400)
    agent = only_guard(world).agent
    assert agent is not None
    agent.works_until = world.market.now() + 10 * HOUR
    world.run_for(60)
    (instance,) = world.market.existing_instances()
    stop(world.market, instance, "host")
    world.run_for(25 * 60)
    assert (world.view(ref).health, kinds(world, ref).count("destroy_sent")) == ("interrupted", 0)
