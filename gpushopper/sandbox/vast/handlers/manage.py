"""Endpoints that change an instance: start, stop, label, reboot, attached ssh keys (vastai.md 6, 8)."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, json

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.timing import rfc3339
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.request_bodies import next_key_id, read_ids

_QUEUED = "Required resources are currently unavailable, state change queued."


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the endpoints that change an instance without ending it."""

    @app.put("/api/v0/instances/<int:instance_id>/")
    def manage_instance(instance_id: int) -> Response:
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return replies.no_such_instance(instance_id)
        return _manage(ctx, instance)

    @app.put("/api/v0/instances/")
    def manage_many() -> Response:
        found = [i for number in read_ids(ctx.current.body, "ids") if (i := ctx.own_instance(number))]
        if not found:
            return replies.no_such_instance(0)
        answers = [_manage(ctx, instance) for instance in found]
        refused = [answer for answer in answers if not (answer.get_json() or {}).get("success")]
        return refused[0] if refused else answers[0]

    @app.put("/api/v0/instances/reboot/<int:instance_id>/", endpoint="reboot_instance")
    @app.put("/api/v0/instances/recycle/<int:instance_id>/", endpoint="recycle_instance")
    def restart_instance(instance_id: int) -> Response:
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return replies.no_such_instance(instance_id)
        actions.reboot(ctx.market, instance)
        return replies.reply({"success": True})

    _register_ssh(app, ctx)


def _register_ssh(app: Flask, ctx: RequestContext) -> None:
    @app.post("/api/v0/instances/<int:instance_id>/ssh/")
    def attach_ssh(instance_id: int) -> Response:
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return replies.no_such_instance(instance_id)
        text = str(ctx.current.body.get("ssh_key", ""))
        instance.ssh_keys.append(_ssh_key(ctx, text, next_key_id(instance.ssh_keys)))
        ctx.market.changes += 1
        return replies.reply({"success": True, "msg": "SSH key attached successfully"})

    @app.get("/api/v0/instances/<int:instance_id>/ssh/")
    def list_attached_ssh(instance_id: int) -> Response:
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return replies.no_such_instance(instance_id)
        return replies.reply({"success": True, "ssh_keys": json.dumps(instance.ssh_keys)})

    @app.delete("/api/v0/instances/<int:instance_id>/ssh/<int:key_id>/")
    def detach_ssh(instance_id: int, key_id: int) -> Response:
        instance = ctx.own_instance(instance_id)
        if instance is None or not any(key["id"] == key_id for key in instance.ssh_keys):
            return replies.no_such_instance(instance_id)
        instance.ssh_keys = [key for key in instance.ssh_keys if key["id"] != key_id]
        ctx.market.changes += 1
        return replies.reply({"success": True, "msg": "SSH key detached successfully"})


def _manage(ctx: RequestContext, instance: Instance) -> Response:
    """Apply a label or a state: only these can change after the create (vastai.md 6)."""
    body = ctx.current.body
    if "label" in body:
        label = body["label"]
        if label is not None and len(str(label)) > 1024:
            return replies.refuse(400, "label_too_long", "The label is longer than 1024 characters.")
        actions.relabel(ctx.market, instance, label)
    match body.get("state"):
        case "running":
            if not actions.start(ctx.market, instance):
                return replies.refuse(200, "resources_unavailable", _QUEUED)
        case "stopped":
            actions.stop(ctx.market, instance, ctx.caller.kind)
        case None if "label" in body:
            pass
        case other:
            return replies.refuse(400, "invalid_args", f"error 400/3467: state {other!r} is not known.")
    return replies.reply({"success": True})


def _ssh_key(ctx: RequestContext, text: str, number: int) -> dict[str, Any]:
    """Return a key object with both names of its text, which differ by endpoint (vastai.md 8)."""
    created = rfc3339(ctx.market.now()).removesuffix("Z")
    return {
        "id": number,
        "user_id": ctx.caller.account_id,
        "public_key": text,
        "key": text,
        "created_at": created,
        "deleted_at": None,
    }
