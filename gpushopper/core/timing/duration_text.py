"""Formats a duration for people: `1h 58m`, `45s`, `2d 3h`."""

from __future__ import annotations

from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND

DAY = 24 * HOUR


def span(micros: int) -> str:
    """A duration in µs as text: its two largest units, rounded; below a second `0.2s`."""
    left = abs(micros)
    if 0 < left < SECOND:
        return f"{max(left / SECOND, 0.1):.1f}s"
    left += (SECOND if left < 10 * MINUTE else MINUTE if left < DAY else HOUR) // 2
    days, left = divmod(left, DAY)
    hours, left = divmod(left, HOUR)
    minutes, left = divmod(left, MINUTE)
    seconds = left // SECOND
    if days:
        return f"{days}d {hours}h" if hours else f"{days}d"
    if hours:
        return f"{hours}h {minutes}m" if minutes else f"{hours}h"
    if minutes >= 10 or (minutes and not seconds):
        return f"{minutes}m"
    return f"{minutes}m {seconds}s" if minutes else f"{seconds}s"
