"""When a budget that refuses a request has room for it again: sessions end, days and months begin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import Protocol

from gpushopper.core.spending.admission import Denial
from gpushopper.core.spending.later.future import whole_minute
from gpushopper.core.timing.clock_snapshot import MINUTE, SECOND


class Fits(Protocol):
    """Whether a request fits at a moment; with `until`, whether what of it lies before that moment does."""

    def __call__(self, at: int, until: int | None = None) -> bool: ...


def first_fit(moments: Sequence[int], now_wall: int, fits: Fits, borders: Collection[int] = ()) -> int | None:
    """The first of these moments at which it fits, or since when it does before that, to the minute; None: at none.

    What fits into neither of two days may fit into both: before each of `borders`, where a day or month ends, it is
    tried as soon as its part of that period has room.
    """
    before = now_wall // MINUTE
    for at in moments:
        if fits(at):
            return _since(before, at // MINUTE, fits) * MINUTE
        if at in borders:
            window = _since(before, at // MINUTE, partial(fits, until=at)) * MINUTE
            if window < at and fits(window):
                return window
        before = at // MINUTE
    return None


def _since(no: int, yes: int, fits: Callable[[int], bool]) -> int:
    while yes - no > 1:
        middle = (no + yes) // 2
        no, yes = (no, middle) if fits(middle * MINUTE) else (middle, yes)
    return yes


def moments_before(moments: Iterable[int], last_at: int | None) -> list[int]:
    """Those that lie before a moment; None: all."""
    return [at for at in moments if last_at is None or at < last_at]


def said_with_time(denial: Denial | None, now_wall: int, zone: tzinfo) -> Denial | None:
    """The denial with the moment from which on it would not be one."""
    if denial is None or denial.free_at is None or denial.free_at <= now_wall:
        return denial
    return replace(denial, text=f"{denial.text}; {free_text(denial.free_at, now_wall, zone)}")


def free_text(free_at: int, now_wall: int, zone: tzinfo) -> str:
    """`free at 19:36`, `free at Tue 00:00`, `free on 1 December, 00:00`: in the user's zone, never too early."""
    at, now = (datetime.fromtimestamp(wall / SECOND, zone) for wall in (whole_minute(free_at), now_wall))
    if at.date() == now.date():
        return f"free at {at:%H:%M}"
    if at.date() < now.date() + timedelta(days=7):
        return f"free at {at:%a %H:%M}"
    return f"free on {at.day} {at:%B, %H:%M}"
