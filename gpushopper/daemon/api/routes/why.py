"""GET /sessions/{id}/why: what would end a session, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_validation import read_query, read_session_ref
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries import why as queries


@dataclass(frozen=True, slots=True)
class WhyQuery:
    """`replay`: the whole history of use too."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    replay: bool = False


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/sessions/{id}/why`; takes the beginning of a name."""
    routes = Blueprint("why", __name__, url_prefix="/api/v1/sessions")

    @routes.get("/<ref>/why")
    def why(ref: str) -> Response:
        replay = read_query(WhyQuery).replay
        return json_response(queries.why(service.handle.ctx, read_session_ref(ref), replay=replay))

    return routes
