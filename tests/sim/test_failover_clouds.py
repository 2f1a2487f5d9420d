"""One session over two clouds: who is asked next, who is passed over, and that an uncertain create bars both (F10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.cloud import Ending, EndingKind, ImageKind
from gpushopper.core.policy import REAL
from gpushopper.core.spending.budget import Budget, ScopeKind
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.errors import Misconfigured, Refused, UsageError
from gpushopper.providers.base import OfferList, OfferQuery, ReadFailed
from gpushopper.store import sessions
from gpushopper.store.money.budgets import save_budget
from tests.sim.two_clouds import OTHER, TwoClouds


@pytest.fixture
def world(tmp_path: Path) -> Iterator[TwoClouds]:
    made = TwoClouds(tmp_path)
    made.start().ready()
    yield made
    made.kill()


def lose_key(world: TwoClouds, name: str) -> None:
    setup = world.engine.reconcilers[name].setup
    world.engine.replace_account(replace(setup, client=None, key_state="missing", key_problem=f"no key for {name}"))
    world.run_for(1)


def attempts(world: TwoClouds, ref: str) -> list[tuple[str, str]]:
    return [(each.provider, each.reason) for each in sessions.attempts_of(world.store, ref)]


def test_the_shortlist_ranks_the_offers_of_all_clouds_together(world: TwoClouds) -> None:
    plan = world.plan(retries=10)
    rates = [offer.rate for offer in plan.offers]
    assert rates == sorted(rates) and {offer.provider for offer in plan.offers} == {"vast", OTHER}
    assert {each.provider for each in plan.accounts} == {"vast", OTHER}
    assert {each.provider: each.image for each in plan.accounts}[OTHER] == "ubuntu:24.04"
    assert plan.named_image is None
    assert plan.max_cost >= max(rates) * 2 and max(rates) <= plan.max_rate


def test_failover_goes_on_at_the_other_cloud_and_each_runs_its_own_image(world: TwoClouds) -> None:
    world.fault("create", "reject", "no_such_ask", count=1)
    ref = world.rent(world.shortlist("vast", OTHER))
    assert world.running(ref)
    assert attempts(world, ref) == [("vast", "offer_gone"), (OTHER, "")]
    view = world.view(ref)
    assert (view.provider, view.cloud, view.image) == (OTHER, OTHER, "ubuntu:24.04")
    own = world.engine.ctx.traits["vast"].catalogue.default_image
    assert [(each.provider, each.image) for each in view.attempts] == [("vast", own), (OTHER, "ubuntu:24.04")]
    assert [each.account for each in sessions.attempts_of(world.store, ref)] == ["7001", "6001"]
    world.requests.end([ref])
    assert world.ended(ref)
    receipts = [each.receipt or {} for each in world.view(ref).attempts]
    assert [(each["provider"], each["image"]) for each in receipts] == [("vast", own), (OTHER, "ubuntu:24.04")]


def dearer(world: TwoClouds, by: int) -> None:
    """Every offer of the other cloud costs so many micro-dollars more an hour."""
    client = world.engine.reconcilers[OTHER].client
    assert client is not None
    search = client.search

    def as_dearer(query: OfferQuery, limit_s: float) -> OfferList | ReadFailed:
        found = search(query, limit_s)
        assert isinstance(found, OfferList)
        return replace(found, offers=tuple(replace(each, gpu_rate=each.gpu_rate + by) for each in found.offers))

    client.search = as_dearer  # type: ignore[method-assign]


def test_a_cloud_whose_creates_all_fail_leaves_the_last_retry_to_a_dearer_one(world: TwoClouds) -> None:
    """The shortlist by price alone would be the first cloud's, and so would every attempt."""
    dearer(world, 2_000_000)
    plan = world.plan(max_rate=5_000_000)
    assert [offer.provider for offer in plan.offers] == ["vast"] * 6 + [OTHER]
    world.fault("create", "reject", "no_such_ask")
    ref = world.rent(plan.offers, max_rate=plan.max_rate, retries=plan.retries)
    assert world.running(ref)
    assert attempts(world, ref) == [("vast", "offer_gone"), ("vast", "offer_gone"), (OTHER, "")]
    assert world.created_at() == ["vast", "vast", OTHER]


def test_a_plan_names_a_cloud_that_is_above_its_price_cap(world: TwoClouds) -> None:
    dearer(world, 2_000_000)
    plan = world.plan()
    assert {offer.provider for offer in plan.offers} == {"vast"}
    (above,) = plan.left_out
    assert (above.provider, above.state) == (OTHER, "above_cap") and "above the price cap of $" in above.reason


def test_a_named_image_runs_at_every_cloud(world: TwoClouds) -> None:
    world.fault("create", "reject", "no_such_ask", count=1)
    ref = world.rent(world.shortlist("vast", OTHER), image="debian:12")
    assert world.running(ref)
    assert [each.image for each in world.view(ref).attempts] == ["debian:12", "debian:12"]


