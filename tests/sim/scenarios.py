"""What the scripted user does: stories short enough to be run once for every crash point (safety.md C1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.sim.story import Story


@dataclass(frozen=True, slots=True)
class Scenario:
    """The user's steps, and the sessions that are still wanted at the end."""

    run: Callable[[Story], None]
    kept: tuple[str, ...] = ()


def provision_run_end(story: Story) -> None:
    """One session: requested, used, ended."""
    story.start().ready()
    story.provision("a")
    story.until_running("a")
    story.run_for(20)
    story.end("a")
    story.until_ended()


def two_interleaved(story: Story) -> None:
    """A second session is requested while the first boots; the first is ended, the second stays."""
    story.start().ready()
    story.provision("a")
    story.run_for(3)
    story.provision("b", hours=11)
    story.until_running("a")
    story.end("a")
    story.until_running("b")
    story.until_ended()


def fails_over(story: Story) -> None:
    """The first instance never starts its container: the next offer is taken."""
    story.world.fault("create", "start_failure", count=1)
    provision_run_end(story)


def ends_by_deadline(story: Story) -> None:
    """Its deadline ends it, not its user (I9)."""
    story.start().ready()
    story.provision("a", hours=0.25)
    story.until_running("a")
    story.run_for(900)
    story.until_ended()


def goes_missing(story: Story) -> None:
    """For half an hour neither the list nor a read by id shows it; then both do again."""
    story.start().ready()
    story.provision("a", hours=11)
    story.until_running("a")
    for call, word, arg in (("list", "omit", "all,30m"), ("get", "404", None)):
        story.world.fault(call, word, arg, duration="30m")
    story.run_for(3000)


SCENARIOS = {
    "provision, run, end": Scenario(provision_run_end),
    "two interleaved": Scenario(two_interleaved, kept=("b",)),
    "fails over": Scenario(fails_over),
    "ends by deadline": Scenario(ends_by_deadline),
    "goes missing": Scenario(goes_missing, kept=("a",)),
}
