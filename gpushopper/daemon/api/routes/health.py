"""Health, readiness and metrics: whether the daemon is up and well, whether it may provision, what is measured."""

from __future__ import annotations

from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.service import Service
from gpushopper.daemon.metrics.present import all_families
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


@handlers.serves(routes.METRICS)
def metrics(call: Call[None, None]) -> str:
    """Everything that is measured."""
    return render_metrics(call.service).decode()


def render_metrics(service: Service) -> bytes:
    """Everything that is measured, in Prometheus's text format."""
    return service.metrics.render(all_families(service.handle, service.loops.ages()))


def find_problems(service: Service) -> list[str]:
    """What is wrong: loops that hang, jobs that are late, no key, accounts without a key or a complete list (F101)."""
    late = [f"job {name} is late" for name in service.schedule.late()]
    late += [f"the loop {name} hangs" for name in service.loops.hanging_threads()]
    late += [problem for problem in (service.metrics_problem(), service.members_problem()) if problem]
    watched = accounts(service.handle)
    if watched and not is_any_watched(service.handle):
        return [*late, "no cloud has a key"]
    return late + [f"{each.name}: {each.state}" for each in watched if each.state in ("degraded", "keyless")]
