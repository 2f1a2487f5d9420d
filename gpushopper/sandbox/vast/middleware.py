"""Middleware around every handler: network faults, API keys and permissions, rate limits (429), ledger records, `Date`.

Faults of single endpoints are applied in `handlers/`.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, json, request

from gpushopper.sandbox.faults.fault_types import HOST
from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import DestroyRecord, Phase
from gpushopper.sandbox.timing import DAY, SECOND, http_date, parse_duration
from gpushopper.sandbox.transport_header import HEADER, LOST
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.request_context import PROVIDER, Caller, RequestContext, fault_names, read_ids

_BEFORE_ACTING = ("hang", "dns", "blackhole", "reset", "offline")
_AFTER_ACTING = ("drip", "huge", "slow")


def install(app: Flask, ctx: RequestContext) -> None:
    """Register the hooks that run before and after each request."""

    @app.before_request
    def before_request() -> Response | None:
        ctx.begin_request()
        ctx.market.settle()
        _apply_account_faults(ctx)
        for step in (_lose_request, _authenticate, _block_egress, _authorize, _limit_rate, _reject_by_fault):
            response = step(ctx)
            if response is not None:
                return response
        return None

    @app.after_request
    def after_request(response: Response) -> Response:
        current = ctx.current
        if response.is_json and response.status_code == 200:
            _change_schema(ctx, response)
        if current.transport is None and (fault := ctx.trigger(*_AFTER_ACTING)):
            current.transport = _transport_value(fault.word, fault.arg)
        _record_in_ledger(ctx, response)
        if current.transport is not None:
            response.headers[HEADER] = current.transport
        response.headers["Date"] = http_date(ctx.market.now())
        return response


def _apply_account_faults(ctx: RequestContext) -> None:
    """Apply the faults that concern an account rather than a call."""
    drained = ctx.trigger("zero_balance", names=()) is not None
    for account in ctx.market.accounts.values():
        if account.provider == PROVIDER and account.drained != drained:
            account.drained = drained
            ctx.market.settle()
    fault = ctx.find("price_change")
    if fault is None or fault.instance is None:
        return
    for instance in ctx.market.existing_instances():
        if not fault.acted and fault.selects(*fault_names(instance)) and ctx.faults.try_act(fault):
            actions.revise(ctx.market, instance, "price_factor", (fault.arg or "1.4").removeprefix("x"))


def _lose_request(ctx: RequestContext) -> Response | None:
    """Lose the request before it acts, or answer it as a captive portal would."""
    if fault := ctx.trigger(*_BEFORE_ACTING):
        ctx.break_reply(fault.word)
        return replies.gateway_error(503)
    if ctx.trigger("captive_portal"):
        return replies.html(replies.CAPTIVE_PORTAL, 200)
    return None


def _authenticate(ctx: RequestContext) -> Response | None:
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


def _block_egress(ctx: RequestContext) -> Response | None:
    """Lose requests of an instance whose host is offline or has no network (`no_egress`; with `hang` they time out)."""
    number = ctx.caller.instance_id if ctx.current.caller else None
    if number is None:
        return None
    instance = ctx.market.instances[number]
    fault = ctx.faults.trigger(PROVIDER, HOST, "no_egress", names=fault_names(instance))
    if fault is None and instance.phase is not Phase.OFFLINE:
        return None
    ctx.break_reply("hang" if fault is not None and fault.arg == "hang" else "reset")
    return replies.gateway_error(503)


def _authorize(ctx: RequestContext) -> Response | None:
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


def _limit_rate(ctx: RequestContext) -> Response | None:
    """Answer 429 to a call within the endpoint's minimum gap, or where a fault says so."""
    gap, now = ctx.current.endpoint.gap, ctx.market.now()
    tomorrow = (now // DAY + 1) * DAY // SECOND
    if fault := ctx.trigger("429", "429_plain_text"):
        _, form, retry_after = [*(fault.arg or "").split(","), "", "", ""][:3]
        form = "plain" if fault.word == "429_plain_text" else form.strip() or ctx.rate_limiter.form
        wait = int(retry_after) if retry_after else ctx.rate_limiter.retry_after
        return replies.too_many_requests(form, gap.seconds, wait, tomorrow)
    identity = f"{ctx.current.caller}"
    if ctx.rate_limiter.admit(identity, ctx.current.name, gap, now):
        return None
    return replies.too_many_requests(ctx.rate_limiter.form, gap.seconds, ctx.rate_limiter.retry_after, tomorrow)


def _reject_by_fault(ctx: RequestContext) -> Response | None:
    """Answer with the error of a fault (`auth404`, `status`), or refuse a body that is not JSON."""
    if ctx.trigger("auth404"):
        return replies.bad_key(404)
    if fault := ctx.trigger("status"):
        status = int(fault.arg or 500)
        if status >= 500:
            return replies.gateway_error(status)
        code = {410: "deprecated_endpoint", 404: "not_found"}.get(status, "invalid_request")
        return replies.refuse(status, code, f"{request.path} is not available.")
    if request.get_data() and request.get_json(force=True, silent=True) is None:
        return replies.refuse(400, "invalid_request", "Invalid json body")
    return None


def _transport_value(word: str, arg: str | None) -> str:
    """Return the transport header for a fault that breaks the reply after the call has acted."""
    match word:
        case "huge":
            return f"huge={float(arg or 100):g}"
        case "slow":
            return f"delay={parse_duration(arg or '30') / SECOND:g}"
        case _:
            return word


def _change_schema(ctx: RequestContext, response: Response) -> None:
    """Rename a field everywhere in a reply, or turn its value into text with `field:text` (F81)."""
    body = response.get_json(silent=True)
    fault = None if body is None else ctx.trigger("schema_change")
    if fault is not None:
        name, _, how = (fault.arg or "").partition(":")
        response.set_data(json.dumps(_changed(body, name, how)))


def _changed(value: Any, name: str, how: str) -> Any:
    if isinstance(value, list):
        return [_changed(item, name, how) for item in value]
    if not isinstance(value, dict):
        return value
    rows = {}
    for key, item in value.items():
        inner = _changed(item, name, how)
        if key != name:
            rows[key] = inner
        elif how == "text":
            rows[key] = json.dumps(inner)
        else:
            rows[f"{key}_v2"] = inner
    return rows


def _record_in_ledger(ctx: RequestContext, response: Response) -> None:
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
