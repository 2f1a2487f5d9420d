"""Checks of the limits that may end a session early: idle, contact, hold; the contact limit that a long one has."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper import wire
from gpushopper.core.policy import DISUSE_S, HARD_MAXIMUM_S
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND, us
from gpushopper.errors import UsageError

LEAST_US, MOST_US = 10 * SECOND, 31 * 24 * HOUR
"""Less would end an instance while it is looked at."""
IDLE_WHEN = ("any", "gpu")


@dataclass(frozen=True, slots=True)
class EndLimits:
    """The limits of a session, spans in µs; None: off."""

    idle_us: int | None = None
    idle_when: str = "any"
    contact_us: int | None = None
    disuse_us: int | None = None
    hold_us: int | None = None


def requested_limits(request: wire.ProvisionRequest, longest_us: int) -> EndLimits:
    """The limits of a new session; one that may last longer than 12 h has a contact limit unless it is refused (E3).

    Raises:
        UsageError: a limit makes no sense.
    """
    contact = request.contact_us
    if contact is None and longest_us > us(HARD_MAXIMUM_S):
        contact = us(DISUSE_S)
    return changed_limits(EndLimits(), request.idle_us, request.idle_when, contact, request.hold_us)


def changed_limits(
    before: EndLimits, idle_us: int | None, idle_when: str | None, contact_us: int | None, hold_us: int | None
) -> EndLimits:
    """The limits after a change: None leaves one as it is, 0 switches it off.

    Raises:
        UsageError: a limit makes no sense.
    """
    when = before.idle_when if idle_when is None else idle_when
    if when not in IDLE_WHEN:
        raise UsageError(f"{when!r} is no way to tell use", "any or gpu", code="bad_limit")
    contact = _after(before.contact_us, contact_us)
    return EndLimits(
        idle_us=_after(before.idle_us, idle_us),
        idle_when=when,
        contact_us=contact,
        disuse_us=contact,
        hold_us=_after(before.hold_us, hold_us),
    )


def _after(before: int | None, given: int | None) -> int | None:
    if given is None:
        return before
    if given == 0:
        return None
    if not LEAST_US <= given <= MOST_US:
        raise UsageError("a limit is at least 10 s, and at most 31 days", "or: off", code="bad_limit")
    return given
