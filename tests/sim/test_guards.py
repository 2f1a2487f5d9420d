"""A session is ready once its guard is armed, and its instance ends without us (S1, I9, I10, D7, D8)."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.core.model.heartbeat import GuardStatus, Hardware, Heartbeat, ProbeFailure, ProbeFailureKind
from gpushopper.core.policy import DRILL_LIVE, REAL
from gpushopper.core.timing.clock_snapshot import SECOND, us
from gpushopper.errors import DiskFull, Refused, UsageError
from tests.sim.simulated_remote import SimGuard, SimRemote
from tests.sim.world import World

HOUR_S = 3600
TOLERANCE_S = 60


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=REAL, boot_seconds=30.0).start().ready()
    yield made
    made.kill()


def lived_s(world: World) -> list[float]:
    """How long each of our instances existed."""
    rows = [i for i in world.market.instances.values() if not i.spec.foreign]
    return [((i.ended_at or world.market.now()) - i.created_at) / SECOND for i in rows]


def ended_by(world: World) -> list[str | None]:
    return [row["ended_by"] for row in world.ledger()["instances"] if not row["foreign"]]


def test_a_session_is_ready_once_its_guard_is_armed(world: World) -> None:
    ref = world.provision(hours=1)
    assert world.running(ref)
    view = world.view(ref)
    assert (view.guard_state, view.guards, view.health) == ("armed", "D+I", "ok")
    assert view.heartbeat_at is not None
    assert abs((view.guard_deadline_at or 0) - (view.deadline_at or 0)) < us(90)


def test_a_session_is_ready_soon_after_the_provider_shows_it_running(world: World) -> None:
    ref = world.provision(hours=1)
    assert world.running(ref)
    view = world.view(ref)
    (instance,) = world.market.instances.values()
    ran_at = next(at for at, phase in instance.history if phase == "running")
    assert ((view.ready_at or 0) - ran_at) / SECOND < 6


@pytest.mark.parametrize(
    "why",
    [
        "key refused",
        pytest.param("no HTTPS client", marks=pytest.mark.proofs),
        pytest.param("no way out", marks=pytest.mark.proofs),
    ],
)
def test_an_instance_whose_guard_cannot_act_never_becomes_ready(world: World, why: str) -> None:
    def refuse(guard: SimGuard) -> None:
        guard.armed, guard.why = False, why

    assert world.remote is not None
    world.remote.on_guard_start = refuse
    ref = world.provision(hours=1)
    assert world.ended(ref, 4 * HOUR_S)
    view = world.view(ref)
    assert view.status == "failed" and view.ready_at is None
    assert {a.reason for a in view.attempts} == {"guard_not_armed"}
    assert all(a.receipt for a in view.attempts)
    assert world.our_instances() == []
    assert max(lived_s(world)) < 10 * 60


def test_allow_unguarded_does_not_excuse_a_guard_that_should_work(world: World) -> None:
    """It is for clouds whose instances cannot end themselves; here one can, and is broken (I10)."""
    assert world.remote is not None
    world.remote.on_guard_start = lambda guard: setattr(guard, "is_dead", True)
    ref = world.provision(hours=1, allow_unguarded=True)
    assert world.ended(ref, 4 * HOUR_S)
    assert {a.reason for a in world.view(ref).attempts} == {"guard_not_armed"}


def test_without_a_guard_it_becomes_ready_only_if_allowed(world: World) -> None:
    assert world.remote is not None
    world.remote.on_guard_start = lambda guard: setattr(guard, "is_dead", True)
    ref = world.provision(hours=1, allow_broken_guard=True)
    assert world.running(ref)
    assert (world.view(ref).guard_state, world.view(ref).guards) == ("unconfirmed", "D")


def test_without_a_daemon_the_guard_ends_the_instance_on_time(world: World) -> None:
    ref = world.provision(hours=1)
    assert world.running(ref)
    deadline = world.view(ref).deadline_at or 0
    world.kill()
    requests = len(world.market.destroys)
    assert world.remote is not None
    end = world.clock.t + us(13 * HOUR_S)
    while world.clock.t < end and world.our_instances():
        world.clock.t += us(15)
        world.market.settle()
        world.remote.step()
    assert world.our_instances() == []
    (instance,) = world.market.instances.values()
    assert ended_by(world) == ["instance_key"]
    assert (instance.ended_at or 0) <= deadline + us(TOLERANCE_S)
    assert [seen.by for seen in world.market.destroys[requests:]] == ["instance_key"]


def test_a_daemon_that_dies_during_the_boot_leaves_no_longer_life(world: World) -> None:
    """The guard counts from the send, not from the end of a long boot (I9)."""
    world.market.boot_seconds = 40 * 60
    ref = world.provision(hours=1)
    assert world.run_until(lambda: bool(world.market.instances), 600)
    deadline = world.view(ref).deadline_at or 0
    world.kill()
    assert world.remote is not None
    for _ in range(13 * HOUR_S // 15):
        world.clock.t += us(15)
        world.market.settle()
        world.remote.step()
    (instance,) = world.market.instances.values()
    assert (instance.ended_at or 0) <= deadline + us(TOLERANCE_S)


def test_an_extension_reaches_the_instance_at_once(world: World) -> None:
    assert world.remote is not None
    ref = world.provision(hours=1)
    assert world.running(ref)
    world.run_for(120)
    world.requests.extend(ref, wire.ExtendRequest(add_us=us(2 * HOUR_S)))
    world.run_for(1)
    (guard,) = world.remote.guards.values()
    assert abs(guard.end_at - (world.view(ref).deadline_at or 0)) < us(5)
    world.requests.extend(ref, wire.ExtendRequest(add_us=us(-1.5 * HOUR_S)))
    world.run_for(1)
    assert abs(guard.end_at - (world.view(ref).deadline_at or 0)) < us(5)


@pytest.mark.parametrize("skew_h", [-24, -3, 3, 24])
def test_a_wrong_clock_of_ours_moves_no_guard(world: World, skew_h: int) -> None:
    """Wall clock wrong, boot clock and provider right: two of three decide (I12)."""
    assert world.remote is not None
    ref = world.provision(hours=2)
    assert world.running(ref)
    deadline = world.view(ref).deadline_at or 0
    world.clock.skew = us(skew_h * HOUR_S)
    world.run_for(600)
    (guard,) = world.remote.guards.values()
    assert abs(guard.end_at - deadline) < us(90)
    assert world.status(ref) == "running"


def test_a_daemon_started_with_a_clock_set_back_still_renews(world: World) -> None:
    """Numbers follow the guard's last status, so that a clock that went back cannot make every renewal an old one."""
    assert world.remote is not None
    ref = world.provision(hours=1)
    assert world.running(ref)
    world.run_for(300)
    (guard,) = world.remote.guards.values()
    world.clock.skew = -us(100)
    world.restart()
    world.run_for(120)
    world.requests.extend(ref, wire.ExtendRequest(add_us=us(HOUR_S)))
    on_guard_start = guard.seq
    world.run_for(1)
    assert guard.seq == on_guard_start + 1
    assert abs(guard.end_at - (world.view(ref).deadline_at or 0)) < us(120)


