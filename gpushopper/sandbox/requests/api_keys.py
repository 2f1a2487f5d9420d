"""Checks the key of a request: whose it is (account or instance) and what it may do (scopes, own instance)."""

from __future__ import annotations

from flask import Response

from gpushopper.sandbox.faults.fault_types import HOST
from gpushopper.sandbox.requests.request_context import Caller, RequestContext, addressed_id


def authenticate(ctx: RequestContext) -> Response | None:
    """Find the account or instance whose key the request carries; refuse a missing, wrong or revoked key.

    A key of another cloud is a wrong key.
    """
    current, refusals = ctx.current, ctx.wire.refusals
    secret = ctx.wire.read_secret()
    if not secret:
        return None if current.endpoint.public else refusals.no_key()
    key = ctx.market.keys.get(secret)
    if key is not None and ctx.market.accounts[key.account_id].provider == ctx.provider:
        if fault := ctx.trigger("revoke", names=()):
            return refusals.bad_key(int(fault.arg) if fault.arg else None)
        if key.revoked:
            return refusals.revoked_key()
        current.caller = Caller(key.account_id, None, None if key.scopes is None else tuple(key.scopes))
        return None
    for instance in ctx.market.existing_instances():
        if instance.provider == ctx.provider and instance.secret == secret:
            current.caller = Caller(instance.account_id, instance.cloud_id)
            return None
    return refusals.bad_key()


def authorize(ctx: RequestContext) -> Response | None:
    """Refuse what a key may not do: outside its scopes, or another instance than its own."""
    current, refusals = ctx.current, ctx.wire.refusals
    caller = current.caller
    if caller is None:
        return None
    own = addressed_id() == caller.instance_id
    if caller.instance_id is not None and not (current.endpoint.own and own):
        return refusals.not_its_own()
    if caller.instance_id is not None and _lacks_scope(ctx, caller.instance_id):
        return refusals.lacks_permission(None)
    if caller.scopes is not None and current.endpoint.scope not in caller.scopes:
        return refusals.lacks_permission(current.endpoint.scope)
    return None


def _lacks_scope(ctx: RequestContext, cloud_id: str) -> bool:
    """Whether the fault `key_scope` (`none` or `stop`) takes this call from an instance's own key (F92)."""
    instance = ctx.market.named(cloud_id)
    names = () if instance is None else instance.names
    fault = ctx.faults.find(ctx.provider, HOST, "key_scope", names=names)
    if fault is None or (fault.arg == "stop" and ctx.current.facts.call in ("stop", "get")):
        return False
    return ctx.faults.try_act(fault)
