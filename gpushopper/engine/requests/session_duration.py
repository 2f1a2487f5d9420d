"""How long a session may be requested for: default duration, shortest duration, hard maximum of 12 h (S19, I9)."""

from __future__ import annotations

from gpushopper.core.policy import HARD_MAXIMUM_S, MIN_DURATION_S
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.errors import Refused, UsageError

DEFAULT_DURATION_S = 2 * 3600


def requested_duration_us(duration_us: int | None, deadline_at: int | None, now_wall: int) -> int:
    """The span from now to the requested end; two hours where neither a duration nor a deadline was given.

    Raises:
        UsageError: both were given, the deadline is past, or the span is shorter than a minute.
    """
    if duration_us is not None and deadline_at is not None:
        raise UsageError("give a duration or an end, not both")
    if deadline_at is not None and deadline_at <= now_wall:
        raise UsageError("the end is in the past")
    if deadline_at is not None:
        span = deadline_at - now_wall
    else:
        span = us(DEFAULT_DURATION_S) if duration_us is None else duration_us
    refuse_short(span)
    return span


def refuse_short(span_us: int) -> None:
    """Refuse a duration, or a change of one, of less than a minute.

    Raises:
        UsageError: it is shorter.
    """
    if span_us < us(MIN_DURATION_S):
        raise UsageError("less than a minute is too short for a session", "request 1m or more", code="too_short")


def refuse_unexplained_maximum(max_duration_us: int | None, reason: str) -> None:
    """Only with a reason may the hard maximum be set above 12 h.

    Raises:
        UsageError: there is none.
    """
    if max_duration_us is not None and max_duration_us > us(HARD_MAXIMUM_S) and not reason:
        raise UsageError("a duration of more than 12 h needs a reason", "give --reason TEXT", code="reason_needed")


def refuse_above_maximum(span_us: int, max_duration_us: int | None) -> None:
    """Refuse a duration above the hard maximum: 12 h, or what the request sets.

    Raises:
        Refused: it is longer.
    """
    if span_us > (us(HARD_MAXIMUM_S) if max_duration_us is None else max_duration_us):
        hint = "override at provision: --hard-max 24h --reason TEXT"
        raise Refused("no session lasts longer than 12 h", hint, code="hard_maximum")
