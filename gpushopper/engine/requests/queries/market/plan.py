"""Plan: the shortlist of offers for a rental, its price cap and max cost, and what would refuse it (S18, S19)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gpushopper import wire
from gpushopper.core.model.money import Micros, cost_over
from gpushopper.core.model.offer import Offer, Requirements, offer_max_cost
from gpushopper.core.policy import HARD_MAXIMUM_S
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.image_checks import readable_registry, refuse_invalid_image
from gpushopper.engine.requests.queries.market.market_search import (
    SearchResult,
    connected_accounts,
    missing_accounts,
    offer_view,
)
from gpushopper.engine.requests.queries.market.offer_choice import candidates
from gpushopper.engine.requests.queries.market.rentable_accounts import (
    left_out_accounts,
    names_of,
    plan_accounts,
    without_unaffordable,
)
from gpushopper.engine.requests.queries.market.search_criteria import to_rent
from gpushopper.engine.requests.queries.market.shortlist import accounts_above_cap, price_cap, shortlist, within
from gpushopper.engine.requests.refusals import keyless, no_guard, one_account, unguarded
from gpushopper.engine.requests.session_duration import requested_duration_us
from gpushopper.engine.spending_check import denial_of_attempt
from gpushopper.providers.base import Provider

READY_LIMIT_S = 20.0
"""How long a plan for a rental that is to follow waits for the account's first complete list (S18)."""
READY_PAUSE_S = 0.05


def plan(handle: EngineHandle, request: wire.PlanRequest) -> wire.Plan:
    """The shortlist and the most it can cost: `provision` sends back exactly this.

    Raises:
        NoOffer: nothing fits; the cheapest that was seen is named.
        Refused: every account in question would bill on, which was not accepted; or a rental is to follow, and none may
            be rented on.
        UsageError, Misconfigured: the rental would be refused for its image, or for its registry login.
    """
    refuse_invalid_image(request.image)
    if request.to_rent:
        _refuse_unguarded(handle, request)
    now = handle.ctx.clock.now()
    given_us = None if request.deadline_at is not None else request.duration_us
    span = requested_duration_us(given_us, request.deadline_at, now.wall)
    want = replace(to_rent(request), min_life_us=span)
    found = _choose(handle, request, want, span, now)
    chosen, search = found.offers, found.search
    reconciler = handle.reconcilers[chosen[0].provider]
    client = _client(reconciler)
    accounts = plan_accounts(handle, chosen, request.image, want.disk_gb)
    first = accounts[reconciler.name]
    if request.image_login:
        readable_registry(handle.ctx, client, request.image)
    if request.to_rent:
        _await_ready(handle, reconciler)
    twice = one_account(reconciler.name, reconciler.same_as) if reconciler.same_as else None
    return wire.Plan(
        offers=[offer_view(offer, want.disk_gb, now.wall, search.ages.get(offer.provider, 0)) for offer in chosen],
        max_cost=max(offer_max_cost(each, want.disk_gb, span) for each in chosen),
        deadline_at=now.wall + span,
        duration_us=None if request.deadline_at is not None else span,
        image=first.image,
        disk_gb=want.disk_gb,
        max_rate=found.cap,
        guard_kind=first.guard_kind,
        retries=request.retries,
        refusal=twice.message if twice else _denial(handle, request, chosen, want.disk_gb, span),
        refusal_code=twice.code if twice else "",
        refusal_hint=twice.hint if twice else "",
        bills_on=any(each.bills_on for each in accounts.values()),
        minimum_us=first.minimum_us,
        unstated=search.unstated,
        accounts=list(accounts.values()),
        named_image=request.image,
        missing=missing_accounts(search, now.wall),
        left_out=found.left_out,
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The shortlist with its price cap, the search that found it, and the accounts that have no place on it."""

    offers: list[Offer]
    cap: Micros
    search: SearchResult
    left_out: list[wire.MissingAccount]


def _choose(
    handle: EngineHandle, request: wire.PlanRequest, want: Requirements, span: int, now: ClockSnapshot
) -> _Chosen:
    left_out = left_out_accounts(handle, request)
    ranked, search = candidates(handle, request.offer, want, now, names_of(left_out))
    offers, unaffordable = without_unaffordable(handle, within(ranked, want.disk_gb, want.max_rate), want, span, now)
    cap = price_cap(offers, want.disk_gb, want.max_rate)
    above = accounts_above_cap(ranked, want.disk_gb, cap, names_of(unaffordable))
    chosen = shortlist(within(offers, want.disk_gb, cap), request.retries)
    return _Chosen(chosen, cap, search, left_out + unaffordable + above)


def _client(reconciler: AccountReconciler) -> Provider:
    if reconciler.client is None:  # its key was removed since the search
        raise keyless(reconciler.setup)
    return reconciler.client


def _refuse_unguarded(handle: EngineHandle, request: wire.PlanRequest) -> None:
    """Before any search: refuse where instances of no account in question could end by themselves (S16)."""
    name = request.search.provider if request.offer is None else request.offer.partition(":")[0]
    accounts = connected_accounts(handle, name if name in handle.reconcilers else request.search.provider)
    able = [reconciler for reconciler in accounts.values() if reconciler.can_rent]
    if not able:
        raise no_guard(next(iter(accounts.values())).setup)
    if not any(reconciler.ends_alone or request.allow_unguarded for reconciler in able):
        raise unguarded(able[0].setup, handle.ctx.ending_of(able[0].name).kind)


def _await_ready(handle: EngineHandle, reconciler: AccountReconciler) -> None:
    """Wait for the first complete list of a daemon that has just started: renting needs it (S18)."""
    clock = handle.ctx.clock
    ends_at = clock.monotonic() + READY_LIMIT_S
    while not reconciler.is_ready and clock.monotonic() < ends_at:
        handle.ctx.pause(READY_PAUSE_S)


def _above_maximum(request: wire.PlanRequest, span: int) -> str:
    """Why a rental of that duration would be refused; empty when it would not (I9)."""
    if span <= us(HARD_MAXIMUM_S) or request.max_duration_us is not None:
        return ""
    return "no session lasts longer than 12 h without --hard-max"


def _reserve(
    request: wire.PlanRequest, reconciler: AccountReconciler, chosen: Sequence[Offer], disk_gb: float, span_us: int
) -> int:
    """What the first account must hold: where its instance bills on without us, to the hard maximum and a day (E9)."""
    offer = chosen[0]
    max_cost = max(offer_max_cost(each, disk_gb, span_us) for each in chosen if each.provider == offer.provider)
    if reconciler.ends_alone:
        return max_cost
    longest = us(HARD_MAXIMUM_S) if request.max_duration_us is None else request.max_duration_us
    return max(max_cost, cost_over(offer.rate(disk_gb), longest + us(reconciler.policy.unguarded_slack_s)))


def _denial(
    handle: EngineHandle, request: wire.PlanRequest, chosen: Sequence[Offer], disk_gb: float, span_us: int
) -> str:
    """The maximum, spending limit or balance that this rental would exceed: the plan says so before the question.

    That is what the first offer needs: another one's account is checked when failover comes to it.
    """
    if too_long := _above_maximum(request, span_us):
        return too_long
    first, now = chosen[0], handle.ctx.clock.now()
    reserve = _reserve(request, handle.reconcilers[first.provider], chosen, disk_gb, span_us)
    denial = denial_of_attempt(handle.ctx, first.provider, first.rate(disk_gb), reserve, now, new_session=True)
    return "" if denial is None else f"{denial.text} ({denial.rule})"
