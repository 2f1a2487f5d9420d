"""The daemon, its accounts, and the instances on them."""

from __future__ import annotations

from gpushopper import clouds
from gpushopper.daemon.api.dispatch import Call, Handlers
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries import audit as audit_query
from gpushopper.engine.requests.queries.accounts import accounts
from gpushopper.engine.requests.queries.alert_channels import channels
from gpushopper.engine.requests.queries.events import alarms
from gpushopper.engine.requests.queries.sessions import sessions
from gpushopper.paths import FREE_FLOOR
from gpushopper.wire import PROTOCOL, Audit, DaemonStatus, Providers
from gpushopper.wire.api import routes

handlers = Handlers()


@handlers.serves(routes.PROVIDERS)
def providers(call: Call[None, None]) -> Providers:
    """The accounts."""
    return Providers(accounts(call.handle))


@handlers.serves(routes.STATUS)
def status(call: Call[None, None]) -> DaemonStatus:
    """The daemon in one view."""
    return describe(call.service)


@handlers.serves(routes.AUDIT)
def audit(call: Call[None, None]) -> Audit:
    """Every instance on the accounts; waits for the clouds."""
    with provider_slot(call.service):
        setups = {name: each.setup for name, each in call.handle.reconcilers.items()}
        return audit_query.audit(call.ctx, setups, call.handle.calls)


def describe(service: Service) -> DaemonStatus:
    """The daemon in one view; sums are over open sessions, in micro-dollars."""
    ctx = service.handle.ctx
    held = sessions(ctx, open_only=True).sessions
    free = ctx.store.free_bytes()
    return DaemonStatus(
        version=service.version,
        protocol=PROTOCOL,
        pid=service.pid,
        home=str(service.home.data),
        installation=service.installation,
        started_at=service.started_at,
        now=service.clock.now().wall,
        policy=service.policy,
        is_guarded=ctx.policy.needs_login,
        disk_free=free,
        disk_low=free < FREE_FLOOR,
        jobs=dict(service.schedule.last_runs),
        providers=accounts(service.handle),
        sessions_open=len(held),
        open_accrued=sum(each.accrued for each in held),
        open_max_cost=sum(each.max_cost for each in held),
        open_rate=sum(each.rate for each in held),
        alarms=len(alarms(ctx).alarms),
        skipped_clouds=dict(clouds.skipped()),
        waiting=[each.name for each in held if each.waits_for_account],
        channels=channels(service.alerts).channels,
        group_socket=service.members_socket,
        group_problem=service.members_problem(),
    )
