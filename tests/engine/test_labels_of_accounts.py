"""Our label at an account other than its attempt's, of the same cloud: copied or moved, nothing is taken (I3, I28)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.model.attempt import Attempt, State
from gpushopper.sandbox.market.model import Instance
from gpushopper.store import sessions
from tests.engine.test_named_accounts import add_lab, market_accounts, raised, rent
from tests.sim.world import World


@pytest.fixture
def lab(world: World) -> World:
    """With an account `lab` at the same cloud, of another organisation."""
    add_lab(world, world.market.keys_of("vast")[1])
    world.run_for(60)
    return world


def own_attempt(world: World, ref: str) -> Attempt:
    (own,) = sessions.attempts_of(world.store, ref)
    return own


def copy_to_lab(world: World, label: str) -> Instance:
    copy = world.launch_foreign(label)
    copy.account_id = lab_account(world)
    return copy


def lab_account(world: World) -> int:
    return world.market.keys[world.market.keys_of("vast")[1]].account_id


def test_a_copy_at_another_account_is_no_duplicate(lab: World) -> None:
    ref = rent(lab, "vast", "train")
    assert lab.running(ref)
    copy = copy_to_lab(lab, own_attempt(lab, ref).label)
    lab.run_for(3600)
    own = own_attempt(lab, ref)
    assert lab.market.destroys == [] and copy.exists
    (text,) = raised(lab, "wrong_instance_id")
    assert f"{copy.cloud_id}" in text and "lab" in text and "not touched" in text
    lab.requests.end([ref])
    assert lab.ended(ref)
    assert copy.exists and own_attempt(lab, ref).instance_id == own.instance_id


def test_an_uncertain_create_does_not_take_a_copy_at_another_account(lab: World) -> None:
    lab.fault("create", "drop", count=1)
    ref = rent(lab, "vast", "train")
    lab.run_for(60)
    copy = copy_to_lab(lab, own_attempt(lab, ref).label)
    lab.run_for(300)
    own = own_attempt(lab, ref)
    assert (own.state, own.instance_id) == (State.UNCERTAIN, None)
    lab.run_for(1800)
    assert lab.market.destroys == [] and copy.exists


def test_a_copy_is_not_destroyed_after_the_name_got_another_account(lab: World) -> None:
    """What the former account's session left closed says nothing of the new account's instances."""
    ref = rent(lab, "vast", "train")
    assert lab.running(ref)
    lab.requests.end([ref])
    assert lab.ended(ref)
    ended = len(lab.market.destroys)
    copy = copy_to_lab(lab, own_attempt(lab, ref).label)
    former = lab.engine.reconcilers["lab"].setup
    lab.engine.replace_account(replace(former, provider="vast"))
    lab.engine.reconcilers.pop("lab")
    lab.run_for(1200)
    assert len(lab.market.destroys) == ended and copy.exists
    assert len(raised(lab, "wrong_instance_id")) == 1


def test_an_instance_that_moved_to_another_account_is_not_proven_gone(lab: World) -> None:
    ref = rent(lab, "vast", "train")
    assert lab.running(ref)
    moved = lab.market.find(own_attempt(lab, ref).instance_id, market_accounts(lab)[0])
    assert moved is not None
    moved.account_id = lab_account(lab)
    lab.run_for(600)
    lab.requests.end([ref])
    lab.run_for(3600)
    assert moved.exists and own_attempt(lab, ref).state is State.DESTROYING
    assert any("lab" in text for text in raised(lab, "wrong_instance_id"))
    assert raised(lab, "manual_destroy_needed"), "a person has to end it: no key of its account made it"
