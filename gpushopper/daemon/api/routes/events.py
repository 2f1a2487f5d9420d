"""GET /events: the history after a cursor; a client that follows it polls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_validation import read_query
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries import events as queries

MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class EventsQuery:
    """GET /events; at most `limit` events with an id above `after`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    after: int = 0
    limit: int = 200
    session: str | None = None


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/events`."""
    routes = Blueprint("events", __name__, url_prefix="/api/v1")

    @routes.get("/events")
    def events() -> Response:
        query = read_query(EventsQuery)
        limit = max(1, min(query.limit, MOST_AT_ONCE))
        return json_response(queries.events(service.handle.ctx, query.after, limit, query.session))

    return routes
