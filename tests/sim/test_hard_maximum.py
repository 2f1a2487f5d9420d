"""Nothing passes twelve hours, and nothing that carries a closed label lives on (acceptance 5; I7, I9, F18, F40)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper import wire
from gpushopper.core.policy import HARD_MAXIMUM_S, PAPER
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.errors import Refused
from gpushopper.sandbox.market.model import Instance
from tests.sim.oracle import audit
from tests.sim.story import Story

ENDLESS_BOOT = replace(PAPER, boot_timeout_s=10.0 * HARD_MAXIMUM_S, name="paper")


def lives_s(story: Story, instance: Instance) -> float:
    """Seconds from its beginning to its end, or to now."""
    return ((instance.ended_at or story.now) - instance.created_at) / us(1)


@pytest.mark.proofs
def test_a_hundred_extensions_do_not_pass_twelve_hours() -> None:
    with Story() as story:
        story.start().ready()
        expected = story.provision("a", hours=2)
        assert story.until_running("a")
        accepted = refused = 0
        for _ in range(100):
            try:
                story.world.requests.extend(expected.session, wire.ExtendRequest(add_us=us(900)))
                accepted += 1
            except Refused as refusal:
                assert refusal.code == "hard_maximum"
                refused += 1
            story.run_for(300)
        expected.duration_us = us(HARD_MAXIMUM_S)
        story.run_for(5 * 3600)
        (instance,) = story.instances("a")
        print(f"\n{accepted} extensions accepted, {refused} refused; it lived {lives_s(story, instance):.1f} s")
        assert (accepted, refused) == (40, 60)
        assert abs(lives_s(story, instance) - HARD_MAXIMUM_S) <= 60
        story.finish()
        assert audit(story) == []


@pytest.mark.parametrize(
    "policy",
    [pytest.param(PAPER, id="boot limit"), pytest.param(ENDLESS_BOOT, id="no boot limit", marks=pytest.mark.sweep)],
)
def test_a_boot_that_makes_progress_for_ever_ends(policy: object) -> None:
    """Its message changes every four minutes, so silence never ends it: the boot limit does, and else the maximum."""
    with Story(policy=policy) as story:  # type: ignore[arg-type]
        story.start().ready()
        story.world.fault("create", "stuck_loading", "created")
        story.provision("a", hours=12, retries=0)
        for step in range((2 if policy is PAPER else 13) * 15):
            for instance in story.world.market.existing_instances():
                instance.spec = replace(instance.spec, stuck_message=f"layer {step} of many")
            story.run_for(240)
        (instance,) = story.instances("a")
        max_life_s = 3600 if policy is PAPER else HARD_MAXIMUM_S
        print(f"\nit lived {lives_s(story, instance):.1f} s of {max_life_s}")
        assert abs(lives_s(story, instance) - max_life_s) <= 60
        story.finish()
        assert audit(story) == []


def test_an_extension_holds_for_the_attempt_that_takes_over() -> None:
    """Extended while it boots in vain; the next attempt lives as long as was promised (S19)."""
    with Story() as story:
        story.start().ready()
        story.world.fault("create", "stuck_loading", count=1)
        expected = story.provision("a", hours=0.5)
        story.run_for(60)
        story.world.requests.extend(expected.session, wire.ExtendRequest(add_us=us(3600)))
        expected.duration_us += us(3600)
        assert story.until_running("a")
        story.run_for(3 * 3600)
        latest = story.instances("a")[-1]
        assert abs(lives_s(story, latest) - 5400) <= 60
        story.finish()
        assert audit(story) == []


def test_extend_while_ending_is_refused() -> None:
    """The end is write-once (F18, F121)."""
    with Story() as story:
        story.start().ready()
        expected = story.provision("a")
        assert story.until_running("a")
        story.world.fault("destroy", "ack_noop", "5")
        story.end("a")
        for _ in range(5):
            with pytest.raises(Refused):
                story.world.requests.extend(expected.session, wire.ExtendRequest(add_us=us(900)))
            story.run_for(5)
        story.finish()
        assert audit(story) == []


@pytest.mark.parametrize("is_down", [False, True], ids=["daemon runs", "daemon is down"])
@pytest.mark.parametrize("reused_id", [False, True], ids=["another id", "the same id"])
def test_an_instance_under_a_closed_label_is_ended(is_down: bool, reused_id: bool) -> None:
    with Story() as story:
        story.start().ready()
        story.provision("a")
        assert story.until_running("a")
        story.end("a")
        assert story.until_ended()
        story.run_for(3600)
        (old,) = story.instances("a")
        cursor = story.world.requests.events(0, limit=10_000).next
        if is_down:
            story.world.kill()
            story.world.clock.t += us(1800)
        appeared = story.now
        number = _appear(story, old, reused_id=reused_id)
        if is_down:
            story.world.clock.t += us(1800)
            story.start()
        story.run_for(1200)
        times = {e.kind: e.at for e in reversed(story.world.requests.events(cursor, limit=10_000).events)}
        seen = times.get("reopened", times.get("duplicate"))
        destroys = [d.at for d in story.world.market.destroys if d.cloud_id == str(number) and d.at >= appeared]
        ended = story.world.market.instances[number].ended_at
        receipts = [r for r in story.receipts() if r["instance_id"] == str(number) and r["proven_at"] > appeared]
        assert seen and destroys and ended and receipts
        alarms = story.world.alarms() & {"reopened", "duplicate"}
        assert alarms
        shown = {"seen": seen, "destroy": destroys[0], "off": ended, "receipt": receipts[-1]["proven_at"]}
        after = ", ".join(f"{name} +{(at - appeared) / us(1):.1f} s" for name, at in shown.items())
        print(f"\n{after}; alarm {alarms}")
        # Not seen while no daemon runs; else within two steady polls (I7).
        assert seen - appeared <= us(1800 * is_down + 2 * PAPER.steady_poll_s)
        assert destroys[0] - seen <= us(10)
        story.finish()
        assert audit(story) == []


def _appear(story: Story, old: Instance, *, reused_id: bool) -> int:
    """The instance is back, or another one carries its label."""
    if not reused_id:
        return story.world.market.create_instance(old.account_id, old.spec, story.now).id
    story.world.market.tracked[old.id] = old
    old.return_at = story.now
    story.world.market.settle()
    return old.id
