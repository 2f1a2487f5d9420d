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
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.create_body import InvalidCreate, parse_create_body
from gpushopper.sandbox.vast.request_context import PROVIDER, RequestContext

_UNKNOWN_ID = 99_000_000
OCI_FAILURE = "Error response from daemon: failed to create task: OCI runtime create failed: runc create failed\n"


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the create endpoint."""

    @app.put("/api/v0/asks/<int:offer_id>/")
    def create(offer_id: int) -> Response:
        if ctx.trigger("drop"):
            ctx.break_reply("hang")
            return replies.gateway_error(503)
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
    spec = _apply_create_faults(ctx, spec)
    market, account_id = ctx.market, ctx.caller.account_id
    if fault := ctx.trigger("late"):
        market.create_later(account_id, spec, fault.duration_arg("60"))
        _record_effect(ctx, "created_later")
        ctx.break_reply("hang")
        return replies.gateway_error(503)
    try:
        instance = market.rent(account_id, spec)
    except OfferGone:
        return replies.no_such_ask(spec.offer_id)
    except NoCredit:
        return replies.refusal("insufficient_credit", spec.offer_id)
    _record_effect(ctx, "created", instance)
    if ctx.trigger("dup"):
        _record_effect(ctx, "created_two", market.create_instance(account_id, spec, market.now()))
    return _reply_to_create(ctx, spec, instance)


def _record_effect(ctx: RequestContext, effect: str, *instances: Instance) -> None:
    record = ctx.current.create
    if record is not None:
        record.effect = effect
        record.ids += [instance.id for instance in instances]


def _apply_create_faults(ctx: RequestContext, spec: InstanceSpec) -> InstanceSpec:
    """Return the spec with the faults that change what is created."""
    offer = ctx.market.supply[PROVIDER].offers.get(spec.offer_id)
    if ctx.trigger("label_drop"):
        spec = replace(spec, label=None)
    if (fault := ctx.trigger("label_cut")) and spec.label:
        spec = replace(spec, label=spec.label[: int(fault.arg or 20)])
    if ctx.trigger("env_drop"):
        spec = replace(spec, env=tuple(pair for pair in spec.env if pair[0] != "GS_LABEL"))
    if ctx.trigger("stopped"):
        spec = replace(spec, born_stopped=True)
    if fault := ctx.trigger("stuck_loading"):
        spec = replace(spec, stuck_in=Phase(fault.arg or Phase.LOADING))
    if ctx.trigger("start_failure"):
        spec = replace(spec, stuck_in=Phase.CREATED, stuck_message=OCI_FAILURE)
    fault = ctx.find("price_change")
    if fault and fault.instance is None and ctx.faults.try_act(fault):
        spec = replace(spec, price_factor=float((fault.arg or "1.4").removeprefix("x")))
    if offer and spec.bid_micros and spec.bid_micros < offer.min_bid_micros:
        spec = replace(spec, born_stopped=True)
    return spec


def _reply_to_create(ctx: RequestContext, spec: InstanceSpec, instance: Instance) -> Response:
    """Answer a create that took effect: with its id, or as the fault says."""
    if fault := ctx.trigger("refused_yet_created"):
        return replies.refusal(fault.arg or "no_such_ask", spec.offer_id)
    if fault := ctx.trigger("error_with_id"):
        actions.stop(ctx.market, instance, "operator")
        return _bid_too_low(instance, int(fault.arg or 400))
    if ctx.trigger("commit_then_500"):
        return replies.gateway_error(500)
    if fault := ctx.trigger("commit_then_hang", "commit_then_reset"):
        ctx.break_reply(fault.word.removeprefix("commit_then_"))
    if ctx.trigger("commit_then_garbage"):
        ctx.current.ledger_reply = "200 garbage"
        return Response(b'{"success": true, "new_contr', 200, content_type="application/json")
    if ctx.trigger("commit_then_no_id"):
        ctx.current.ledger_reply = "200 no_id"
        return replies.reply({"success": True})
    if fault := ctx.trigger("stranger_id"):
        instance = _other_instance(ctx, instance, fault.arg or "listed")
    offer = ctx.market.offer_of(instance)
    if spec.bid_micros is not None and spec.bid_micros < offer.min_bid_micros:
        return _bid_too_low(instance, 400)
    return _success(instance.id, instance.secret)


def _other_instance(ctx: RequestContext, created: Instance, source: str) -> Instance:
    """Return an instance on the same account that this create did not make (fault `stranger_id`)."""
    others = [other for other in ctx.market.existing_instances(ctx.caller.account_id) if other.id != created.id]
    if source == "sibling" and others:
        return others[-1]
    foreign = [other for other in others if other.spec.foreign]
    if source == "listed" and foreign:
        return foreign[0]
    label = "not-yours" if source == "labelled" else None
    return actions.launch_foreign(ctx.market, PROVIDER, label)


def _success(instance_id: int, secret: str) -> Response:
    return replies.reply({"success": True, "new_contract": instance_id, "instance_api_key": secret})


def _bid_too_low(instance: Instance, status: int) -> Response:
    """Answer an error that carries the id of an instance that exists, stopped and billing (F3)."""
    more: dict[str, Any] = {"new_contract": instance.id, "instance_api_key": instance.secret}
    answer = replies.refuse(status, "invalid_price", "Bid is below the minimum; instance created stopped.", **more)
    return answer
