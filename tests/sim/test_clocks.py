"""Wrong clocks and computers that sleep neither end a session early nor let one pass its deadline (I12, F58-F65)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper.core.timing.clock_snapshot import us
from gpushopper.errors import Refused
from tests.sim.oracle import audit
from tests.sim.story import Story
from tests.sim.world import World

DAY_S = 86_400


def in_use(story: Story, hours: float) -> None:
    """One session in use."""
    story.start().ready()
    story.provision("a", hours=hours)
    assert story.until_running("a")
    story.run_for(60)


def lateness_s(story: Story) -> float:
    """Seconds from the deadline to the first destroy; negative when early."""
    expected = story.expected["a"]
    return (story.world.market.destroys[0].at - story.world.market.creates[0].at - expected.duration_us) / us(1)


JUMPS = [(DAY_S, False), (-DAY_S, True), (3600, True), (-3600, False)]
"""Each jump, and each with or without a restart: the other four pairs are proofs."""
REST = [pytest.param(jump, not restarts, marks=pytest.mark.proofs) for jump, restarts in JUMPS]


@pytest.mark.parametrize(("jump_s", "restarts"), [*JUMPS, *REST])
def test_a_wall_clock_that_jumps_alone_changes_nothing(jump_s: int, restarts: bool) -> None:
    with Story() as story:
        in_use(story, hours=3)
        story.world.clock.skew = us(jump_s)
        if restarts:
            story.kill(down_s=10)
        else:
            story.world.engine.resume()
        story.run_for(3600)
        assert story.status("a") == "running"
        assert story.world.market.destroys == []
        story.run_for(3 * 3600)
        print(f"\nwall {jump_s:+} s: {lateness_s(story):+.2f} s after the deadline")
        assert -1 <= lateness_s(story) <= 60
        story.finish()
        assert audit(story) == []


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S])
def test_a_wall_clock_that_jumps_while_the_provider_is_down_makes_the_deadline_disputed(jump_s: int) -> None:
    """Only two witnesses, and they disagree: an alarm, and nothing is ended (D10.3)."""
    with Story() as story:
        in_use(story, hours=3)
        story.kill(down_s=1)
        story.world.fault("any", "offline", "30m")
        story.world.clock.skew = us(jump_s)
        story.kill(down_s=1)
        story.run_for(1200)
        assert story.world.market.destroys == []
        story.clear_faults()
        story.run_for(1200)
        assert story.world.market.destroys == []
        assert story.status("a") == "running"
        story.world.clock.skew = 0
        story.finish(after_s=3 * 3600)
        assert -1 <= lateness_s(story) <= 60
        assert audit(story) == []


def test_a_reboot_in_between_is_judged_by_wall_and_date() -> None:
    """Another boot: the stored pair says nothing any more (D10.3)."""
    with Story() as story:
        in_use(story, hours=2)
        story.world.clock.boot_id = "boot-2"
        story.world.clock.skew = us(DAY_S)
        story.kill(down_s=120)
        story.run_for(1800)
        assert story.world.market.destroys == []
        story.run_for(2 * 3600)
        assert -1 <= lateness_s(story) <= 60
        story.finish()
        assert audit(story) == []


@pytest.mark.parametrize("slept_h", [1.5, 8.0])
def test_sleep_across_a_deadline_ends_it_at_wake(slept_h: float) -> None:
    with Story() as story:
        in_use(story, hours=1)
        story.world.sleep(slept_h * 3600)
        woke = story.now
        story.run_for(120)
        first = story.world.market.destroys[0].at
        print(f"\nfirst destroy {(first - woke) / us(1):.2f} s after wake")
        assert first - woke <= us(60)
        story.finish()
        assert audit(story) == []


def test_sleep_within_its_time_changes_nothing() -> None:
    """Nine hours with the lid closed: a night's work goes on (F87)."""
    with Story() as story:
        in_use(story, hours=11)
        story.world.sleep(9 * 3600)
        story.run_for(600)
        assert story.status("a") == "running"
        story.finish(after_s=0)
        assert audit(story, must_run=("a",)) == []


