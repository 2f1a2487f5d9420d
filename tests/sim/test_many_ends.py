"""Many ends at once are slow at a provider's pace, and that is no alarm; an end that does not work is one (D6, I30)."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

import pytest

from gpushopper.core import alarms
from gpushopper.core.policy import DRILL, PAPER, Policy
from gpushopper.errors import NoOffer, NotFound
from gpushopper.store.sqlite.statements import run
from tests.sim.story import Story


def raised(story: Story, since: int = 0) -> set[str]:
    """Every kind of alarm that there was since a time, wall µs."""
    query = "SELECT DISTINCT kind FROM alarms WHERE raised_at >= ?"
    return {kind for (kind,) in run(story.world.store.database, query, (since,))}


def with_many(story: Story, count: int) -> list[str]:
    """So many running sessions, of several kinds: a market does not hold fifty of one."""
    for account in story.world.market.accounts.values():
        account.paid_in_micros = 10**10
    story.start().ready()
    kinds = deque(["RTX 4090", "RTX 3090", "A100 PCIE", "A100 SXM4", "H100 SXM", "RTX A6000", "RTX 4080", "L40S"])
    running: list[str] = []
    for number in range(4 * count):
        with suppress(NoOffer, NotFound):
            story.provision(f"s{number}", hours=11, gpu=kinds[0], retries=5)
            if story.until_running(f"s{number}"):
                running.append(f"s{number}")
        kinds.rotate(-1)
        if len(running) == count:
            return running
    raise AssertionError(f"only {len(running)} of {count} run")


@pytest.mark.parametrize(
    ("policy", "count"),
    [pytest.param(DRILL, 18, id="drill"), pytest.param(PAPER, 50, id="paper", marks=pytest.mark.sweep)],
)
def test_many_ends_at_once_raise_no_alarm(policy: Policy, count: int) -> None:
    with Story(policy=policy) as story:
        names = with_many(story, count)
        # Renting fifty is not what is tested: while a search waits for its turn, simulated calls crowd each other.
        began = story.world.clock.now().wall
        story.end(*names)
        assert story.until_ended()
        assert raised(story, began) == set()


def test_an_end_that_is_off_is_not_slow() -> None:
    """Off, and then nothing can be seen any more: the account alarms, and much later the missing proof."""
    with Story() as story:
        (name,) = with_many(story, 1)
        story.end(name)
        assert story.until(lambda: story.world.view(name).end_stage == "off", 300)
        story.world.fault("list", "status", "503")
        story.run_for(1800)
        assert raised(story) == {alarms.DEGRADED}
        story.run_for(3600)
        assert raised(story) == {alarms.DEGRADED, alarms.END_UNVERIFIED}
        story.clear_faults()
        assert story.until_ended()
        assert not story.world.alarms() & {alarms.END_UNVERIFIED}


def test_an_instance_that_is_seen_again_is_a_slow_end_again() -> None:
    with Story() as story:
        (name,) = with_many(story, 1)
        story.world.fault("destroy", "zombie", "10m", count=1)
        story.world.fault("destroy", "ack_noop", after=1)
        story.world.fault("destroy", "404_alive")
        story.end(name)
        story.run_for(1200)
        kinds = raised(story)
        assert kinds & {alarms.DESTROY_SLOW, alarms.DESTROY_OVERDUE}


@pytest.mark.parametrize("beside", [0, 4])
def test_an_end_that_does_not_work_alarms_whatever_else_ends(beside: int) -> None:
    with Story() as story:
        names = with_many(story, 1 + beside)
        stuck = str(story.instances(names[0])[0].id)
        story.world.fault("destroy", "ack_noop", instance=stuck)
        story.end(*names)
        story.run_for(330)
        assert story.world.alarms() == {alarms.DESTROY_SLOW}
        story.run_for(600)
        assert story.world.alarms() == {alarms.DESTROY_OVERDUE}
