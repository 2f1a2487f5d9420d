"""The container's log through the engine: of the newest instance, and in words where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper.errors import NotFound, NotReady, ProviderFailed
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path):
    made = World(tmp_path, gaps=True, boot_seconds=2.0).start().ready()
    yield made
    made.store.close()


def test_the_log_is_that_of_the_newest_instance_from_before_ready_to_its_end(world: World):
    session = world.provision(name="a")
    with pytest.raises(NotReady, match="no instance yet"):
        world.requests.provider_log(session, 100)
    assert world.running(session)
    found = world.requests.provider_log("a", 1)
    assert (found.provider, found.instance) == ("vast", str(max(world.market.instances)))
    assert len(found.lines) == 1 and found.lines[0].endswith("running onstart.sh")
    world.requests.end([session])
    assert world.ended(session)
    with pytest.raises(NotFound, match="is gone, and vast keeps no log"):
        world.requests.provider_log("a", 100)


def test_an_instance_unknown_to_the_cloud_has_no_log(world: World):
    session = world.provision(name="a")
    assert world.running(session)
    world.market.instances[max(world.market.instances)].account_id += 1
    with pytest.raises(NotFound):
        world.requests.provider_log("a", 100)


def test_a_cloud_that_returns_no_log_is_reported(world: World):
    session = world.provision(name="a")
    assert world.running(session)
    world.fault("logs", "status", "500")
    with pytest.raises(ProviderFailed, match="vast gives no log of a"):
        world.requests.provider_log("a", 100)
