"""What attempts count against budgets at a later moment, if nothing else happens: each bills on, and ends on time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import tzinfo

from gpushopper.core.model.money import cost_over
from gpushopper.core.spending.budget import Commitment, Incurred
from gpushopper.core.spending.worst_case import NOTHING, BilledSpan, WorstCase
from gpushopper.core.timing.clock_snapshot import MINUTE
from gpushopper.core.timing.periods import PeriodKind, period_at


@dataclass(frozen=True, slots=True)
class Future:
    """What a request is held against later: the other attempts, now (wall µs), the user's zone, a usual end (µs)."""

    others: tuple[Commitment, ...]
    now_wall: int
    zone: tzinfo
    slow_us: int

    def others_at(self, at: int) -> list[Commitment]:
        """The other attempts as they count then."""
        return [self.one_at(one, at) for one in self.others]

    def one_at(self, one: Commitment, at: int) -> Commitment:
        """An attempt as it counts then: it bills on at the present rate; after its end what it cost."""
        until, rate = self.released_at(one), 0 if one.going is None else one.going.rate
        day, month = (period_at(kind, at, self.zone) for kind in (PeriodKind.DAY, PeriodKind.MONTH))
        billed_to = min(at, until)
        so_far, now = one.incurred, self.now_wall
        incurred = Incurred(
            day=so_far.day * day.holds(now) + cost_over(rate, day.overlap(now, billed_to)),
            month=so_far.month * month.holds(now) + cost_over(rate, month.overlap(now, billed_to)),
            ever=so_far.ever + cost_over(rate, max(billed_to - now, 0)),
        )
        to_come = NOTHING if at >= until else _from(one.to_come, at, incurred.ever - one.incurred.ever)
        return replace(one, incurred=incurred, to_come=to_come)

    def released_at(self, one: Commitment) -> int:
        """When nothing more of it is to come: a usual end after its deadline; of what is off, as late as it may be."""
        if one.going is not None:
            return one.going.until_at + (0 if one.going.is_ending else self.slow_us)
        return one.to_come.spans[0].to_at if one.to_come.spans else self.now_wall

    def moments(self) -> list[int]:
        """When something of it changes: an attempt has ended, a day or month begins. Whole minutes, in order."""
        found = {whole_minute(at) for at in self._moments()}
        return sorted(at for at in found if at > self.now_wall)

    def _moments(self) -> Iterator[int]:
        yield from self._released()
        yield from self.borders()

    def _released(self) -> list[int]:
        return [self.released_at(one) for one in self.others if one.to_come.at_most]

    def borders(self) -> set[int]:
        """When the days and months end in which something changes, and the days after those: both may have room."""
        times = {max(at, self.now_wall) for at in (self.now_wall, *self._released())}
        found = {period_at(kind, at, self.zone).end_at for at in times for kind in PeriodKind}
        return found | {period_at(PeriodKind.DAY, at, self.zone).end_at for at in found}


def merged(others: Iterable[Commitment], session_id: str) -> tuple[Commitment, ...]:
    """The same for every limit, in fewer: what is over is added up by whom it counts for, but for this session's own.

    A month has thousands of those, and each of some forty moments would look at all of them.
    """
    kept, over = [], dict[tuple[object, ...], Commitment]()
    for one in others:
        if one.going is not None or one.to_come.at_most or one.session_id == session_id:
            kept.append(one)
            continue
        key = (one.consumer, one.provider, *sorted(one.tags.items()))
        so_far = over.get(key)
        over[key] = one if so_far is None else replace(so_far, incurred=so_far.incurred.plus(one.incurred))
    return (*kept, *over.values())


def whole_minute(at: int) -> int:
    """The first whole minute that is not before this moment, wall µs."""
    return -(-at // MINUTE) * MINUTE


def _from(to_come: WorstCase, at: int, billed: int) -> WorstCase:
    """What is left of it then."""
    spans = tuple(replace(span, from_at=max(span.from_at, at)) for span in to_come.spans if span.to_at > at)
    return replace(to_come, spans=spans, at_most=max(to_come.at_most - billed, 0))


def cut_off(one: Commitment, until: int | None) -> Commitment:
    """The attempt without what may be billed after a moment; None: as it is."""
    if until is None:
        return one
    spans = [replace(span, to_at=min(span.to_at, until)) for span in one.to_come.spans if span.from_at < until]
    return replace(one, to_come=replace(one.to_come, spans=tuple(spans)))


def moved(one: Commitment, by_us: int) -> Commitment:
    """The attempt of the same request, made so much later and for as long."""
    spans = tuple(BilledSpan(span.from_at + by_us, span.to_at + by_us, span.rate) for span in one.to_come.spans)
    return replace(one, to_come=replace(one.to_come, spans=spans))
