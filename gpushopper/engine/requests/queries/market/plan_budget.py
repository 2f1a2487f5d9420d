"""Which budget refuses a plan: by the very attempt that its provision would write, so that the two never disagree."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper import wire
from gpushopper.core.model.attempt import DesiredState
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.core.spending.admission import Denial
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.context import Context
from gpushopper.engine.money.budget_denial import denied_by_budget
from gpushopper.engine.new_attempt import new_attempt
from gpushopper.store.consumers import present_name
from gpushopper.store.money.budgets import load_budgets


def budget_denial(
    ctx: Context, request: wire.PlanRequest, offers: Sequence[Offer], disk_gb: float, span_us: int, now: ClockSnapshot
) -> Denial | None:
    """The budget that a session on these offers would pass; None where all hold for the first offer of some account.

    An account's own budget passes over that account alone, as provision does.
    """
    if not load_budgets(ctx.store):
        return None
    denied: list[Denial] = []
    for name in dict.fromkeys(offer.provider for offer in offers):
        first = next(offer for offer in offers if offer.provider == name)
        found = _denial(ctx, request, first, disk_gb, span_us, now)
        if found is None or not found.is_of_account:
            return found
        denied.append(found)
    return denied[0] if denied else None


def _denial(
    ctx: Context, request: wire.PlanRequest, offer: Offer, disk_gb: float, span_us: int, now: ClockSnapshot
) -> Denial | None:
    session = Session(
        id="",
        name="",
        consumer=present_name(ctx.store, request.consumer),
        desired_state=DesiredState.RUNNING,
        reason="",
        version=1,
        created_at=now.wall,
        image=request.image or "",
        disk_gb=disk_gb,
        shortlist=(offer,),
        max_rate=None,
        retries_left=0,
        duration_us=span_us,
        max_duration_us=request.max_duration_us,
    )
    attempt = new_attempt(ctx, session, offer, now, account="", image=session.image)
    return denied_by_budget(ctx, session, None, attempt, now, tags=request.tags)
