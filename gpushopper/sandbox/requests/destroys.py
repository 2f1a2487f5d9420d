"""Destroys on the market, with the faults of the group destroy that change the effect (F28-F33, F40)."""

from __future__ import annotations

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.timing import SECOND


def destroy_on_market(ctx: RequestContext, instance: Instance) -> str:
    """Destroy the instance now, later or temporarily; return the effect for the ledger."""
    names, by = instance.names, ctx.caller.kind
    if fault := ctx.trigger("delay", names=names):
        actions.destroy(ctx.market, instance, by, ctx.faults.draw_duration(fault, "60"))
        return "gone_later"
    if fault := ctx.trigger("zombie", names=names):
        actions.destroy_temporarily(ctx.market, instance, by, fault.duration_arg("45m"))
        return "gone_for_a_while"
    actions.destroy(ctx.market, instance, by)
    return "gone"


def seconds_too_young(ctx: RequestContext, instance: Instance) -> int | None:
    """Return in how many seconds the instance may be destroyed (fault `needs_min_age`, F33); None for now."""
    fault = ctx.find("needs_min_age", names=instance.names)
    if fault is None:
        return None
    left = instance.created_at + fault.duration_arg("30m") - ctx.market.now()
    if left <= 0 or not ctx.faults.try_act(fault):
        return None
    return left // SECOND + 1
