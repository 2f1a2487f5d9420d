"""Spans of time as Python writes them: `"30m"`, `timedelta(minutes=30)`."""

from __future__ import annotations

from datetime import timedelta

from gpushopper.cli.input.durations import parse_span
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.errors import UsageError

Span = str | timedelta


def micros(span: Span) -> int:
    """A span in µs; a text has the forms of the command line, a timedelta may be negative.

    Raises:
        UsageError: the text is no span.
    """
    if isinstance(span, timedelta):
        return round(span.total_seconds() * SECOND)
    try:
        return parse_span(span)
    except ValueError:
        raise UsageError(f"{span!r} is no span of time", "for instance 90m, 1h30m or 2d") from None
