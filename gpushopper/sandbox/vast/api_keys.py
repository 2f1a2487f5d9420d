"""Checks the API key of a request: whose it is (account or instance) and what it may do (scopes, own instance)."""

from __future__ import annotations

from flask import Response, request

from gpushopper.sandbox.faults.fault_types import HOST
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.request_context import PROVIDER, Caller, RequestContext, fault_names


def authenticate(ctx: RequestContext) -> Response | None:
    """Find the account or instance whose API key the request carries; refuse a missing, wrong or revoked key."""
    current = ctx.current
    secret = request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or request.args.get("api_key")
    if not secret:
        return None if current.endpoint.public else replies.refuse(403, "auth_error", "This action requires login.")
    key = ctx.market.keys.get(secret)
    if key is not None and ctx.market.accounts[key.account_id].provider == PROVIDER:
        if fault := ctx.trigger("revoke", names=()):
            return replies.bad_key(int(fault.arg or 404))
        if key.revoked:
            return replies.bad_key(401)
        current.caller = Caller(key.account_id, None, None if key.scopes is None else tuple(key.scopes))
        return None
    for instance in ctx.market.existing_instances():
        if instance.secret == secret:
            current.caller = Caller(instance.account_id, instance.id)
            return None
    return replies.bad_key()


def authorize(ctx: RequestContext) -> Response | None:
    """Refuse what a key may not do: outside its scopes, or another instance than its own (vastai.md 11, 14)."""
    current = ctx.current
    caller = current.caller
    if caller is None:
        return None
    own = (request.view_args or {}).get("instance_id") == caller.instance_id
    if caller.instance_id is not None and not (current.endpoint.own and own):
        return replies.refuse(401, "not_authorized", "This key is limited to its own instance.")
    if caller.instance_id is not None and _lacks_scope(ctx, caller.instance_id):
        return replies.refuse(401, "not_authorized", "This key lacks the permission.")
    if caller.scopes is not None and current.endpoint.scope not in caller.scopes:
        return replies.refuse(403, "not_authorized", f"This key lacks the permission {current.endpoint.scope}.")
    return None


def _lacks_scope(ctx: RequestContext, number: int) -> bool:
    """Whether the fault `key_scope` (`none` or `stop`) takes this call from an instance's own key (F92)."""
    names = fault_names(ctx.market.instances[number])
    fault = ctx.faults.find(PROVIDER, HOST, "key_scope", names=names)
    current = ctx.current
    stops = current.endpoint.call == "manage" and current.body == {"state": "stopped"}
    if fault is None or (fault.arg == "stop" and (stops or current.endpoint.call == "get")):
        return False
    return ctx.faults.try_act(fault)
