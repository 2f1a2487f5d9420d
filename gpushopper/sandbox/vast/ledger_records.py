"""Records each create and destroy request for the ground-truth ledger, with the reply that its caller receives."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from gpushopper.sandbox.market.model import DestroyRecord
from gpushopper.sandbox.transport_header import LOST
from gpushopper.sandbox.vast.request_context import PROVIDER, RequestContext, read_ids


def record_in_ledger(ctx: RequestContext, response: Response) -> None:
    """Record creates and destroys for the ledger, with the reply that the caller receives."""
    current, market = ctx.current, ctx.market
    failed = response.is_json and response.status_code >= 400
    error = (response.get_json(silent=True) or {}).get("error") if failed else None
    reply = current.ledger_reply or (f"{response.status_code} {error}" if error else str(response.status_code))
    if current.create is not None:
        current.create.reply = reply
        market.creates.append(current.create)
    if current.endpoint.call == "destroy" and not current.destroys:
        by = current.caller.kind if current.caller else "api"
        for number in _named_ids(current.body):
            current.destroys.append(DestroyRecord(PROVIDER, number, market.now(), by, "none", ""))
    for record in current.destroys:
        record.reply = reply
        market.destroys.append(record)
    if current.create is not None or current.destroys:
        market.changes += 1
    if current.transport is not None and current.transport in LOST:
        response.set_data(b"")


def _named_ids(body: dict[str, Any]) -> list[int]:
    """Return the instance ids of a destroy that did not reach its handler."""
    number = (request.view_args or {}).get("instance_id")
    if number is not None:
        return [number]
    return read_ids(body, "instance_ids")
