"""Hidden spans: when something about what an instance bills changed between two sightings, so that nobody saw when."""

from __future__ import annotations

Spans = tuple[tuple[int, int], ...]
"""Beginnings and ends, wall µs, in order; none touches the next."""


def with_span(spans: Spans, start: int, end: int) -> Spans:
    """One more, later than all others; it is joined to the last one where they touch."""
    if end <= start:
        return spans
    if spans and spans[-1][1] >= start:
        return (*spans[:-1], (spans[-1][0], max(end, spans[-1][1])))
    return (*spans, (start, end))


def total_us(spans: Spans) -> int:
    """How long they are together, µs."""
    return sum(end - start for start, end in spans)
