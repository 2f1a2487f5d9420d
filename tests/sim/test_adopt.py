"""`adopt`: what a person names by its id becomes a session that ends; nothing else of strangers is touched (I28)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.model.label import make_label, parse_label
from gpushopper.core.model.records.charge import Charge, ChargeList
from gpushopper.core.policy import PAPER
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from gpushopper.engine.money.bills import record_charges
from gpushopper.engine.requests.commands.by_hand.adopt import adopt
from gpushopper.errors import NotFound, Refused, UsageError
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, policy=PAPER).start().ready()
    yield made
    made.kill()


def named(world: World, instance: str, **more: object) -> wire.AdoptView:
    return adopt(world.requests.handle, wire.AdoptRequest(instance, **more))  # type: ignore[arg-type]


def stranger(world: World, label: str | None = "my-job") -> str:
    """A foreign instance that lists have shown for a while."""
    made = world.launch_foreign(label)
    world.run_for(600)
    return str(made.id)


def exists(world: World, instance: str) -> bool:
    return any(str(row["id"]) == instance and row["state"] != "gone" for row in world.ledger()["instances"])


@pytest.mark.parametrize("label", ["my-job", None])
def test_it_ends_at_its_deadline_with_our_label_and_is_proven_gone(world: World, label: str | None) -> None:
    instance = stranger(world, label)
    shown = named(world, instance, dry_run=True)
    assert (shown.session, shown.label, shown.is_labelled) == (
        "",
        label or "",
        True,
    ) and not world.requests.sessions().sessions
    found = named(world, instance, duration_us=40 * MINUTE, name="mine")
    view = world.view("mine")
    assert view.status == "running" and view.id == found.session and view.guards == "D" and found.is_labelled
    assert view.accrued < view.rate // 60, "what it cost before was not ours"
    world.run_for(20 * 60)
    row = next(each for each in world.requests.audit().rows if each.instance_id == instance)
    owner = parse_label(row.label)
    assert row.kind == "ours" and owner is not None and owner.attempt == view.attempts[0].id
    assert exists(world, instance) and world.status("mine") == "running"
    assert world.ended("mine", 3600) and not exists(world, instance)
    assert (world.view("mine").attempts[0].receipt or {})["kind"] == "proven"


def test_others_stay_strangers(world: World) -> None:
    mine, theirs = stranger(world), stranger(world, "their-job")
    named(world, mine, duration_us=20 * MINUTE)
    world.run_for(3 * 3600)
    assert not exists(world, mine) and exists(world, theirs)


def test_it_is_extended_and_ended_as_any_session_and_survives_a_restart(world: World) -> None:
    named(world, stranger(world), name="mine")
    world.restart().ready()
    assert world.requests.extend("mine", wire.ExtendRequest(add_us=HOUR)).status == "running"
    with pytest.raises(Refused, match="hard maximum"):
        world.requests.extend("mine", wire.ExtendRequest(add_us=11 * HOUR))
    world.requests.end(["mine"])
    assert world.ended("mine", 3600)


def test_what_is_somebodys_is_refused(world: World) -> None:
    ref = world.provision(name="train")
    assert world.running(ref)
    own = world.view(ref).attempts[0].instance_id or ""
    with pytest.raises(Refused, match="is session train"):
        named(world, own)
    other = make_label("a" * 10, "b" * 16, world.clock.now().wall + 12 * HOUR)
    with pytest.raises(Refused, match="another installation"):
        named(world, stranger(world, other))
    with pytest.raises(NotFound, match="no account shows"):
        named(world, "424242")
    assert [each.name for each in world.requests.sessions().sessions] == ["train"]


def test_names_times_and_accounts_are_checked(world: World) -> None:
    instance = stranger(world)
    with pytest.raises(UsageError, match="cannot be a session's name"):
        named(world, instance, name="A B")
    with pytest.raises(Refused, match="12 h"):
        named(world, instance, duration_us=13 * HOUR)
    with pytest.raises(NotFound, match="no cloud or account"):
        named(world, instance, provider="nowhere")
    named(world, instance, name="mine", provider="vast")
    with pytest.raises(Refused, match="mine is open"):
        named(world, stranger(world), name="mine")
    with pytest.raises(Refused, match="is session mine"):
        named(world, instance)


def test_a_clouds_bill_of_its_whole_life_is_not_compared(world: World) -> None:
    """It begins before our books: as one of ours it would be an alarm, and a person would look for a fault."""
    instance = stranger(world)
    named(world, instance, name="mine")
    ctx, attempt = world.requests.handle.ctx, world.view("mine").attempts[0]
    account = world.engine.reconcilers["vast"].health.account_id
    charges = ChargeList((Charge(instance, 90_000_000),), complete=True)
    with ctx.store.transaction():
        assert attempt.instance_id == instance
        assert record_charges(ctx, "vast", account, charges, world.clock.now().wall) == []
