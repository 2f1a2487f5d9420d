"""Middleware around every handler: account and network faults, rate limits (429), `Date`, and the order of all checks.

`api_keys.py` checks keys, `ledger_records.py` records for the ledger, a dialect's handlers apply the faults of their
calls with `creates.py`, `destroys.py` and `reads.py`. The error replies are the dialect's.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, json, request

from gpushopper.sandbox.faults.fault_table import Fault
from gpushopper.sandbox.faults.fault_types import HOST
from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import Phase
from gpushopper.sandbox.rate_limits import Bucket
from gpushopper.sandbox.requests.api_keys import authenticate, authorize
from gpushopper.sandbox.requests.ledger_records import record_in_ledger
from gpushopper.sandbox.requests.pages import CAPTIVE_PORTAL, gateway_error, html
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.timing import DAY, SECOND, http_date
from gpushopper.sandbox.transport_header import HEADER

_BEFORE_ACTING = ("hang", "dns", "blackhole", "reset", "offline")
_AFTER_ACTING = ("drip", "huge", "slow")


def install(app: Flask, ctx: RequestContext) -> None:
    """Register the hooks that run before and after each request."""

    @app.before_request
    def before_request() -> Response | None:
        ctx.begin_request()
        ctx.market.settle()
        _apply_account_faults(ctx)
        for step in (_lose_request, authenticate, _block_egress, authorize, _limit_rate, _reject_by_fault):
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
            current.transport = _transport_value(ctx, fault)
        record_in_ledger(ctx, response)
        if current.transport is not None:
            response.headers[HEADER] = current.transport
        response.headers["Date"] = http_date(ctx.market.now())
        return response


def _apply_account_faults(ctx: RequestContext) -> None:
    """Apply the faults that concern an account rather than a call."""
    drained = ctx.trigger("zero_balance", names=()) is not None
    for account in ctx.market.accounts.values():
        if account.provider == ctx.provider and account.drained != drained:
            account.drained = drained
            ctx.market.settle()
    fault = ctx.find("price_change")
    if fault is None or fault.instance is None:
        return
    for instance in ctx.market.existing_instances():
        is_ours = instance.provider == ctx.provider and fault.selects(*instance.names)
        if is_ours and not fault.acted and ctx.faults.try_act(fault):
            actions.revise(ctx.market, instance, "price_factor", (fault.arg or "1.4").removeprefix("x"))


def _lose_request(ctx: RequestContext) -> Response | None:
    """Lose the request before it acts, or answer it as a captive portal would."""
    if fault := ctx.trigger(*_BEFORE_ACTING):
        ctx.break_reply(fault.word)
        return gateway_error(503)
    if ctx.trigger("captive_portal"):
        return html(CAPTIVE_PORTAL, 200)
    return None


def _block_egress(ctx: RequestContext) -> Response | None:
    """Lose requests of an instance whose host is offline or has no network (`no_egress`; with `hang` they time out)."""
    instance = ctx.market.named(ctx.caller.instance_id) if ctx.current.caller else None
    if instance is None:
        return None
    fault = ctx.faults.trigger(ctx.provider, HOST, "no_egress", names=instance.names)
    if fault is None and instance.phase is not Phase.OFFLINE:
        return None
    ctx.break_reply("hang" if fault is not None and fault.arg == "hang" else "reset")
    return gateway_error(503)


def _limit_rate(ctx: RequestContext) -> Response | None:
    """Answer 429 to a call within the endpoint's minimum gap, or where a fault says so."""
    gap, now = ctx.current.endpoint.gap, ctx.market.now()
    tomorrow = (now // DAY + 1) * DAY // SECOND
    if fault := ctx.trigger("429", "429_plain_text"):
        _, form, retry_after = [*(fault.arg or "").split(","), "", "", ""][:3]
        form = "plain" if fault.word == "429_plain_text" else form.strip() or ctx.rate_limiter.form
        wait = int(retry_after) if retry_after else ctx.rate_limiter.retry_after
        return ctx.wire.refusals.too_many_requests(form, gap.seconds, wait, tomorrow)
    identity, endpoint = f"{ctx.current.caller}", f"{ctx.provider}:{ctx.current.name}"
    if _bucket_has_room(ctx, now) and ctx.rate_limiter.admit(identity, endpoint, gap, now):
        return None
    form, wait = ctx.rate_limiter.form, ctx.rate_limiter.retry_after
    return ctx.wire.refusals.too_many_requests(form, gap.seconds, wait, tomorrow)


def _bucket_has_room(ctx: RequestContext, now: int) -> bool:
    """Count the call in its account's bucket: the cloud's own while limits are enforced, or that of the fault `pace`.

    Calls without a key are counted together.
    """
    account = f"{ctx.provider}:{ctx.current.caller and ctx.caller.account_id}"
    fault = ctx.find("pace")
    bucket = ctx.wire.bucket if fault is None else Bucket.parse(fault.arg or "")
    if bucket is None or (fault is None and not ctx.rate_limiter.enabled):
        return True
    return ctx.rate_limiter.fill(account, bucket, now) or (fault is not None and not ctx.faults.try_act(fault))


def _reject_by_fault(ctx: RequestContext) -> Response | None:
    """Answer with the error of a fault (`auth404`, `status`), or refuse a body that is not JSON."""
    if ctx.trigger("auth404"):
        return ctx.wire.refusals.bad_key(404)
    if fault := ctx.trigger("status"):
        return ctx.wire.refusals.by_status(int(fault.arg or 500), request.path)
    if request.get_data() and request.get_json(force=True, silent=True) is None:
        return ctx.wire.refusals.not_json()
    return None


def _transport_value(ctx: RequestContext, fault: Fault) -> str:
    """Return the transport header for a fault that breaks the reply after the call has acted."""
    match fault.word:
        case "huge":
            return f"huge={float(fault.arg or 100):g}"
        case "slow":
            return f"delay={ctx.faults.draw_duration(fault, '30') / SECOND:g}"
        case word:
            return word


def _change_schema(ctx: RequestContext, response: Response) -> None:
    """Rename a field everywhere in a reply, or turn its value into text with `field:text` (F81)."""
    if ctx.find("schema_change") is None:  # replies are long, and this fault is rare
        return
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
