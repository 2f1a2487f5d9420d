"""Splits an amount that is linear in time at boundaries within its span; the shares always add up to it (I14)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpushopper.core.model.money import Micros
from gpushopper.core.timing.clock_snapshot import HOUR


def hour_of(wall: int) -> int:
    """The beginning of the UTC hour in which this moment is, wall µs."""
    return wall - wall % HOUR


def hours_within(from_at: int, to_at: int) -> range:
    """The UTC hours that begin inside a span, neither at its beginning nor at its end."""
    return range(hour_of(from_at) + HOUR, to_at, HOUR)


def split(micros: Micros, from_at: int, to_at: int, cuts: Sequence[int]) -> Iterator[tuple[int, int, Micros]]:
    """Beginning, end and amount of each piece between these moments, which lie inside the span in order.

    Each piece is the difference of two amounts counted from the beginning, rounded up: no rounding is lost or added,
    and what is counted up to any of the moments is never too little.
    """
    before, spent = from_at, 0
    for cut in (*cuts, to_at):
        so_far = micros if cut == to_at else _up_to(micros, cut - from_at, to_at - from_at)
        yield before, cut, so_far - spent
        before, spent = cut, so_far


def share(micros: Micros, from_at: int, to_at: int, start_at: int, end_at: int) -> Micros:
    """The part of an amount that falls into [start_at, end_at); what lasts no time falls wholly where it is."""
    if from_at == to_at:
        return micros if start_at <= from_at < end_at else 0
    first, last = (min(max(at, from_at), to_at) - from_at for at in (start_at, end_at))
    span = to_at - from_at
    return _up_to(micros, last, span) - _up_to(micros, first, span)


def _up_to(micros: Micros, elapsed: int, span: int) -> Micros:
    return -(-micros * elapsed // span)
