"""What hosts, prices and balances do to a running session, and what is made of it (F15, F16, F23-F25, F82, F117)."""

from __future__ import annotations

import pytest

from gpushopper.core.timing.clock_snapshot import us
from gpushopper.sandbox.market.actions import revise
from gpushopper.sandbox.market.model import Instance
from tests.sim.oracle import audit
from tests.sim.story import Story

GRACE_S = 1800


def running(story: Story, name: str = "a", **more: object) -> Instance:
    """A session in use; its instance."""
    story.start().ready()
    story.provision(name, hours=11, **more)  # type: ignore[arg-type]
    assert story.until_running(name)
    story.run_for(60)
    return story.instances(name)[-1]


def do(story: Story, instance: Instance, action: str, value: str | float | None = None) -> None:
    """The host or the operator acts."""
    story.world.market.settle()
    revise(story.world.market, instance, action, value)


def destroys_of(story: Story, instance: Instance) -> list[int]:
    """When its destroys were sent, market µs."""
    return [seen.at for seen in story.world.market.destroys if seen.cloud_id == instance.cloud_id]


def test_a_price_that_changed_before_ready_fails_over() -> None:
    with Story() as story:
        story.start().ready()
        story.world.fault("account", "price_change", "x1.4", count=1)
        story.provision("a")
        assert story.until_running("a")
        first, second = story.instances("a")
        assert (first.exists, second.exists) == (False, True)
        assert story.world.view(story.expected["a"].session).attempts[0].reason == "price_changed"
        story.finish()
        assert audit(story, must_run=("a",)) == []


def test_a_price_that_changes_after_ready_only_alarms() -> None:
    with Story() as story:
        instance = running(story)
        do(story, instance, "price_factor", 1.4)
        story.run_for(900)
        assert "price_changed" in story.world.alarms()
        assert story.status("a") == "running"
        do(story, instance, "price_factor", 1 / 1.4)
        story.run_for(900)
        assert "price_changed" not in story.world.alarms()
        story.finish()
        assert audit(story, must_run=("a",)) == []


@pytest.mark.parametrize("kept", [False, True], ids=["default", "keep stopped"])
@pytest.mark.parametrize("how", ["outbid", "zero balance"])
def test_an_interruption_has_half_an_hour_of_grace(how: str, kept: bool) -> None:
    with Story() as story:
        instance = running(story, keep_stopped=kept)
        at = story.now
        if how == "outbid":
            do(story, instance, "outbid")
        else:
            story.world.fault("account", "zero_balance", count=1)
        story.run_for(900)
        view = story.world.view(story.expected["a"].session)
        assert (view.status, view.health) == ("running", "interrupted")
        assert "interrupted" in story.world.alarms()
        assert destroys_of(story, instance) == []
        story.run_for(1500)
        ends = destroys_of(story, instance)
        if kept:
            assert ends == []
            story.run_for(3600)
            assert destroys_of(story, instance) == []
            story.end("a")
        else:
            waited = (ends[0] - at) / us(1)
            print(f"\n{how}: ended after {waited:.0f} s")
            assert GRACE_S <= waited <= GRACE_S + 360
            story.expected["a"].gave_up = True
        assert story.until_ended()
        story.finish()
        assert audit(story) == []


def test_an_interruption_that_passes_leaves_the_session_running() -> None:
    with Story() as story:
        instance = running(story)
        do(story, instance, "outbid")
        story.run_for(1200)
        do(story, instance, "start")
        story.run_for(3600)
        assert story.status("a") == "running"
        assert "interrupted" not in story.world.alarms()
        story.finish()
        assert audit(story, must_run=("a",)) == []


def test_a_second_interruption_has_its_own_grace() -> None:
    """Timers count from the entry into the state, never from an older one (F37)."""
    with Story() as story:
        instance = running(story)
        for _ in range(3):
            do(story, instance, "outbid")
            story.run_for(1300)
            do(story, instance, "start")
            story.run_for(400)
        assert destroys_of(story, instance) == []
        assert story.status("a") == "running"
        story.finish()
        assert audit(story, must_run=("a",)) == []


def test_an_interruption_is_not_measured_across_a_stop_of_the_daemon() -> None:
    """Down for an hour, the provider may have brought it back: the grace starts anew (F65, S15)."""
    with Story() as story:
        instance = running(story)
        do(story, instance, "outbid")
        story.run_for(600)
        story.kill(down_s=3600)
        story.run_for(1200)
        assert destroys_of(story, instance) == []
        story.run_for(1200)
        assert destroys_of(story, instance)
        story.expected["a"].gave_up = True
        story.finish()
        assert audit(story) == []


def test_an_offline_host_is_waited_for_until_the_deadline() -> None:
    """It may come back; only the user or the deadline ends it (F24)."""
    with Story() as story:
        instance = running(story)
        do(story, instance, "offline_host")
        story.run_for(3600)
        view = story.world.view(story.expected["a"].session)
        assert (view.status, view.health) == ("running", "missing")
        assert "missing" in story.world.alarms()
        assert destroys_of(story, instance) == []
        do(story, instance, "online_host")
        story.run_for(900)
        assert story.world.view(story.expected["a"].session).health == "ok"
        assert "missing" not in story.world.alarms()
        story.finish()
        assert audit(story, must_run=("a",)) == []


def test_an_instance_that_the_host_destroyed_waits_for_its_user() -> None:
    """Absence never changes the desired state: missing, alarmed, and ended on request with a proof (I5)."""
    with Story() as story:
        instance = running(story)
        do(story, instance, "host_destroy")
        story.run_for(3600)
        assert story.world.view(story.expected["a"].session).health == "missing"
        assert "missing" in story.world.alarms()
        story.end("a")
        assert story.until_ended()
        story.finish()
        assert audit(story) == []


def test_a_zombie_after_the_hosts_own_destroy_is_ended() -> None:
    """Ended by its user while it was away, and back an hour later (F40)."""
    with Story() as story:
        instance = running(story)
        do(story, instance, "host_destroy")
        story.run_for(1200)
        story.end("a")
        assert story.until_ended()
        story.run_for(3600)
        story.world.market.tracked[instance.id] = instance
        instance.return_at = story.now
        story.run_for(900)
        assert not instance.exists
        assert "reopened" in story.world.alarms()
        story.finish()
        assert audit(story) == []
