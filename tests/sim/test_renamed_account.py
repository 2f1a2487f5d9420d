"""An account's name is given to another cloud while something is open: nothing is asked or destroyed there (F45)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper.core import alarms
from tests.sim.two_clouds import OTHER, TwoClouds


@pytest.fixture
def world(tmp_path: Path) -> Iterator[TwoClouds]:
    made = TwoClouds(tmp_path)
    made.start().ready()
    yield made
    made.kill()


def test_ids_of_one_cloud_are_never_destroyed_at_another(world: TwoClouds) -> None:
    ref = world.rent(world.shortlist("vast"))
    assert world.running(ref)
    former = world.engine.reconcilers["vast"].setup
    world.engine.replace_account(replace(world.setup(OTHER), provider="vast", cloud=OTHER))
    world.requests.end([ref])
    world.run_for(900)
    assert world.market.destroys == []
    reconciler = world.engine.reconcilers["vast"]
    assert reconciler.client is None and OTHER in reconciler.setup.key_problem
    assert alarms.DEGRADED in world.alarms()
    world.engine.replace_account(replace(former, client=world.setup("vast").client))
    assert world.ended(ref)
