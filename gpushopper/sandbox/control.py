"""The control surface of the sandbox: faults, clock, credit, keys, operator actions, as JSON on a private Unix socket.

The control surface is HTTP with JSON bodies on the Unix socket `<HOME>/market/control.sock` (0600 in a 0700
folder). It is stable and only gains fields. Every reply has `"schema": 1`. A refused request answers 400 with
`{"schema": 1, "error": {"code": "refused", "message": TEXT}}`; unknown fields are refused.

| request | body | reply, beside `schema` |
|---|---|---|
| GET /status | | `{"home": PATH, "pid": N, "now": TIME, "clock_offset_us": N, "seed": N,
  "instances_are": "paper"|"live", "live": [LIVE, ...], "rate_gaps": "on"|"off", "registry": {"host", "user", "token",
  "image": a private image there}, "dialects": {CLOUD: {"url": "http://127.0.0.1:P/BASE",
  "keys": {PART: TEXT, "other_account_PART": TEXT, ...}}}}`, where PART is `api_key` or what the cloud asks for;
  the url is the endpoint that its adapter is given |
| POST /faults | `{"provider": CLOUD, "call": CALL, "word": WORD, "arg"?: TEXT, "count"?: N, "for"?: "10m",
  "instance"?: ID or label or "one" or "all" or "prefix*", "after"?: N, "chance"?: PERCENT}` |
  `{"fault": FAULT}` |
| GET /faults | | `{"faults": [FAULT, ...]}` |
| GET /words | | `{"words": [{"word": WORD, "calls": [CALL, ...], "argument": TEXT, "without": [CLOUD, ...]}, ...]}` |
| DELETE /faults, DELETE /faults/ID | | `{"cleared": N}` |
| GET /ledger | | the ledger, see `gpushopper.sandbox.market.ground_truth` |
| POST /launch | `{"provider": CLOUD, "label"?: TEXT}` | `{"id": ID, "provider": CLOUD, "label": TEXT|null}` |
| POST /advance | `{"by": "8h"}`; refused while live instances exist | `{"clock_offset_us": N, "now": TIME}` |
| POST /revise | `{"instance": ID, "action": ACTION, "value"?: V}` | `{"id": ID, "state": STATE}` |
| POST /pacing | `{"enabled"?: BOOL, "form"?: FORM, "retry_after"?: SECONDS|null}` | `{"enabled", "form"}` |
| POST /credit | `{"provider": CLOUD, "usd": 12.5}` sets what the first account has left | `{"account", "usd"}` |
| POST /keys | `{"secret": KEY, "provider"?: CLOUD, "scopes"?: [..], "revoked"?: BOOL}` adds or revokes |
  `{"account": ID, "revoked": BOOL}` |
| POST /stop | | `{"stopping": true}` |

FAULT = `{"id", "provider", "call", "word", "arg", "count", "until", "instance", "chance", "after", "acted",
"active", "line"}`; `acted` is how often it acted, `line` the words to add it again. CALL and WORD are in
`gpushopper.sandbox.faults.fault_types`; the call `host` is for live instances. ACTION =
`destroy host_destroy stop outbid start offline_host(value: how long) online_host reboot_host
contract_end(value: in how long) price_factor(value: 1.4) reclaim_gpus
gpu_load(value: percent) gpu_claim(value: "count=1,name=NVIDIA ...,disk=12"; none: the truth)`. LIVE = `{"id", "ssh":
{"host", "port", "user"}, "disk": PATH, "log": PATH, "supervisor": PID, "pid": PID 1 as seen from here or null,
"ready": whether ssh was opened}`: an instance that has processes now. FORM = `message plain detail
success_false search_quota masked_401`. Durations are `10m`, `90s`, `2h`, `1h30m` or seconds; times RFC 3339 in UTC.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask import Flask, Response, json, request
from werkzeug.exceptions import HTTPException

from gpushopper.sandbox.clock import SandboxClock
from gpushopper.sandbox.faults.fault_table import Fault
from gpushopper.sandbox.faults.fault_types import ARGUMENTS, CALLS, FAULT_TYPES, HOST, HOST_FAULT_TYPES, FaultType
from gpushopper.sandbox.market import actions, ground_truth
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.persistence import SandboxState
from gpushopper.sandbox.rate_limits import FORMS
from gpushopper.sandbox.timing import parse_duration, rfc3339

SCHEMA = 1


class Control:
    """What the requests of the control surface work with; `served` are the clouds that answer now."""

    def __init__(
        self,
        home: Path,
        state: SandboxState,
        clock: SandboxClock,
        served: Sequence[str],
        stop: Callable[[], None],
        describe_live: Callable[[], list[dict[str, Any]]] = list,
    ) -> None:
        self.home = home
        self.state = state
        self.clock = clock
        self.served = served
        self.stop = stop
        self.describe_live = describe_live

    def status(self) -> dict[str, Any]:
        """Return the status: address and keys of each dialect, the login of the private registry, live instances."""
        market = self.state.market
        return {
            "schema": SCHEMA,
            "home": str(self.home),
            "pid": os.getpid(),
            "now": rfc3339(self.clock()),
            "clock_offset_us": self.clock.offset(),
            "seed": self.state.market.seed,
            "instances_are": "live" if self.state.market.live else "paper",
            "live": self.describe_live(),
            "rate_gaps": "on" if self.state.rate_limiter.enabled else "off",
            "registry": {**asdict(market.registry), "image": f"{market.registry.host}/team/private:1"},
            "dialects": {name: self._dialect(name, self.state.ports[name]) for name in self.served},
        }

    def _dialect(self, name: str, port: int) -> dict[str, Any]:
        market = self.state.market
        first, other, *_ = market.keys_of(name)
        parts = {}
        for secret, prefix in ((first, ""), (other, "other_account_")):
            account = market.accounts[market.keys[secret].account_id]
            credential = market.clouds[name].credential(account, secret)
            parts.update({f"{prefix}{part}": text for part, text in credential.items()})
        return {"url": f"http://127.0.0.1:{port}{self.state.dialects[name].base_path}", "keys": parts}


def create_control(control: Control) -> Flask:
    """Return the WSGI application; the caller serves it on a 0600 socket and saves after each request."""
    app = Flask("gpushopper.sandbox.control", static_folder=None)
    app.url_map.strict_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    _add_reading(app, control)
    _add_faults(app, control)
    _add_actions(app, control)
    _add_settings(app, control)

    @app.errorhandler(ValueError)
    @app.errorhandler(LookupError)
    @app.errorhandler(HTTPException)
    def refuse(error: Exception) -> Response:
        status = error.code or 400 if isinstance(error, HTTPException) else 400
        text = str(error.args[0]) if error.args else str(error)
        return _reply({"schema": SCHEMA, "error": {"code": "refused", "message": text}}, status)

    return app


def _reply(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


def _body(*known: str) -> dict[str, Any]:
    """Return the request's JSON object; raises ValueError for unknown fields."""
    body = request.get_json(force=True, silent=True) if request.get_data() else {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise ValueError(f"unknown field: {unknown[0]}")
    return body


def _add_reading(app: Flask, control: Control) -> None:
    @app.get("/status")
    def status() -> Response:
        return _reply(control.status())

    @app.get("/ledger")
    def ledger() -> Response:
        return _reply(ground_truth.build_ledger(control.state.market))

    @app.post("/stop")
    def stop() -> Response:
        control.stop()
        return _reply({"schema": SCHEMA, "stopping": True})


def _add_faults(app: Flask, control: Control) -> None:
    faults = control.state.faults

    @app.post("/faults")
    def add_fault() -> Response:
        body = _body("provider", "call", "word", "arg", "count", "for", "instance", "after", "chance")
        if body.get("call") == HOST and not control.state.market.live:
            raise ValueError("simulated instances have no host to fail; start the sandbox with --live")
        arg, dialect = body.get("arg"), control.state.dialects.get(str(body.get("provider", "")))
        if dialect is not None and str(body.get("word", "")) in dialect.without:
            raise ValueError(f"{dialect.name} has nothing that {body['word']} could act on")
        fault = faults.add(
            str(body.get("provider", "")),
            str(body.get("call", "")),
            str(body.get("word", "")),
            None if arg is None else str(arg),
            count=_whole(body, "count"),
            duration=body.get("for"),
            instance=None if body.get("instance") is None else str(body["instance"]),
            after=_whole(body, "after") or 0,
            chance=_whole(body, "chance") or 100,
        )
        return _reply({"schema": SCHEMA, "fault": _fault_row(fault, control.clock())})

    @app.get("/faults")
    def list_faults() -> Response:
        return _reply({"schema": SCHEMA, "faults": [_fault_row(f, control.clock()) for f in faults.faults]})

    @app.get("/words")
    def list_words() -> Response:
        known = [*FAULT_TYPES.items(), *HOST_FAULT_TYPES.items()]
        return _reply({"schema": SCHEMA, "words": [_word_row(control, word, found) for word, found in known]})

    @app.delete("/faults")
    def clear_faults() -> Response:
        return _reply({"schema": SCHEMA, "cleared": faults.clear()})

    @app.delete("/faults/<int:fault_id>")
    def clear_fault(fault_id: int) -> Response:
        return _reply({"schema": SCHEMA, "cleared": faults.clear(fault_id)})


def _word_row(control: Control, word: str, found: FaultType) -> dict[str, Any]:
    """A fault word, the calls it acts on, its argument, and the clouds that have nothing it could act on."""
    without = [name for name, dialect in control.state.dialects.items() if word in dialect.without]
    calls = ["any"] if found.calls == CALLS else list(found.calls)
    return {"word": word, "calls": calls, "argument": ARGUMENTS[found.kind], "without": without}


def _whole(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    return None if value is None else int(value)


def _fault_row(fault: Fault, now: int) -> dict[str, Any]:
    until = None if fault.until is None else rfc3339(fault.until)
    return {**asdict(fault), "until": until, "active": fault.is_active(now), "line": fault.line()}


def _add_actions(app: Flask, control: Control) -> None:
    market = control.state.market

    @app.post("/launch")
    def launch() -> Response:
        body = _body("provider", "label")
        provider = _provider(market, body)
        market.settle()
        instance = actions.launch_foreign(market, provider, body.get("label"))
        return _reply({"schema": SCHEMA, "id": instance.cloud_id, "provider": provider, "label": instance.label})

    @app.post("/advance")
    def advance() -> Response:
        if market.live and any(instance.can_be_live for instance in market.existing_instances()):
            raise ValueError("the clock stands while live instances exist: their time is real")
        offset = control.clock.advance(parse_duration(_body("by").get("by", "")))
        market.settle()
        market.changes += 1
        return _reply({"schema": SCHEMA, "clock_offset_us": offset, "now": rfc3339(control.clock())})

    @app.post("/revise")
    def revise() -> Response:
        body = _body("instance", "action", "value")
        market.settle()
        instance = _find(control, body.get("instance"))
        actions.revise(market, instance, str(body.get("action", "")), body.get("value"))
        return _reply({"schema": SCHEMA, "id": instance.cloud_id, "state": ground_truth.state_of(instance)})


def _provider(market: Market, body: dict[str, Any]) -> str:
    provider = str(body.get("provider", ""))
    if provider not in market.clouds:
        raise ValueError(f"unknown provider: {provider or '(none)'}")
    return provider


def _find(control: Control, cloud_id: Any) -> Instance:
    instance = control.state.market.named(cloud_id)
    if instance is None or not instance.exists:
        raise ValueError(f"no such instance: {cloud_id}")
    return instance


def _add_settings(app: Flask, control: Control) -> None:
    market, rate_limiter = control.state.market, control.state.rate_limiter

    @app.post("/pacing")
    def pacing() -> Response:
        body = _body("enabled", "form", "retry_after")
        if body.get("form", rate_limiter.form) not in FORMS:
            raise ValueError(f"unknown form: {body['form']} (one of {' '.join(FORMS)})")
        rate_limiter.enabled = bool(body.get("enabled", rate_limiter.enabled))
        rate_limiter.form = body.get("form", rate_limiter.form)
        rate_limiter.retry_after = body.get("retry_after", rate_limiter.retry_after)
        market.changes += 1
        return _reply({"schema": SCHEMA, "enabled": rate_limiter.enabled, "form": rate_limiter.form})

    @app.post("/credit")
    def credit() -> Response:
        body = _body("provider", "usd")
        market.settle()
        account = market.first_account(_provider(market, body))
        account.paid_in_micros += round(float(body.get("usd", 0)) * 1_000_000) - account.credit_micros
        market.changes += 1
        return _reply({"schema": SCHEMA, "account": str(account.id), "usd": account.credit_micros / 1_000_000})

    @app.post("/keys")
    def keys() -> Response:
        body = _body("secret", "revoked", "provider", "scopes")
        secret = str(body.get("secret", ""))
        if secret not in market.keys:
            account = market.first_account(_provider(market, body))
            market.add_key(account.id, secret, scopes=body.get("scopes"))
        key = market.keys[secret]
        key.revoked = bool(body.get("revoked", key.revoked))
        market.changes += 1
        return _reply({"schema": SCHEMA, "account": str(key.account_id), "revoked": key.revoked})
