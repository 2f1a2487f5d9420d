"""A backup put back while instances live: none is lost, none is ended by what was true when it was made (F50, D12)."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.daemon.backup.restoring import restore
from gpushopper.store.sqlite.backups import back_up_daily
from tests.sim.story import Story

HOUR_S = 3600


def extend(story: Story, name: str, hours: int) -> None:
    (found,) = (one for one in story.world.requests.sessions().sessions if one.name == name)
    story.world.requests.extend(found.id, wire.ExtendRequest(add_us=us(hours * HOUR_S)))


def test_an_extended_session_is_not_ended_by_the_deadline_of_the_backup() -> None:
    with Story() as story:
        story.start().ready()
        for name in ("extended", "forgotten"):
            story.provision(name, hours=2)
            assert story.until_running(name)
        home, copy = story.world.home, back_up_daily(story.world.home.database, story.now)
        assert copy is not None
        extend(story, "extended", 6)
        story.run_for(3 * HOUR_S)
        story.provision("later", hours=8)
        assert story.until_running("later")
        story.world.kill()
        done = restore(home, copy, story.world.clock.now())
        assert done.open_sessions == ("extended", "forgotten")
        story.reset_event_cursor()
        story.start()
        story.run_for(1800)
        assert {"database_rebuilt", "adopted"} <= set(story.world.alarms())
        assert [i.exists for i in story.instances("extended") + story.instances("later")] == [True, True]
        # Its user is told, and extends it again; nobody asks for the other one.
        extend(story, "extended", 2)
        story.run_for(HOUR_S)
        assert [i.exists for i in story.instances("extended") + story.instances("later")] == [True, False]
        story.run_for(2 * HOUR_S)
        assert story.world.our_instances() == []
