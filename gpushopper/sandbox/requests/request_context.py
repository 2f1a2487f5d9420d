"""The request context of the handlers: market, faults, and the current request with its caller and fault call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import request

from gpushopper.sandbox.faults.fault_table import Fault, FaultTable
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import CreateRecord, DestroyRecord, Instance
from gpushopper.sandbox.market.simulated_log import ReadLog
from gpushopper.sandbox.rate_limits import RateLimiter
from gpushopper.sandbox.requests.endpoint import UNKNOWN, Endpoint
from gpushopper.sandbox.requests.wire import RequestFacts, Wire


@dataclass(frozen=True, slots=True)
class Caller:
    """The account whose API key was sent; `instance_id` is set for an instance's own key."""

    account_id: int
    instance_id: str | None = None
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
    facts: RequestFacts
    body: dict[str, Any]
    names: tuple[str | None, ...] = ()
    caller: Caller | None = None
    transport: str | None = None
    ledger_reply: str | None = None
    create: CreateRecord | None = None
    destroys: list[DestroyRecord] = field(default_factory=list)


class RequestContext:
    """What handlers work with; one for the application, which answers one request at a time (`app.create_app`)."""

    def __init__(
        self,
        provider: str,
        wire: Wire,
        market: Market,
        faults: FaultTable,
        rate_limiter: RateLimiter,
        read_log: ReadLog,
    ) -> None:
        self.provider = provider
        self.wire = wire
        self.market = market
        self.faults = faults
        self.rate_limiter = rate_limiter
        self.read_log = read_log
        self.current: CurrentRequest
        """The request that is being answered. Not in `flask.g`: it is looked at some thirty times in each."""

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
        endpoint = self.wire.endpoints.get(name, UNKNOWN)
        body = request.get_json(force=True, silent=True) if request.get_data() else None
        body = body if isinstance(body, dict) else {}
        facts = self.wire.read_request(name, endpoint, body)
        self.current = current = CurrentRequest(name, endpoint, facts, body)
        cloud_id = addressed_id()
        if facts.call == "create":
            current.names = (facts.label, facts.env_label)
            now = self.market.now()
            current.create = CreateRecord(self.provider, facts.label, facts.env_label, now, "none", "")
        elif cloud_id is not None:
            known = self.market.named(cloud_id)
            current.names = (cloud_id, known.label if known else None)

    def trigger(self, *words: str, names: tuple[str | None, ...] | None = None) -> Fault | None:
        """Return the first fault that acts on this call (or on the instance of these names), and count the act."""
        if not self.faults.faults:  # asked a dozen times by each request
            return None
        chosen = self.current.names if names is None else names
        return self.faults.trigger(self.provider, self.current.facts.call, *words, names=chosen)

    def find(self, *words: str, names: tuple[str | None, ...] | None = None) -> Fault | None:
        """Return the first matching fault without counting an act."""
        if not self.faults.faults:
            return None
        return self.faults.find(self.provider, self.current.facts.call, *words, names=names)

    def own_instance(self, cloud_id: object) -> Instance | None:
        """Return the caller's existing instance; None for unknown, gone and other accounts' ones."""
        return self.market.find(cloud_id, self.caller.account_id)

    def own_instances(self) -> list[Instance]:
        """Return the instances that exist on the caller's account."""
        return self.market.existing_instances(self.caller.account_id)

    def break_reply(self, word: str, ledger_reply: str | None = None) -> None:
        """Have the transport break this reply."""
        self.current.transport = word
        self.current.ledger_reply = ledger_reply or word


def addressed_id() -> str | None:
    """Return the id of the instance in the request's address; None where there is none."""
    found = (request.view_args or {}).get("instance_id")
    return None if found is None else str(found)
