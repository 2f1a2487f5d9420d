"""The request context of the handlers: market, faults, and the current request with its caller and fault call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from flask import g, request

from gpushopper.sandbox.faults.fault_table import Fault, FaultTable
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import CreateRecord, DestroyRecord, Instance
from gpushopper.sandbox.rate_limits import RateLimiter
from gpushopper.sandbox.vast.endpoints import ENDPOINTS, UNKNOWN, Endpoint

PROVIDER = "vast"


@dataclass(frozen=True, slots=True)
class Caller:
    """The account whose API key was sent; `instance_id` is set for an instance's own key."""

    account_id: int
    instance_id: int | None = None
    scopes: tuple[str, ...] | None = None

    @property
    def kind(self) -> str:
        """The kind of key, as the ledger calls it."""
        return "api" if self.instance_id is None else "instance_key"


@dataclass(slots=True)
class CurrentRequest:
    """One request. `names` are what instance selectors of faults are compared with.

    `transport` says how the transport is to break the reply, `ledger_reply` what the ledger records as the reply.
    """

    name: str
    endpoint: Endpoint
    call: str
    body: dict[str, Any]
    names: tuple[str | None, ...] = ()
    caller: Caller | None = None
    transport: str | None = None
    ledger_reply: str | None = None
    create: CreateRecord | None = None
    destroys: list[DestroyRecord] = field(default_factory=list)


class RequestContext:
    """What handlers work with; one for the application, the current request is in `flask.g`."""

    def __init__(self, market: Market, faults: FaultTable, rate_limiter: RateLimiter) -> None:
        self.market = market
        self.faults = faults
        self.rate_limiter = rate_limiter

    @property
    def current(self) -> CurrentRequest:
        """The request that is being answered."""
        return cast(CurrentRequest, g.current)

    @property
    def caller(self) -> Caller:
        """The caller; raises LookupError at public endpoints called without a key."""
        caller = self.current.caller
        if caller is None:
            raise LookupError("this endpoint takes no key")
        return caller

    def begin_request(self) -> None:
        """Begin a request: determine its fault call and the instance or label that it names."""
        name = request.endpoint or ""
        endpoint = ENDPOINTS.get(name, UNKNOWN)
        body = request.get_json(force=True, silent=True)
        body = body if isinstance(body, dict) else {}
        call = "label" if endpoint.call == "manage" and "label" in body else endpoint.call
        g.current = current = CurrentRequest(name, endpoint, call, body)
        number = (request.view_args or {}).get("instance_id")
        if call == "create":
            env = body.get("env")
            label, second = _text(body.get("label")), _text(env.get("GS_LABEL") if isinstance(env, dict) else None)
            current.names = (label, second)
            current.create = CreateRecord(PROVIDER, label, second, self.market.now(), "none", "")
        elif number is not None:
            known = self.market.instances.get(number)
            current.names = (str(number), known.label if known else None)

    def trigger(self, *words: str, names: tuple[str | None, ...] | None = None) -> Fault | None:
        """Return the first fault that acts on this call (or on the instance of these names), and count the act."""
        chosen = self.current.names if names is None else names
        return self.faults.trigger(PROVIDER, self.current.call, *words, names=chosen)

    def find(self, *words: str, names: tuple[str | None, ...] | None = None) -> Fault | None:
        """Return the first matching fault without counting an act."""
        return self.faults.find(PROVIDER, self.current.call, *words, names=names)

    def own_instance(self, instance_id: int) -> Instance | None:
        """Return the caller's existing instance; None for unknown, gone and other accounts' ones."""
        return self.market.find(instance_id, self.caller.account_id)

    def break_reply(self, word: str, ledger_reply: str | None = None) -> None:
        """Have the transport break this reply."""
        self.current.transport = word
        self.current.ledger_reply = ledger_reply or word


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def read_ids(body: dict[str, Any], name: str) -> list[int]:
    """Return the instance ids of a bulk request; values that are no ids are skipped."""
    listed = body.get(name)
    return [int(one) for one in listed if str(one).isdecimal()] if isinstance(listed, list) else []


def next_key_id(keys: list[dict[str, object]]) -> int:
    """Return an id that none of these ssh keys has."""
    return 1 + max((int(str(key["id"])) for key in keys), default=500)


def fault_names(instance: Instance) -> tuple[str | None, ...]:
    """Return the names (id, label) by which a fault may select an instance."""
    return (str(instance.id), instance.label)
