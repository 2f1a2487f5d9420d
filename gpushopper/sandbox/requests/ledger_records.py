"""Records each create and destroy request for the ground-truth ledger, with the reply that its caller receives."""

from __future__ import annotations

from flask import Response

from gpushopper.sandbox.market.model import DestroyRecord, Instance
from gpushopper.sandbox.requests.request_context import RequestContext, addressed_id
from gpushopper.sandbox.transport_header import LOST


def record_effect(ctx: RequestContext, effect: str, *instances: Instance) -> None:
    """Record what a create did: the ledger shows the last effect and every instance."""
    record = ctx.current.create
    if record is not None:
        record.effect = effect
        record.cloud_ids += [instance.cloud_id for instance in instances]


def begin_destroy(ctx: RequestContext, cloud_id: str) -> DestroyRecord:
    """Record that a destroy of this instance has reached its handler, which sets the effect."""
    record = DestroyRecord(ctx.provider, cloud_id, ctx.market.now(), ctx.caller.kind, "none", "")
    ctx.current.destroys.append(record)
    return record


def record_in_ledger(ctx: RequestContext, response: Response) -> None:
    """Record creates and destroys for the ledger, with the reply that the caller receives."""
    current = ctx.current
    if current.create is not None or current.endpoint.call == "destroy" or current.destroys:
        _record(ctx, current.ledger_reply or _reply(ctx, response))
    if current.transport is not None and current.transport in LOST:
        response.set_data(b"")


def _record(ctx: RequestContext, reply: str) -> None:
    current, market = ctx.current, ctx.market
    if current.create is not None:
        current.create.reply = reply
        market.creates.append(current.create)
    if current.endpoint.call == "destroy" and not current.destroys:
        by = current.caller.kind if current.caller else "api"
        cloud_id = addressed_id()
        for named in current.facts.ids if cloud_id is None else (cloud_id,):
            current.destroys.append(DestroyRecord(ctx.provider, named, market.now(), by, "none", ""))
    for record in current.destroys:
        record.reply = reply
        market.destroys.append(record)
    if current.create is not None or current.destroys:
        market.changes += 1


def _reply(ctx: RequestContext, response: Response) -> str:
    body = response.get_json(silent=True) if response.is_json else None
    error = None if body is None else ctx.wire.refusals.error_of(response.status_code, body)
    return f"{response.status_code} {error}" if error else str(response.status_code)
