"""A cloud that nobody uses is silent; one that may have a key, is named, or holds something open is not (F105)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.alarms import MANUAL_DESTROY_NEEDED
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import AccountSetup
from gpushopper.engine.requests.queries.accounts import accounts
from gpushopper.engine.requests.queries.audit import audit
from gpushopper.engine.requests.watched_accounts import watched_accounts
from gpushopper.errors import Misconfigured
from gpushopper.store import alarms, sessions
from gpushopper.store.accounts import record_account
from tests.sim.world import World

TOY = AccountSetup(
    "toy", None, "no Toy Cloud credentials", "", "https://api.toy.example", key_state="missing",
    key_hint="create one, then: gpu-shopper keys set toy",
)  # fmt: skip


def with_toy(world: World, toy: AccountSetup = TOY) -> dict[str, AccountSetup]:
    world.engine.reconcilers["toy"] = AccountReconciler(world.engine.ctx, toy, world.executor)
    return {name: reconciler.setup for name, reconciler in world.engine.reconcilers.items()}


def names(world: World) -> list[str]:
    return [each.name for each in accounts(world.engine.handle)]


def test_a_cloud_without_a_key_is_silent_everywhere(world: World):
    setups = with_toy(world)
    assert names(world) == ["vast"]
    found = audit(world.engine.ctx, setups, world.engine.handle.calls)
    assert (found.unavailable, found.problems) == ({}, 0)
    ref = world.provision()
    assert world.running(ref)
    world.run_for(3600)
    assert not alarms.open_alarms(world.store)


@pytest.mark.parametrize("state", ["missing", "absent", "locked", "hung", "failing"])
def test_a_cloud_never_used_here_is_silent_once_another_is_connected(world: World, state: str):
    """Whatever a keyring may hold of it, nothing of ours can bill there: no account of it was ever seen here."""
    setups = with_toy(world, replace(TOY, key_state=state))
    ctx = world.engine.ctx
    assert list(watched_accounts(ctx, setups)) == ["vast"]
    with ctx.store.transaction():
        record_account(ctx.store, "toy", "acc-1", 1)
    assert list(watched_accounts(ctx, setups)) == ["vast", "toy"]


@pytest.mark.parametrize("state", ["absent", "locked", "hung", "failing"])
def test_a_keyring_that_says_nothing_may_hold_the_only_key(world: World, state: str):
    assert list(watched_accounts(world.engine.ctx, {"toy": replace(TOY, key_state=state)})) == ["toy"]


@pytest.mark.parametrize("state", ["asking", "refused", "incomplete"])
def test_a_key_that_cannot_be_read_is_not_no_key(world: World, state: str):
    setups = with_toy(world, replace(TOY, key_state=state, key_problem="the keyring says nothing"))
    assert names(world) == ["vast", "toy"]
    assert audit(world.engine.ctx, setups, world.engine.handle.calls).unavailable == {"toy": "the keyring says nothing"}


def test_a_cloud_that_is_named_is_watched_without_a_key(world: World):
    setups = with_toy(world, replace(TOY, is_named=True))
    assert names(world) == ["vast", "toy"]
    assert audit(world.engine.ctx, setups, world.engine.handle.calls).unavailable == {"toy": "no Toy Cloud credentials"}


def test_a_cloud_with_something_open_is_watched_without_a_key(world: World):
    ref = world.provision()
    assert world.running(ref)
    setup = replace(world.engine.reconcilers["vast"].setup, client=None, key_state="missing", key_problem="no key")
    world.engine.replace_account(setup)
    world.run_for(1)
    assert names(world) == ["vast"]
    assert audit(world.engine.ctx, {"vast": setup}, world.engine.handle.calls).unavailable == {"vast": "no key"}
    world.run_for(3600)
    (alarm,) = [each for each in alarms.open_alarms(world.store) if each.kind == "degraded"]
    assert "https://cloud.vast.ai/instances/" in alarm.hint
    assert len(sessions.load_attempts(world.store)) == 1


def test_an_audit_without_any_key_says_what_to_do(world: World):
    with pytest.raises(Misconfigured) as caught:
        audit(world.engine.ctx, {"toy": TOY}, world.engine.handle.calls)
    assert (caught.value.code, caught.value.message) == ("no_key", TOY.key_problem)
    assert "keys set toy" in caught.value.hint


def test_an_alarm_about_what_may_still_bill_names_the_console(world: World):
    ref = world.provision()
    assert world.running(ref)
    world.fault("destroy", "ack_noop")
    world.requests.end([ref])
    assert world.run_until(lambda: MANUAL_DESTROY_NEEDED in world.alarms(), 6 * 3600)
    hints = [each.hint for each in alarms.open_alarms(world.store) if each.kind.startswith(("destroy", "manual"))]
    assert hints and all("https://cloud.vast.ai/instances/" in hint for hint in hints)
