"""GET /health, /ready, /metrics: whether the daemon is up, whether it may provision, and all that is measured."""

from __future__ import annotations

from flask import Blueprint, Response

from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.service import Service
from gpushopper.daemon.metrics.exposition import CONTENT_TYPE
from gpushopper.daemon.metrics.present import all_families
from gpushopper.engine.requests.queries.accounts import accounts, are_ready, is_any_watched
from gpushopper.wire import PROTOCOL


def blueprint(service: Service) -> Blueprint:
    """`/health`, `/ready`, `/metrics`."""
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

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(render_metrics(service), content_type=CONTENT_TYPE)

    return routes


def render_metrics(service: Service) -> bytes:
    """Everything that is measured, in Prometheus's text format."""
    return service.metrics.render(all_families(service.handle, service.loops.ages()))


def find_problems(service: Service) -> list[str]:
    """What is wrong: loops that hang, jobs that are late, no key, accounts without a key or a complete list (F101)."""
    late = [f"job {name} is late" for name in service.schedule.late()]
    late += [f"the loop {name} hangs" for name in service.loops.hanging_threads()]
    late += [problem for problem in [service.metrics_problem()] if problem]
    watched = accounts(service.handle)
    if watched and not is_any_watched(service.handle):
        return [*late, "no cloud has a key"]
    return late + [f"{each.name}: {each.state}" for each in watched if each.state in ("degraded", "keyless")]