def test_probe_failures_raise_an_alarm_and_never_end_a_session(world: World) -> None:
    assert world.remote is not None
    ref = world.provision(hours=2)
    assert world.running(ref)
    world.remote.answer = lambda login: ProbeFailure(ProbeFailureKind.UNREACHABLE, "connection timed out")
    world.run_for(300)
    assert (world.status(ref), world.view(ref).health) == ("running", "unreachable")
    assert "ssh_unreachable" not in world.alarms()
    world.run_for(400)
    assert "ssh_unreachable" in world.alarms()
    assert world.our_instances()
    world.remote.answer = lambda login: None
    world.run_for(60)
    assert world.view(ref).health == "ok"
    assert "ssh_unreachable" not in world.alarms()


def test_another_host_key_is_an_alarm_at_once_and_before_ready_a_failover(world: World) -> None:
    assert world.remote is not None
    ref = world.provision(hours=2)
    assert world.running(ref)
    world.remote.answer = lambda login: ProbeFailure(ProbeFailureKind.HOST_KEY, "host key changed")
    world.run_for(60)
    assert "host_key_changed" in world.alarms() and world.status(ref) == "running"
    other = world.provision(hours=2, retries=1)
    assert world.ended(other, 2 * HOUR_S)
    assert {a.reason for a in world.view(other).attempts} == {"host_key_changed"}


