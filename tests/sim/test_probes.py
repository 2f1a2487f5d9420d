"""Probes that this computer makes late or cannot make, and the deadline that a guard then holds (I9, I10, I11, F13)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.model.heartbeat import ProbeFailure, ProbeFailureKind
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.executor import HEARTBEAT
from tests.sim.test_guards import HOUR_S, lived_s
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=REAL, boot_seconds=30.0).start().ready()
    yield made
    made.kill()


def wait_for_a_thread(world: World, seconds: float) -> None:
    """From now on each login waits for its turn, asleep or behind others."""

    def wait(key: tuple[object, ...]) -> None:
        if key[1] == HEARTBEAT:
            world.clock.t += us(seconds)

    world.executor.on_submit = wait


def test_the_wait_of_a_renewal_does_not_extend_the_deadline(world: World) -> None:
    """The seconds count from when the login begins, not from when the probe was queued (I9)."""
    assert world.remote is not None
    ref = world.provision(hours=2)
    assert world.running(ref)
    world.run_for(60)
    (guard,) = world.remote.guards.values()
    wait_for_a_thread(world, 25)
    world.run_for(120)
    assert guard.end_at <= (world.view(ref).deadline_at or 0) + us(2)
    assert world.remote.renewals[-1][1] is not None


def test_a_probe_that_waited_too_long_is_not_made_and_proves_nothing(world: World) -> None:
    """Two at once, or a busy computer taken for a dead instance: neither (I11)."""
    assert world.remote is not None
    wait_for_a_thread(world, 90)
    ref = world.provision(hours=2, retries=0)
    world.run_for(20 * 60)
    assert world.remote.probes == 0
    assert (world.status(ref), len(world.view(ref).attempts)) == ("provisioning", 1)
    wait_for_a_thread(world, 0)
    assert world.running(ref, 120)
    wait_for_a_thread(world, 90)
    world.run_for(20 * 60)
    assert world.status(ref) == "running" and "ssh_unreachable" in world.alarms()


def test_a_local_probe_failure_ends_nothing(world: World) -> None:
    """Twenty minutes without a usable ssh, and then the boot goes on; silence of the instance would have failed it."""
    assert world.remote is not None
    world.remote.answer = lambda login: ProbeFailure(ProbeFailureKind.LOCAL, "ssh cannot be used on this computer")
    ref = world.provision(hours=2)
    world.run_for(20 * 60)
    assert len(world.view(ref).attempts) == 1 and world.remote.probes > 100
    assert "ssh_unreachable" in world.alarms()
    world.remote.answer = lambda login: ProbeFailure(ProbeFailureKind.UNREACHABLE, "connection refused")
    world.run_for(10 * 60)
    assert "ssh_unreachable" not in world.alarms()
    world.remote.answer = lambda login: None
    assert world.running(ref, 120)
    assert len(world.view(ref).attempts) == 1


@pytest.mark.proofs
def test_a_computer_that_cannot_log_in_rents_no_second_instance_for_it(world: World) -> None:
    """No other host could be logged in to either: an hour, an alarm, and the session is over (S13)."""
    assert world.remote is not None
    world.remote.answer = lambda login: ProbeFailure(ProbeFailureKind.LOCAL, "ssh cannot be used on this computer")
    ref = world.provision(hours=2, retries=2)
    assert world.ended(ref, 2 * HOUR_S)
    assert [(a.reason, a.state) for a in world.view(ref).attempts] == [("local_error", "closed")]
    assert (world.status(ref), world.view(ref).reason) == ("failed", "local_error")
    assert max(lived_s(world)) < HOUR_S + 120


@pytest.mark.parametrize("step_s", [-300, -45, 45, 300])
def test_a_step_of_the_clock_leaves_the_guard_in_sync(world: World, step_s: int) -> None:
    """What the guard counts, and what it is compared with, come from one clock (I12)."""
    assert world.remote is not None
    ref = world.provision(hours=2)
    assert world.running(ref)
    world.run_for(60)
    assert world.view(ref).guard_in_sync
    world.clock.skew = us(step_s)
    world.run_for(120)
    assert world.view(ref).guard_in_sync


def test_a_heartbeat_from_before_an_extension_leaves_the_guard_in_sync(world: World) -> None:
    """A heartbeat that was under way while the end was moved carries the former one (I10)."""
    assert world.remote is not None
    ref = world.provision(hours=2)
    assert world.running(ref)
    world.run_for(60)
    moved: list[int] = []

    def move(key: tuple[object, ...]) -> None:
        if key[1] == HEARTBEAT and not moved:
            moved.append(world.clock.t)
            world.requests.extend(ref, wire.ExtendRequest(deadline_at=world.clock.now().wall + us(1200)))

    world.executor.on_reply = move
    world.run_for(35)
    assert moved and world.view(ref).guard_in_sync
    assert [e.text for e in world.requests.events(0, 1000).events if e.kind == "alarm"] == []
