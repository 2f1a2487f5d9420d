"""GET /status, /providers, /audit: the daemon, its accounts, and the instances on them."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from gpushopper import clouds
from gpushopper.daemon.api.http_responses import json_response
from gpushopper.daemon.api.request_slots import provider_slot
from gpushopper.daemon.api.service import Service
from gpushopper.engine.requests.queries import audit as audit_query
from gpushopper.engine.requests.queries.accounts import accounts
from gpushopper.engine.requests.queries.alert_channels import channels
from gpushopper.engine.requests.queries.events import alarms
from gpushopper.engine.requests.queries.sessions import sessions
from gpushopper.paths import FREE_FLOOR
from gpushopper.wire import PROTOCOL, DaemonStatus


def blueprint(service: Service) -> Blueprint:
    """`/api/v1/providers`, `/api/v1/status`, `/api/v1/audit`."""
    routes = Blueprint("providers", __name__, url_prefix="/api/v1")
    handle = service.handle

    @routes.get("/providers")
    def providers() -> Response:
        return json_response({"providers": [asdict(each) for each in accounts(handle)]})

    @routes.get("/status")
    def status() -> Response:
        return json_response(describe(service))

    @routes.get("/audit")
    def audit() -> Response:
        with provider_slot(service):
            setups = {name: each.setup for name, each in handle.reconcilers.items()}
            return json_response(audit_query.audit(handle.ctx, setups, handle.calls))

    return routes


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
    )
