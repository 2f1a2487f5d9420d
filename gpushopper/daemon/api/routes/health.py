"""Health and readiness: whether the daemon is up and well, and whether it may provision."""

from __future__ import annotations

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries.accounts import accounts, is_any_watched, not_ready
from gpushopper.engine.requests.queries.in_progress import in_progress
from gpushopper.wire import PROTOCOL, Health, Ready
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.HEALTH)
def health(call: Call[None, None]) -> Health:
    """Whether the daemon is well."""
    service = call.service
    problems = find_problems(service)
    return Health(
        ok=not problems,
        problems=problems,
        version=service.version,
        protocol=PROTOCOL,
        pid=service.pid,
        home=str(service.home.data),
        started_at=service.started_at,
        now=service.clock.now().wall,
        in_progress=in_progress(call.ctx),
    )


@handlers.serves(routes.READY, status_of=lambda answer: 200 if answer.ready else 503)
def ready(call: Call[None, None]) -> Ready:
    """Whether every account with a key has been listed once."""
    waiting = not_ready(call.handle.reconcilers)
    return Ready(not waiting, waiting)


def find_problems(service: Service) -> list[str]:
    """What is wrong: jobs that are late, no key at all, accounts without a key or without a complete list (F101)."""
    late = [f"job {name} is late" for name in service.schedule.late()]
    watched = accounts(service.handle)
    if watched and not is_any_watched(service.handle):
        return [*late, "no cloud has a key"]
    return late + [f"{each.name}: {each.state}" for each in watched if each.state in ("degraded", "keyless")]
