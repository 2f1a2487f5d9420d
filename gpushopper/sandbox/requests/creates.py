"""Creates on the market: rents an offer for the caller, with the faults of the group create that change what is made.

Faults that change only the reply (`commit_then_500`, `error_with_id` ...) are the dialect's: bodies are its own.
"""

from __future__ import annotations

from dataclasses import replace

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import Instance, InstanceSpec, Phase
from gpushopper.sandbox.requests.ledger_records import record_effect
from gpushopper.sandbox.requests.request_context import RequestContext

START_FAILURE = "Error response from daemon: failed to create task: OCI runtime create failed: runc create failed\n"


def rent(ctx: RequestContext, spec: InstanceSpec) -> Instance | None:
    """Rent an offer and record the effect; raises OfferGone and NoCredit.

    None when the create takes effect later (fault `late`): no reply reaches the caller.
    """
    market, account_id = ctx.market, ctx.caller.account_id
    spec = apply_create_faults(ctx, spec)
    if fault := ctx.trigger("late"):
        market.create_later(account_id, spec, fault.duration_arg("60"))
        record_effect(ctx, "created_later")
        ctx.break_reply("hang")
        return None
    instance = market.rent(account_id, spec)
    record_effect(ctx, "created", instance)
    if ctx.trigger("dup"):
        record_effect(ctx, "created_two", market.create_instance(account_id, spec, market.now()))
    return instance


def apply_create_faults(ctx: RequestContext, spec: InstanceSpec) -> InstanceSpec:
    """Return the spec with the faults that change what is created."""
    offer = ctx.market.supply[ctx.provider].offers.get(spec.offer_id)
    if ctx.trigger("label_drop"):
        spec = replace(spec, label=None)
    if (fault := ctx.trigger("label_cut")) and spec.label:
        spec = replace(spec, label=spec.label[: int(fault.arg or 20)])
    if ctx.trigger("env_drop"):
        spec = replace(spec, env=tuple(pair for pair in spec.env if pair[0] != "GS_LABEL"))
    if ctx.trigger("key_drop"):
        spec = replace(spec, login_keys=())
    if ctx.trigger("stopped"):
        spec = replace(spec, born_stopped=True)
    if fault := ctx.trigger("stuck_loading"):
        spec = replace(spec, stuck_in=Phase(fault.arg or Phase.LOADING))
    if ctx.trigger("start_failure"):
        spec = replace(spec, stuck_in=Phase.CREATED, stuck_message=START_FAILURE)
    fault = ctx.find("price_change")
    if fault and fault.instance is None and ctx.faults.try_act(fault):
        spec = replace(spec, price_factor=float((fault.arg or "1.4").removeprefix("x")))
    if offer and spec.bid_micros and spec.bid_micros < offer.min_bid_micros:
        spec = replace(spec, born_stopped=True)
    return spec


def other_instance(ctx: RequestContext, created: Instance, source: str) -> Instance:
    """Return an instance on the same account that this create did not make (fault `stranger_id`)."""
    others = [other for other in ctx.own_instances() if other.id != created.id]
    if source == "sibling" and others:
        return others[-1]
    foreign = [other for other in others if other.spec.foreign]
    if source == "listed" and foreign:
        return foreign[0]
    label = "not-yours" if source == "labelled" else None
    return actions.launch_foreign(ctx.market, ctx.provider, label)
