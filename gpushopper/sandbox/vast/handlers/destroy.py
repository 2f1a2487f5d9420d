"""Endpoints of destroy, one and many, with the faults of the group destroy (vastai.md 7, F28-F33, F40)."""

from __future__ import annotations

from flask import Flask, Response

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import DestroyRecord, Instance
from gpushopper.sandbox.timing import SECOND
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.request_context import PROVIDER, RequestContext, fault_names, read_ids


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the destroy endpoints."""

    @app.delete("/api/v0/instances/<int:instance_id>/")
    def destroy_instance(instance_id: int) -> Response:
        return _destroy(ctx, instance_id)

    @app.delete("/api/v0/instances/")
    def destroy_many() -> Response:
        numbers = read_ids(ctx.current.body, "instance_ids")
        if not numbers:
            return replies.refuse(400, "invalid_args", "instance_ids is empty.")
        answers = [_destroy(ctx, number) for number in numbers]
        done = [answer for answer in answers if answer.status_code == 200]
        return done[0] if done else answers[0]


def _destroy(ctx: RequestContext, instance_id: int) -> Response:
    record = DestroyRecord(PROVIDER, instance_id, ctx.market.now(), ctx.caller.kind, "none", "")
    ctx.current.destroys.append(record)
    instance = ctx.own_instance(instance_id)
    if instance is None:
        return replies.no_such_instance(instance_id)
    names = fault_names(instance)
    young = _too_young(ctx, instance)
    if young is not None:
        return young
    if ctx.trigger("404_alive", names=names):
        return replies.no_such_instance(instance_id)
    if ctx.trigger("ack_noop", names=names):
        return replies.reply({"success": True})
    if ctx.trigger("stop_instead", names=names):
        actions.stop(ctx.market, instance, ctx.caller.kind)
        record.effect = "stopped"
        return replies.reply({"success": True})
    record.effect = _destroy_on_market(ctx, instance)
    if ctx.trigger("500_done", names=names):
        return replies.gateway_error(500)
    if ctx.trigger("404_gone", names=names):
        return replies.no_such_instance(instance_id)
    return replies.reply({"success": True})


def _destroy_on_market(ctx: RequestContext, instance: Instance) -> str:
    """Destroy the instance now, later or temporarily; return the effect for the ledger."""
    names, by = fault_names(instance), ctx.caller.kind
    if fault := ctx.trigger("delay", names=names):
        actions.destroy(ctx.market, instance, by, fault.duration_arg("60"))
        return "gone_later"
    if fault := ctx.trigger("zombie", names=names):
        actions.destroy_temporarily(ctx.market, instance, by, fault.duration_arg("45m"))
        return "gone_for_a_while"
    actions.destroy(ctx.market, instance, by)
    return "gone"


def _too_young(ctx: RequestContext, instance: Instance) -> Response | None:
    """Refuse a destroy before the minimum age (fault `needs_min_age`, F33)."""
    fault = ctx.find("needs_min_age", names=fault_names(instance))
    if fault is None:
        return None
    left = instance.created_at + fault.duration_arg("30m") - ctx.market.now()
    if left <= 0 or not ctx.faults.try_act(fault):
        return None
    seconds = left // SECOND + 1
    return replies.refuse(400, "not_yet", f"Instance cannot be destroyed yet, try again in {seconds} seconds.")
