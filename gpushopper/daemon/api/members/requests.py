"""What a member may ask for: their own sessions alone, rented as the consumer that they are.

Each is checked before its handler is called. A session is passed on by its id, so that the one that was checked is
also the one that is meant, whatever another session is called by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gpushopper import wire
from gpushopper.core.model.session import Session
from gpushopper.daemon.api.members.callers import Caller
from gpushopper.engine.context import Context
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.engine.requests.session_lookup import find, find_exactly
from gpushopper.errors import DiskFull, Refused
from gpushopper.paths import FREE_FLOOR
from gpushopper.store.consumers import present_name
from gpushopper.store.idempotency import load_response
from gpushopper.wire.api import routes
from gpushopper.wire.api.routes import OWN, Route

UNNAMED = "me"
"""The consumer of a request that names none."""
_BY_PREFIX = (routes.WHY, routes.REPORT, routes.PROVIDER_LOG)
"""Routes about an own session that change nothing: they take the beginning of a name."""

_WITHOUT_ROOM = (routes.PLAN, routes.DONE, routes.DELETE, routes.EXTEND, routes.WITHDRAW_RUN_END, routes.RESTART)
"""What a member may send while the disk is low: what stores little, and ends or keeps what runs."""

Parts = Mapping[str, str]


def check(
    ctx: Context,
    caller: Caller,
    route: Route[Any, Any, Any],
    parts: Parts,
    query: Any,
    body: Any,
    key: IdempotencyKey | None = None,
) -> tuple[Parts, Any, Any]:
    """The parts, query and body that the handler gets.

    Raises:
        DiskFull: the rest of the disk is for the records of ends.
        NoOffer: a member rents what they were not shown.
        Refused: a member asks for what is another's, or the owner's.
        NotFound: there is no such session.
    """
    if caller.consumer is None:
        return parts, query, body
    stores = route.method != "GET" and not any(route is each for each in _WITHOUT_ROOM)
    if stores and ctx.store.free_bytes() < FREE_FLOOR:
        raise DiskFull("less than 200 MB are free on the server: only ends are recorded", "tell the owner")
    if route.who == OWN and "ref" in parts:
        own = _own(ctx, caller, parts["ref"], by_prefix=any(route is each for each in _BY_PREFIX))
        parts = {**parts, "ref": own.id}
    of_query = _QUERIES.get(type(query))
    of_body = _BODIES.get(type(body))
    query = query if of_query is None else of_query(ctx, caller, query)
    body = body if of_body is None else of_body(ctx, caller, body)
    # What was rented already is answered once more, also by a daemon that has not shown the offers (F98).
    if isinstance(body, wire.ProvisionRequest) and (key is None or load_response(ctx.store, key.key) is None):
        caller.shown.check(body.offers)
    return parts, query, body


def is_own(ctx: Context, caller: Caller, consumer: str) -> bool:
    """Whether what is charged to this consumer is the caller's."""
    return caller.consumer is None or consumer == present_name(ctx.store, caller.consumer)


def _own(ctx: Context, caller: Caller, ref: str, *, by_prefix: bool) -> Session:
    session = find(ctx, ref) if by_prefix else find_exactly(ctx, ref)
    if not is_own(ctx, caller, session.consumer):
        text = f"{session.name} is {session.consumer}'s, and you are {caller.consumer} here"
        raise Refused(text, f"ask {session.consumer}, or the owner of this daemon", code="not_yours")
    return session


def _custody(ctx: Context, caller: Caller, query: wire.CustodyQuery) -> wire.CustodyQuery:
    if query.session is None:
        raise Refused("a member sees what was sent for one session", "name a session of yours", code="owner_only")
    return replace(query, session=_own(ctx, caller, query.session, by_prefix=True).id)


def _events(ctx: Context, caller: Caller, query: wire.EventsQuery) -> wire.EventsQuery:
    if query.session is None:
        return query
    return replace(query, session=_own(ctx, caller, query.session, by_prefix=True).id)


def _charged(ctx: Context, caller: Caller, consumer: str) -> str:
    """Whom a request is charged to: the caller, whatever they say.

    Raises:
        Refused: they name another.
    """
    own = present_name(ctx.store, caller.consumer or "")
    if consumer not in (UNNAMED, own) and present_name(ctx.store, consumer) != own:
        text = f"you rent as {own} here, and cannot charge {consumer}"
        raise Refused(text, "leave --consumer out", code="not_yours")
    return own


def _plan(ctx: Context, caller: Caller, body: wire.PlanRequest) -> wire.PlanRequest:
    _refuse_login(is_sent=body.image_login)
    return replace(body, consumer=_charged(ctx, caller, body.consumer))


def _provision(ctx: Context, caller: Caller, body: wire.ProvisionRequest) -> wire.ProvisionRequest:
    _refuse_login(is_sent=body.image_login)
    _refuse_pulls(body.pulls)
    return replace(body, consumer=_charged(ctx, caller, body.consumer))


def _limits(_ctx: Context, _caller: Caller, body: wire.LimitsRequest) -> wire.LimitsRequest:
    _refuse_pulls(body.pulls)
    return body


def _refuse_pulls(pulls: object) -> None:
    """What is pulled before an end is written as the owner's user, into the owner's files."""
    if pulls:
        text = "results would be pulled to the server, into its owner's files"
        raise Refused(text, "leave --pull out; before its end: gpu-shopper pull NAME FOLDER", code="owner_only")


def _refuse_login(*, is_sent: bool) -> None:
    """The login at a registry is the owner's, as a cloud's key is."""
    if is_sent:
        text = "the logins at registries are the owner's"
        raise Refused(text, "use an image that needs none, or ask the owner to rent it", code="owner_only")


_QUERIES: Mapping[type, Callable[[Context, Caller, Any], Any]] = {
    wire.CustodyQuery: _custody,
    wire.EventsQuery: _events,
}
_BODIES: Mapping[type, Callable[[Context, Caller, Any], Any]] = {
    wire.PlanRequest: _plan,
    wire.ProvisionRequest: _provision,
    wire.LimitsRequest: _limits,
}
