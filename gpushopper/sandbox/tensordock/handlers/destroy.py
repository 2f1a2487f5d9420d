"""Endpoint of delete, with the faults of the group destroy (tensordock.md 11, F28-F33, F40).

`delay` is the record that lingers: it is listed, and billed, until then, and a second delete does not postpone it.
"""

from __future__ import annotations

from flask import Flask, Response

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.requests.destroys import destroy_on_market, seconds_too_young
from gpushopper.sandbox.requests.ledger_records import begin_destroy
from gpushopper.sandbox.requests.pages import gateway_error
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.tensordock import replies
from gpushopper.sandbox.tensordock.endpoints import BASE


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the delete endpoint."""

    @app.delete(f"{BASE}/instances/<instance_id>")
    def delete_instance(instance_id: str) -> Response:
        record = begin_destroy(ctx, instance_id)
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return replies.no_such_instance()
        names, seconds = instance.names, seconds_too_young(ctx, instance)
        if seconds is not None:
            return replies.error(400, f"Instance cannot be deleted yet, try again in {seconds} seconds")
        if ctx.trigger("404_alive", names=names):
            return replies.no_such_instance()
        if ctx.trigger("ack_noop", names=names):
            return _deleted(ctx)
        if ctx.trigger("stop_instead", names=names):
            actions.stop(ctx.market, instance, ctx.caller.kind)
            record.effect = "stopped"
            return _deleted(ctx)
        record.effect = destroy_on_market(ctx, instance)
        if ctx.trigger("500_done", names=names):
            return gateway_error(500)
        if ctx.trigger("404_gone", names=names):
            return replies.no_such_instance()
        return _deleted(ctx)


def _deleted(ctx: RequestContext) -> Response:
    if ctx.trigger("no_content"):
        return Response(b"", 204)
    message = "Instance deleted successfully"
    return replies.reply({"data": {"type": "success", "attributes": {"message": message}}})
