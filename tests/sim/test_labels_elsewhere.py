"""A label of an attempt at one cloud that is copied to an instance at another: nothing is taken or destroyed (I28)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.core import alarms
from gpushopper.core.model.attempt import State
from gpushopper.store import sessions
from tests.sim.two_clouds import OTHER, TwoClouds


@pytest.fixture
def world(tmp_path: Path) -> Iterator[TwoClouds]:
    made = TwoClouds(tmp_path)
    made.start().ready()
    yield made
    made.kill()


def test_a_copy_at_another_cloud_is_no_duplicate(world: TwoClouds) -> None:
    ref = world.rent(world.shortlist("vast"))
    assert world.running(ref)
    (own,) = sessions.attempts_of(world.store, ref)
    copy = world.launch_foreign(own.label, OTHER)
    world.run_for(3600)
    assert [a.id for a in sessions.attempts_of(world.store, ref)] == [own.id]
    assert world.market.destroys == [] and copy.exists
    assert alarms.WRONG_INSTANCE_ID in world.alarms()


def test_an_uncertain_create_does_not_take_a_copy_at_another_cloud(world: TwoClouds) -> None:
    world.fault("create", "drop", count=1)
    ref = world.rent(world.shortlist("vast"))
    world.run_for(120)
    (own,) = sessions.attempts_of(world.store, ref)
    assert own.state is State.UNCERTAIN
    copy = world.launch_foreign(own.label, OTHER)
    world.run_for(300)
    (own,) = sessions.attempts_of(world.store, ref)
    assert (own.state, own.instance_id) == (State.UNCERTAIN, None)
    world.run_for(1800)
    assert world.market.destroys == [] and copy.exists
