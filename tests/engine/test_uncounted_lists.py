"""Lists that cannot count: whole only if every item was understood, and an empty one is held before it counts (D5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from gpushopper.core.cloud import ListProof
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.providers.base import InstanceList, ReadFailed
from gpushopper.store import sessions
from tests.engine.inferred_cloud import InferredClient, inferred
from tests.sim.world import World


@dataclass
class Lists:
    """What the cloud's lists lack from now on."""

    is_empty: bool = False
    unread: int = 0


class OddLists(InferredClient):
    """A cloud whose lists may be empty, or hold items that nobody understands."""

    def __init__(self, real: Any, lists: Lists) -> None:
        super().__init__(real)
        self.lists = lists

    def fetch_instances(self, limit_s: float) -> InstanceList | ReadFailed:
        found = super().fetch_instances(limit_s)
        if isinstance(found, ReadFailed):
            return found
        if self.lists.is_empty:
            return replace(found, instances=())
        # An item that is not understood is not among the instances.
        return replace(found, instances=found.instances[self.lists.unread :], unread=self.lists.unread)


def running(world: World) -> tuple[Lists, str]:
    setup, lists = inferred(world, world.key), Lists()
    client: Any = setup.client
    odd: Any = OddLists(client.real, lists)
    world.engine.replace_account(replace(setup, client=odd))
    world.run_for(30)
    ref = world.provision(hours=11)
    assert world.running(ref)
    world.run_for(400)
    return lists, ref


def state(world: World) -> str:
    return sessions.load_attempts(world.store)[0].state.value


def test_an_item_that_is_not_understood_makes_the_list_prove_nothing(world: World) -> None:
    """It may be the wanted instance."""
    lists, ref = running(world)
    lists.unread = 1
    world.run_for(3600)
    assert state(world) == "running"
    assert "degraded" in world.alarms()
    world.requests.end([ref])
    world.run_for(3600)
    assert state(world) == "destroying"
    lists.unread = 0
    assert world.ended(ref)


def test_an_empty_list_is_held_before_it_counts(world: World) -> None:
    lists, _ = running(world)
    lists.is_empty = True
    world.fault("get", "404")
    begun = world.clock.t
    assert world.run_until(lambda: state(world) == "missing", 3600)
    held_s = (world.clock.t - begun) / us(1)
    assert world.policy.empty_list_hold_s <= held_s <= world.policy.empty_list_hold_s + 2 * world.policy.steady_poll_s
    assert len(world.our_instances()) == 1, "absence ends nothing (I5)"
    lists.is_empty = False
    world.faults.clear()
    assert world.run_until(lambda: state(world) == "running", 900)


@pytest.mark.parametrize(
    ("found", "proof", "is_whole"),
    [
        (InstanceList((), True, None), ListProof.NOTHING, True),
        (InstanceList((), True, None, unread=1), ListProof.NOTHING, False),
        (InstanceList((), False, None), ListProof.NOTHING, False),
        (InstanceList((), True, None, total=1, unread=1), ListProof.TOTAL, True),
        (InstanceList((), False, None), ListProof.CURSOR, False),
    ],
)
def test_how_a_list_is_whole(found: InstanceList, proof: ListProof, is_whole: bool) -> None:
    assert found.is_whole(proof) is is_whole
