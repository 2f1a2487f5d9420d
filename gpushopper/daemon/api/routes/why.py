"""GET /sessions/{id}/why: what would end a session, and when. GET /loads: how busy the GPUs of open sessions are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Blueprint, Response

from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_validation import read_query, read_session_ref
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries import loads as load_queries
from gpushopper.engine.requests.queries import why as queries

MOST_STEPS = 240
LONGEST_STEP_S = 3600


@dataclass(frozen=True, slots=True)
class WhyQuery:
    """`replay`: the whole history of use too."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    replay: bool = False


@dataclass(frozen=True, slots=True)
class LoadsQuery:
    """GET /loads: so many steps of so many seconds, up to now."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    steps: int = 20
    step_s: int = 60


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/sessions/{id}/why`, which takes the beginning of a name, and `/api/v1/loads`."""
    routes = Blueprint("why", __name__, url_prefix="/api/v1")

    @routes.get("/sessions/<ref>/why")
    def why(ref: str) -> Response:
        replay = read_query(WhyQuery).replay
        return json_response(queries.why(service.handle.ctx, read_session_ref(ref), replay=replay))

    @routes.get("/loads")
    def loads() -> Response:
        query = read_query(LoadsQuery)
        step_us = max(1, min(query.step_s, LONGEST_STEP_S)) * SECOND
        return json_response(load_queries.loads(service.handle.ctx, step_us, max(1, min(query.steps, MOST_STEPS))))

    return routes
