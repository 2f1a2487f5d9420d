"""Create: PUT /api/v0/asks/{id}/ with every way its reply can mislead (vastai.md 4, F1-F6, F12, F16)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Flask, Response

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.market import NoCredit, OfferGone
from gpushopper.sandbox.market.model import Instance, Order, Phase
from gpushopper.sandbox.market.registry import pull_failure, read_login
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.create_body import BadOrder, read_order
from gpushopper.sandbox.vast.request_context import PROVIDER, Desk

_UNKNOWN_ID = 99_000_000
OCI_FAILURE = "Error response from daemon: failed to create task: OCI runtime create failed: runc create failed\n"


def register(app: Flask, desk: Desk) -> None:
    """Add the create endpoint."""

    @app.put("/api/v0/asks/<int:offer_id>/")
    def create(offer_id: int) -> Response:
        if desk.take("drop"):
            desk.lose_reply("hang")
            return replies.gateway_error(503)
        if fault := desk.take("reject"):
            return replies.refusal(fault.arg or "no_such_ask", offer_id)
        if desk.take("id_never_exists"):
            return _success(_UNKNOWN_ID + offer_id % 1_000_000, "0" * 64)
        try:
            order = _pulled(desk, read_order(offer_id, desk.visit.body))
        except BadOrder as error:
            return replies.refuse(400, error.code, str(error))
        return _rent(desk, order)


def _pulled(desk: Desk, order: Order) -> Order:
    """Judge at once whether a host could pull the image: the login itself is kept nowhere. Raises BadOrder."""
    try:
        login = read_login(desk.visit.body.get("image_login"))
    except ValueError as error:
        raise BadOrder(str(error)) from error
    failure = pull_failure(desk.market.registry, order.image, login)
    return order if failure is None else replace(order, stuck_in=Phase.LOADING, stuck_message=failure)


def _rent(desk: Desk, order: Order) -> Response:
    if desk.take("unavailable"):
        if desk.visit.body.get("cancel_unavail"):
            return replies.refusal("gone_while_starting", order.offer_id)
        order = replace(order, born_stopped=True)
    order = _twist(desk, order)
    market, account_id = desk.market, desk.caller.account_id
    if fault := desk.take("late"):
        market.place_later(account_id, order, fault.duration_arg("60"))
        _seen(desk, "created_later")
        desk.lose_reply("hang")
        return replies.gateway_error(503)
    try:
        instance = market.rent(account_id, order)
    except OfferGone:
        return replies.no_such_ask(order.offer_id)
    except NoCredit:
        return replies.refusal("insufficient_credit", order.offer_id)
    _seen(desk, "created", instance)
    if desk.take("dup"):
        _seen(desk, "created_two", market.place(account_id, order, market.now()))
    return _tell(desk, order, instance)


def _seen(desk: Desk, effect: str, *instances: Instance) -> None:
    seen = desk.visit.create
    if seen is not None:
        seen.effect = effect
        seen.ids += [instance.id for instance in instances]


def _twist(desk: Desk, order: Order) -> Order:
    """Change what the market will make of an order."""
    offer = desk.market.supply[PROVIDER].offers.get(order.offer_id)
    if desk.take("label_drop"):
        order = replace(order, label=None)
    if (fault := desk.take("label_cut")) and order.label:
        order = replace(order, label=order.label[: int(fault.arg or 20)])
    if desk.take("env_drop"):
        order = replace(order, env=tuple(pair for pair in order.env if pair[0] != "GS_LABEL"))
    if desk.take("stopped"):
        order = replace(order, born_stopped=True)
    if fault := desk.take("stuck_loading"):
        order = replace(order, stuck_in=Phase(fault.arg or Phase.LOADING))
    if desk.take("start_failure"):
        order = replace(order, stuck_in=Phase.CREATED, stuck_message=OCI_FAILURE)
    fault = desk.find("price_change")
    if fault and fault.instance is None and desk.faults.act(fault):
        order = replace(order, price_factor=float((fault.arg or "1.4").removeprefix("x")))
    if offer and order.bid_micros and order.bid_micros < offer.min_bid_micros:
        order = replace(order, born_stopped=True)
    return order


def _tell(desk: Desk, order: Order, instance: Instance) -> Response:
    """Answer a create that took effect, truthfully or as a fault dictates."""
    if fault := desk.take("refused_yet_created"):
        return replies.refusal(fault.arg or "no_such_ask", order.offer_id)
    if fault := desk.take("error_with_id"):
        actions.stop(desk.market, instance, "operator")
        return _bid_too_low(instance, int(fault.arg or 400))
    if desk.take("commit_then_500"):
        return replies.gateway_error(500)
    if fault := desk.take("commit_then_hang", "commit_then_reset"):
        desk.lose_reply(fault.word.removeprefix("commit_then_"))
    if desk.take("commit_then_garbage"):
        desk.visit.told = "200 garbage"
        return Response(b'{"success": true, "new_contr', 200, content_type="application/json")
    if desk.take("commit_then_no_id"):
        desk.visit.told = "200 no_id"
        return replies.reply({"success": True})
    if fault := desk.take("stranger_id"):
        instance = _somebody_else(desk, instance, fault.arg or "listed")
    offer = desk.market.offer_of(instance)
    if order.bid_micros is not None and order.bid_micros < offer.min_bid_micros:
        return _bid_too_low(instance, 400)
    return _success(instance.id, instance.secret)


def _somebody_else(desk: Desk, made: Instance, whose: str) -> Instance:
    """An instance on the same account that this create did not make (`stranger_id`)."""
    others = [other for other in desk.market.present(desk.caller.account_id) if other.id != made.id]
    if whose == "sibling" and others:
        return others[-1]
    strangers = [other for other in others if other.order.foreign]
    if whose == "listed" and strangers:
        return strangers[0]
    label = "not-yours" if whose == "labelled" else None
    return actions.launch_foreign(desk.market, PROVIDER, label)


def _success(instance_id: int, secret: str) -> Response:
    return replies.reply({"success": True, "new_contract": instance_id, "instance_api_key": secret})


def _bid_too_low(instance: Instance, status: int) -> Response:
    """Answer an error that carries the id of an instance that exists, stopped and billing (F3)."""
    more: dict[str, Any] = {"new_contract": instance.id, "instance_api_key": instance.secret}
    answer = replies.refuse(status, "invalid_price", "Bid is below the minimum; instance created stopped.", **more)
    return answer