def test_an_uncertain_create_bars_the_other_cloud_while_its_own_is_dark(world: TwoClouds) -> None:
    """The proof of F10 over clouds: one creates and goes dark, the other is never asked; and who waits, is told."""
    world.fault("create", "commit_then_hang", count=1)
    ref = world.rent(world.shortlist("vast", OTHER))
    assert world.run_until(lambda: world.view(ref).attempts[0].state == "sent", 60)
    world.fault("any", "blackhole")
    seen: list[tuple[str, int | None]] = []

    def look() -> bool:
        view = world.view(ref)
        seen.append((view.waiting_for, view.waiting_until))
        return view.status not in ("pending", "provisioning")

    assert world.run_until(look, 9000), "its deadline ends it"
    deadline = world.view(ref).attempts[0].deadline_at
    told = [(text, until) for text, until in seen if "vast's list" in text]
    assert all("nothing is rented, at any cloud" in text for text, _ in told[:-1])
    assert all(until is not None and until <= deadline for _, until in told[:-1]) and told[-2][1] == deadline
    assert world.created_at() == ["vast"]
    assert world.status(ref) == "stopping" and world.requests.costs(ref).rows[0].max_cost > 0
    world.faults.clear()
    assert world.ended(ref)
    assert world.created_at() == ["vast"] and not world.our_instances()


def test_an_uncertain_create_that_appears_is_taken_and_the_other_cloud_is_not_asked(world: TwoClouds) -> None:
    world.fault("create", "commit_then_hang", count=1)
    ref = world.rent(world.shortlist("vast", OTHER))
    assert world.running(ref)
    assert world.created_at() == ["vast"] and attempts(world, ref) == [("vast", "")]


def test_an_outcome_that_is_proven_absent_frees_the_other_cloud(world: TwoClouds) -> None:
    world.fault("create", "drop", count=1)
    ref = world.rent(world.shortlist("vast", OTHER))
    assert world.running(ref, 7200)
    assert attempts(world, ref) == [("vast", "create_not_found"), (OTHER, "")]


def test_an_account_whose_key_is_gone_is_passed_over_and_said(world: TwoClouds) -> None:
    offers = world.shortlist("vast", "vast", OTHER)
    lose_key(world, "vast")
    ref = world.rent(offers)
    assert world.running(ref)
    assert world.created_at() == [OTHER]
    assert world.events("passed_over") == ["vast is passed over: no key for vast"]


def test_no_account_that_can_rent_says_why_the_first_cannot(world: TwoClouds) -> None:
    offers = world.shortlist(OTHER, "vast")
    lose_key(world, "vast")
    lose_key(world, OTHER)
    with pytest.raises(Misconfigured, match=f"no key for {OTHER}"):
        world.rent(offers)
    assert sessions.load_sessions(world.store) == []


def test_an_account_without_credit_ends_only_its_own_part(world: TwoClouds) -> None:
    world.fault("create", "reject", "insufficient_credit")
    ref = world.rent(world.shortlist("vast", "vast", OTHER))
    assert world.running(ref)
    assert attempts(world, ref) == [("vast", "insufficient_credit"), (OTHER, "")]


def test_without_credit_everywhere_the_session_ends_with_that(world: TwoClouds) -> None:
    for name in ("vast", OTHER):
        world.fault("create", "reject", "insufficient_credit", cloud=name)
    ref = world.rent(world.shortlist("vast", "vast", OTHER, OTHER))
    assert world.ended(ref)
    assert world.view(ref).reason == "insufficient_credit"
    assert world.created_at() == ["vast", OTHER]


def test_failover_passes_over_an_account_that_cannot_be_read_and_keeps_its_offers(world: TwoClouds) -> None:
    offers = world.shortlist("vast", OTHER, OTHER, "vast")
    world.fault("list", "status", "503", cloud=OTHER)
    assert world.run_until(lambda: world.engine.reconcilers[OTHER].health.is_degraded, 600)
    world.fault("create", "reject", "no_such_ask", count=1)
    ref = world.rent(offers)
    assert world.running(ref)
    assert attempts(world, ref) == [("vast", "offer_gone"), ("vast", "")]
    (session,) = sessions.load_sessions(world.store)
    assert [offer.provider for offer in session.shortlist] == [OTHER, OTHER]
    assert world.events("passed_over")[0].startswith(f"{OTHER} is passed over: {OTHER} cannot be read")


