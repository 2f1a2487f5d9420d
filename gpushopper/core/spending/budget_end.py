"""When a budget is used up at the present rates, and which sessions end so that it holds (`--at-100 stop`).

The one with the least time left to lose ends first; the others go on with what that leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gpushopper.core.model.money import Micros, cost_over
from gpushopper.core.spending.budget import PERIOD_OF, Budget, Commitment, Going, LimitKind, by_session, covered
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.core.timing.periods import Period


@dataclass(frozen=True, slots=True)
class Pace:
    """What an end usually takes, and how much before all is spent the first of several ends, µs."""

    slow_us: int
    apart_us: int


@dataclass(frozen=True, slots=True)
class PlannedEnd:
    """A session that would be ended, and when, wall µs."""

    session_id: str
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How one limit stands: what is spent of it, what is committed, and when it would be used up by rate.

    `period` is None for a limit per session; `session_id` then names the session. `ends`: which sessions would be
    ended for it, in order; empty where it lasts, and for a budget that only refuses.
    """

    budget: Budget
    kind: LimitKind
    limit: Micros
    period: Period | None
    session_id: str
    spent: Micros
    committed: Micros
    used_up_at: int | None
    covered: tuple[Commitment, ...]
    ends: tuple[PlannedEnd, ...] = ()

    @property
    def subject(self) -> str:
        """What an alarm about it is about."""
        return f"{self.budget.name}:{self.session_id or self.kind}"


def standings(
    budget: Budget, commitments: Sequence[Commitment], periods: dict[LimitKind, Period], now_wall: int, pace: Pace
) -> list[Standing]:
    """How each limit of a budget stands; `periods` are the present ones."""
    counted, found = covered(budget, commitments), []
    for kind, limit in budget.limits():
        if kind in PERIOD_OF:
            found.append(_standing(budget, kind, limit, periods[kind], "", counted, now_wall, pace))
            continue
        for session_id in dict.fromkeys(one.session_id for one in counted if one.going is not None):
            own = [one for one in counted if one.session_id == session_id]
            found.append(_standing(budget, kind, limit, None, session_id, own, now_wall, pace))
    return found


def _standing(
    budget: Budget,
    kind: LimitKind,
    limit: Micros,
    period: Period | None,
    session_id: str,
    counted: Sequence[Commitment],
    now_wall: int,
    pace: Pace,
) -> Standing:
    spent = sum(one.spent(kind) for one in counted)
    believed = sum(one.believed(kind) for one in counted)
    going = [one for one in counted if one.going is not None]
    before_at = None if period is None else period.end_at
    return Standing(
        budget, kind, limit, period, session_id, spent,
        committed=sum(one.counted(kind, period, now_wall) for one in counted),
        used_up_at=used_up_at(limit - spent, _streams(going), now_wall, before_at),
        covered=tuple(counted),
        ends=planned_ends(limit - believed, going, now_wall, before_at, pace, _warned_at(budget, now_wall, pace)),
    )  # fmt: skip


def _warned_at(budget: Budget, now_wall: int, pace: Pace) -> int:
    """From when on a budget that was changed may end sessions; at once where it was changed by a wrong clock (F62)."""
    return 0 if budget.changed_at > now_wall + pace.apart_us else budget.changed_at + pace.apart_us


def _streams(going: Iterable[Commitment]) -> list[Going]:
    return [one.going for one in going if one.going is not None]


def used_up_at(left: Micros, streams: Sequence[Going], now_wall: int, before_at: int | None) -> int | None:
    """When spending at the present rates exceeds what is left, wall µs; None where it does not before `before_at`."""
    at = now_wall
    for until in sorted({each.until_at for each in streams}):
        until = until if before_at is None else min(until, before_at)
        if until <= at:
            continue
        rate = sum(each.rate for each in streams if each.until_at > at)
        cost = cost_over(rate, until - at)
        if cost > left:
            return at if left <= 0 else at + left * HOUR // rate
        left, at = left - cost, until
    return None


def planned_ends(
    left: Micros, going: Sequence[Commitment], now_wall: int, before_at: int | None, pace: Pace, not_before: int = 0
) -> tuple[PlannedEnd, ...]:
    """Which sessions end, in order, so that no more is spent than is left; each bills on for as long as an end takes.

    All but the last end some time before the money is spent: what that saves is for the others, and may be enough.
    None ends before `not_before`: a budget that was just changed warns first, as any other does. Nor does one that
    bills nothing: its end would save nothing.
    """
    streams = {one.attempt_id: one.going for one in going if one.going is not None}
    by_id = {one.attempt_id: one for one in going}
    found: list[PlannedEnd] = []
    while (at := used_up_at(left, list(streams.values()), now_wall, before_at)) is not None:
        billing = {attempt_id: each for attempt_id, each in streams.items() if each.rate and not each.is_ending}
        able = [attempt_id for attempt_id, each in billing.items() if each.until_at > at]
        if not able:
            break
        first = by_id[min(able, key=lambda attempt_id: (streams[attempt_id].until_at, attempt_id))]
        end_at = max(now_wall, not_before, at - (pace.apart_us if len(able) > 1 else pace.slow_us))
        for attempt_id, each in streams.items():
            if by_id[attempt_id].session_id == first.session_id:
                streams[attempt_id] = replace(each, until_at=min(each.until_at, end_at + pace.slow_us), is_ending=True)
        found.append(PlannedEnd(first.session_id, first.name, end_at))
    return tuple(found)


def ends_to_fit(limit: Micros, standing: Standing, now_wall: int) -> tuple[PlannedEnd, ...]:
    """Which sessions must end now so that a lower limit holds, the worst case included; least time left first."""
    committed = by_session(standing.covered, standing.kind, standing.period, now_wall)
    going = {one.session_id: one for one in standing.covered if one.going is not None and not one.going.is_ending}
    total, found = sum(committed.values()), []
    for one in sorted(going.values(), key=_time_left):
        if total <= limit:
            break
        own = [each for each in standing.covered if each.session_id == one.session_id]
        total -= committed.get(one.session_id, 0) - sum(each.spent(standing.kind) for each in own)
        found.append(PlannedEnd(one.session_id, one.name, now_wall))
    return tuple(found)


def _time_left(one: Commitment) -> tuple[int, str]:
    return (0 if one.going is None else one.going.until_at, one.session_id)
