"""Destroy, one and many, with every way an acknowledgement can lie (vastai.md 7, F28-F33, F40)."""

from __future__ import annotations

from flask import Flask, Response

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import DestroySeen, Instance
from gpushopper.sandbox.timing import SECOND
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.request_context import PROVIDER, Desk, fault_names, read_ids


def register(app: Flask, desk: Desk) -> None:
    """Add the destroy endpoints."""

    @app.delete("/api/v0/instances/<int:instance_id>/")
    def destroy_instance(instance_id: int) -> Response:
        return _destroy(desk, instance_id)

    @app.delete("/api/v0/instances/")
    def destroy_many() -> Response:
        numbers = read_ids(desk.visit.body, "instance_ids")
        if not numbers:
            return replies.refuse(400, "invalid_args", "instance_ids is empty.")
        answers = [_destroy(desk, number) for number in numbers]
        done = [answer for answer in answers if answer.status_code == 200]
        return done[0] if done else answers[0]


def _destroy(desk: Desk, instance_id: int) -> Response:
    seen = DestroySeen(PROVIDER, instance_id, desk.market.now(), desk.caller.kind, "none", "")
    desk.visit.destroys.append(seen)
    instance = desk.mine(instance_id)
    if instance is None:
        return replies.no_such_instance(instance_id)
    names = fault_names(instance)
    young = _too_young(desk, instance)
    if young is not None:
        return young
    if desk.take("404_alive", names=names):
        return replies.no_such_instance(instance_id)
    if desk.take("ack_noop", names=names):
        return replies.reply({"success": True})
    if desk.take("stop_instead", names=names):
        actions.stop(desk.market, instance, desk.caller.kind)
        seen.effect = "stopped"
        return replies.reply({"success": True})
    seen.effect = _end(desk, instance)
    if desk.take("500_done", names=names):
        return replies.gateway_error(500)
    if desk.take("404_gone", names=names):
        return replies.no_such_instance(instance_id)
    return replies.reply({"success": True})


def _end(desk: Desk, instance: Instance) -> str:
    """End the instance now, later, or for a while; return the effect for the ledger."""
    names, by = fault_names(instance), desk.caller.kind
    if fault := desk.take("delay", names=names):
        actions.end(desk.market, instance, by, fault.duration_arg("60"))
        return "gone_later"
    if fault := desk.take("zombie", names=names):
        actions.end_for_a_while(desk.market, instance, by, fault.duration_arg("45m"))
        return "gone_for_a_while"
    actions.end(desk.market, instance, by)
    return "gone"


def _too_young(desk: Desk, instance: Instance) -> Response | None:
    """Refuse for now, as providers with a minimum reservation do (F33)."""
    fault = desk.find("needs_min_age", names=fault_names(instance))
    if fault is None:
        return None
    left = instance.created_at + fault.duration_arg("30m") - desk.market.now()
    if left <= 0 or not desk.faults.act(fault):
        return None
    seconds = left // SECOND + 1
    return replies.refuse(400, "not_yet", f"Instance cannot be destroyed yet, try again in {seconds} seconds.")
