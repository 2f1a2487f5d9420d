"""What happens to every request before and after its handler: loss, keys, limits, recording, `Date`."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, json, request

from gpushopper.sandbox.faults.fault_types import HOST
from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import DestroySeen, Phase
from gpushopper.sandbox.timing import DAY, SECOND, http_date, parse_duration
from gpushopper.sandbox.transport_header import HEADER, LOST
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.request_context import PROVIDER, Caller, Desk, fault_names, read_ids

_BEFORE_ACTING = ("hang", "dns", "blackhole", "reset", "offline")
_AFTER_ACTING = ("drip", "huge", "slow")


def guard(app: Flask, desk: Desk) -> None:
    """Put the gate around every endpoint of an application."""

    @app.before_request
    def enter() -> Response | None:
        desk.open_visit()
        desk.market.settle()
        _hold_accounts(desk)
        for step in (_lose, _identify, _cut_off, _permit, _pace, _refuse):
            answer = step(desk)
            if answer is not None:
                return answer
        return None

    @app.after_request
    def leave(answer: Response) -> Response:
        visit = desk.visit
        if answer.is_json and answer.status_code == 200:
            _change_schema(desk, answer)
        if visit.transport is None and (fault := desk.take(*_AFTER_ACTING)):
            visit.transport = _spoken(fault.word, fault.arg)
        _record(desk, answer)
        if visit.transport is not None:
            answer.headers[HEADER] = visit.transport
        answer.headers["Date"] = http_date(desk.market.now())
        return answer


def _hold_accounts(desk: Desk) -> None:
    """Play the faults that are about an account rather than a call."""
    drained = desk.take("zero_balance", names=()) is not None
    for account in desk.market.accounts.values():
        if account.provider == PROVIDER and account.drained != drained:
            account.drained = drained
            desk.market.settle()
    fault = desk.find("price_change")
    if fault is None or fault.instance is None:
        return
    for instance in desk.market.present():
        if not fault.acted and fault.selects(*fault_names(instance)) and desk.faults.act(fault):
            actions.revise(desk.market, instance, "price_factor", (fault.arg or "1.4").removeprefix("x"))


def _lose(desk: Desk) -> Response | None:
    """Lose the request before it acts, or let a captive portal answer it."""
    if fault := desk.take(*_BEFORE_ACTING):
        desk.lose_reply(fault.word)
        return replies.gateway_error(503)
    if desk.take("captive_portal"):
        return replies.html(replies.CAPTIVE_PORTAL, 200)
    return None


def _identify(desk: Desk) -> Response | None:
    visit = desk.visit
    secret = request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or request.args.get("api_key")
    if not secret:
        return None if visit.endpoint.public else replies.refuse(403, "auth_error", "This action requires login.")
    key = desk.market.keys.get(secret)
    if key is not None and desk.market.accounts[key.account_id].provider == PROVIDER:
        if fault := desk.take("revoke", names=()):
            return replies.bad_key(int(fault.arg or 404))
        if key.revoked:
            return replies.bad_key(401)
        visit.caller = Caller(key.account_id, None, None if key.scopes is None else tuple(key.scopes))
        return None
    for instance in desk.market.present():
        if instance.secret == secret:
            visit.caller = Caller(instance.account_id, instance.id)
            return None
    return replies.bad_key()


def _cut_off(desk: Desk) -> Response | None:
    """Lose what an instance sends while its host has no way out (`no_egress`, `offline`); `no_egress hang` waits."""
    number = desk.caller.instance_id if desk.visit.caller else None
    if number is None:
        return None
    instance = desk.market.instances[number]
    fault = desk.faults.take(PROVIDER, HOST, "no_egress", names=fault_names(instance))
    if fault is None and instance.phase is not Phase.OFFLINE:
        return None
    desk.lose_reply("hang" if fault is not None and fault.arg == "hang" else "reset")
    return replies.gateway_error(503)


def _permit(desk: Desk) -> Response | None:
    """Hold a scoped key to its scopes, and an instance's key to that instance (vastai.md 11, 14)."""
    visit = desk.visit
    caller = visit.caller
    if caller is None:
        return None
    own = (request.view_args or {}).get("instance_id") == caller.instance_id
    if caller.instance_id is not None and not (visit.endpoint.own and own):
        return replies.refuse(401, "not_authorized", "This key is limited to its own instance.")
    if caller.instance_id is not None and _lacks_scope(desk, caller.instance_id):
        return replies.refuse(401, "not_authorized", "This key lacks the permission.")
    if caller.scopes is not None and visit.endpoint.scope not in caller.scopes:
        return replies.refuse(403, "not_authorized", f"This key lacks the permission {visit.endpoint.scope}.")
    return None


