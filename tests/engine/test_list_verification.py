"""An inconsistent list lacks wanted instances that were there before: it is no evidence of any absence (I11, F9)."""

from __future__ import annotations

import pytest

from gpushopper.errors import Refused
from tests.sim.world import World


@pytest.mark.parametrize("lie", ["empty200", "null200"])
def test_an_inconsistent_list_closes_no_uncertain_create(world: World, lie: str):
    first = world.provision(name="first")
    assert world.running(first)
    plan = world.fault("create", "commit_then_hang", count=1)
    second = world.provision(name="second")
    world.fault("list", lie, duration="1h")
    world.run_for(3000)
    assert plan.acted == 1
    assert world.status(second) in ("pending", "provisioning")
    assert len(world.ledger()["creates"]) == 2
    world.faults.clear()
    world.engine.wake()
    world.run_for(400)
    assert world.status(second) == "running"
    assert len(world.our_instances()) == 2


def test_nothing_is_rented_while_the_list_is_inconsistent(world: World):
    first = world.provision(name="first")
    assert world.running(first)
    world.fault("list", "empty200", duration="1h")
    world.engine.wake()
    world.run_for(10)
    with pytest.raises(Refused) as error:
        world.provision(name="second")
    assert error.value.code == "list_inconsistent"
    assert world.requests.accounts()[0].state == "inconsistent"


@pytest.mark.parametrize("lag_s", [5, 90, 300])
def test_a_list_behind_the_create_does_not_keep_the_next_from_being_rented(world: World, lag_s: int):
    world.fault("list", "lag", f"{lag_s}s", duration="1h")
    for number in range(4):
        name = f"session-{number}"
        world.provision(name=name)
        assert world.run_until(lambda name=name: world.status(name) != "pending", 60)
        assert world.requests.accounts()[0].state == "ready"
    world.run_for(400)
    raised = [event for event in world.requests.events(0, limit=500).events if "list lacks instance" in event.text]
    assert not raised, "what a list need not show yet is no fault of the list"
