"""Decides whether a deadline has passed, by majority vote of wall clock, boot clock and provider's date (D10, I12)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gpushopper.core.timing.clock_snapshot import MAX_CLOCK_SKEW, ClockSnapshot


@dataclass(frozen=True, slots=True)
class Deadline:
    """A wall-clock time in µs, with the readings of wall and boot clock when it was set (D10.2)."""

    wall: int
    set_wall: int
    set_boot: int
    boot_id: str

    @classmethod
    def at(cls, wall: int, now: ClockSnapshot) -> Deadline:
        """A deadline at `wall`, set now."""
        return cls(wall=wall, set_wall=now.wall, set_boot=now.boot, boot_id=now.boot_id)


class DeadlineStatus(Enum):
    """The clocks' majority about a deadline; disputed where there is none."""

    AHEAD = "ahead"
    PASSED = "passed"
    DISPUTED = "disputed"


def deadline_status(deadline: Deadline, now: ClockSnapshot) -> DeadlineStatus:
    """Let two of three clocks decide whether the deadline has passed (I12).

    Within one boot: the wall clock, the boot clock counted from the stored readings, and the provider's date. After a
    reboot wall and date remain, and the date wins a disagreement. DISPUTED means that no majority exists: the
    caller raises an alarm and waits for a provider's reply, without which no destroy could succeed anyway.
    """
    wall = now.wall >= deadline.wall
    date = None if now.provider_date is None else now.provider_date >= deadline.wall
    boot = None
    if deadline.boot_id == now.boot_id:
        boot = deadline.set_wall + (now.boot - deadline.set_boot) >= deadline.wall
    if boot is None:
        return _without_boot(wall, date, now.provider_answered)
    if wall == boot:
        return _status(wall)
    return DeadlineStatus.DISPUTED if date is None else _status(date)


def _without_boot(wall: bool, date: bool | None, provider_answered: bool) -> DeadlineStatus:
    """After a reboot: the date decides, else the wall clock once the provider has answered without a date."""
    if date is not None:
        return _status(date)
    return DeadlineStatus.DISPUTED if wall and not provider_answered else _status(wall)


def _status(passed: bool) -> DeadlineStatus:
    return DeadlineStatus.PASSED if passed else DeadlineStatus.AHEAD


def remaining_us(deadline: Deadline, now: ClockSnapshot) -> int | None:
    """Microseconds to the deadline by the median of the clocks; None where two disagree and no third decides.

    No single wrong clock can move the guard's deadline (I12).
    """
    found = [deadline.wall - now.wall]
    if deadline.boot_id == now.boot_id:
        found.append(deadline.wall - deadline.set_wall - (now.boot - deadline.set_boot))
    if now.provider_date is not None:
        found.append(deadline.wall - now.provider_date)
    found.sort()
    if len(found) == 2 and found[1] - found[0] > MAX_CLOCK_SKEW:
        return None
    return found[(len(found) - 1) // 2]
