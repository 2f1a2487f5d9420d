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
    assert world.requests.accounts()[0].state == "doubted"
