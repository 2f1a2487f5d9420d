"""Parse typed durations, times, hours and dollars (`90m`, `1h30m`, `2d`, `18:00`, `0.50`), as click types."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Any

import click

from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND
from gpushopper.errors import UsageError

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


LONGEST_SPAN = 3650 * _UNITS["d"]


def parse_span(text: str) -> int:
    """Microseconds of `90m`, `1h30m`, `2d`. Raises ValueError for anything else, and outside (0, 10 years]."""
    compact = text.strip().lower().replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != compact:
        raise ValueError(text)
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not 1 <= total <= LONGEST_SPAN:
        raise ValueError(text)
    return round(total)


def parse_until(text: str, now: int) -> int:
    """Wall µs of the next `18:00` local, or of an RFC 3339 time. Raises UsageError when it is past or unreadable."""
    from gpushopper.cli.output.text_format import local_time

    clock = _CLOCK.fullmatch(text.strip())
    today = local_time(now)
    if clock:
        then = today.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0, tzinfo=None)
        if then <= today.replace(tzinfo=None):
            then += timedelta(days=1)
        return _micros(then.astimezone())
    at = parse_date(text, "--until")
    if at <= now:
        raise UsageError(f"--until {text} is in the past", "write 18:00 or 2026-11-24T18:00:00Z")
    return at


def parse_date(text: str, option: str) -> int:
    """Wall µs of an RFC 3339 date or time; local time if it has no zone."""
    try:
        return _micros(datetime.fromisoformat(text.strip()).astimezone())
    except ValueError as error:
        example = "18:00 or 2026-11-24T18:00:00Z" if option == "--until" else "7d, 2026-11-24 or 2026-11-24T18:00:00Z"
        raise UsageError(f"{option} {text} is not a time", f"write {example}") from error


def parse_moment(text: str, option: str, now: int) -> int:
    """Wall µs of a date or time, or of so long ago (`7d`)."""
    try:
        return max(now - parse_span(text), 0)
    except ValueError:
        return parse_date(text, option)


def _micros(then: datetime) -> int:
    return round(then.timestamp()) * SECOND


class Span(click.ParamType[int]):
    """A duration option."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_span(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a duration: write 90m, 1h30m or 2d", param, ctx)


class Number(click.FloatRange):
    """A number in a range; `nan` and `inf` are refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return float(super().convert(number, param, ctx))


class Hours(Number):
    """A positive number of hours; for a duration such as `2h` the error names --for."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, str) and value[-1:].isalpha() and value[:1].isdigit():
            self.fail(f"{value!r} is not a number of hours: write 2, or --for 2h", param, ctx)
        return super().convert(value, param, ctx)


class Dollars(click.ParamType[int]):
    """An amount of money: typed in dollars, converted to integer micro-dollars."""

    name = "dollars"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from gpushopper.core.model.money import parse_dollars

        amount = parse_dollars(str(value).removeprefix("$"))
        if isinstance(value, int) or amount is None:
            return value if isinstance(value, int) else self.fail(f"{value!r} is not an amount: write 0.50", param, ctx)
        return amount


SPAN = Span()
DOLLARS = Dollars()


class Limit(Span):
    """A duration option that can be switched off: `off` is 0."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return 0 if value in ("off", 0) else super().convert(value, param, ctx)


LIMIT = Limit()


class Gigabytes(click.ParamType[int]):
    """A size: typed in GB, with or without the unit, converted to bytes."""

    name = "gigabytes"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip().lower().removesuffix("gb").strip()
        if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) or float(text) == 0:
            self.fail(f"{value!r} is not a size in GB: write 50", param, ctx)
        return round(float(text) * 1e9)


GIGABYTES = Gigabytes()
