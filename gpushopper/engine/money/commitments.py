"""What counts against budgets now, read from the database: each attempt's cost, and the most it may still cost (I13).

Computed from attempts and ledger each time: nothing of it is stored, so that it cannot drift (F123, I26).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.money import Micros
from gpushopper.core.model.session import Session
from gpushopper.core.spending.budget import Commitment, Going, Incurred
from gpushopper.core.spending.incurred import accruing, incurred_since
from gpushopper.core.spending.ledger import TRAFFIC, Entry, storage_rate
from gpushopper.core.spending.worst_case import WorstCase, worst_case
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.periods import PeriodKind, period_at
from gpushopper.engine.context import Context
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions
from gpushopper.store.money.incurred import CountedAttempt, Sums, attempts_that_count, incurred_by_attempt
from gpushopper.store.money.tags import tags_of_sessions


@dataclass(frozen=True, slots=True)
class Booked:
    """What entries say of the attempts that count: in the present day and month, and ever."""

    day_start: int
    month_start: int
    day: Sums = field(default_factory=Sums)
    month: Sums = field(default_factory=Sums)
    ever: Sums = field(default_factory=Sums)

    def of(self, attempt_id: str) -> Incurred:
        """All of an attempt."""
        return Incurred(*(sums.all.get(attempt_id, 0) for sums in (self.day, self.month, self.ever)))

    def traffic_of(self, attempt_id: str) -> Incurred:
        """The part of it that is traffic (F25)."""
        return Incurred(*(sums.traffic.get(attempt_id, 0) for sums in (self.day, self.month, self.ever)))


def load_commitments(ctx: Context, now_wall: int) -> list[Commitment]:
    """Every attempt that is open, was open this month, or is of a session that is wanted.

    Of the many that are closed only the few columns that count are read.
    """
    with ctx.store.read():
        day, month = (period_at(kind, now_wall, ctx.zone) for kind in (PeriodKind.DAY, PeriodKind.MONTH))
        counted = attempts_that_count(ctx.store, month.start_at)
        opened = sessions.load_attempts_by_id(ctx.store, [one.attempt_id for one in counted if one.is_open])
        held = sessions.load_sessions_by_id(ctx.store, sorted({attempt.session_id for attempt in opened}))
        tags = tags_of_sessions(ctx.store, sorted({one.session_id for one in counted}))
        totals = ledger_table.totals_by_attempt(
            ctx.store, [one.attempt_id for one in counted if one.is_open or one.is_wanted]
        )
        booked = Booked(
            day_start=day.start_at,
            month_start=month.start_at,
            day=incurred_by_attempt(ctx.store, day, ctx.zone),
            month=incurred_by_attempt(ctx.store, month, ctx.zone),
            ever=_ever(totals),
        )
    by_id = {session.id: session for session in held}
    going_on = [commitment(ctx, by_id[a.session_id], a, booked, tags.get(a.session_id, {}), now_wall) for a in opened]
    return going_on + [_closed(one, booked, tags.get(one.session_id, {})) for one in counted if not one.is_open]


def _ever(totals: Mapping[str, Mapping[str, int]]) -> Sums:
    found = Sums()
    for attempt_id, kinds in totals.items():
        for kind, micros in kinds.items():
            found.add(attempt_id, kind, micros)
    return found


def _closed(one: CountedAttempt, booked: Booked, tags: Mapping[str, str]) -> Commitment:
    """An attempt of which nothing is to come: what it has cost counts, and no more."""
    incurred, traffic = booked.of(one.attempt_id), booked.traffic_of(one.attempt_id)
    return Commitment(one.attempt_id, one.session_id, one.name, one.consumer, one.provider, tags, incurred, traffic)


NOTHING_BOOKED = Booked(0, 0)
"""Of an attempt that is not written yet."""


def commitment(
    ctx: Context, session: Session, attempt: Attempt, booked: Booked, tags: Mapping[str, str], now_wall: int
) -> Commitment:
    """One attempt as budgets count it."""
    entries = accruing(attempt, now_wall)
    incurred = booked.of(attempt.id).plus(_incurred(entries, booked))
    more = _incurred([entry for entry in entries if entry.kind == TRAFFIC], booked)
    traffic = booked.traffic_of(attempt.id).plus(more)
    return Commitment(
        attempt_id=attempt.id,
        session_id=session.id,
        name=session.name,
        consumer=session.consumer,
        provider=attempt.provider,
        tags=tags,
        incurred=incurred,
        traffic=traffic,
        to_come=_worst_case(ctx, attempt, incurred.ever - traffic.ever, traffic, now_wall),
        going=going(attempt, now_wall, us(ctx.policy.budget_end_s)),
    )


def _incurred(entries: Iterable[Entry], booked: Booked) -> Incurred:
    held = list(entries)
    of = (sum(incurred_since(entry, at) for entry in held) for at in (booked.day_start, booked.month_start, 0))
    return Incurred(*of)


def going(attempt: Attempt, now_wall: int, slow_us: int) -> Going | None:
    """What bills of it; an instance that boots counts as if it ran. An end that is requested takes as long as usual."""
    if not attempt.is_open or attempt.off_at is not None or attempt.self_ended_at is not None:
        return None
    is_stopped = attempt.is_wanted and attempt.state is State.INTERRUPTED and not attempt.is_gpu_billed
    rate = storage_rate(attempt) if is_stopped else attempt.current_rate or attempt.agreed_rate
    if not attempt.is_wanted:
        return Going(rate, now_wall + slow_us, is_ending=True)
    return Going(rate, min(attempt.deadline.wall, attempt.hard_max_at))


def as_changed(ctx: Context, one: Commitment, attempt: Attempt, now_wall: int) -> Commitment:
    """The same attempt with another deadline and reserve."""
    booked = one.incurred.ever - one.traffic.ever
    return replace(one, to_come=_worst_case(ctx, attempt, booked, one.traffic, now_wall))


def _worst_case(ctx: Context, attempt: Attempt, booked: Micros, traffic: Incurred, now_wall: int) -> WorstCase:
    policy, ends_alone = ctx.policy_of(attempt.provider), ctx.reserves_to_deadline(attempt)
    return worst_case(attempt, booked, now_wall, policy, ends_alone=ends_alone, traffic=traffic.ever)