@pytest.mark.parametrize("retries", [2, 0])
def test_an_attempt_that_waits_to_be_sent_gives_way_once_its_account_cannot_rent(
    world: TwoClouds, retries: int
) -> None:
    """Nothing was sent for it: after a minute another offer is taken, if more than one may be tried."""
    ref = world.rent(world.shortlist("vast", OTHER), retries=retries)
    setup = world.engine.reconcilers["vast"].setup
    world.engine.replace_account(replace(setup, client=None, key_state="missing", key_problem="no key for vast"))
    began = world.clock.t
    assert world.running(ref) is (retries > 0)
    if retries:
        assert attempts(world, ref) == [("vast", "passed_over"), (OTHER, "")]
        assert us(60) <= world.clock.t - began < us(300) or world.policy.degraded_after_s < 60
    assert world.created_at() == [OTHER] * (retries > 0)


def test_a_degraded_account_is_passed_over_at_once_by_a_new_request(world: TwoClouds) -> None:
    offers = world.shortlist("vast", OTHER)
    world.fault("list", "status", "503")
    assert world.run_until(lambda: world.engine.reconcilers["vast"].health.is_degraded, 600)
    ref = world.rent(offers)
    assert world.running(ref)
    assert attempts(world, ref) == [(OTHER, "")]
    (said,) = world.events("passed_over")
    assert said.startswith("vast is passed over: vast cannot be read")


def test_where_every_account_is_degraded_the_first_is_waited_for(world: TwoClouds) -> None:
    offers = world.shortlist("vast", OTHER)
    for name in ("vast", OTHER):
        world.fault("list", "status", "503", cloud=name)
    states = [world.engine.reconcilers[name].health for name in ("vast", OTHER)]
    assert world.run_until(lambda: all(state.is_degraded for state in states), 600)
    ref = world.rent(offers)
    world.run_for(20)
    assert world.created_at() == [] and attempts(world, ref) == [("vast", "")]
    world.faults.clear()
    assert world.running(ref)
    assert attempts(world, ref) == [("vast", "")]


def test_a_balance_that_is_too_small_passes_over_that_account(world: TwoClouds) -> None:
    offers = world.shortlist("vast", OTHER)
    world.engine.ctx.balances["vast"] = 1
    ref = world.rent(offers)
    assert attempts(world, ref) == [(OTHER, "")]
    assert "vast is passed over: the account holds $0.00" in world.events("passed_over")[0]


def test_the_balance_of_the_account_it_goes_to_is_checked_again(world: TwoClouds) -> None:
    world.fault("create", "reject", "no_such_ask", count=1)
    ref = world.rent(world.shortlist("vast", OTHER, "vast"))
    world.engine.ctx.balances[OTHER] = 1
    assert world.running(ref)
    assert attempts(world, ref) == [("vast", "offer_gone"), ("vast", "")]
    assert OTHER in world.events("passed_over")[0]


def test_no_balance_that_covers_it_ends_the_session_by_its_limit(world: TwoClouds) -> None:
    world.fault("create", "reject", "no_such_ask", count=1)
    ref = world.rent(world.shortlist("vast", OTHER))
    world.engine.ctx.balances[OTHER] = 1
    assert world.ended(ref)
    assert world.view(ref).reason == "limit_reached" and world.created_at() == ["vast"]


def as_vms(world: TwoClouds) -> None:
    """The other cloud rents out machines with an operating system."""
    client = world.engine.reconcilers[OTHER].client
    assert client is not None
    catalogue = replace(client.traits.catalogue, image_kind=ImageKind.SYSTEM, default_image="ubuntu2404")
    client.traits = world.engine.ctx.traits[OTHER] = replace(client.traits, catalogue=catalogue)  # type: ignore[misc]


def test_a_named_container_image_leaves_vms_out_and_says_so(world: TwoClouds) -> None:
    as_vms(world)
    plan = world.plan(image="debian:12", retries=10)
    assert {offer.provider for offer in plan.offers} == {"vast"} and plan.named_image == "debian:12"
    (left_out,) = plan.left_out
    assert (left_out.provider, left_out.state) == (OTHER, "left_out") and "debian:12" in left_out.reason
    with pytest.raises(UsageError, match="rents out VMs"):
        world.plan(image="debian:12", provider=OTHER)
    own = world.plan(retries=10)
    assert {each.provider: each.image for each in own.accounts}[OTHER] == "ubuntu2404" and not own.left_out


def test_a_request_with_a_named_container_image_drops_the_offers_of_vms(world: TwoClouds) -> None:
    offers = world.shortlist(OTHER, "vast", OTHER)
    as_vms(world)
    ref = world.rent(offers, image="debian:12")
    assert world.running(ref) and attempts(world, ref) == [("vast", "")]
    (session,) = sessions.load_sessions(world.store)
    assert session.shortlist == () and "rents out VMs" in world.events("passed_over")[0]
    with pytest.raises(UsageError, match="rents out VMs"):
        world.rent(world.shortlist(OTHER), image="debian:12")


