"""An instance ends itself at the second that it announced; this computer destroys it only where it does not (E5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.core.model.heartbeat import ProbeFailure, ProbeFailureKind
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND, us
from gpushopper.store import sessions
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


@pytest.mark.parametrize("lacks", ["omit", "empty200"])
def test_a_use_in_the_last_seconds_that_one_failed_login_hides_loses_nothing(world: World, lacks: str) -> None:
    """Its end was withdrawn after it was heard; the next login fails, and for a minute the cloud shows nothing (I8)."""
    ref = world.provision(hours=4, idle_us=30 * MINUTE)
    assert world.running(ref) and world.remote is not None
    world.launch_foreign()
    (attempt,) = sessions.attempts_of(world.store, ref)

    world.run_for(40)
    (guard,) = world.remote.guards.values()
    assert guard.agent is not None
    guard.agent.works_until = world.market.now()  # so that it ends between two heartbeats

    def is_near() -> bool:
        at = world.view(ref).ending_at
        return at is not None and 0 < at - world.clock.now().wall < 29 * SECOND

    assert world.run_until(is_near, 3600)
    guard.agent.works_until = world.market.now() + 10 * HOUR
    answers = iter([ProbeFailure(ProbeFailureKind.UNREACHABLE, "no answer within 15 s")])
    world.remote.answer = lambda login: next(answers, None)
    world.fault("list", lacks, instance=attempt.instance_id if lacks == "omit" else None)
    world.fault("get", "404")
    world.run_for(60)
    world.faults.clear()
    world.run_for(1800)
    assert world.status(ref) == "running" and len(world.our_instances()) == 1
    assert "destroy_sent" not in [event.kind for event in world.requests.events(0).events if event.session == ref]
