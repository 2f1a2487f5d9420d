"""A budget as the API shows it: how each limit stands, who holds most of it, and what would end for it (I26)."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.spending.budget import Budget, LimitKind, by_session
from gpushopper.core.spending.budget_alarms import stops
from gpushopper.core.spending.budget_end import PlannedEnd, Standing, ends_to_fit
from gpushopper.errors import NotFound


def no_budget(name: str) -> NotFound:
    """The error about a name that no budget has."""
    return NotFound(f"there is no budget {name}", "see: gpu-shopper budget")


def budget_view(one: Budget, found: list[Standing], now_wall: int) -> wire.BudgetView:
    """A budget with those of these standings that are its own."""
    own = [each for each in found if each.budget.name == one.name]
    limits = [_limit(each, now_wall) for each in own]
    is_without_session = one.session is not None and all(each.kind is not LimitKind.SESSION for each in own)
    if is_without_session and one.session is not None:
        limits.insert(0, wire.BudgetLimit(LimitKind.SESSION, one.session, 0, 0, one.session))
    ends = {end.session_id: end for each in own for end in ends_to_fit(each.limit, each, now_wall)}
    return wire.BudgetView(
        name=one.name,
        scope_kind=one.scope_kind,
        scope=one.scope,
        at_80=one.at_80,
        at_100=one.at_100,
        created_at=one.created_at,
        changed_at=one.changed_at,
        limits=limits,
        must_end=[_end(end) for end in ends.values()],
    )


def _limit(standing: Standing, now_wall: int) -> wire.BudgetLimit:
    names = {one.session_id: one.name for one in standing.covered}
    held = by_session(standing.covered, standing.kind, standing.period, now_wall)
    most = sorted(held.items(), key=lambda each: -each[1])
    return wire.BudgetLimit(
        kind=standing.kind,
        limit_micros=standing.limit,
        spent_micros=standing.spent,
        committed_micros=standing.committed,
        left_micros=max(standing.limit - standing.committed, 0),
        traffic_micros=sum(one.traffic.of(standing.kind) for one in standing.covered),
        used_up_at=standing.used_up_at,
        period_end_at=None if standing.period is None else standing.period.end_at,
        session=names.get(standing.session_id, ""),
        holders=[wire.BudgetHolder(session_id, names[session_id], amount) for session_id, amount in most],
        ends=[_end(end) for end in standing.ends] if stops(standing) else [],
    )


def _end(end: PlannedEnd) -> wire.BudgetEnd:
    return wire.BudgetEnd(end.session_id, end.name, end.at)
