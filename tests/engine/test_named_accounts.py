"""Two accounts of one cloud, each under its name: side by side, and refused where they prove to be one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper import wire
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import AccountSetup
from gpushopper.engine.requests.queries.accounts import accounts
from gpushopper.engine.requests.queries.audit import audit
from gpushopper.errors import Misconfigured, NotFound
from gpushopper.providers import adapter
from gpushopper.store import alarms, sessions
from tests.credentials import api_key
from tests.engine.inferred_cloud import URL, inferred, rotated_key
from tests.engine.test_regressions_instances import lose_database
from tests.sim.world import World


def add_lab(world: World, key: str) -> AccountSetup:
    """`[accounts.lab] cloud = "vast"` with this key."""
    transport = world.executor.transport
    client = adapter("vast")(URL, api_key(key), world.clock.monotonic, transport=transport, wait=transport.wait)
    setup = AccountSetup("lab", client, "", "test", URL, is_local=True, is_named=True, cloud="vast")
    return add(world, setup)


def add(world: World, setup: AccountSetup) -> AccountSetup:
    world.engine.ctx.learn_traits(setup)
    world.engine.reconcilers[setup.provider] = AccountReconciler(world.engine.ctx, setup, world.executor)
    return setup


def rent(world: World, account: str, name: str) -> str:
    plan = world.requests.plan(
        wire.PlanRequest(search=wire.SearchRequest(gpu="RTX 4090", provider=account), duration_us=us(7200))
    )
    world.executor.transport.charged_s = 0.0
    assert {offer.provider for offer in plan.offers} == {account}
    assert all(offer.key.startswith(f"{account}:") for offer in plan.offers)
    request = wire.ProvisionRequest(
        offers=plan.offers, disk_gb=plan.disk_gb, max_rate=plan.max_rate, duration_us=plan.duration_us,
        image=plan.image, retries=0, name=name,
    )  # fmt: skip
    return world.requests.provision(request).sessions[0]


def market_accounts(world: World) -> list[int]:
    return [each.account_id for each in world.market.existing_instances()]


def raised(world: World, kind: str) -> list[str]:
    return [each.text for each in alarms.open_alarms(world.store) if each.kind == kind]


def test_two_accounts_of_one_cloud_run_side_by_side(world: World) -> None:
    add_lab(world, world.market.keys_of("vast")[1])
    world.run_for(60)
    first, second = rent(world, "vast", "at-vast"), rent(world, "lab", "at-lab")
    assert world.running(first) and world.running(second)
    assert len(set(market_accounts(world))) == 2
    views = {view.name: (view.provider, view.cloud) for view in map(world.view, (first, second))}
    assert views == {"at-vast": ("vast", "vast"), "at-lab": ("lab", "vast")}
    shown = {each.name: each for each in accounts(world.engine.handle)}
    assert shown["vast"].account != shown["lab"].account
    assert {each.console for each in shown.values()} == {"https://cloud.vast.ai/instances/"}
    assert {each.state for each in shown.values()} == {"ready"}
    ctx = world.engine.ctx
    assert ctx.policy_of("lab") == ctx.policy_of("vast") and set(ctx.balances) == {"vast", "lab"}
    setups = {name: each.setup for name, each in world.engine.reconcilers.items()}
    assert {(row.provider, row.session, row.kind) for row in audit(ctx, setups, world.engine.handle.calls).rows} == {
        ("vast", "at-vast", "ours"), ("lab", "at-lab", "ours")
    }  # fmt: skip
    world.run_for(600)
    world.requests.end([second])
    assert world.ended(second)
    assert market_accounts(world) == [world.market.keys[world.key].account_id]
    assert world.status(first) == "running"
    assert not alarms.open_alarms(world.store)


def test_accounts_of_one_cloud_are_searched_once(world: World) -> None:
    """They see the same offers; the other account is rented on when it is named."""
    add_lab(world, world.market.keys_of("vast")[1])
    world.run_for(60)
    for provider, account in ((None, "vast"), ("vast", "vast"), ("lab", "lab")):
        request = wire.SearchRequest(gpu="RTX 4090", provider=provider)
        plan = world.requests.plan(wire.PlanRequest(search=request, duration_us=us(7200)))
        assert {offer.provider for offer in plan.offers} == {account}
    vast = world.engine.reconcilers["vast"].setup
    world.engine.replace_account(replace(vast, client=None, key_state="missing", key_problem="no key"))
    world.run_for(1)
    plan = world.requests.plan(
        wire.PlanRequest(search=wire.SearchRequest(gpu="RTX 4090", provider="vast"), duration_us=us(7200))
    )
    assert {offer.provider for offer in plan.offers} == {"lab"}, "the cloud's only account with a key"
    with pytest.raises(NotFound):
        unknown = wire.SearchRequest(gpu="RTX 4090", provider="labb")
        world.requests.plan(wire.PlanRequest(search=unknown, duration_us=us(7200)))


def assert_neither_rents(world: World) -> None:
    for account in ("vast", "lab", None):
        search = wire.SearchRequest(gpu="RTX 4090", provider=account)
        plan = world.requests.plan(wire.PlanRequest(search=search, duration_us=us(7200)))
        assert "are one account: nothing is rented on either" in plan.refusal
        assert plan.refusal_code == "same_account" and "keys remove" in plan.refusal_hint
    for account in ("vast", "lab"):
        with pytest.raises(Misconfigured) as refused:
            rent(world, account, f"more-{account}")
        assert (refused.value.code, refused.value.exit_code) == ("same_account", 4)
        assert "vast" in refused.value.message and "lab" in refused.value.message
    assert len(raised(world, "same_account")) == 2
    assert all("vast" in text and "lab" in text for text in raised(world, "same_account"))


def test_two_names_for_one_told_account_rent_nothing_and_ends_go_on(world: World) -> None:
    ref = world.provision(hours=11)
    assert world.running(ref)
    add_lab(world, rotated_key(world))
    world.run_for(400)
    assert_neither_rents(world)
    world.requests.end([ref])
    assert world.ended(ref)
    assert market_accounts(world) == []


def test_the_same_instance_in_both_lists_proves_one_account(world: World) -> None:
    """Where the cloud tells no account id."""
    world.engine.replace_account(inferred(world, world.key))
    world.run_for(60)
    ref = world.provision(hours=11)
    assert world.running(ref)
    add(world, replace(inferred(world, rotated_key(world), "lab"), cloud="vast"))
    world.run_for(400)
    assert_neither_rents(world)
    lab = world.engine.reconcilers["lab"].setup
    world.engine.replace_account(replace(lab, client=None, key_state="missing", key_problem="no key"))
    world.run_for(400)
    assert not raised(world, "same_account")
    assert world.running(world.provision(name="again"))


def test_an_orphan_is_adopted_by_neither_of_two_names(world: World) -> None:
    ref = world.provision(hours=11)
    assert world.running(ref)
    rotated = rotated_key(world)
    lose_database(world)
    world.start()
    lab = add_lab(world, rotated)
    # Each has told its account before it reads a list.
    assert world.run_until(lambda: bool(world.engine.reconcilers["lab"].same_as), 60)
    world.run_for(1200)
    assert sessions.load_sessions(world.store) == []
    world.engine.replace_account(replace(lab, client=None, key_state="missing", key_problem="no key"))
    world.run_for(600)
    assert [world.view(each.id).provider for each in sessions.load_sessions(world.store)] == ["vast"]