def test_an_offer_is_never_taken_above_the_cap_at_any_cloud(world: TwoClouds) -> None:
    cheap, dear = world.shortlist("vast", OTHER)
    world.fault("create", "reject", "no_such_ask", count=1)
    ref = world.rent([cheap, replace(dear, gpu_rate=dear.gpu_rate + cheap.rate)], max_rate=cheap.rate)
    assert world.ended(ref)
    assert world.created_at() == ["vast"] and world.view(ref).reason == "offers_exhausted"


@pytest.mark.parametrize("to_rent", [True, False])
def test_a_cloud_that_bills_on_needs_consent(tmp_path: Path, to_rent: bool) -> None:
    world = TwoClouds(tmp_path, policy=REAL)
    world.start().ready()
    client = world.engine.reconcilers[OTHER].client
    assert client is not None
    none = replace(client.traits, ending=Ending(EndingKind.NONE))
    client.traits = world.engine.ctx.traits[OTHER] = none  # type: ignore[misc]
    client.guard_recipe = None  # type: ignore[misc]
    plan = world.plan(retries=10, to_rent=to_rent)
    assert {offer.provider for offer in plan.offers} == {"vast"} and not plan.bills_on
    assert "--allow-unguarded" in plan.left_out[0].hint
    both = world.plan(retries=10, to_rent=to_rent, allow_unguarded=True)
    assert {offer.provider for offer in both.offers} == {"vast", OTHER} and both.bills_on
    offers = [next(o for o in both.offers if o.provider == name) for name in (OTHER, "vast")]
    with pytest.raises(Refused, match="bill on"):
        world.rent(offers[:1])
    world.rent(offers)
    (session,) = sessions.load_sessions(world.store)
    assert attempts(world, session.id) == [("vast", "")] and session.shortlist == ()
    world.kill()


def test_a_wire_plan_says_which_cloud_each_offer_is_at(world: TwoClouds) -> None:
    plan = world.plan(retries=10)
    assert isinstance(plan, wire.Plan)
    clouds = {each.provider: each.cloud for each in plan.accounts}
    assert all(offer.provider in clouds for offer in plan.offers) and clouds == {"vast": "vast", OTHER: OTHER}


def test_a_type_is_found_again_soon_after_and_one_host_is_not(world: TwoClouds) -> None:
    """Between two searches the first is answered from the cache: an offer of it may be out of date (F8)."""
    client = world.engine.reconcilers[OTHER].client
    assert client is not None
    search, stock = client.search, [2]

    def as_types(query: OfferQuery, limit_s: float) -> OfferList | ReadFailed:
        found = search(query, limit_s)
        assert isinstance(found, OfferList)
        types = tuple(replace(each, is_single=False, stock=stock[0]) for each in found.offers)
        return replace(found, offers=types)

    client.search = as_types  # type: ignore[method-assign]
    keys = [world.rent(world.plan(provider=OTHER, retries=0).offers[:1]) for _ in range(3)]
    rented = [sessions.attempts_of(world.store, key)[0].offer.key for key in keys]
    assert rented[0] == rented[1] != rented[2], "two were in stock"
    hosts = [world.rent(world.plan(provider="vast", retries=0).offers[:1]) for _ in range(2)]
    assert len({sessions.attempts_of(world.store, key)[0].offer.key for key in hosts}) == 2


def limit(world: TwoClouds, kind: ScopeKind, scope: str) -> None:
    with world.store.transaction():
        save_budget(world.store, Budget("lab", kind, scope, 0, None, None))


def test_an_accounts_budget_passes_over_that_account_alone(world: TwoClouds) -> None:
    offers = world.shortlist("vast", OTHER)
    limit(world, ScopeKind.ACCOUNT, "vast")
    assert world.plan(provider="vast").refusal_code == "budget" and world.plan(retries=10).refusal == ""
    ref = world.rent(offers)
    assert world.running(ref) and world.created_at() == [OTHER]
    assert "vast is passed over: budget lab (account vast)" in world.events("passed_over")[0]


def test_failover_goes_past_an_account_without_budget(world: TwoClouds) -> None:
    world.fault("create", "reject", "no_such_ask", count=1)
    ref = world.rent(world.shortlist("vast", "vast", OTHER))
    limit(world, ScopeKind.ACCOUNT, "vast")
    assert world.running(ref) and world.created_at() == ["vast", OTHER]


def test_a_budget_for_all_is_the_same_at_every_account(world: TwoClouds) -> None:
    world.fault("create", "reject", "no_such_ask", count=1)
    ref = world.rent(world.shortlist("vast", OTHER))
    limit(world, ScopeKind.ALL, "")
    assert world.ended(ref) and world.view(ref).reason == "limit_reached"
    with pytest.raises(Refused, match="budget lab"):
        world.rent(world.shortlist("vast", OTHER))
