"""Which accounts can rent what is asked: the others are left out of a plan before its offers are ranked, and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gpushopper import wire
from gpushopper.core.cloud import ImageKind
from gpushopper.core.lifecycle.account_choice import image_at, image_problem, system_image
from gpushopper.core.lifecycle.guard_renewal import NOT_APPLICABLE
from gpushopper.core.model.offer import Offer, Requirements, offer_max_cost
from gpushopper.core.spending.admission import denied_by_balance
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.money.spending_check import usage_of
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.queries.market.market_search import keyed_accounts
from gpushopper.engine.requests.refusals import UNGUARDED, no_guard, one_account, unguarded
from gpushopper.engine.requests.watched_accounts import watched_accounts
from gpushopper.errors import Refused, ShopperError, UsageError

LEFT_OUT = "left_out"


def keyless_accounts(handle: EngineHandle, provider: str | None) -> list[wire.MissingAccount]:
    """The accounts in question that have no key; a cloud that nobody uses is not among them."""
    setups = {
        name: each.setup for name, each in handle.reconcilers.items() if provider in (None, name, each.setup.cloud_name)
    }
    return [
        wire.MissingAccount(name, LEFT_OUT, setup.key_problem, setup.key_hint)
        for name, setup in watched_accounts(handle.ctx, setups).items()
        if setup.client is None
    ]


def left_out_accounts(handle: EngineHandle, request: wire.PlanRequest) -> list[wire.MissingAccount]:
    """The accounts where what is asked cannot be rented, whatever their offers: no key, no guard, another image kind.

    Also those that bill on without consent, and those that are one account under two names.

    Raises:
        UsageError, Refused: no account takes the image, or its login.
        Refused: of no account that takes it could an instance end by itself; or every one would bill on, and that was
            not accepted.
        NotFound, Misconfigured: there is no account with a key.
    """
    named = None if request.offer is None else request.offer.partition(":")[0]
    provider = named if named in handle.reconcilers else request.search.provider
    accounts = keyed_accounts(handle, provider)
    is_system = request.image is not None and any(
        system_image(request.image, traits) for traits in handle.ctx.traits.values()
    )
    found = {name: _image_problem(each, request, is_system=is_system) for name, each in accounts.items()}
    if all(found.values()):
        raise _refusal_of_image(next(iter(found.values())), has_login=request.image_login)
    able = {name: accounts[name] for name, why in found.items() if not why}
    refusals = _refusals(handle, able, request)
    found |= {name: refusal.message for name, refusal in refusals.items()}
    hints = {name: refusal.hint for name, refusal in refusals.items()}
    left_out = [wire.MissingAccount(name, LEFT_OUT, why, hints.get(name, "")) for name, why in found.items() if why]
    return keyless_accounts(handle, provider) + left_out


def _refusals(
    handle: EngineHandle, able: Mapping[str, AccountReconciler], request: wire.PlanRequest
) -> dict[str, ShopperError]:
    """Why a rental would be refused at some of these accounts; none where it would be at all of them.

    Then what a plan may show all the same is shown, and it says itself what refuses it.

    Raises:
        Refused: all would bill on, or could not end by themselves and a rental is to follow.
    """
    unable: dict[str, ShopperError] = {
        name: refusal for name, each in able.items() if (refusal := _guard_problem(handle, each, request))
    }
    if len(unable) == len(able):
        unguarded_ones = (each for each in unable.values() if each.code == UNGUARDED)
        first = next(iter(unable.values()) if request.to_rent else unguarded_ones, None)
        if first is not None:
            raise first
        unable = {}
    twice = {name: each.same_as for name, each in able.items() if name not in unable and each.same_as}
    if len(unable) + len(twice) < len(able):
        unable |= {name: one_account(name, other) for name, other in twice.items()}
    return unable


def _refusal_of_image(problem: str, *, has_login: bool) -> ShopperError:
    if has_login:
        return Refused(problem, "leave --image-login out, and --image for the cloud's own", code="image_login")
    return UsageError(problem, "leave --image out for the cloud's own", code="image_kind")


def _guard_problem(handle: EngineHandle, reconciler: AccountReconciler, request: wire.PlanRequest) -> Refused | None:
    """Why a rental would be refused, for want of something that ends the instance without us (S16, E9)."""
    if not reconciler.can_rent:
        return no_guard(reconciler.setup)
    if not request.allow_unguarded and not reconciler.ends_alone:
        return unguarded(reconciler.setup, handle.ctx.ending_of(reconciler.name).kind)
    return None


def _image_problem(reconciler: AccountReconciler, request: wire.PlanRequest, *, is_system: bool) -> str:
    """Why a cloud cannot run the named image, or takes no login at its registry; empty if neither.

    `is_system`: it is an operating system of some cloud's VMs. No host of containers could pull that, and it would
    bill until it fails.
    """
    name, traits = reconciler.name, None if reconciler.client is None else reconciler.client.traits
    if problem := image_problem(name, request.image, traits):
        return problem
    if is_system and traits is not None and traits.catalogue.image_kind is ImageKind.CONTAINER:
        return f"{name} runs container images, and {request.image} is an operating system of VMs"
    takes_it = not request.image_login or traits is None or traits.catalogue.takes_image_login
    return "" if takes_it else f"{name} takes no login at a registry"


def without_unaffordable(
    handle: EngineHandle, offers: list[Offer], want: Requirements, span_us: int, now: ClockSnapshot
) -> tuple[list[Offer], list[wire.MissingAccount]]:
    """The offers of accounts whose balance covers the cheapest of them, and the other accounts.

    Where no account's does, all are kept: then the plan itself says what denies it.
    """
    denied = {}
    for name in dict.fromkeys(offer.provider for offer in offers):
        cost = min(offer_max_cost(offer, want.disk_gb, span_us) for offer in offers if offer.provider == name)
        denial = denied_by_balance(handle.ctx.balances.get(name), usage_of(handle.ctx, name, now), cost)
        if denial is not None:
            denied[name] = denial.text
    kept = [offer for offer in offers if offer.provider not in denied]
    if not kept:
        return offers, []
    return kept, [wire.MissingAccount(name, LEFT_OUT, why) for name, why in denied.items()]


def names_of(missing: Sequence[wire.MissingAccount]) -> set[str]:
    """The accounts of these rows."""
    return {each.provider for each in missing}


def plan_accounts(
    handle: EngineHandle, shortlist: Sequence[Offer], image: str | None, disk_gb: float
) -> dict[str, wire.PlanAccount]:
    """What is particular to each account of the shortlist, in the order of their first offers."""
    by_account: dict[str, list[Offer]] = {}
    for offer in shortlist:
        by_account.setdefault(offer.provider, []).append(offer)
    return {
        name: _plan_account(handle, handle.reconcilers[name], image, offers, disk_gb)
        for name, offers in by_account.items()
    }


def _plan_account(
    handle: EngineHandle, reconciler: AccountReconciler, image: str | None, offers: Sequence[Offer], disk_gb: float
) -> wire.PlanAccount:
    ctx, name = handle.ctx, reconciler.name
    ending = ctx.ending_of(name)
    return wire.PlanAccount(
        provider=name,
        cloud=ctx.cloud_of(name),
        image=image_at(image, ctx.traits.get(name)),
        guard_kind=ending.kind.value if ctx.policy.needs_login else NOT_APPLICABLE,
        bills_on=not reconciler.ends_alone,
        minimum_us=us(max(offer.billing.minimum_s for offer in offers)),
        disk_gb=offers[0].disk_for(disk_gb),
    )