def test_a_guard_that_dies_later_raises_an_alarm(world: World) -> None:
    assert world.remote is not None
    ref = world.provision(hours=2)
    assert world.running(ref)
    (guard,) = world.remote.guards.values()
    guard.is_dead = True
    world.run_for(60)
    assert "guard_unconfirmed" in world.alarms()
    assert (world.view(ref).guards, world.status(ref)) == ("D", "running")
    guard.is_dead = False
    world.run_for(60)
    assert "guard_unconfirmed" not in world.alarms() and world.view(ref).guards == "D+I"
    guard.holders = 0
    world.run_for(60)
    assert "guard_unconfirmed" in world.alarms()


@pytest.mark.proofs
def test_a_login_that_never_works_fails_over_and_bills_no_hour(world: World) -> None:
    assert world.remote is not None
    world.remote.answer = lambda login: ProbeFailure(ProbeFailureKind.NO_LOGIN, "permission denied")
    ref = world.provision(hours=2, retries=1)
    assert world.ended(ref, 4 * HOUR_S)
    view = world.view(ref)
    assert [a.reason for a in view.attempts] == ["ssh_timeout", "ssh_timeout"]
    assert world.our_instances() == []
    assert max(lived_s(world)) < 20 * 60


@pytest.mark.parametrize(
    ("found", "is_good"),
    [
        (Hardware(gpus=("NVIDIA GeForce RTX 4090",), vram_mb=24564, disk_gb=20), True),
        (Hardware(), True),
        (Hardware(gpus=("NVIDIA GeForce RTX 3060",)), False),
        (Hardware(driver="999.1"), True),
        (Hardware(driver="440.33.01"), False),
        (Hardware(gpus=("NVIDIA GeForce RTX 4090",), vram_mb=12000), False),
        (Hardware(gpus=("NVIDIA GeForce RTX 4090",), vram_mb=24564, disk_gb=9), False),
    ],
)
def test_the_real_hardware_decides_about_ready(world: World, found: Hardware, is_good: bool) -> None:
    assert world.remote is not None
    world.remote.hardware = found
    ref = world.provision(hours=1, retries=0)
    if is_good:
        assert world.running(ref)
        return
    assert world.ended(ref, 2 * HOUR_S)
    assert [a.reason for a in world.view(ref).attempts] == ["offer_mismatch"]


def test_a_sleep_during_the_boot_is_no_boot_failure(world: World) -> None:
    """Twenty minutes asleep, and the first login fails because our own network is not back yet (F13, F64)."""
    assert world.remote is not None
    world.remote.answer = lambda login: ProbeFailure(ProbeFailureKind.UNREACHABLE, "network is unreachable")
    ref = world.provision(hours=2)
    assert world.run_until(lambda: bool(world.remote and world.remote.probes), 600)
    world.sleep(1200)
    world.run_for(20)
    world.remote.answer = lambda login: None
    assert world.running(ref, 120)
    assert len(world.view(ref).attempts) == 1


def make_too_long(guard: SimGuard) -> None:
    """Five hours too many, and deaf to renewals."""
    guard.end_at += us(5 * HOUR_S)
    guard.max_at += us(5 * HOUR_S)
    guard.ignores_renewals = True


def test_an_instance_whose_guard_would_end_too_late_never_becomes_ready(world: World) -> None:
    assert world.remote is not None
    world.remote.on_guard_start = make_too_long
    ref = world.provision(hours=1, retries=0)
    assert world.ended(ref, 2 * HOUR_S)
    assert [a.reason for a in world.view(ref).attempts] == ["guard_not_armed"]


