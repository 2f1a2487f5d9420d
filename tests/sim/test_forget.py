"""`forget`: the way out where an end can never be proven, on a person's word alone; a later list reopens it (D6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.policy import PAPER
from gpushopper.engine.requests.commands.by_hand.forget import forget
from gpushopper.errors import Refused
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=PAPER).start().ready()
    yield made
    made.kill()


def unprovable(world: World) -> tuple[str, str]:
    """A session that was ended while its cloud answers nothing any more, and its instance's id."""
    ref = world.provision(name="train")
    assert world.running(ref)
    world.fault("any", "status", "503")
    world.requests.end([ref])
    world.run_for(1200)
    (attempt,) = world.view(ref).attempts
    assert attempt.instance_id is not None
    return ref, attempt.instance_id


def word(world: World, ref: str, typed: list[str] | None) -> wire.ForgetView:
    return forget(world.requests.handle, ref, wire.ForgetRequest(typed))


def test_with_its_id_typed_it_is_closed_and_not_called_destroyed(world: World) -> None:
    ref, instance = unprovable(world)
    shown = word(world, ref, None)
    assert [row.typed for row in shown.rows] == [instance] and not shown.is_forgotten
    for wrong in ([], ["7"], [instance, "7"], ["train"]):
        with pytest.raises(Refused, match="not the instances"):
            word(world, ref, wrong)
    assert world.view(ref).end_stage == "requested"
    cost = world.view(ref).accrued
    assert word(world, ref, [instance]).is_forgotten
    found = world.view(ref)
    assert (found.end_stage, found.status) == ("forgotten", "stopped") and found.accrued >= cost > 0
    assert (found.attempts[0].receipt or {})["kind"] == "forgotten"
    texts = [event.text for event in world.requests.events(0).events if event.kind == "forgotten"]
    assert len(texts) == 1 and instance in texts[0] and "checked" in texts[0]
    assert world.alarms() & {"destroy_slow", "destroy_overdue", "manual_destroy_needed"} == set()


def test_a_list_that_shows_it_again_ends_it_again(world: World) -> None:
    """Its user was wrong: nothing that we caused bills on unnoticed."""
    ref, instance = unprovable(world)
    word(world, ref, [instance])
    world.faults.clear()
    assert world.run_until(lambda: "reopened" in world.alarms(), 3600)
    assert world.run_until(lambda: world.view(ref).end_stage == "proven", 3600) and not world.our_instances()


def test_what_is_wanted_or_listed_or_ended_is_refused(world: World) -> None:
    ref = world.provision(name="train")
    assert world.running(ref)
    with pytest.raises(Refused, match="has not been ended"):
        word(world, ref, None)
    world.fault("destroy", "ack_noop")
    world.requests.end([ref])
    world.run_for(1200)
    with pytest.raises(Refused, match="in the last minutes"):
        word(world, ref, None)
    world.faults.clear()
    assert world.ended(ref)
    with pytest.raises(Refused, match="ended already"):
        word(world, ref, None)


def test_a_create_of_unknown_outcome_is_forgotten_by_the_sessions_name(world: World) -> None:
    world.fault("create", "hang")
    world.fault("list", "status", "503")
    ref = world.provision(name="train")
    assert world.run_until(lambda: world.view(ref).attempts[0].state == "uncertain", 1200)
    world.requests.end([ref])
    with pytest.raises(Refused, match="may still make"):
        word(world, ref, ["train"])
    world.run_for(1200)
    assert word(world, ref, ["train"]).rows[0].instance_id is None
    assert world.view(ref).end_stage == "forgotten"
