"""What every handler of the Vast dialect works with: the market, the faults, and the present visit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from flask import g, request

from gpushopper.sandbox.faults.fault_table import Fault, FaultBook
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import CreateSeen, DestroySeen, Instance
from gpushopper.sandbox.rate_limits import Pacer
from gpushopper.sandbox.vast.endpoints import ENDPOINTS, UNKNOWN, Endpoint

PROVIDER = "vast"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key this is; `instance_id` is set for an instance's own key."""

    account_id: int
    instance_id: int | None = None
    scopes: tuple[str, ...] | None = None

    @property
    def kind(self) -> str:
        """How the ledger names the caller."""
        return "api" if self.instance_id is None else "instance_key"


@dataclass(slots=True)
class Visit:
    """One request: `names` are what fault selectors may match, `transport` how its reply is to be broken."""

    name: str
    endpoint: Endpoint
    call: str
    body: dict[str, Any]
    names: tuple[str | None, ...] = ()
    caller: Caller | None = None
    transport: str | None = None
    told: str | None = None
    create: CreateSeen | None = None
    destroys: list[DestroySeen] = field(default_factory=list)


class Desk:
    """The dialect's side of the counter."""

    def __init__(self, market: Market, faults: FaultBook, pacer: Pacer) -> None:
        self.market = market
        self.faults = faults
        self.pacer = pacer

    @property
    def visit(self) -> Visit:
        """The request being answered."""
        return cast(Visit, g.visit)

    @property
    def caller(self) -> Caller:
        """Who asks; only behind endpoints that need a key."""
        caller = self.visit.caller
        if caller is None:
            raise LookupError("this endpoint takes no key")
        return caller

    def open_visit(self) -> None:
        """Begin a request: who is named in it, and which call it is in fault scripts."""
        name = request.endpoint or ""
        endpoint = ENDPOINTS.get(name, UNKNOWN)
        body = request.get_json(force=True, silent=True)
        body = body if isinstance(body, dict) else {}
        call = "label" if endpoint.call == "manage" and "label" in body else endpoint.call
        g.visit = visit = Visit(name, endpoint, call, body)
        number = (request.view_args or {}).get("instance_id")
        if call == "create":
            env = body.get("env")
            label, second = _text(body.get("label")), _text(env.get("GS_LABEL") if isinstance(env, dict) else None)
            visit.names = (label, second)
            visit.create = CreateSeen(PROVIDER, label, second, self.market.now(), "none", "")
        elif number is not None:
            known = self.market.instances.get(number)
            visit.names = (str(number), known.label if known else None)

    def take(self, *words: str, names: tuple[str | None, ...] | None = None) -> Fault | None:
        """Let the first matching fault act on this call, or on the instance of these names."""
        chosen = self.visit.names if names is None else names
        return self.faults.take(PROVIDER, self.visit.call, *words, names=chosen)

    def find(self, *words: str, names: tuple[str | None, ...] | None = None) -> Fault | None:
        """Return the first matching fault without letting it act."""
        return self.faults.find(PROVIDER, self.visit.call, *words, names=names)

    def mine(self, instance_id: int) -> Instance | None:
        """Return the caller's existing instance."""
        return self.market.find(instance_id, self.caller.account_id)

    def lose_reply(self, word: str, told: str | None = None) -> None:
        """Ask the transport to break this reply."""
        self.visit.transport = word
        self.visit.told = told or word


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def read_ids(body: dict[str, Any], name: str) -> list[int]:
    """Return the instance ids of a bulk request, leaving out what is no id."""
    listed = body.get(name)
    return [int(one) for one in listed if str(one).isdecimal()] if isinstance(listed, list) else []


def next_key_id(keys: list[dict[str, object]]) -> int:
    """Return an id that none of these ssh keys has."""
    return 1 + max((int(str(key["id"])) for key in keys), default=500)


def fault_names(instance: Instance) -> tuple[str | None, ...]:
    """Return the names by which a fault may select an instance."""
    return (str(instance.id), instance.label)