def _lacks_scope(desk: Desk, number: int) -> bool:
    """Whether an instance's own key may do less than is documented (F92): `key_scope none`, or `stop`."""
    names = fault_names(desk.market.instances[number])
    fault = desk.faults.find(PROVIDER, HOST, "key_scope", names=names)
    visit = desk.visit
    stops = visit.endpoint.call == "manage" and visit.body == {"state": "stopped"}
    if fault is None or (fault.arg == "stop" and (stops or visit.endpoint.call == "get")):
        return False
    return desk.faults.act(fault)


def _pace(desk: Desk) -> Response | None:
    """Answer 429 to a call that comes too early, or that a fault says does."""
    gap, now = desk.visit.endpoint.gap, desk.market.now()
    tomorrow = (now // DAY + 1) * DAY // SECOND
    if fault := desk.take("429", "429_plain_text"):
        _, form, retry_after = [*(fault.arg or "").split(","), "", "", ""][:3]
        form = "plain" if fault.word == "429_plain_text" else form.strip() or desk.pacer.form
        wait = int(retry_after) if retry_after else desk.pacer.retry_after
        return replies.too_fast(form, gap.seconds, wait, tomorrow)
    identity = f"{desk.visit.caller}"
    if desk.pacer.admit(identity, desk.visit.name, gap, now):
        return None
    return replies.too_fast(desk.pacer.form, gap.seconds, desk.pacer.retry_after, tomorrow)


def _refuse(desk: Desk) -> Response | None:
    """Answer what a fault dictates instead of acting."""
    if desk.take("auth404"):
        return replies.bad_key(404)
    if fault := desk.take("status"):
        status = int(fault.arg or 500)
        if status >= 500:
            return replies.gateway_error(status)
        word = {410: "deprecated_endpoint", 404: "not_found"}.get(status, "invalid_request")
        return replies.refuse(status, word, f"{request.path} is not available.")
    if request.get_data() and request.get_json(force=True, silent=True) is None:
        return replies.refuse(400, "invalid_request", "Invalid json body")
    return None


def _spoken(word: str, arg: str | None) -> str:
    """Return the transport header's value of a fault that breaks a reply after the call acted."""
    match word:
        case "huge":
            return f"huge={float(arg or 100):g}"
        case "slow":
            return f"delay={parse_duration(arg or '30') / SECOND:g}"
        case _:
            return word


def _change_schema(desk: Desk, answer: Response) -> None:
    """Rename a field everywhere in a reply, or turn its value into text with `field:text` (F81)."""
    body = answer.get_json(silent=True)
    fault = None if body is None else desk.take("schema_change")
    if fault is not None:
        name, _, how = (fault.arg or "").partition(":")
        answer.set_data(json.dumps(_changed(body, name, how)))


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


def _record(desk: Desk, answer: Response) -> None:
    """Put creates and destroys into the ledger with what their caller was told."""
    visit, market = desk.visit, desk.market
    error = (answer.get_json(silent=True) or {}).get("error") if answer.is_json and answer.status_code >= 400 else None
    told = visit.told or (f"{answer.status_code} {error}" if error else str(answer.status_code))
    if visit.create is not None:
        visit.create.reply = told
        market.creates.append(visit.create)
    if visit.endpoint.call == "destroy" and not visit.destroys:
        by = visit.caller.kind if visit.caller else "api"
        for number in _named_ids(visit.body):
            visit.destroys.append(DestroySeen(PROVIDER, number, market.now(), by, "none", ""))
    for seen in visit.destroys:
        seen.reply = told
        market.destroys.append(seen)
    if visit.create is not None or visit.destroys:
        market.changes += 1
    if visit.transport is not None and visit.transport in LOST:
        answer.set_data(b"")


def _named_ids(body: dict[str, Any]) -> list[int]:
    """Return the instances a destroy named that never reached its handler."""
    number = (request.view_args or {}).get("instance_id")
    if number is not None:
        return [number]
    return read_ids(body, "instance_ids")
