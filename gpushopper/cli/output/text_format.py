"""Format times, durations, money and counts as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gpushopper.core.model.money import dollars
from gpushopper.core.timing.clock_snapshot import MINUTE, SECOND
from gpushopper.core.timing.duration_text import span

_SMALL = 100_000
_NOTHING = 50
"""Micro-dollars below which four places would show zero."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def money(micros: int | None) -> str:
    """`$1.72`; below ten cents `$0.0143`, so that a small amount is not shown as zero; a dash for an unknown one."""
    if micros is None:
        return "-"
    return dollars(micros, 4 if _NOTHING <= abs(micros) < _SMALL else 2)


def rate(micros: int | None) -> str:
    """An hourly price, `$0.431`: a third place, because offers differ there."""
    return "-" if micros is None else dollars(micros, 3)


def per_hour(micros: int | None) -> str:
    """An hourly price in a sentence: `$0.431/h`."""
    return "-" if micros is None else f"{rate(micros)}/h"


def per_gb(micros: int) -> str:
    """A price per GB, without trailing zeros: `$0.0135`."""
    text = dollars(micros, 6).rstrip("0").rstrip(".")
    return text if text != "$" else "$0"


def local_time(at: int) -> datetime:
    """Wall µs as an aware time of day, in the local zone."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone()


def log_time(at: int) -> str:
    """`2026-11-24 18:00:03`: in lists of what happened, which are read for years and searched by day."""
    return f"{local_time(at):%Y-%m-%d %H:%M:%S}"


def relative(at: int, now: int) -> str:
    """`in 1h 58m`, `3m ago`, `now`."""
    if abs(at - now) < SECOND:
        return "now"
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


def ago(at: int, now: int) -> str:
    """`3m ago` or `now` for a past event; `clock changed` if it is in the future because a clock was set back."""
    if at > now + MINUTE:
        return "clock changed"
    return relative(min(at, now), now)


def age(at: int, now: int) -> str:
    """How long ago something began, `1h 58m`; never negative."""
    return span(max(now - at, 0))


def clock_time(at: int, now: int) -> str:
    """`18:00` today, `Thu 18:00` within a week, else `24 Nov 18:00`; local time."""
    then, today = local_time(at), local_time(now)
    if then.date() == today.date():
        return f"{then:%H:%M}"
    days = abs((then.date() - today.date()).days)
    return f"{then:%a %H:%M}" if days < 7 else f"{then.day} {then:%b %H:%M}"


def when(at: int | None, now: int) -> str:
    """`18:00 (in 1h 58m)`; a dash for no time."""
    return "-" if at is None else f"{clock_time(at, now)} ({relative(at, now)})"


def name_all(items: Sequence[str]) -> str:
    """`out is`, `out, log are`: the subject of a sentence."""
    return f"{', '.join(items)} {'is' if len(items) == 1 else 'are'}"


def plural(count: int, noun: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
