"""A session as the API shows it, computed from its rows: status, health, cost so far, what it waits for (I26)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gpushopper import wire
from gpushopper.core.lifecycle.ends.idle_watch import STARTING
from gpushopper.core.lifecycle.ends.landing import landing_until
from gpushopper.core.lifecycle.ends.limits_line import (
    acts_itself,
    are_limits_confirmed,
    done_command,
    limit_of,
    limits_line,
)
from gpushopper.core.lifecycle.ends.run_end_rule import who_ends_after_run
from gpushopper.core.lifecycle.guard_renewal import is_guard_in_sync
from gpushopper.core.lifecycle.guard_rule import enforcers
from gpushopper.core.model.attempt import Attempt, DesiredState, ReceiptKind, State
from gpushopper.core.model.ends.landed import LandingProgress
from gpushopper.core.model.session import Session, current, derive_health, derive_status
from gpushopper.core.spending import ledger
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.context import Context
from gpushopper.engine.requests.session_waiting import AN_ACCOUNT, waiting
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions
from gpushopper.store.money.tags import tags_of

NOT_READY, NOT_THERE = "it is not ready yet", "its agent is not there yet"
Totals = dict[str, dict[str, int]]
"""Booked micro-dollars by attempt and kind."""


def session_view(ctx: Context, session: Session) -> wire.SessionView:
    """One session with its attempts."""
    with ctx.store.read():
        attempts = sessions.attempts_of(ctx.store, session.id)
        totals = ledger_table.totals_by_attempt(ctx.store, [a.id for a in attempts])
        billed = ledger_table.billed_by_attempt(ctx.store, [a.id for a in attempts])
        tags = tags_of(ctx.store, session.id)
    view = build_session_view(ctx, session, attempts, totals, ctx.clock.now().wall)
    rows = [replace(row, by_bill=_kinds(billed.get(row.id, {}))) for row in view.attempts]
    return replace(view, attempts=rows, tags=tags)


def build_session_view(
    ctx: Context, session: Session, attempts: list[Attempt], totals: Totals, now: int
) -> wire.SessionView:
    """The view of a session whose rows are loaded, without its tags; `now` is wall µs."""
    view, latest = _view(ctx, session, attempts, totals, now), current(attempts)
    least = 0 if latest is None else ledger.least_billed_us(latest, now)
    if latest is not None and least:
        view = replace(view, least_billed_us=least, least_cost=ledger.least_cost(latest, now))
    return replace(view, waits_for_account=True) if view.waiting_for.startswith(AN_ACCOUNT) else view


def _view(ctx: Context, session: Session, attempts: list[Attempt], totals: Totals, now: int) -> wire.SessionView:
    latest = current(attempts)
    rows = [_attempt_view(ctx, a, totals, now) for a in attempts]
    offer, provider = (None, "") if latest is None else (latest.offer, latest.provider)
    waiting_for, waiting_until = waiting(ctx, session, attempts, now)
    return wire.SessionView(
        id=session.id,
        name=session.name,
        consumer=session.consumer,
        status=derive_status(session, attempts),
        health=derive_health(attempts),
        end_stage=end_stage(session, attempts),
        reason=session.reason,
        provider=provider,
        cloud=ctx.cloud_of(provider),
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
        guards=enforcers(latest, ctx.ending_of(provider).kind),
        image=latest.image if latest is not None else session.image,
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
        bills_on=ctx.policy.needs_login and not ctx.is_known_to_end_alone(provider),
        **_early_end(ctx, session, latest),
    )


def _early_end(ctx: Context, session: Session, attempt: Attempt | None) -> dict[str, Any]:
    """What may end it early, and what was heard or concluded of that."""
    names = ("ending_reason", "ending_at", "self_ended_at") if attempt is not None else ()
    pulls = [wire.PullView(there, here) for there, here in session.pulls]
    landing = _landing(ctx, session, attempt)
    asked = {
        "landing": landing,
        "limits": _limits(ctx, session, attempt),
        "pulls": pulls,
        "has_hook": bool(session.before_end),
        "done_command": "" if attempt is None else done_command(attempt),
        "ignored_ends": [] if attempt is None else list(ctx.ignored_ends.get(attempt.id, ())),
    }
    return asked | {name: getattr(attempt, name) for name in names}


def _landing(ctx: Context, session: Session, attempt: Attempt | None) -> wire.LandingView:
    if not session.landing or attempt is None:
        return wire.LandingView()
    progress = ctx.pulls_under_way.get(session.id, LandingProgress())
    return wire.LandingView(
        session.landing, session.landing_at, landing_until(session, attempt), session.pulled_at, session.pull_problem,
        progress.files, progress.bytes, progress.total_files, progress.total_bytes,
    )  # fmt: skip


def _limits(ctx: Context, session: Session, attempt: Attempt | None) -> wire.LimitsView:
    """What was asked for, what the instance is known to have, and why its use is not watched."""
    kind = ctx.ending_of("" if attempt is None else attempt.provider).kind
    line, there = "", ""
    if attempt is not None:
        line, there = limits_line(session, attempt, ctx.policy_of(attempt.provider)), attempt.confirmed_limits
    is_simulated = not ctx.policy.needs_login
    unwatched = "a simulated instance has no use to measure" if is_simulated else _unwatched(attempt)
    return wire.LimitsView(
        idle_us=session.idle_us,
        idle_when=session.idle_when,
        contact_us=session.contact_us,
        hold_us=session.hold_us,
        land_for_us=session.land_for_us,
        pull_max=session.pull_max,
        confirmed=attempt is not None and are_limits_confirmed(attempt, line),
        there={f"{name}_us": limit_of(there, name) for name in ("idle", "contact", "hold")} if there else {},
        unwatched=unwatched,
        settling=unwatched in (NOT_READY, NOT_THERE, STARTING),
        acts_itself=acts_itself(kind),
        after_run="" if is_simulated else who_ends_after_run(attempt, kind),
        grace_us=us(ctx.policy.run_grace_s),
        failed_us=us(ctx.policy.failed_run_hold_s),
    )


def _unwatched(attempt: Attempt | None) -> str:
    if attempt is None or attempt.ready_at is None:
        return NOT_READY
    return attempt.idle_watch or ("" if attempt.confirmed_limits else NOT_THERE)


def _rate(attempt: Attempt | None) -> int:
    if attempt is None:
        return 0
    return attempt.current_rate if attempt.current_rate is not None else attempt.agreed_rate


def end_stage(session: Session, attempts: list[Attempt]) -> str:
    """How far the end has come: requested, off or proven (I27); empty while it is wanted.

    `forgotten` where all is closed, but something on a person's word alone.
    """
    if session.desired_state is DesiredState.RUNNING:
        return ""
    if all(a.state is State.CLOSED for a in attempts):
        return "forgotten" if any(_is_forgotten(a) for a in attempts) else "proven"
    return "off" if all(a.state is State.CLOSED or a.off_at is not None for a in attempts) else "requested"


def _is_forgotten(attempt: Attempt) -> bool:
    return bool(attempt.receipt) and json.loads(attempt.receipt)["kind"] == ReceiptKind.FORGOTTEN


def _attempt_view(ctx: Context, attempt: Attempt, totals: Totals, now: int) -> wire.AttemptView:
    accrued = accrued_until(attempt, totals, now)
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
        max_cost=ledger.max_cost(attempt, accrued, traffic_so_far(attempt, totals)),
        provider=attempt.provider,
        cloud=ctx.cloud_of(attempt.provider),
        image=attempt.image,
        disk_gb=attempt.offer.disk_for(attempt.disk_gb),
        cost=_kinds(totals.get(attempt.id, {})),
        receipt=json.loads(attempt.receipt) if attempt.receipt and attempt.state is State.CLOSED else None,
    )


def _kinds(amounts: Mapping[str, int]) -> wire.CostParts:
    return wire.CostParts(**{f"{kind}_micros": amounts.get(kind, 0) for kind in ledger.KINDS})


def accrued_until(attempt: Attempt, totals: Totals, now: int) -> int:
    """Booked entries and what has run up since; stands still once the instance is off, but for a disk that is left."""
    booked = sum(totals.get(attempt.id, {}).values())
    until = now if attempt.off_at is None or ledger.is_disk_left(attempt) else min(now, attempt.off_at)
    return booked if attempt.state is State.CLOSED else booked + ledger.pending(attempt, until)


def traffic_so_far(attempt: Attempt, totals: Totals) -> int:
    """The part of that which is traffic."""
    return totals.get(attempt.id, {}).get(ledger.TRAFFIC, 0) + attempt.unbooked_traffic
