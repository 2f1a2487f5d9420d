"""The report of a session: instances, runs, costs, receipts, what was sent; fit for the appendix of a paper."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import mean

from gpushopper import __version__, wire
from gpushopper.core.cloud import OfferKind
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import dollars
from gpushopper.core.model.run_folder import Run
from gpushopper.core.spending.ledger import KINDS
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.engine.context import Context
from gpushopper.engine.money.bills import session_bills
from gpushopper.engine.requests.queries.money.bills import bill_row
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.engine.requests.queries.records.custody import custody
from gpushopper.engine.requests.session_lookup import find
from gpushopper.engine.requests.session_view import session_view
from gpushopper.kept_runs import KeptRun, as_ended, kept_runs
from gpushopper.store import sessions
from gpushopper.store.instances import heartbeats


def report(ctx: Context, ref: str) -> wire.Report:
    """Everything about one session, open or ended.

    Raises:
        NotFound: no session, or more than one, is meant by `ref`.
    """
    session = find(ctx, ref)
    view = session_view(ctx, session)
    spent = costs(ctx, CostQuestion(ref=session.id)).rows
    days = costs(ctx, CostQuestion(ref=session.id, by="day"))
    now = ctx.clock.now().wall
    with ctx.store.read():
        attempts = sessions.attempts_of(ctx.store, session.id)
        instances = [_instance(ctx, a, accrued, now) for a, accrued in zip(attempts, _accrued(view), strict=True)]
        bill = next((one for one in session_bills(ctx, [a.id for a in attempts])), None)
    kept = kept_runs(ctx.home, session.id)
    return wire.Report(
        session=session.id,
        name=session.name,
        consumer=session.consumer,
        tags=view.tags,
        status=view.status,
        reason=view.reason,
        created_at=view.created_at,
        ready_at=min((a.ready_at for a in attempts if a.ready_at is not None), default=None),
        ended_at=view.ended_at,
        deadline_at=view.deadline_at,
        image=view.image,
        attempts=instances,
        runs=[_run(as_ended(one) if view.end_stage else one.run) for one in reversed(kept)],
        **_kinds(spent),
        accrued=view.accrued,
        max_cost=view.max_cost,
        gpu_hours=sum(instance.gpu_hours for instance in instances),
        custody=custody(ctx, session.id, None),
        version=__version__,
        made_at=now,
        bill=None if bill is None else bill_row(bill, session.name),
        days=[day for day in days.groups if day.accrued],
        time_zone=days.time_zone,
        notes=_notes(view, bill is None, kept, is_compared=ctx.policy.needs_login),
    )


def _accrued(view: wire.SessionView) -> list[int]:
    return [attempt.accrued for attempt in view.attempts]


def _kinds(rows: Sequence[wire.CostRow]) -> dict[str, int]:
    names = [f"{kind}_micros" for kind in KINDS]
    return {name: sum(getattr(row, name) for row in rows) for name in names}


def _instance(ctx: Context, attempt: Attempt, accrued: int, now: int) -> wire.ReportAttempt:
    offer = attempt.offer
    return wire.ReportAttempt(
        provider=attempt.provider,
        cloud=ctx.cloud_of(attempt.provider),
        offer=offer.key,
        gpu=offer.gpu,
        gpu_count=offer.gpu_count,
        vram_mb=offer.vram_mb,
        cpu_cores=offer.cpu_cores,
        ram_mb=offer.ram_mb,
        disk_gb=offer.disk_for(attempt.disk_gb),
        driver=offer.driver,
        cuda=offer.cuda,
        reliability=offer.reliability,
        verified=offer.verified,
        host=offer.host_id,
        region=offer.region,
        is_spot=offer.kind is not OfferKind.ON_DEMAND,
        instance_id=attempt.instance_id,
        label=attempt.label,
        image=attempt.image,
        rate=attempt.agreed_rate,
        sent_at=attempt.sent_at,
        ready_at=attempt.ready_at,
        off_at=attempt.off_at,
        closed_at=attempt.closed_at,
        gpu_hours=gpu_hours(attempt, now),
        gpu_load=_load(ctx, attempt),
        state=str(attempt.state),
        reason=attempt.reason,
        accrued=accrued,
        receipt=json.loads(attempt.receipt) if attempt.receipt else None,
    )


def gpu_hours(attempt: Attempt, now: int) -> float:
    """Its GPUs times the hours from ready to off; `now` is wall µs."""
    if attempt.ready_at is None:
        return 0.0
    until = attempt.off_at or attempt.closed_at or now
    return attempt.offer.gpu_count * max(until - attempt.ready_at, 0) / HOUR


def _load(ctx: Context, attempt: Attempt) -> int | None:
    since = attempt.ready_at or attempt.prepared_at
    loads = [line.gpu_load for line in heartbeats.history(ctx.store, attempt.id, since) if line.gpu_load is not None]
    return round(mean(loads)) if loads else None


def _run(run: Run) -> wire.ReportRun:
    return wire.ReportRun(run.run, run.command, run.status, run.started_at, run.ended_at)


def _notes(
    view: wire.SessionView, is_unbilled: bool, kept: Sequence[KeptRun], *, is_compared: bool
) -> list[str]:  # fmt: skip
    """What a reader may miss."""
    shown = "GPUs, their memory and the disk were compared with what the instance shows"
    notes = [f"Hardware is as the cloud offered it; {shown if is_compared else 'nothing of it was measured'}."]
    if view.ended_at is None:
        notes.append(f"The session has not ended, and its costs are not final: at most {dollars(view.max_cost)}.")
    if is_unbilled:
        notes.append("The cloud's own bill has not been read.")
    if not kept:
        notes.append("No run is listed: only those whose output is kept on this computer are.")
    return notes
