"""Endpoint of create: rents an offer, and applies the faults of the group create to request, effect and reply.

PUT /api/v0/asks/{id}/ (vastai.md 4, F1-F6, F12, F16).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Flask, Response

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.market import NoCredit, OfferGone
from gpushopper.sandbox.market.model import Instance, InstanceSpec, Phase
from gpushopper.sandbox.market.registry import parse_login, pull_failure
from gpushopper.sandbox.requests.creates import other_instance, rent
from gpushopper.sandbox.requests.pages import gateway_error
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.create_body import InvalidCreate, parse_create_body

_UNKNOWN_ID = 99_000_000


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the create endpoint."""

    @app.put("/api/v0/asks/<int:offer_id>/")
    def create(offer_id: int) -> Response:
        if ctx.trigger("drop"):
            ctx.break_reply("hang")
            return gateway_error(503)
        if fault := ctx.trigger("reject"):
            return replies.refusal(fault.arg or "no_such_ask", offer_id)
        if ctx.trigger("id_never_exists"):
            return _success(_UNKNOWN_ID + offer_id % 1_000_000, "0" * 64)
        try:
            spec = _with_pull_result(ctx, parse_create_body(offer_id, ctx.current.body))
        except InvalidCreate as error:
            return replies.refuse(400, error.code, str(error))
        return _rent(ctx, spec)


def _with_pull_result(ctx: RequestContext, spec: InstanceSpec) -> InstanceSpec:
    """Return a spec that is stuck in loading if the image cannot be pulled; raises InvalidCreate.

    Decided here, so that the registry login is not stored.
    """
    try:
        login = parse_login(ctx.current.body.get("image_login"))
    except ValueError as error:
        raise InvalidCreate(str(error)) from error
    failure = pull_failure(ctx.market.registry, spec.image, login)
    return spec if failure is None else replace(spec, stuck_in=Phase.LOADING, stuck_message=failure)


def _rent(ctx: RequestContext, spec: InstanceSpec) -> Response:
    if ctx.trigger("unavailable"):
        if ctx.current.body.get("cancel_unavail"):
            return replies.refusal("gone_while_starting", spec.offer_id)
        spec = replace(spec, born_stopped=True)
    try:
        instance = rent(ctx, spec)
    except OfferGone:
        return replies.no_such_ask(spec.offer_id)
    except NoCredit:
        return replies.refusal("insufficient_credit", spec.offer_id)
    return gateway_error(503) if instance is None else _reply_to_create(ctx, instance)


def _reply_to_create(ctx: RequestContext, instance: Instance) -> Response:
    """Answer a create that took effect: with its id, or as the fault says."""
    spec = instance.spec
    if fault := ctx.trigger("refused_yet_created"):
        return replies.refusal(fault.arg or "no_such_ask", spec.offer_id)
    if fault := ctx.trigger("error_with_id"):
        actions.stop(ctx.market, instance, "operator")
        return _bid_too_low(instance, int(fault.arg or 400))
    if ctx.trigger("commit_then_500"):
        return gateway_error(500)
    if fault := ctx.trigger("commit_then_hang", "commit_then_reset"):
        ctx.break_reply(fault.word.removeprefix("commit_then_"))
    if ctx.trigger("commit_then_garbage"):
        ctx.current.ledger_reply = "200 garbage"
        return Response(b'{"success": true, "new_contr', 200, content_type="application/json")
    if ctx.trigger("commit_then_no_id"):
        ctx.current.ledger_reply = "200 no_id"
        return replies.reply({"success": True})
    if fault := ctx.trigger("stranger_id"):
        instance = other_instance(ctx, instance, fault.arg or "listed")
    offer = ctx.market.offer_of(instance)
    if spec.bid_micros is not None and spec.bid_micros < offer.min_bid_micros:
        return _bid_too_low(instance, 400)
    return _success(instance.id, instance.secret)


def _success(instance_id: int, secret: str) -> Response:
    return replies.reply({"success": True, "new_contract": instance_id, "instance_api_key": secret})


def _bid_too_low(instance: Instance, status: int) -> Response:
    """Answer an error that carries the id of an instance that exists, stopped and billing (F3)."""
    more: dict[str, Any] = {"new_contract": instance.id, "instance_api_key": instance.secret}
    answer = replies.refuse(status, "invalid_price", "Bid is below the minimum; instance created stopped.", **more)
    return answer
