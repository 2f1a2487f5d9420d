"""Days and months of the user's time zone as spans of wall time, through changes of summer time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from gpushopper.core.timing.clock_snapshot import SECOND


class PeriodKind(StrEnum):
    """What a limit counts over."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """One day or month: [start_at, end_at), wall µs. A day has 23 or 25 hours where the clocks are changed."""

    kind: PeriodKind
    start_at: int
    end_at: int

    def holds(self, wall: int) -> bool:
        """Whether this moment is in it."""
        return self.start_at <= wall < self.end_at

    def overlap(self, from_at: int, to_at: int) -> int:
        """How much of a span lies in it, µs."""
        return max(min(self.end_at, to_at) - max(self.start_at, from_at), 0)


def period_at(kind: PeriodKind, wall: int, zone: tzinfo) -> Period:
    """The day or month of that zone in which this moment is."""
    local = datetime.fromtimestamp(wall // SECOND, zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
    if kind is PeriodKind.DAY:
        return Period(kind, _wall(midnight), _wall(_next_day(midnight)))
    first = midnight.replace(day=1)
    return Period(kind, _wall(first), _wall(_next_day(first.replace(day=28), days=4).replace(day=1)))


def periods_over(kind: PeriodKind, from_at: int, to_at: int, zone: tzinfo) -> Iterator[Period]:
    """The days or months that a span touches, in order; the one of its beginning at least."""
    period = period_at(kind, from_at, zone)
    yield period
    while period.end_at < to_at:
        period = period_at(kind, period.end_at, zone)
        yield period


def _next_day(midnight: datetime, days: int = 1) -> datetime:
    """Midnight so many days later: by the calendar, not by 24 hours."""
    return midnight + timedelta(days=days)  # of an aware time of one zone: the wall time is moved


def _wall(local: datetime) -> int:
    return round(local.timestamp()) * SECOND
