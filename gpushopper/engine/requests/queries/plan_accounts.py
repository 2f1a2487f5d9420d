"""What differs between the accounts of a plan's shortlist: image, guard, what bills on, the least that is paid for."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper import wire
from gpushopper.core.lifecycle.account_choice import image_at
from gpushopper.core.lifecycle.guard_renewal import NOT_APPLICABLE
from gpushopper.core.model.offer import Offer
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.requests.engine_handle import EngineHandle


def plan_account(
    handle: EngineHandle, reconciler: AccountReconciler, image: str | None, shortlist: Sequence[Offer]
) -> wire.PlanAccount:
    """What is particular to an account of a shortlist; at least one of its offers is there."""
    ctx, name = handle.ctx, reconciler.name
    ending = ctx.ending_of(name)
    return wire.PlanAccount(
        provider=name,
        cloud=ctx.cloud_of(name),
        image=image_at(image, ctx.traits.get(name)),
        guard_kind=ending.kind.value if ctx.policy.needs_login else NOT_APPLICABLE,
        bills_on=not reconciler.ends_alone,
        minimum_us=us(max(offer.billing.minimum_s for offer in shortlist if offer.provider == name)),
    )