def test_no_network_at_wake_ends_nothing() -> None:
    """The first poll after wake fails by DNS for forty seconds (F64)."""
    with Story() as story:
        in_use(story, hours=11)
        story.world.fault("any", "dns", duration=40)
        story.world.sleep(3600)
        story.world.fault("any", "dns", duration=40)
        story.run_for(900)
        assert story.status("a") == "running"
        assert story.world.alarms() == set()
        story.finish(after_s=0)
        assert audit(story, must_run=("a",)) == []


@pytest.mark.parametrize("late", ["8h", "7h55m", "8h20m"])
def test_a_create_delayed_over_a_sleep_is_still_found(late: str) -> None:
    """It takes effect when the computer wakes: waiting time is awake, connected time (F65)."""
    with Story() as story:
        story.start().ready()
        story.world.fault("create", "late", late, count=1)
        story.provision("a", hours=11)
        story.run_for(62)
        story.world.sleep(8 * 3600 - 62)
        assert story.until_running("a")
        story.run_for(1800)
        story.end("a")
        assert story.until_ended()
        story.finish()
        assert audit(story) == []


def test_time_asleep_does_not_count_towards_the_settle_time() -> None:
    """Thirty minutes asleep are not thirty minutes of looking: the attempt is still open after them (F65)."""
    with Story() as story:
        story.start().ready()
        story.world.fault("create", "late", "35m", count=1)
        story.provision("a", hours=11)
        story.run_for(120)
        story.world.sleep(1800)
        story.run_for(480)
        assert story.until_running("a", 600)
        assert len(story.world.market.creates) == 1
        story.finish(after_s=0)
        assert audit(story, must_run=("a",)) == []


@pytest.mark.parametrize("wrong_s", [DAY_S, -DAY_S, 3600, -3600])
def test_a_wrong_clock_at_the_request_is_refused(wrong_s: int) -> None:
    """Corrected while the session runs, it would end it a day late, past twelve hours: nothing is rented (F62)."""
    with Story() as story:
        story.world.clock.skew = us(wrong_s)
        story.start().ready()
        with pytest.raises(Refused) as refusal:
            story.provision("a")
        assert refusal.value.code == "clock_skew"
        assert story.world.market.creates == []


@pytest.mark.parametrize("wrong_s", [DAY_S, pytest.param(-DAY_S, marks=pytest.mark.proofs)])
def test_a_clock_that_goes_wrong_before_a_failover_gives_no_longer_life(wrong_s: int) -> None:
    """The next attempt's deadline is not written by a clock that is off (F62)."""
    with Story() as story:
        story.start().ready()
        story.world.fault("create", "stuck_loading", count=1)
        story.provision("a", hours=2)
        story.run_for(300)
        story.world.clock.skew = us(wrong_s)
        story.world.engine.resume()
        story.run_for(2400)
        story.world.clock.skew = 0
        story.world.engine.resume()
        # It may give up ("too old"), since an hour that a clock invents counts as waiting; it may not live longer.
        story.until_running("a")
        story.run_for(3 * 3600)
        for seen in story.world.market.creates:
            (cloud_id,) = seen.cloud_ids
            made = story.world.market.named(cloud_id)
            assert made is not None and made.ended_at is not None
            assert made.ended_at - seen.at <= story.expected["a"].duration_us + us(60)
        story.finish()
        assert audit(story) == []


def test_a_start_with_a_wrong_clock_writes_no_deadline(tmp_path: Path) -> None:
    """An attempt that takes the place of one never sent must not get its end from an unchecked clock (F62).

    Nothing had been sent: the session may be given up as too old, but nothing is rented to be destroyed in an instant.
    """
    world = World(tmp_path, gaps=False).start().ready()
    ref = world.provision(hours=1)
    world.kill()
    world.clock.skew = -us(86_400)
    world.start()
    world.run_for(60)
    world.clock.skew = 0
    world.engine.resume()
    world.run_for(1800)
    assert world.market.destroys == []
    assert world.status(ref) == "running" or world.view(ref).reason == "request_expired"
    world.kill()