def test_a_guard_that_takes_no_renewal_any_more_raises_an_alarm(world: World) -> None:
    assert world.remote is not None
    ref = world.provision(hours=1)
    assert world.running(ref)
    (guard,) = world.remote.guards.values()
    make_too_long(guard)
    world.run_for(60)
    assert "guard_unconfirmed" in world.alarms() and world.view(ref).guards == "D"
    assert world.status(ref) == "running"


def test_a_heartbeat_outweighs_a_list_that_omits_the_instance(world: World) -> None:
    ref = world.provision(hours=2)
    assert world.running(ref)
    (instance,) = world.market.instances.values()
    world.fault("list", "omit", "20m", instance=str(instance.id))
    world.fault("get", "null", duration="20m", instance=str(instance.id))
    world.run_for(15 * 60)
    assert world.status(ref) == "running" and world.our_instances()
    assert world.view(ref).health == "ok"


def test_an_instance_that_is_being_destroyed_is_not_probed(world: World) -> None:
    assert world.remote is not None
    ref = world.provision(hours=2)
    assert world.running(ref)
    world.requests.end([ref])
    world.run_for(1)
    probes = world.remote.probes
    assert world.ended(ref)
    assert world.remote.probes <= probes + 1


def test_a_late_heartbeat_does_not_undo_an_end(world: World) -> None:
    """A heartbeat that arrives after the end was requested changes no state (F120)."""
    assert world.remote is not None
    ref = world.provision(hours=2)
    assert world.running(ref)
    report = GuardStatus(True, "", 3600, 36000, 1, 2)
    world.requests.end([ref])
    reconciler = world.engine.reconcilers["vast"]
    reconciler.heartbeats.on_result(world.view(ref).attempts[0].id, Heartbeat(report, Hardware()), world.clock.now())
    assert world.view(ref).attempts[0].state == "destroying"
    assert world.ended(ref)


@pytest.mark.parametrize("error", [ValueError("no life"), OSError("no key"), Refused("too long")])
def test_a_boot_script_that_cannot_be_built_ends_the_session_before_anything_is_sent(
    tmp_path: Path, error: Exception
) -> None:
    class Barren(SimRemote):
        def boot_script(self, *term: object) -> str:
            raise error

    world = World(tmp_path, policy=REAL)
    world.remote = Barren(world)
    world.start().ready()
    ref = world.provision(hours=1)
    assert world.ended(ref)
    assert (world.status(ref), world.view(ref).reason) == ("failed", "no_guard")
    assert world.market.creates == []
    world.kill()


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "no space"), OSError(errno.EMFILE, "too many open files"), DiskFull("full")]
)
def test_a_boot_script_that_cannot_be_built_now_is_tried_again(tmp_path: Path, error: Exception) -> None:
    class Passing(SimRemote):
        left = 2

        def boot_script(self, *term: Any) -> str:
            self.left -= 1
            if self.left >= 0:
                raise error
            return super().boot_script(*term)

    world = World(tmp_path, policy=REAL)
    world.remote = Passing(world)
    world.start().ready()
    ref = world.provision(hours=1)
    assert world.running(ref)
    assert [attempt.reason for attempt in world.view(ref).attempts] == ["never_sent", "never_sent", ""]
    assert len(world.market.creates) == 1
    world.kill()


def test_the_users_variables_travel_and_ours_cannot_be_set(world: World) -> None:
    ref = world.provision(hours=1, environment={"TEAM": "alpha"})
    assert world.running(ref)
    (instance,) = world.market.instances.values()
    assert dict(instance.spec.env)["TEAM"] == "alpha" and dict(instance.spec.env)["GS_LABEL"] == instance.label
    for bad in ({"GS_LABEL": "x"}, {"A B": "x"}, {"-p 22:22": "1"}, {"A": "x" * 257}):
        with pytest.raises(UsageError):
            world.provision(hours=1, environment=bad)


def test_under_the_drill_policy_live_instances_become_ready_by_the_same_rules(tmp_path: Path) -> None:
    made = World(tmp_path, policy=replace(DRILL_LIVE), boot_seconds=4.0, gaps=False).start().ready()
    ref = made.provision(hours=1)
    assert made.running(ref)
    assert made.view(ref).guard_state == "armed"
    made.kill()
