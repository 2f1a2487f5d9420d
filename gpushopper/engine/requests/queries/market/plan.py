"""Plan: the shortlist of offers for a rental, its price cap and max cost, and what would refuse it (S18, S19)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gpushopper import wire
from gpushopper.core.model.money import Micros, cost_over
from gpushopper.core.model.offer import Offer, Requirements, offer_max_cost
from gpushopper.core.policy import HARD_MAXIMUM_S
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.money.spending_check import denial_of_rental
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.image_checks import readable_registry, refuse_invalid_image
from gpushopper.engine.requests.queries.market.market_search import (
    SearchResult,
    connected_accounts,
    missing_accounts,
    offer_view,
)
from gpushopper.engine.requests.queries.market.offer_choice import candidates
from gpushopper.engine.requests.queries.market.plan_budget import budget_denial
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
    asked = _asked(request, handle.ctx.clock.now())
    chosen = _choose(handle, asked)
    first = handle.reconcilers[chosen.offers[0].provider]
    client = _client(first)
    if request.image_login:
        readable_registry(handle.ctx, client, request.image)
    if request.to_rent:
        _await_ready(handle, first)
    return _plan(handle, asked, chosen, _refusal(handle, asked, chosen))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request with what is required of an offer, for how long, and the clocks when it came."""

    request: wire.PlanRequest
    want: Requirements
    span_us: int
    now: ClockSnapshot

    @property
    def disk_gb(self) -> float:
        return self.want.disk_gb

    def max_cost(self, offers: Iterable[Offer]) -> Micros:
        """The most that any of these can cost."""
        return max(offer_max_cost(each, self.disk_gb, self.span_us) for each in offers)


def _asked(request: wire.PlanRequest, now: ClockSnapshot) -> _Asked:
    given_us = None if request.deadline_at is not None else request.duration_us
    span_us = requested_duration_us(given_us, request.deadline_at, now.wall)
    return _Asked(request, replace(to_rent(request), min_life_us=span_us), span_us, now)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The shortlist with its price cap, the search that found it, and the accounts that have no place on it."""

    offers: list[Offer]
    cap: Micros
    search: SearchResult
    left_out: list[wire.MissingAccount]


def _choose(handle: EngineHandle, asked: _Asked) -> _Chosen:
    request, want, now = asked.request, asked.want, asked.now
    left_out = left_out_accounts(handle, request)
    ranked, search = candidates(handle, request.offer, want, now, names_of(left_out))
    affordable = within(ranked, want.disk_gb, want.max_rate)
    offers, unaffordable = without_unaffordable(handle, affordable, want, asked.span_us, now)
    cap = price_cap(offers, want.disk_gb, want.max_rate)
    above = accounts_above_cap(ranked, want.disk_gb, cap, names_of(unaffordable))
    chosen = shortlist(within(offers, want.disk_gb, cap), request.retries)
    return _Chosen(chosen, cap, search, left_out + unaffordable + above)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a provision of exactly this plan would be refused; all empty where it would not."""

    text: str = ""
    code: str = ""
    hint: str = ""


def _refusal(handle: EngineHandle, asked: _Asked, chosen: _Chosen) -> _Refusal:
    """The second name of one account, or the maximum, spending limit or balance that this rental would exceed.

    That is what the first offer needs: another one's account is checked when failover comes to it.
    """
    first = handle.reconcilers[chosen.offers[0].provider]
    if first.same_as:
        twice = one_account(first.name, first.same_as)
        return _Refusal(twice.message, twice.code, twice.hint)
    if text := _above_maximum(asked) or _denial(handle, asked, chosen.offers):
        return _Refusal(text)
    ctx = handle.ctx
    denial = budget_denial(ctx, asked.request, chosen.offers, asked.disk_gb, asked.span_us, ctx.clock.now())
    return _Refusal() if denial is None else _Refusal(denial.text, denial.rule, denial.hint)


def _plan(handle: EngineHandle, asked: _Asked, chosen: _Chosen, refusal: _Refusal) -> wire.Plan:
    """What is chosen, as the API shows it."""
    request, search = asked.request, chosen.search
    accounts = plan_accounts(handle, chosen.offers, request.image, asked.disk_gb)
    first = accounts[chosen.offers[0].provider]
    ages, wall = search.ages, asked.now.wall
    return wire.Plan(
        offers=[offer_view(offer, asked.disk_gb, wall, ages.get(offer.provider, 0)) for offer in chosen.offers],
        max_cost=asked.max_cost(chosen.offers),
        deadline_at=asked.now.wall + asked.span_us,
        duration_us=None if request.deadline_at is not None else asked.span_us,
        image=first.image,
        disk_gb=asked.disk_gb,
        max_rate=chosen.cap,
        guard_kind=first.guard_kind,
        retries=request.retries,
        refusal=refusal.text,
        refusal_code=refusal.code,
        refusal_hint=refusal.hint,
        bills_on=any(each.bills_on for each in accounts.values()),
        minimum_us=first.minimum_us,
        unstated=search.unstated,
        accounts=list(accounts.values()),
        named_image=request.image,
        missing=missing_accounts(handle.ctx, search, asked.now.wall),
        left_out=chosen.left_out,
    )


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


def _above_maximum(asked: _Asked) -> str:
    """Why a rental of that duration would be refused; empty when it would not (I9)."""
    if asked.span_us <= us(HARD_MAXIMUM_S) or asked.request.max_duration_us is not None:
        return ""
    return "no session lasts longer than 12 h without --hard-max"


def _reserve(asked: _Asked, reconciler: AccountReconciler, chosen: Sequence[Offer]) -> Micros:
    """What the first account must hold: where its instance bills on without us, to the hard maximum and a day (E9)."""
    offer, given_us = chosen[0], asked.request.max_duration_us
    max_cost = asked.max_cost(each for each in chosen if each.provider == offer.provider)
    if reconciler.ends_alone:
        return max_cost
    longest = us(HARD_MAXIMUM_S) if given_us is None else given_us
    slack = us(reconciler.policy.unguarded_slack_s)
    return max(max_cost, cost_over(offer.rate(asked.disk_gb), longest + slack))


def _denial(handle: EngineHandle, asked: _Asked, chosen: Sequence[Offer]) -> str:
    """The spending limit or balance that the first offer would exceed; empty where none."""
    first, now = chosen[0], handle.ctx.clock.now()
    reserve = _reserve(asked, handle.reconcilers[first.provider], chosen)
    rate = first.rate(asked.disk_gb)
    denial = denial_of_rental(handle.ctx, first.provider, rate, reserve, now, new_session=True)
    return "" if denial is None else f"{denial.text} ({denial.rule})"
