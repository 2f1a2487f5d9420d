"""The engine's commands and queries as methods, so that a test reads like a client."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper import wire
from gpushopper.engine.requests.commands import end, extend, provision, restart
from gpushopper.engine.requests.commands.allow_run_end import allow_run_end
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.engine.requests.commands.set_limits import set_limits
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.queries import accounts, audit, events, provider_logs, sessions, ssh_connection
from gpushopper.engine.requests.queries.market import inventory, plan
from gpushopper.engine.requests.queries.money import costs
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests to one engine, without the API between."""

    handle: EngineHandle

    def provision(self, request: wire.ProvisionRequest, key: IdempotencyKey | None = None) -> wire.Accepted:
        return provision.provision(self.handle, request, key)

    def end(self, refs: list[str] | None, reason: str = "user", key: IdempotencyKey | None = None) -> wire.Accepted:
        return end.end(self.handle, refs, reason, key)

    def extend(self, ref: str, request: wire.ExtendRequest) -> wire.SessionView:
        return extend.extend(self.handle, ref, request)

    def restart(self, ref: str) -> wire.Accepted:
        return restart.restart(self.handle, ref, wire.RestartRequest())

    def set_limits(self, ref: str, request: wire.LimitsRequest) -> wire.SessionView:
        return set_limits(self.handle, ref, request)

    def allow_run_end(self, ref: str, run_id: str, request: wire.RunEndRequest) -> wire.SessionView:
        return allow_run_end(self.handle, ref, run_id, request)

    def inventory(self, request: wire.SearchRequest) -> wire.Inventory:
        return inventory.inventory(self.handle, request)

    def plan(self, request: wire.PlanRequest) -> wire.Plan:
        return plan.plan(self.handle, request)

    def sessions(self) -> wire.Sessions:
        return sessions.sessions(self.handle.ctx)

    def session(self, ref: str) -> wire.SessionView:
        return sessions.session(self.handle.ctx, ref)

    def connection(self, ref: str) -> wire.ConnectionView:
        return ssh_connection.connection(self.handle.ctx, ref)

    def events(self, after: int, limit: int = 200) -> wire.Events:
        return events.events(self.handle.ctx, after, limit)

    def alarms(self) -> wire.Alarms:
        return events.alarms(self.handle.ctx)

    def costs(self, ref: str) -> wire.Costs:
        return costs.costs(self.handle.ctx, CostQuestion(ref))

    def audit(self) -> wire.Audit:
        setups = {name: each.setup for name, each in self.handle.reconcilers.items()}
        return audit.audit(self.handle.ctx, setups, self.handle.calls)

    def provider_log(self, ref: str, tail: int) -> wire.ProviderLog:
        return provider_logs.provider_log(self.handle, ref, tail)

    def accounts(self) -> list[wire.ProviderStatus]:
        return accounts.accounts(self.handle)
