"""An instance ends itself at the second that it announced; this computer destroys it only where it does not (E5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import MINUTE, us
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=REAL, boot_seconds=30.0).start().ready()
    yield made
    made.kill()


@pytest.mark.parametrize(("lag_s", "ended_by"), [(50, "instance_key"), (3600, "api")])
def test_an_instance_has_time_to_end_itself_and_is_destroyed_where_it_does_not(
    world: World, lag_s: int, ended_by: str
) -> None:
    """Its guard acts at a tick: a heartbeat may show before that its end has come (E5)."""
    ref = world.provision(hours=4, idle_us=30 * MINUTE)
    assert world.running(ref) and world.remote is not None
    (guard,) = world.remote.guards.values()
    guard.lag = us(lag_s)
    assert world.run_until(lambda: world.view(ref).ending_at is not None, 3600)
    at = world.view(ref).ending_at
    assert at is not None and world.run_until(lambda: world.view(ref).end_stage != "", 900)
    assert world.view(ref).reason == "idle" and world.clock.now().wall - at < 3 * MINUTE
    assert world.ended(ref, 900)
    assert [row["ended_by"] for row in world.ledger()["instances"]] == [ended_by]
