"""Time as integer UTC microseconds: units, parsing of durations (`10m`), RFC 3339 and HTTP dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

Clock = Callable[[], int]
"""Returns the sandbox's time as integer UTC microseconds since 1970."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT = {"": SECOND, "s": SECOND, "sec": SECOND, "m": 60 * SECOND, "min": 60 * SECOND, "h": HOUR, "d": DAY}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(sec|min|s|m|h|d|)\s*")


def parse_duration(text: str | float) -> int:
    """Return microseconds for `10m`, `90s`, `2h`, `1h30m`, `3 min` or plain seconds.

    Raises ValueError for anything else, negative values included.
    """
    if isinstance(text, (int, float)):
        if text < 0:
            raise ValueError(f"a duration cannot be negative: {text}")
        return round(text * SECOND)
    rest = text.strip().lower()
    if not rest:
        raise ValueError("an empty duration")
    total = 0
    while rest:
        part = _PART.match(rest)
        if part is None:
            raise ValueError(f"not a duration: {text!r} (write 90s, 10m, 2h or seconds)")
        total += round(float(part[1]) * _UNIT[part[2]])
        rest = rest[part.end() :]
    return total


def parse_range(text: str | float) -> tuple[int, int]:
    """Return the microseconds of a range of durations, `2s-70s`, or twice those of one; raises ValueError."""
    least, found, most = text.partition("-") if isinstance(text, str) else (text, "", "")
    low = parse_duration(least)
    high = parse_duration(most) if found else low
    if high < low:
        raise ValueError(f"not a range: {text!r} (write 2s-70s)")
    return low, high


def rfc3339(at: int) -> str:
    """Return `2026-11-24T02:00:00.250000Z`; whole seconds carry no fraction."""
    stamp = (_EPOCH + timedelta(microseconds=at)).replace(tzinfo=None).isoformat()
    return f"{stamp}Z"


def http_date(at: int) -> str:
    """Return the value of an HTTP `Date` header (S26: the dialect sets it from the market's clock)."""
    return (_EPOCH + timedelta(microseconds=at)).strftime("%a, %d %b %Y %H:%M:%S GMT")
