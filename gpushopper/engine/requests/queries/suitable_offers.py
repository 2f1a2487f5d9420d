"""Which offers a plan may rank: accounts that cannot take what is asked are left out first, and named (S16, E9)."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.cloud import Traits
from gpushopper.core.lifecycle.account_choice import image_at, image_problem
from gpushopper.core.lifecycle.guard_renewal import NOT_APPLICABLE
from gpushopper.core.model.offer import Offer
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.refusals import no_guard, unguarded
from gpushopper.errors import UsageError

LEFT_OUT = "left_out"


def suitable(
    handle: EngineHandle, request: wire.PlanRequest, offers: list[Offer]
) -> tuple[list[Offer], list[wire.MissingAccount]]:
    """The offers of accounts that take what is asked, and the other accounts.

    Where only guards are lacking at all of them, all are kept: the plan says what they bill, and renting is refused.

    Raises:
        UsageError: no account takes the image.
    """
    names = dict.fromkeys(offer.provider for offer in offers)
    images = {name: image_problem(name, request.image, _traits(handle, name)) for name in names}
    if all(images.values()):
        raise UsageError(next(iter(images.values())), "leave --image out for the cloud's own", code="image_kind")
    logins = {name: _login_problem(handle, name) if request.image_login else "" for name in names}
    possible = [name for name in names if not images[name]]
    with_login = [name for name in possible if not logins[name]] or possible
    guards = {name: _guard_problem(handle, request, name) for name in with_login}
    kept = [name for name in with_login if not guards[name]] or with_login
    why = {name: images[name] or logins[name] or guards.get(name, "") for name in names if name not in kept}
    left_out = [wire.MissingAccount(name, LEFT_OUT, text) for name, text in why.items()]
    return [offer for offer in offers if offer.provider in kept], left_out


def _traits(handle: EngineHandle, name: str) -> Traits | None:
    return handle.ctx.traits.get(name)


def _login_problem(handle: EngineHandle, name: str) -> str:
    traits = _traits(handle, name)
    takes_it = traits is None or traits.catalogue.takes_image_login
    return "" if takes_it else f"{name} takes no login at a registry"


def _guard_problem(handle: EngineHandle, request: wire.PlanRequest, name: str) -> str:
    reconciler = handle.reconcilers[name]
    if not reconciler.can_rent:
        return no_guard(reconciler.setup).message
    if reconciler.ends_alone or request.allow_unguarded:
        return ""
    return f"{unguarded(reconciler.setup, handle.ctx.ending_of(name).kind).message} (--allow-unguarded)"


def plan_account(handle: EngineHandle, reconciler: AccountReconciler, image: str | None) -> wire.PlanAccount:
    """What is particular to an account of a shortlist."""
    ctx, name = handle.ctx, reconciler.name
    ending = ctx.ending_of(name)
    return wire.PlanAccount(
        provider=name,
        cloud=ctx.cloud_of(name),
        image=image_at(image, ctx.traits.get(name)),
        guard_kind=ending.kind.value if ctx.policy.needs_login else NOT_APPLICABLE,
        bills_on=not reconciler.ends_alone,
        minimum_us=us(ending.minimum_rental_s),
    )
