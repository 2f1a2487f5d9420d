"""Every answer about sessions, costs and accounts, computed from rows (I26)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gpushopper import wire
from gpushopper.core.lifecycle.reachability import ARMED, is_guard_in_sync
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session, current, derive_health, derive_status
from gpushopper.core.spending import ledger
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.context import Context
from gpushopper.store import ledger as books
from gpushopper.store import sessions as stored

if TYPE_CHECKING:
    from gpushopper.engine.account.reconciler import AccountReconciler

Totals = dict[str, dict[str, int]]


def sessions(ctx: Context, consumer: str | None, status: str | None, open_only: bool) -> wire.Sessions:
    """All sessions, oldest first, filtered."""
    with ctx.store.read():
        found = stored.load_sessions(ctx.store, open_only=open_only, consumer=consumer)
        by_session = _attempts_by_session(ctx, open_only)
        totals = _totals(ctx, (a for group in by_session.values() for a in group), open_only)
    now = ctx.clock.now().wall
    rows = [_session(ctx, s, by_session.get(s.id, []), totals, now) for s in found]
    return wire.Sessions([row for row in rows if status is None or row.status == status])


def _attempts_by_session(ctx: Context, open_only: bool) -> dict[str, list[Attempt]]:
    grouped: dict[str, list[Attempt]] = defaultdict(list)
    if not open_only:
        for attempt in stored.load_attempts(ctx.store, open_only=False):
            grouped[attempt.session_id].append(attempt)
        return grouped
    for session in stored.load_sessions(ctx.store, open_only=True):
        grouped[session.id] = stored.attempts_of(ctx.store, session.id)
    return grouped


def _totals(ctx: Context, attempts: Iterable[Attempt], open_only: bool) -> Totals:
    return books.totals_by_attempt(ctx.store, [a.id for a in attempts] if open_only else None)


def session(ctx: Context, found: Session) -> wire.SessionView:
    """One session with its attempts."""
    with ctx.store.read():
        attempts = stored.attempts_of(ctx.store, found.id)
        totals = books.totals_by_attempt(ctx.store, [a.id for a in attempts])
    return _session(ctx, found, attempts, totals, ctx.clock.now().wall)


def _session(ctx: Context, session: Session, attempts: list[Attempt], totals: Totals, now: int) -> wire.SessionView:
    latest = current(attempts)
    rows = [_attempt(a, totals, now) for a in attempts]
    offer = latest.offer if latest is not None else None
    waiting_for, waiting_until = _waiting(ctx, session, latest)
    return wire.SessionView(
        id=session.id,
        name=session.name,
        consumer=session.consumer,
        status=derive_status(session, attempts),
        health=derive_health(attempts),
        end_stage=end_stage(session, attempts),
        reason=session.reason,
        provider=session.provider,
        gpu=offer.gpu if offer else "",
        gpu_count=offer.gpu_count if offer else 0,
        rate=_rate(latest),
        created_at=session.created_at,
        deadline_at=latest.deadline.wall if latest else session.deadline_at,
        hard_max_at=latest.hard_max_at if latest else None,
        ready_at=latest.ready_at if latest else None,
        ended_at=session.ended_at if not any(a.is_open for a in attempts) else None,
        accrued=sum(row.accrued for row in rows),
        max_cost=sum(row.max_cost for row in rows),
        guard_state=latest.guard_state if latest else "",
        guards="D+I" if latest is not None and latest.guard_state == ARMED else "D",
        image=session.image,
        image_login=session.image_login,
        disk_gb=session.disk_gb,
        ssh_host=latest.ssh_host if latest else None,
        ssh_port=latest.ssh_port if latest else None,
        heartbeat_at=latest.heartbeat_at if latest else None,
        guard_deadline_at=latest.guard_deadline_at if latest else None,
        waiting_for=waiting_for,
        waiting_until=waiting_until,
        attempts=rows,
        guard_in_sync=latest is not None and is_guard_in_sync(latest),
    )


def _rate(attempt: Attempt | None) -> int:
    if attempt is None:
        return 0
    return attempt.current_rate if attempt.current_rate is not None else attempt.agreed_rate


def end_stage(session: Session, attempts: list[Attempt]) -> str:
    """How far the end has come: requested, off or proven (I27); empty while it is wanted."""
    if session.desired_state is DesiredState.RUNNING:
        return ""
    if all(a.state is State.CLOSED for a in attempts):
        return "proven"
    return "off" if all(a.state is State.CLOSED or a.off_at is not None for a in attempts) else "requested"


def _waiting(ctx: Context, session: Session, attempt: Attempt | None) -> tuple[str, int | None]:
    """What the next step waits for, and until when at the latest."""
    if attempt is None:
        return "", None
    policy = ctx.policy
    match attempt.state:
        case State.PREPARED:
            return "its turn to be asked for", attempt.prepared_at + us(policy.prepared_max_age_s)
        case State.SENT:
            return f"{session.provider} to answer", (attempt.sent_at or 0) + us(policy.send_limit_s)
        case State.UNCERTAIN:
            proof_s = policy.settle_s + policy.absence_observations * policy.absence_spacing_s
            return f"{session.provider}'s list to show whether it exists", attempt.state_changed_at + us(proof_s)
        case State.BOOTING:
            why = (
                attempt.probe_error
                if attempt.is_gpu_billed and attempt.probe_error
                else attempt.provider_status or "created"
            )
            return f"it to boot ({why})", (attempt.sent_at or 0) + us(policy.boot_limit_s)
        case State.DESTROYING if attempt.off_at is None:
            return f"{session.provider} to show it no more", None
        case State.DESTROYING:
            return "the proof that it is gone", None
        case _:
            return "", None


def _attempt(attempt: Attempt, totals: Totals, now: int) -> wire.AttemptView:
    accrued = _accrued(attempt, totals, now)
    return wire.AttemptView(
        id=attempt.id,
        state=attempt.state,
        desired_state=attempt.desired_state,
        reason=attempt.reason,
        label=attempt.label,
        instance_id=attempt.instance_id,
        offer=attempt.offer.key,
        gpu=attempt.offer.gpu,
        gpu_count=attempt.offer.gpu_count,
        rate=_rate(attempt),
        sent_at=attempt.sent_at,
        ready_at=attempt.ready_at,
        off_at=attempt.off_at,
        closed_at=attempt.closed_at if attempt.state is State.CLOSED else None,
        deadline_at=attempt.deadline.wall,
        hard_max_at=attempt.hard_max_at,
        provider_status=attempt.provider_status,
        accrued=accrued,
        max_cost=ledger.max_cost(attempt, accrued),
        receipt=json.loads(attempt.receipt) if attempt.receipt and attempt.state is State.CLOSED else None,
    )


def _accrued(attempt: Attempt, totals: Totals, now: int) -> int:
    """Booked entries and what has run up since; stands still once the instance is off."""
    booked = sum(totals.get(attempt.id, {}).values())
    until = now if attempt.off_at is None else min(now, attempt.off_at)
    return booked if attempt.state is State.CLOSED else booked + ledger.pending(attempt, until)


# ---- costs


def costs(ctx: Context, session_id: str | None, consumer: str | None, start: int | None, end: int | None) -> wire.Costs:
    """Cost by session; `start` and `end` choose sessions by when they were created (wall µs)."""
    with ctx.store.read():
        found = stored.load_sessions(ctx.store, consumer=consumer)
        by_session = _attempts_by_session(ctx, open_only=False)
        totals = books.totals_by_attempt(ctx.store, None)
    now = ctx.clock.now().wall
    rows = [
        _cost(s, by_session.get(s.id, []), totals, now)
        for s in found
        if (session_id is None or s.id == session_id)
        and (start is None or s.created_at >= start)
        and (end is None or s.created_at < end)
    ]
    return wire.Costs(rows, sum(r.accrued for r in rows), sum(r.max_cost for r in rows))


def _cost(session: Session, attempts: list[Attempt], totals: Totals, now: int) -> wire.CostRow:
    by_kind = dict.fromkeys(ledger.KINDS, 0)
    max_cost = reserved = 0
    for attempt in attempts:
        for kind, micros in totals.get(attempt.id, {}).items():
            by_kind[kind] += micros
        if attempt.is_open:
            until = now if attempt.off_at is None else min(now, attempt.off_at)
            for entry in ledger.accrue(attempt, until)[0]:
                by_kind[entry.kind] += entry.micros
        so_far = _accrued(attempt, totals, now)
        max_cost += ledger.max_cost(attempt, so_far)
        reserved += ledger.still_reserved(attempt, so_far)
    accrued = sum(by_kind.values())
    latest = current(attempts)
    return wire.CostRow(
        session=session.id,
        name=session.name,
        consumer=session.consumer,
        provider=session.provider,
        gpu=latest.offer.gpu if latest else "",
        gpu_micros=by_kind[ledger.GPU],
        storage_micros=by_kind[ledger.STORAGE],
        traffic_micros=by_kind[ledger.TRAFFIC],
        minimum_micros=by_kind[ledger.MINIMUM],
        accrued=accrued,
        reserved=reserved,
        max_cost=max_cost,
        settled=not any(a.is_open for a in attempts),
    )


# ---- accounts


def provider(ctx: Context, reconciler: AccountReconciler) -> wire.ProviderStatus:
    """How one account is doing."""
    health = reconciler.health
    if reconciler.connection is None:
        state, detail = "keyless", reconciler.setup.key_problem
    elif health.is_degraded:
        state, detail = "degraded", health.last_error
    elif health.is_inconsistent:
        state, detail = "doubted", "its list lacks instances that you have"
    else:
        state, detail = ("ready", "") if health.is_ready else ("starting", health.last_error)
    return wire.ProviderStatus(
        name=reconciler.name,
        account=health.account_id,
        state=state,
        detail=detail,
        balance=health.balance,
        last_complete_list_at=health.whole_at,
        open_attempts=len(stored.load_attempts(ctx.store, provider=reconciler.name)),
        key_source=reconciler.setup.key_source,
        key_state=reconciler.setup.key_state,
        key_hint=reconciler.setup.key_hint,
    )


def offer(found: Offer, disk_gb: float) -> wire.OfferView:
    """An offer with its rates for the disk asked for."""
    return wire.OfferView(
        key=found.key,
        provider=found.provider,
        offer_id=found.offer_id,
        host_id=found.host_id,
        gpu=found.gpu,
        gpu_count=found.gpu_count,
        vram_mb=found.vram_mb,
        rate=found.rate(disk_gb),
        gpu_rate=found.gpu_rate,
        storage_rate=found.storage_rate(disk_gb),
        storage_gb_month=found.storage_gb_month,
        upload_gb=found.upload_gb,
        download_gb=found.download_gb,
        region=found.region,
        reliability=found.reliability,
        cuda=found.cuda,
        disk_gb=found.disk_gb,
        cpu_cores=found.cpu_cores,
        ram_mb=found.ram_mb,
        verified=found.verified,
        interruptible=found.interruptible,
        seen_at=found.seen_at,
        ends_at=found.ends_at,
        driver=found.driver,
    )
