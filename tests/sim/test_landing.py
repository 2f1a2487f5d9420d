"""Results are brought home before an end: what waits for them, for how long, and what a lost link changes (E7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, us
from gpushopper.engine.requests.commands.end import end
from gpushopper.engine.requests.commands.landing.pulled_by_hand import pulled_by_hand
from gpushopper.errors import Refused, UsageError
from tests.sim.simulated_remote import SimAgent, SimRemote
from tests.sim.world import World

PULLS = [("out", "/results")]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=REAL, boot_seconds=30.0).start().ready()
    yield made
    made.kill()


def remote(world: World) -> SimRemote:
    assert world.remote is not None
    return world.remote


def agent(world: World) -> SimAgent:
    (guard,) = remote(world).guards.values()
    assert guard.agent is not None
    return guard.agent


def working(world: World, hours: float = 4, **more: Any) -> str:
    """A running session in use, whose results are to be pulled."""
    ref = world.provision(hours=hours, **{"pulls": PULLS} | more)
    assert world.running(ref)
    world.run_for(40)
    agent(world).works_until = world.market.now() + 100 * HOUR
    return ref


def kinds(world: World, ref: str) -> list[str]:
    return [event.kind for event in world.requests.events(0, 500).events if event.session == ref]


def done(world: World, ref: str) -> None:
    """As `done` does; `shutdown` does not land."""
    end(world.engine.handle, [ref], lands=True)


def alarms(world: World) -> list[str]:
    return [alarm.kind for alarm in world.requests.alarms().alarms]


def test_before_the_deadline_results_are_pulled_once_and_nothing_ends_later(world: World) -> None:
    ref = working(world, hours=1)
    deadline = world.view(ref).deadline_at
    world.run_for(40 * 60)
    assert remote(world).landings == []
    assert world.run_until(lambda: world.view(ref).landing.pulled_at is not None, 600)
    landing = world.view(ref).landing
    assert landing.reason == "deadline" and landing.since_at is not None and deadline is not None
    assert abs(deadline - landing.since_at - 15 * MINUTE) < MINUTE
    assert world.status(ref) == "running", "it may be worked on to its deadline"
    assert world.ended(ref, 1800) and world.view(ref).reason == "deadline"
    assert len(remote(world).landings) == 1 and "not_pulled" not in kinds(world, ref)


def test_an_extension_makes_it_land_before_the_new_deadline(world: World) -> None:
    ref = working(world, hours=1)
    assert world.run_until(lambda: world.view(ref).landing.pulled_at is not None, 3600)
    world.requests.extend(ref, wire.ExtendRequest(add_us=HOUR))
    world.run_for(60)
    assert world.view(ref).landing == wire.LandingView()
    world.run_for(3600)
    assert len(remote(world).landings) == 2


def test_an_idle_instance_is_kept_until_pulled_and_then_ends(world: World) -> None:
    ref = working(world, idle_us=30 * MINUTE)
    remote(world).pull_problem = lambda order: "the connection was lost"
    agent(world).works_until = world.market.now()
    world.run_for(2 * 3600)
    assert world.status(ref) == "running" and alarms(world) == ["not_pulled"]
    assert world.view(ref).landing.problem == "the connection was lost"
    assert kinds(world, ref).count("pull_failed") == 1, "a fault is told once"
    remote(world).pull_problem = lambda order: ""
    assert world.ended(ref, 1800) and world.view(ref).reason == "idle" and alarms(world) == []
    found = kinds(world, ref)
    assert found.index("landing") < found.index("pulled") < found.index("end_requested")


def test_nobody_waits_longer_than_the_hold(world: World) -> None:
    ref = working(world, idle_us=30 * MINUTE, hold_us=HOUR)
    remote(world).pull_problem = lambda order: "the disk here is full"
    agent(world).works_until = world.market.now()
    assert world.ended(ref, 2 * 3600) and world.view(ref).reason == "idle"
    assert "not_pulled" in kinds(world, ref) and alarms(world) == ["not_pulled"]


def test_an_end_that_is_withdrawn_needs_no_results(world: World) -> None:
    ref = working(world, idle_us=30 * MINUTE)
    remote(world).pull_problem = lambda order: "the connection was lost"
    agent(world).works_until = world.market.now()
    assert world.run_until(lambda: world.view(ref).landing.reason == "idle", 2400)
    agent(world).works_until = world.market.now() + 10 * HOUR
    world.run_for(600)
    assert world.view(ref).landing == wire.LandingView() and world.status(ref) == "running"


def test_done_pulls_first_and_shutdown_does_not(world: World) -> None:
    ref, other = working(world), world.provision(hours=4, pulls=PULLS)
    assert world.running(other)
    done(world, ref)
    world.requests.end([other])
    assert world.view(ref).end_stage == "" and world.view(other).end_stage != ""
    assert world.ended(ref, 900) and world.view(ref).reason == "user"
    assert [order.session_id for order in remote(world).landings] == [ref] and remote(world).landings[0].by_user
    assert "not_pulled" in kinds(world, other) and "not_pulled" not in kinds(world, ref)


def test_done_waits_no_longer_than_its_hold_and_a_restart_of_the_daemon_goes_on(world: World) -> None:
    ref = working(world, hold_us=HOUR)
    remote(world).pull_problem = lambda order: "the connection was lost"
    done(world, ref)
    world.run_for(1200)
    world.kill()
    world.start().ready()
    tries = len(remote(world).landings)
    world.run_for(600)
    assert world.status(ref) == "running" and len(remote(world).landings) > tries
    assert world.ended(ref, 3600) and "not_pulled" in kinds(world, ref)


def test_a_pull_by_hand_ends_the_wait_and_the_daemon_pulls_nothing_more(world: World) -> None:
    ref = working(world, idle_us=30 * MINUTE)
    remote(world).pull_problem = lambda order: "the disk here is full" if order.pulls else ""
    agent(world).works_until = world.market.now()
    world.run_for(2 * 3600)
    view = world.view(ref)
    assert view.landing.problem and view.landing.since_at is not None
    early = by_hand(world, ref, view.landing.since_at - 1)
    assert not early.counts and early.session.landing.reason == "idle"
    assert by_hand(world, ref, view.landing.since_at).counts
    assert world.ended(ref, 1800) and world.view(ref).reason == "idle" and alarms(world) == []
    pulled = [event for event in world.requests.events(0, 500).events if event.kind == "pulled"]
    assert [event.data["folders"] for event in pulled] == [["/elsewhere/train-out"]] and pulled[0].data["by_hand"]


def test_a_pull_by_hand_is_told_to_the_instance_until_it_knows(world: World) -> None:
    ref = working(world)
    remote(world).pull_problem = lambda order: "the connection was lost"
    done(world, ref)
    world.run_for(120)
    since = world.view(ref).landing.since_at
    assert since is not None and by_hand(world, ref, since).counts
    world.run_for(300)
    assert world.status(ref) == "running"
    remote(world).pull_problem = lambda order: "" if not order.pulls else "it pulls again"
    assert world.ended(ref, 900) and world.view(ref).reason == "user"


def test_what_is_here_is_not_pulled_again_where_its_instance_could_not_be_told(world: World) -> None:
    ref = working(world, idle_us=30 * MINUTE)
    remote(world).untold = lambda order: "the connection was lost"
    agent(world).works_until = world.market.now()
    world.run_for(3600)
    assert world.status(ref) == "running" and alarms(world) == ["not_pulled"]
    assert [bool(order.pulls) for order in remote(world).landings][:3] == [True, False, False]
    remote(world).untold = lambda order: ""
    assert world.ended(ref, 1800) and world.view(ref).reason == "idle" and alarms(world) == []
    assert sum(bool(order.pulls) for order in remote(world).landings) == 1
    assert all(order.is_told_begin for order in remote(world).landings if not order.pulls), "it knows what was listed"
    (pulled,) = [event for event in world.requests.events(0, 500).events if event.kind == "pulled"]
    assert pulled.data["folders"] == ["/results"] and not pulled.data["by_hand"]


def test_a_pull_by_hand_before_a_deadline_tells_nothing_of_runs_that_go_on(world: World) -> None:
    ref = working(world, hours=1)
    remote(world).pull_problem = lambda order: "the disk here is full"
    assert world.run_until(lambda: bool(alarms(world)), 3600)
    tries = len(remote(world).landings)
    assert by_hand(world, ref, world.view(ref).landing.since_at or 0).counts
    world.run_for(60)
    assert world.view(ref).landing.pulled_at and len(remote(world).landings) == tries and alarms(world) == []


def by_hand(world: World, ref: str, began_at: int) -> wire.LandedAnswer:
    request = wire.LandedRequest(began_at, ["out"], ["/elsewhere/train-out"], 3, 300)
    return pulled_by_hand(world.engine.handle, ref, request)


def test_a_pull_that_hangs_delays_no_heartbeat_and_no_deadline(world: World) -> None:
    ref = working(world, hours=1)
    remote(world).pull_s = 10 * 3600
    assert world.run_until(lambda: world.view(ref).landing.reason == "deadline", 3600)
    probes = remote(world).probes
    world.run_for(300)
    assert remote(world).probes >= probes + 9
    assert world.ended(ref, 1800) and world.view(ref).reason == "deadline"


def test_where_power_off_ends_no_bill_it_is_kept_until_pulled_too(tmp_path: Path) -> None:
    world = World(tmp_path, clouds=("tensordock",), policy=REAL, boot_seconds=30.0).start().ready()
    ref = working(world, idle_us=30 * MINUTE, allow_unguarded=True)
    remote(world).pull_problem = lambda order: "the connection was lost"
    agent(world).works_until = world.market.now()
    world.run_for(5400)
    assert world.status(ref) == "running"
    remote(world).pull_problem = lambda order: ""
    assert world.ended(ref, 2400) and world.view(ref).reason == "idle"
    world.kill()


def test_a_deadline_is_announced_at_15_and_5_minutes_once_each(world: World) -> None:
    ref = working(world, hours=1)
    world.run_for(3000)
    world.requests.extend(ref, wire.ExtendRequest(add_us=HOUR))
    world.ended(ref, 3 * 3600)
    found = [event for event in world.requests.events(0, 500).events if event.kind == "ends_soon"]
    minutes = [round((event.data["deadline_at"] - event.at) / us(60)) for event in found]
    assert minutes == [15, 15, 5]
    assert "out is pulled before" in found[0].text


def test_what_is_pulled_can_be_named_later_and_is_on_its_instance_once_confirmed(world: World) -> None:
    ref = working(world, pulls=[], idle_us=30 * MINUTE)
    view = world.requests.set_limits(ref, wire.LimitsRequest(pulls=PULLS, before_end="sync", land_for_us=20 * MINUTE))
    assert [(pull.there, pull.here) for pull in view.pulls] == PULLS and view.has_hook and not view.limits.confirmed
    assert world.run_until(lambda: world.view(ref).limits.confirmed, 60)
    agent(world).works_until = world.market.now()
    assert world.ended(ref, 2 * 3600) and [order.pulls for order in remote(world).landings] == [tuple(PULLS)]
    (event,) = [event for event in world.requests.events(0, 500).events if event.kind == "limits_set"]
    assert event.data == {"pulls": [["out", "/results"]], "before_end": True, "land_for_us": 20 * MINUTE}


def test_what_is_not_wanted_any_more_is_not_waited_for(world: World) -> None:
    ref = working(world, idle_us=30 * MINUTE)
    remote(world).pull_problem = lambda order: "the connection was lost"
    agent(world).works_until = world.market.now()
    assert world.run_until(lambda: bool(alarms(world)), 2 * 3600)
    world.requests.set_limits(ref, wire.LimitsRequest(pulls=[]))
    assert alarms(world) == []
    remote(world).pull_problem = lambda order: "it pulls" if order.pulls else ""
    assert world.ended(ref, 1800) and world.view(ref).reason == "idle" and "not_pulled" not in kinds(world, ref)


def test_a_run_that_was_started_to_wait_for_results_is_told_that_none_are_wanted(world: World) -> None:
    ref = working(world)
    world.requests.allow_run_end(ref, "train", wire.RunEndRequest(with_pull=True, hold_us=3 * HOUR))
    world.requests.set_limits(ref, wire.LimitsRequest(pulls=[]))
    agent(world).finish_run(world.market.now(), hold=3 * HOUR)
    assert world.ended(ref, 1800) and world.view(ref).reason == "run_done"
    assert "landing" not in kinds(world, ref) and "pulled" not in kinds(world, ref)


def test_other_folders_named_while_one_is_pulled_are_pulled_instead(world: World) -> None:
    ref = working(world, hours=1)
    remote(world).pull_s = 300
    assert world.run_until(lambda: world.view(ref).landing.reason == "deadline", 3600)
    world.run_for(5)
    world.requests.set_limits(ref, wire.LimitsRequest(pulls=[("logs", "/results")]))
    assert world.run_until(lambda: world.view(ref).landing.pulled_at is not None, 900)
    assert [order.pulls for order in remote(world).landings] == [tuple(PULLS), (("logs", "/results"),)]
    assert kinds(world, ref).count("pulled") == 1 and "pull_failed" not in kinds(world, ref)


def test_what_was_made_while_an_older_pull_went_on_is_pulled_before_its_user_ends_it(world: World) -> None:
    ref = working(world, hours=1)
    remote(world).pull_s = 300
    assert world.run_until(lambda: world.view(ref).landing.reason == "deadline", 3600)
    world.run_for(60)
    done(world, ref)
    assert world.ended(ref, 1200) and world.view(ref).reason == "user"
    assert [order.by_user for order in remote(world).landings] == [False, True]


def test_a_run_that_ends_while_it_lands_for_the_deadline_is_pulled_after_its_end(world: World) -> None:
    ref = working(world, hours=3, land_for_us=2 * HOUR)
    world.requests.allow_run_end(ref, "train", wire.RunEndRequest(with_pull=True, hold_us=3 * HOUR))
    assert world.run_until(lambda: world.view(ref).landing.pulled_at is not None, 2 * 3600)
    agent(world).finish_run(world.market.now(), hold=HOUR)
    assert world.ended(ref, 3600) and world.view(ref).reason == "run_done"
    assert len(remote(world).landings) == 2


def test_an_end_that_waits_for_results_does_not_lose_them_by_a_setting(world: World) -> None:
    ref = working(world)
    remote(world).pull_problem = lambda order: "the connection was lost"
    done(world, ref)
    world.run_for(60)
    with pytest.raises(Refused, match="waits for its results"):
        world.requests.set_limits(ref, wire.LimitsRequest(pulls=[]))
    with pytest.raises(UsageError):
        world.requests.set_limits(ref, wire.LimitsRequest(pulls=[("out", "relative")]))


def test_what_cannot_be_pulled_is_refused(world: World) -> None:
    for more in ({"pulls": [("", "/tmp")]}, {"pulls": [("out", "relative")]}, {"land_for_us": 1}, {"before_end": "\0"}):
        with pytest.raises(UsageError):
            world.provision(hours=1, **more)
