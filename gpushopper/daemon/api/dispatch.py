"""From a route of the table to the function that answers it: what was sent is validated, the answer becomes JSON.

A handler is registered with the row that it serves, and mypy holds it to the row's types. Each request is read in the
same way: query, body and idempotency key before the handler sees anything of them. So is who may send it, and what
of the answer they are shown (`members/`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, NamedTuple, get_args, get_type_hints

from flask import Flask, Response, g

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.members import answers, requests
from gpushopper.daemon.api.request_validation import (
    Nothing,
    parts_as_sent,
    read_body,
    read_idempotency_key,
    read_query,
)
from gpushopper.daemon.api.service import Service
from gpushopper.engine.context import Context
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.wire.api import routes
from gpushopper.wire.api.routes import Answer, Body, Query, Route

_WITH_SLASHES = frozenset({"name", "offer"})
"""Parts of a path that may have a slash, for clients that do not encode it."""


@dataclass(frozen=True, slots=True)
class Call(Generic[Query, Body]):
    """One valid request: what the handler of its route gets. `parts` are those of the path, decoded."""

    service: Service
    query: Query
    body: Body
    key: IdempotencyKey | None
    parts: Mapping[str, str]

    @property
    def handle(self) -> EngineHandle:
        return self.service.handle

    @property
    def ctx(self) -> Context:
        return self.service.handle.ctx

    @property
    def ref(self) -> str:
        """The name or id of the session in the path."""
        return self.parts["ref"]

    @property
    def name(self) -> str:
        """The name of the budget, consumer or channel in the path."""
        return self.parts["name"]


Handler = Callable[[Call[Query, Body]], Answer]


class Served(NamedTuple):
    """A route, what answers it, and the HTTP status of an answer where that is not the row's."""

    route: Route[Any, Any, Any]
    handler: Handler[Any, Any, Any]
    status_of: Callable[[Any], int] | None


class Handlers:
    """The handlers of one noun."""

    def __init__(self) -> None:
        self.served: list[Served] = []

    def serves(
        self, route: Route[Query, Body, Answer], status_of: Callable[[Answer], int] | None = None
    ) -> Callable[[Handler[Query, Body, Answer]], Handler[Query, Body, Answer]]:
        """Register the function below as what answers this route."""

        def register(handler: Handler[Query, Body, Answer]) -> Handler[Query, Body, Answer]:
            self.served.append(Served(route, handler, status_of))
            return handler

        return register


class RouteTypes(NamedTuple):
    """What a route takes and answers; None for no query, no body."""

    query: type[Any] | None
    body: type[Any] | None
    answer: type[Any]


@cache
def table() -> dict[str, Route[Any, Any, Any]]:
    """Every row of the table, by its name there."""
    return {name: row for name, row in vars(routes).items() if isinstance(row, Route)}


@cache
def types_of(route: Route[Any, Any, Any]) -> RouteTypes:
    """The types in a row's annotation."""
    name = next(name for name, row in table().items() if row is route)
    query, body, answer = get_args(_annotations()[name])
    return RouteTypes(None if query is type(None) else query, None if body is type(None) else body, answer)


@cache
def _annotations() -> dict[str, Any]:
    return get_type_hints(routes)


def add_routes(app: Flask, service: Service, served: Iterable[Served]) -> None:
    """Have `app` answer these routes."""
    for each in served:
        route = each.route
        app.add_url_rule(
            _rule(route.path), f"{route.method} {route.path}", _view(service, each), methods=[route.method]
        )


def _rule(path: str) -> str:
    """A path of the table as the router writes it."""
    for name in ("ref", "run", "name", "offer"):
        path = path.replace(f"{{{name}}}", f"<path:{name}>" if name in _WITH_SLASHES else f"<{name}>")
    return path


def _view(service: Service, served: Served) -> Callable[..., Response]:
    route, handler, status_of = served

    def view(**decoded: str) -> Response:
        caller, ctx = g.caller, service.handle.ctx
        caller.check_route(route)
        types = types_of(route)
        query = read_query(types.query or Nothing)
        body = key = None
        if route.method != "GET":
            body = read_body(types.body or Nothing)
            key = caller.own_key(read_idempotency_key(None if types.body is None else body))
        sent = parts_as_sent(route.path, decoded)
        parts, query, body = requests.check(ctx, caller, route, sent, query, body, key)
        answer = answers.shown_to(ctx, caller, handler(Call(service, query, body, key, parts)))
        status = route.status if status_of is None else status_of(answer)
        if route.media != routes.JSON:
            return Response(answer, status=status, content_type=route.media)
        return json_response(answer, status)

    return view
