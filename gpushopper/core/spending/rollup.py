"""Which days and months a ledger entry falls into, and with how much: entries are linear in time (I14)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from gpushopper.core.model.money import Micros
from gpushopper.core.spending.pro_rata import share
from gpushopper.core.timing.periods import Period, PeriodKind, period_at

Shares = dict[tuple[int, str, str], Micros]
"""Micro-dollars by beginning of a period, attempt and kind."""


class Calendar:
    """The periods of one kind in one zone; remembers the last one, since entries come in the order of time."""

    def __init__(self, kind: PeriodKind, zone: tzinfo) -> None:
        self.kind = kind
        self.zone = zone
        self._last = period_at(kind, 0, zone)

    def at(self, wall: int) -> Period:
        """The period in which this moment is."""
        if not self._last.holds(wall):
            self._last = period_at(self.kind, wall, self.zone)
        return self._last

    def shares(self, micros: Micros, from_at: int, to_at: int) -> Iterator[tuple[int, Micros]]:
        """Beginning of each period that an entry touches, and its part of the amount; they add up to it."""
        period = self.at(from_at)
        while to_at > period.end_at:
            yield period.start_at, share(micros, from_at, to_at, period.start_at, period.end_at)
            period = self.at(period.end_at)
        yield period.start_at, share(micros, from_at, to_at, period.start_at, period.end_at)
