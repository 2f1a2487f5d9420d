"""A backup put back while instances live: none is lost, none is ended by what was true when it was made (F50, D12)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.daemon.backup.restoring import restore
from gpushopper.store import sessions
from gpushopper.store.sqlite.backups import back_up_daily
from tests.sim.story import Story

HOUR_S = 3600


def extend(story: Story, name: str, hours: int) -> None:
    (found,) = (one for one in story.world.requests.sessions().sessions if one.name == name)
    story.world.requests.extend(found.id, wire.ExtendRequest(add_us=us(hours * HOUR_S)))


def states(story: Story) -> list[str]:
    return [attempt.state for attempt in sessions.load_attempts(story.world.store)]


def put_back(story: Story, copy: Path | None) -> None:
    """Restore with the daemon stopped, as the command does."""
    assert copy is not None
    story.world.kill()
    restore(story.world.home, copy, story.world.clock.now())
    story.reset_event_cursor()
    story.start()


def test_a_create_that_waited_to_be_sent_is_found_by_its_label() -> None:
    """Closed as never sent, its instance would bill for ever, and no list of its account could be taken in."""
    with Story() as story:
        story.start().ready()
        story.provision("other", hours=2)
        assert story.until_running("other")
        story.provision("since", hours=4)
        assert states(story).count("prepared") == 1
        copy = back_up_daily(story.world.home.database, story.now)
        assert story.until_running("since")
        put_back(story, copy)
        story.run_for(2 * HOUR_S + 1800)
        assert [i.exists for i in story.instances("other") + story.instances("since")] == [False, True]
        story.run_for(2 * HOUR_S)
        assert story.world.our_instances() == []
        assert not {"manual_destroy_needed", "database_constraint"} & set(story.world.alarms())


@pytest.mark.parametrize("state", ["prepared", "sent", "booting"])
def test_what_its_user_has_ended_is_not_rented_again(state: str) -> None:
    with Story(boot_seconds=60.0) as story:
        story.start().ready()
        story.provision("first", hours=1)  # the next create waits for the pace of the account
        story.provision("ended", hours=4)
        assert story.world.run_until(lambda: states(story)[-1] == state, 300)
        copy = back_up_daily(story.world.home.database, story.now)
        assert story.until_running("ended")
        story.end("ended")
        story.run_for(2 * HOUR_S)
        assert story.world.our_instances() == []
        put_back(story, copy)
        story.run_for(2 * HOUR_S)
        assert len(story.instances("ended")) == 1 and story.world.our_instances() == []


def test_an_extended_session_is_not_ended_by_the_deadline_of_the_backup() -> None:
    with Story() as story:
        story.start().ready()
        for name in ("extended", "forgotten"):
            story.provision(name, hours=2)
            assert story.until_running(name)
        copy = back_up_daily(story.world.home.database, story.now)
        extend(story, "extended", 6)
        story.run_for(3 * HOUR_S)
        story.provision("later", hours=8)
        assert story.until_running("later")
        put_back(story, copy)
        story.run_for(1800)
        assert {"database_rebuilt", "adopted"} <= set(story.world.alarms())
        assert [i.exists for i in story.instances("extended") + story.instances("later")] == [True, True]
        # Its user is told, and extends it again; nobody asks for the other one.
        extend(story, "extended", 2)
        story.run_for(HOUR_S)
        assert [i.exists for i in story.instances("extended") + story.instances("later")] == [True, False]
        story.run_for(2 * HOUR_S)
        assert story.world.our_instances() == []
