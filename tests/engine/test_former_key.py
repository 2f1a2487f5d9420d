"""What comes of calls made with a former key counts neither for nor against the key in use (F45, F75)."""

from __future__ import annotations

from copy import deepcopy

import pytest

from gpushopper.core.model.attempt import State
from gpushopper.engine.account.calls.in_flight import CompletedCall, InFlightCall
from gpushopper.engine.account.key_refusals import KeyRefusals
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.executor import CallResult
from gpushopper.providers.base import (
    Account,
    Destroyed,
    DestroyOutcome,
    ErrorKind,
    Marks,
    ReadFailed,
    Refusal,
    RejectedCreate,
)
from gpushopper.store import accounts, sessions
from tests.engine.inferred_cloud import markable
from tests.engine.test_key_reload import another
from tests.sim.world import World


def change_key(world: World) -> tuple[AccountReconciler, InFlightCall]:
    """The reconciler of another key, and a call that was made with the former one."""
    former = world.engine.reconcilers["vast"]
    call = InFlightCall(20, world.clock.now().boot, client=former.client)
    world.engine.replace_account(another(world))
    world.run_for(30)
    return world.engine.reconcilers["vast"], call


def answer(world: World, reconciler: AccountReconciler, call: InFlightCall, value: object, *key: object) -> None:
    reconciler.results.on_result(CallResult(("vast", *key), CompletedCall(call, value)), world.clock.now())


@pytest.mark.parametrize(
    "value",
    [Account("9999", 5, None), ReadFailed(ErrorKind.AUTH, "no such key"), ReadFailed(ErrorKind.THROTTLED, "later")],
)
def test_an_account_read_with_a_former_key_is_not_this_keys(world: World, value: Account | ReadFailed) -> None:
    reconciler, call = change_key(world)
    before = deepcopy(reconciler.health)
    answer(world, reconciler, call, value, "account")
    assert reconciler.health == before
    assert accounts.known_account(world.store, "vast") == before.account_id
    assert world.alarms() == set()


def test_a_mark_found_with_a_former_key_does_not_prove_this_one(world: World) -> None:
    team: list[str] = []
    world.engine.replace_account(markable(world, world.key, team))
    world.run_for(60)
    assert world.running(world.provision(hours=11))
    former = world.engine.reconcilers["vast"]
    call = InFlightCall(20, world.clock.now().boot, client=former.client)
    world.engine.replace_account(markable(world, world.market.keys_of("vast")[1], []))
    world.run_for(30)
    reconciler = world.engine.reconcilers["vast"]
    assert reconciler.health.wrong_account
    answer(world, reconciler, call, Marks(frozenset(team)), "mark")
    world.run_for(30)
    assert reconciler.health.wrong_account and "account_unproven" in world.alarms()


def test_a_create_refused_for_a_former_key_does_not_end_the_session(world: World) -> None:
    world.fault("create", "slow", "20s", count=1)
    ref = world.provision()
    assert world.run_until(lambda: sessions.attempts_of(world.store, ref)[-1].state is State.SENT, 60)
    (attempt,) = sessions.attempts_of(world.store, ref)
    world.engine.replace_account(another(world))
    world.run_for(1)
    reconciler = world.engine.reconcilers["vast"]
    call = reconciler.calls.in_flight["vast", "create", attempt.id]
    reconciler.health.key_refusals = KeyRefusals()  # not read yet: a refusal would count at once
    answer(world, reconciler, call, RejectedCreate(Refusal.AUTH, "no such key"), "create", attempt.id)
    assert world.running(ref)


def test_a_destroy_refused_for_a_former_key_raises_nothing(world: World) -> None:
    ref = world.provision()
    assert world.running(ref)
    (attempt,) = sessions.attempts_of(world.store, ref)
    reconciler, call = change_key(world)
    world.fault("destroy", "status", "500", duration="60s")
    world.requests.end([ref])
    world.run_for(5)
    reconciler.health.key_refusals = KeyRefusals()
    reply = Destroyed(DestroyOutcome.KEY_REJECTED, "no such key")
    answer(world, reconciler, call, (reply,), "destroy", (attempt.id,))
    assert "destroy_refused" not in world.alarms()
    assert world.ended(ref)
