"""Accounts whose list has many pages, at the gaps that Vast enforces: they are seen whole under every policy (F43)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper.core import alarms
from gpushopper.core.policy import DRILL, PAPER, Policy
from tests.sim.world import World


@pytest.mark.parametrize("policy", [DRILL, PAPER], ids=lambda policy: policy.name)
def test_a_list_of_a_hundred_and_twenty_instances_is_complete_and_our_end_is_proven(
    tmp_path: Path, policy: Policy
) -> None:
    world = World(tmp_path, policy=policy, gaps=True, boot_seconds=2.0)
    for _ in range(119):
        world.launch_foreign()
    world.start().ready()
    session = world.provision()
    assert world.running(session, 300), world.view(session)
    world.requests.end([session])
    assert world.ended(session, 900), world.view(session)
    assert world.our_instances() == []
    assert not world.alarms() & {alarms.DEGRADED, alarms.DESTROY_SLOW}
    world.store.close()


def test_a_page_that_hangs_ends_after_the_limit_of_one_page(tmp_path: Path) -> None:
    """The time for the whole list is no excuse to wait that long for one answer."""
    world = World(tmp_path, policy=DRILL, gaps=True)
    for _ in range(119):
        world.launch_foreign()
    world.start().ready()
    connection = world.engine.reconcilers["vast"].connection
    assert connection is not None
    world.run_for(30)
    world.fault("list", "hang", count=1)
    world.executor.transport.charged_s = 0.0
    connection.fetch_instances(2.0)
    assert world.executor.transport.charged_s <= 2.0
    world.store.close()
