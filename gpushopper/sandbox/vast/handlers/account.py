"""Endpoints of the account: user object with credit, ssh keys, charges (vastai.md 8, 10)."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, json, request

from gpushopper.sandbox.market.model import UNITS_PER_MICRO, Account, Instance
from gpushopper.sandbox.requests.reads import reported_credit
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.timing import DAY, HOUR, SECOND, rfc3339
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.offer_rows import SCALE
from gpushopper.sandbox.vast.request_bodies import next_key_id

CHARGES_DEFAULT, CHARGES_MOST = 100, 500
"""Charges on a page: where the request names no limit, and at most."""


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the endpoints about the account."""

    @app.get("/api/v0/users/current/")
    def show_user() -> Response:
        account = ctx.market.accounts[ctx.caller.account_id]
        return replies.reply(_user(account, reported_credit(ctx, account), ctx.market.created_at / SECOND))

    @app.get("/api/v0/ssh/")
    def list_ssh_keys() -> Response:
        keys = ctx.market.accounts[ctx.caller.account_id].ssh_keys
        return replies.reply(keys) if keys else replies.refuse(404, "not_found", "No ssh keys.")

    @app.post("/api/v0/ssh/")
    def create_ssh_key() -> Response:
        account, text = ctx.market.accounts[ctx.caller.account_id], str(ctx.current.body.get("ssh_key", ""))
        created = rfc3339(ctx.market.now()).removesuffix("Z")
        number = next_key_id(account.ssh_keys)
        key = {"id": number, "user_id": account.id, "public_key": text, "key": text, "created_at": created}
        account.ssh_keys.append({**key, "deleted_at": None})
        ctx.market.changes += 1
        return replies.reply({"success": True, "key": {**key, "deleted_at": None}})

    @app.delete("/api/v0/ssh/<int:key_id>/")
    def delete_ssh_key(key_id: int) -> Response:
        account = ctx.market.accounts[ctx.caller.account_id]
        account.ssh_keys = [key for key in account.ssh_keys if key["id"] != key_id]
        ctx.market.changes += 1
        return replies.reply({"success": True})

    @app.get("/api/v0/charges/")
    def list_charges() -> Response:
        return _charges_page(ctx)


def _charges_page(ctx: RequestContext) -> Response:
    day = json.loads(request.args.get("select_filters", "{}")).get("day", {})
    if not {"gte", "lte"} <= set(day):
        return replies.refuse(400, "invalid_request", "day needs gte and lte")
    try:
        start, limit = int(request.args.get("after_token") or 0), int(request.args.get("limit") or CHARGES_DEFAULT)
    except ValueError:
        return replies.refuse(400, "invalid_request", "after_token and limit must be whole numbers")
    if not 0 < limit <= CHARGES_MOST:
        return replies.refuse(400, "invalid_request", f"limit must be 1 to {CHARGES_MOST}")
    own = [i for i in ctx.market.instances.values() if i.account_id == ctx.caller.account_id]
    rows = [row for i in own if day["gte"] <= (row := _charge(ctx, i))["end"] and row["start"] <= day["lte"]]
    shown, after = rows[start : start + limit], start + limit
    token = str(after) if after < len(rows) else None
    return replies.reply(
        {"success": True, "count": len(shown), "total": len(rows), "next_token": token, "results": shown}
    )


def _user(account: Account, credit_micros: int, created_at: float) -> dict[str, Any]:
    empty = ("address_line1", "address_line2", "address_city", "address_zip", "address_country")
    return {
        "id": account.id,
        "key_id": 812_345,
        "username": account.name,
        "user": account.name,
        "email": f"{account.name}@example.org",
        "email_verified": True,
        "fullname": "",
        # Spendable money is `credit`; `balance` sits near zero on prepaid accounts (vastai.md 10).
        "balance": 0.0,
        "credit": credit_micros / SCALE,
        "ssh_key": None,
        "sid": "1a2b",
        "can_pay": True,
        "has_billing": True,
        "has_payout": False,
        "balance_threshold": 5.0,
        "balance_threshold_enabled": True,
        "autobill_threshold": 0,
        "autobill_amount": 0,
        "billing_creditonly": 0,
        "billed_expected": 0,
        "billed_verified": 0,
        "paid_expected": 0,
        "paid_verified": 0,
        "got_signup_credit": 1,
        "last4": None,
        **{f"bill{name}": "" for name in empty},
        "paypal_email": "",
        "wise_email": "",
        "host_only": False,
        "host_agreement_accepted": False,
        "created_at": created_at,
        "rights": {},
    }


def _charge(ctx: RequestContext, instance: Instance) -> dict[str, Any]:
    """Return one instance's charges; a destroyed one still has its own (vastai.md 10).

    The fault `misbill` bills its GPU time wrongly.
    """
    meter = instance.meter
    start, end = instance.created_at // SECOND, (instance.ended_at or ctx.market.now()) // SECOND
    hours = meter.gpu_us / HOUR
    fault = ctx.trigger("misbill", names=instance.names)
    gpu_units = meter.gpu_units if fault is None else round(meter.gpu_units * fault.factor_arg("1.5"))
    parts = (
        ("gpu", gpu_units, f"{hours:.3f} hours at ${instance.gpu_rate / SCALE:.3f}/hour"),
        ("disk", meter.storage_units, f"{instance.spec.disk_gb:g} GB"),
        ("bwd", meter.traffic_units, "traffic"),
    )
    item: dict[str, Any] = {"start": start, "end": end, "source": None, "metadata": {}, "items": []}
    days = (end - start) * SECOND // DAY + 1
    return {
        "start": start,
        "end": end,
        "type": "instance",
        "source": f"instance-{instance.id}",
        "description": f"Instance {instance.id} Charges - {days} days",
        "amount": _dollars(gpu_units + meter.storage_units + meter.traffic_units),
        "metadata": {"label": instance.label},
        "items": [{**item, "type": t, "description": text, "amount": _dollars(units)} for t, units, text in parts],
    }


def _dollars(units: int) -> float:
    return round(units / UNITS_PER_MICRO / SCALE, 3)
