"""Costs by session: booked and accruing, reserved, max cost; in micro-dollars by kind (I26)."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.session import Session, current
from gpushopper.core.spending import ledger
from gpushopper.engine.context import Context
from gpushopper.engine.requests.queries.sessions import load_attempts_by_session
from gpushopper.engine.requests.session_lookup import find
from gpushopper.engine.requests.session_view import Totals, accrued_until
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions


def costs(
    ctx: Context,
    ref: str | None = None,
    consumer: str | None = None,
    start: int | None = None,
    end: int | None = None,
) -> wire.Costs:
    """Cost by session; `start` and `end` choose sessions by when they were created (wall µs).

    Raises:
        NotFound: no session, or more than one, is meant by `ref`.
    """
    session_id = None if ref is None else find(ctx, ref).id
    with ctx.store.read():
        found = sessions.load_sessions(ctx.store, consumer=consumer)
        by_session = load_attempts_by_session(ctx, open_only=False)
        totals = ledger_table.totals_by_attempt(ctx.store, None)
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
        so_far = accrued_until(attempt, totals, now)
        max_cost += ledger.max_cost(attempt, so_far)
        reserved += ledger.remaining_reserve(attempt, so_far)
    accrued = sum(by_kind.values())
    latest = current(attempts)
    return wire.CostRow(
        session=session.id,
        name=session.name,
        consumer=session.consumer,
        provider=latest.provider if latest else "",
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
