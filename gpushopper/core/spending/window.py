"""A span of time for which costs are asked, and how it is covered: whole days or months, and parts at its two ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from gpushopper.core.model.money import Micros
from gpushopper.core.spending.pro_rata import share
from gpushopper.core.spending.rollup import Calendar
from gpushopper.core.timing.periods import PeriodKind

_EVER = 2**62
"""Beyond every wall-clock time, µs."""


@dataclass(frozen=True, slots=True)
class Window:
    """[start, end), wall µs; None: without a bound."""

    start_at: int | None = None
    end_at: int | None = None

    @property
    def first(self) -> int:
        return -_EVER if self.start_at is None else self.start_at

    @property
    def last(self) -> int:
        return _EVER if self.end_at is None else self.end_at

    def holds(self, wall: int) -> bool:
        """Whether this moment is in it."""
        return self.first <= wall < self.last

    def share(self, micros: Micros, from_at: int, to_at: int) -> Micros:
        """The part of an amount over a span that was incurred in it."""
        return share(micros, from_at, to_at, self.first, self.last)


@dataclass(frozen=True, slots=True)
class Cover:
    """How a window is added up: rollups of one kind over `whole` (None: there is none), entries over the `edges`."""

    kind: PeriodKind
    whole: Window | None
    edges: tuple[Window, ...]


def cover(window: Window, zone: tzinfo, *, by_day: bool) -> Cover:
    """Months where the window's bounds are those of months, days otherwise."""
    if not by_day:
        found = _cover(window, Calendar(PeriodKind.MONTH, zone))
        if not found.edges:
            return found
    return _cover(window, Calendar(PeriodKind.DAY, zone))


def _cover(window: Window, calendar: Calendar) -> Cover:
    begin, end = window.start_at, window.end_at
    if begin is not None and calendar.at(begin).start_at != begin:
        begin = calendar.at(begin).end_at
    if end is not None:
        end = calendar.at(end).start_at
    if begin is not None and end is not None and begin >= end:
        return Cover(calendar.kind, None, (window,) if window.first < window.last else ())
    edges = (Window(window.start_at, begin), Window(end, window.end_at))
    return Cover(calendar.kind, Window(begin, end), tuple(each for each in edges if each.start_at != each.end_at))
