"""GET /health, /ready: whether the daemon is up, and whether it may provision."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries.accounts import accounts, are_ready, is_any_watched
from gpushopper.wire import PROTOCOL


def blueprint(service: Service) -> Blueprint:
    """`/health`, `/ready`."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    def health() -> Response:
        problems = find_problems(service)
        return json_response(
            {
                "ok": not problems,
                "problems": problems,
                "version": service.version,
                "protocol": PROTOCOL,
                "pid": service.pid,
                "home": str(service.home.data),
                "started_at": service.started_at,
                "now": service.clock.now().wall,
            }
        )

    @routes.get("/ready")
    def ready() -> Response:
        is_ready = are_ready(service.handle.reconcilers)
        return json_response({"ready": is_ready}, 200 if is_ready else 503)

    return routes


def find_problems(service: Service) -> list[str]:
    """What is wrong: jobs that are late, no key at all, accounts without a key or without a complete list (F101)."""
    late = [f"job {name} is late" for name in service.schedule.late()]
    watched = accounts(service.handle)
    if watched and not is_any_watched(service.handle):
        return [*late, "no cloud has a key"]
    return late + [f"{each.name}: {each.state}" for each in watched if each.state in ("degraded", "keyless")]
