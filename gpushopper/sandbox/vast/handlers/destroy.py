"""Endpoints of destroy, one and many, with the faults of the group destroy (vastai.md 7, F28-F33, F40)."""

from __future__ import annotations

from flask import Flask, Response

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.requests.destroys import destroy_on_market, seconds_too_young
from gpushopper.sandbox.requests.ledger_records import begin_destroy
from gpushopper.sandbox.requests.pages import gateway_error
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.request_bodies import read_ids


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
    record = begin_destroy(ctx, str(instance_id))
    instance = ctx.own_instance(instance_id)
    if instance is None:
        return replies.no_such_instance(instance_id)
    names, seconds = instance.names, seconds_too_young(ctx, instance)
    if seconds is not None:
        return replies.refuse(400, "not_yet", f"Instance cannot be destroyed yet, try again in {seconds} seconds.")
    if ctx.trigger("404_alive", names=names):
        return replies.no_such_instance(instance_id)
    if ctx.trigger("ack_noop", names=names):
        return replies.reply({"success": True})
    if ctx.trigger("stop_instead", names=names):
        actions.stop(ctx.market, instance, ctx.caller.kind)
        record.effect = "stopped"
        return replies.reply({"success": True})
    record.effect = destroy_on_market(ctx, instance)
    if ctx.trigger("500_done", names=names):
        return gateway_error(500)
    if ctx.trigger("404_gone", names=names):
        return replies.no_such_instance(instance_id)
    return replies.reply({"success": True})
