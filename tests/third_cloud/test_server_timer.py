"""A cloud that ends an instance by a timer of its own: told with the create, moved by extend, and known to be there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.core.model.attempt import State
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.errors import ProviderFailed, Refused
from gpushopper.store import sessions
from tests.third_cloud.market import Machine
from tests.third_cloud.world import NimbusWorld


@pytest.fixture
def rented(world: NimbusWorld) -> str:
    ref = world.provision("H100 SXM", hours=2)
    assert world.running(ref)
    world.run_for(30)
    return ref


class WithoutTimerCall:
    """The client of a cloud whose timer is told with the create, once and for all."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        if name == "set_end":
            raise AttributeError(name)
        return getattr(self.real, name)


def machine(world: NimbusWorld) -> Machine:
    return next(iter(world.nimbus.machines.values()))


def deadline(world: NimbusWorld, ref: str) -> int:
    return world.view(ref).deadline_at or 0


def alarm_texts(world: NimbusWorld) -> list[str]:
    return [each.text for each in world.requests.alarms().alarms]


def test_extend_moves_it_before_it_says_so(world: NimbusWorld, rented: str) -> None:
    before = deadline(world, rented)
    view = world.requests.extend(rented, wire.ExtendRequest(add_us=HOUR))
    assert view.deadline_at == before + HOUR and machine(world).ends == pytest.approx(before + HOUR, abs=us(1))
    assert view.guard_in_sync and view.guards == "D+P"


def test_where_it_cannot_be_moved_nothing_is_changed(world: NimbusWorld, rented: str) -> None:
    before = deadline(world, rented)
    world.nimbus.fault("PATCH", "machines", "500*")
    with pytest.raises(ProviderFailed, match="timer") as failed:
        world.requests.extend(rented, wire.ExtendRequest(add_us=HOUR))
    assert failed.value.hint
    assert deadline(world, rented) == before == pytest.approx(machine(world).ends, abs=us(1))
    with pytest.raises(Refused):
        world.requests.extend(rented, wire.ExtendRequest(add_us=11 * HOUR))
    assert [path for method, path in world.nimbus.requests if method == "PATCH"] == [
        f"/v1/machines/{machine(world).id}"
    ]


def test_a_cloud_without_such_a_call_is_refused_with_the_reason(world: NimbusWorld, rented: str) -> None:
    reconciler = world.engine.reconcilers["nimbus"]
    without: Any = WithoutTimerCall(reconciler.client)
    reconciler.setup = replace(reconciler.setup, client=without)
    with pytest.raises(Refused, match="nimbus") as refused:
        world.requests.extend(rented, wire.ExtendRequest(add_us=HOUR))
    assert refused.value.code == "timer_fixed"
    view = world.requests.extend(rented, wire.ExtendRequest(add_us=-HOUR))
    assert view.deadline_at == deadline(world, rented) and not view.guard_in_sync, "the daemon ends it, the cloud later"
    assert view.guards == "D"


def test_an_earlier_deadline_is_told_to_the_cloud(world: NimbusWorld, rented: str) -> None:
    world.nimbus.fault("PATCH", "machines", "500", "500")
    view = world.requests.extend(rented, wire.ExtendRequest(add_us=-HOUR))
    assert (view.guards, view.guard_in_sync) == ("D", False), "it is durable at once, and said to be unconfirmed"
    world.run_for(120)
    assert machine(world).ends == pytest.approx(deadline(world, rented), abs=us(1))
    assert (world.view(rented).guards, world.view(rented).guard_in_sync) == ("D+P", True)


def test_an_end_whose_destroy_does_not_get_through_is_told_too(world: NimbusWorld, rented: str) -> None:
    world.nimbus.fault("DELETE", "machines", "500*")
    world.requests.end([rented])
    world.run_for(600)
    assert machine(world).gone_at < deadline(world, rented) - HOUR
    world.nimbus.fault("DELETE", "machines")
    assert world.ended(rented, 1800)


def test_a_timer_that_somebody_moved_is_moved_back_and_named_while_it_cannot_be(
    world: NimbusWorld, rented: str
) -> None:
    world.nimbus.fault("PATCH", "machines", "500*")
    machine(world).ends = None
    world.run_for(900)
    assert world.view(rented).guards == "D"
    assert any("timer" in text for text in alarm_texts(world))
    world.nimbus.fault("PATCH", "machines")
    world.run_for(900)
    assert machine(world).ends == pytest.approx(deadline(world, rented), abs=us(1))
    assert world.view(rented).guards == "D+P" and alarm_texts(world) == []


def test_it_ends_where_this_computer_never_comes_back_in_time(world: NimbusWorld, rented: str) -> None:
    ends = machine(world).ends
    world.kill()
    world.clock.t += us(5 * 3600)
    world.nimbus.settle()
    assert machine(world).gone_at == ends, "the laptop was gone"
    world.start()
    assert world.ended(rented, 1800)
    (attempt,) = sessions.attempts_of(world.store, rented)
    assert attempt.state is State.CLOSED and world.nimbus.existing(world.nimbus.volumes) == []


def test_a_name_that_a_person_edits_does_not_stop_it_from_being_kept(world: NimbusWorld, rented: str) -> None:
    machine(world).spec["tags"] = {"owner": "mine"}
    world.run_for(400)
    before = deadline(world, rented)
    world.requests.extend(rented, wire.ExtendRequest(add_us=-HOUR))
    world.run_for(120)
    assert machine(world).ends == pytest.approx(before - HOUR, abs=us(30))
