"""The second watcher against simulated clouds, with the daemon gone for good or at work beside it (ends.md E10)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.core.model.label import make_label, parse_label
from gpushopper.core.policy import PAPER
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, us
from gpushopper.daemon.watchdog.reading import Means, Watched
from gpushopper.daemon.watchdog.watching import Report, watch
from gpushopper.store.installation import check
from tests.sim.world import START, World

OTHERS = "zzzzzzzzzz"


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(tmp_path, clouds=(getattr(request, "param", "vast"),)).start().ready()
    yield made
    made.kill()


def installation(world: World) -> str:
    return check(world.home, world.store, machine_id="sim").id


def run(world: World, ours: str, *, only_looks: bool = False) -> Report:
    """One run of the watchdog with a key of its own, beside whatever the engine does."""
    transport = world.executor.transport
    transport.charged_s = 0.0
    transport.sent.clear()

    def pause(seconds: float) -> None:
        world.clock.t += us(seconds + transport.charged_s)
        transport.charged_s = 0.0

    name = world.clouds[0]
    client = world.setup(name).client
    assert client is not None
    account = Watched(name, client, PAPER.at(client.traits.limits, client.traits.pace))
    return watch([account], frozenset({ours}), Means(world.clock, pause, lambda text: None), only_looks=only_looks)


def rent_and_vanish(world: World) -> tuple[str, str]:
    """A session whose daemon is killed for good; the installation, and the instance's id at the cloud."""
    ref = world.provision(hours=2, allow_unguarded=world.clouds[0] != "vast")
    assert world.running(ref)
    (instance,) = world.our_instances()
    ours = installation(world)
    label = world.view(ref).attempts[0].label
    world.kill()
    found = parse_label(label)
    assert found is not None and found.hard_max_at is not None
    world.clock.t = found.hard_max_at - START
    return ours, str(instance["id"])


def destroys(world: World) -> int:
    return sum(request.method == "DELETE" for request in world.executor.transport.sent)


@pytest.mark.parametrize("world", ["vast", "tensordock"], indirect=True)
def test_what_a_dead_daemon_left_is_ended_and_proven_and_nothing_else(world: World):
    ours, left = rent_and_vanish(world)
    foreign = [
        world.launch_foreign("training"),
        world.launch_foreign(make_label(OTHERS, "a" * 16, START)),
        world.launch_foreign(make_label(ours, "b" * 16, world.clock.now().wall + 2 * HOUR)),
    ]
    world.clock.t += 31 * MINUTE
    report = run(world, ours)
    assert report.unavailable == {}
    assert {row["instance_id"]: row["outcome"] for row in report.rows} == {left: "ended", foreign[2].cloud_id: ""}
    assert destroys(world) == 1
    world.market.settle()
    assert {each.cloud_id for each in world.market.existing_instances()} == {each.cloud_id for each in foreign}


@pytest.mark.parametrize("world", ["tensordock"], indirect=True)
def test_a_copied_label_ends_nothing_where_the_cloud_does_not_say_which_instance_is_older(world: World):
    ours, left = rent_and_vanish(world)
    (kept,) = (each for each in world.market.existing_instances())
    label = next(text for text in (kept.spec.label, dict(kept.spec.env).get("GS_LABEL")) if parse_label(text))
    copy = world.launch_foreign(str(label))
    world.clock.t += 31 * MINUTE
    report = run(world, ours)
    assert {row["instance_id"]: row["is_only_reported"] for row in report.rows} == {left: True, copy.cloud_id: True}
    assert destroys(world) == 0 and len(list(world.market.existing_instances())) == 2


def test_before_its_hour_and_half_an_hour_it_is_seen_and_left_alone(world: World):
    ours, left = rent_and_vanish(world)
    world.clock.t += 29 * MINUTE
    report = run(world, ours)
    assert [(row["instance_id"], row["is_overdue"]) for row in report.rows] == [(left, False)]
    assert destroys(world) == 0 and world.our_instances()


def test_looking_ends_nothing(world: World):
    ours, _ = rent_and_vanish(world)
    world.clock.t += 31 * MINUTE
    (row,) = run(world, ours, only_looks=True).rows
    assert row["is_overdue"] and destroys(world) == 0


def test_a_list_that_says_nothing_exists_ends_nothing(world: World):
    ours, _ = rent_and_vanish(world)
    world.clock.t += 31 * MINUTE
    world.fault("list", "empty200")
    run(world, ours)
    assert destroys(world) == 0 and world.our_instances()


@pytest.mark.parametrize(("word", "arg", "passed"), [("status", "500", 0), ("hang", None, 1)])
def test_a_list_that_cannot_be_seen_ends_nothing_and_is_named(world: World, word: str, arg: str | None, passed: int):
    """Whichever of the two lists it is."""
    ours, _ = rent_and_vanish(world)
    world.clock.t += 31 * MINUTE
    began = world.clock.t
    world.fault("list", word, arg, after=passed)
    assert list(run(world, ours).unavailable) == list(world.clouds)
    assert destroys(world) == 0 and world.our_instances()
    assert (world.clock.t - began >= 10 * MINUTE) == bool(passed)


def test_a_clock_that_is_ahead_ends_nothing_and_is_named(world: World):
    ours, _ = rent_and_vanish(world)
    world.clock.skew = 5 * HOUR
    report = run(world, ours)
    assert destroys(world) == 0 and "disagree" in report.unavailable[world.clouds[0]]


def test_a_destroy_that_does_nothing_is_repeated(world: World):
    ours, _ = rent_and_vanish(world)
    world.clock.t += 31 * MINUTE
    world.fault("destroy", "ack_noop", "1")
    (row,) = run(world, ours).rows
    assert row["outcome"] == "ended" and destroys(world) == 2 and world.our_instances() == []


def test_one_that_does_not_end_is_said_to_bill_on(world: World):
    ours, _ = rent_and_vanish(world)
    world.clock.t += 31 * MINUTE
    began = world.clock.t
    world.fault("destroy", "ack_noop", "1000000")
    (row,) = run(world, ours).rows
    assert row["outcome"] == "not verified" and "may still bill" in row["note"]
    assert world.clock.t - began < 45 * MINUTE, "a job of cron comes to an end"


def test_beside_a_daemon_that_works_there_is_nothing_to_do(world: World):
    ref = world.provision(hours=2, allow_unguarded=world.clouds[0] != "vast")
    assert world.running(ref)
    report = run(world, installation(world))
    assert [row["is_overdue"] for row in report.rows] == [False] and destroys(world) == 0
    world.executor.transport.charged_s = 0.0
    assert world.ended(ref, 4 * 3600) and world.our_instances() == []
