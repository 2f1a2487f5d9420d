"""One reading of all clocks as a value: wall clock, boot clock, provider's date; and whether they disagree (D10)."""

from __future__ import annotations

from dataclasses import dataclass, replace

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

MAX_CLOCK_SKEW = 2 * MINUTE
"""Two clocks further apart than this cannot both be right (D10.3)."""

EARLIEST_WALL, LATEST_WALL = 1_577_836_800 * SECOND, 4_102_444_800 * SECOND
"""2020-01-01 and 2100-01-01 UTC: a clock outside is wrong. Labels count from the first (`core/model/label.py`)."""


def us(seconds: float) -> int:
    """Seconds as integer microseconds, the unit of every stored time."""
    return round(seconds * SECOND)


@dataclass(frozen=True, slots=True)
class ClockSnapshot:
    """One reading of the clocks, in microseconds.

    `wall` counts from 1970 UTC. `boot` counts from boot, sleep included; intervals are measured with it, because it
    never jumps (F60, F61). `provider_date` is the last authenticated reply's `Date`, moved on by the boot clock.
    """

    wall: int
    boot: int
    boot_id: str
    provider_date: int | None = None
    provider_answered: bool = False
    """Whether the provider has answered since the daemon started: after a reboot the wall clock then decides alone."""

    def later(self, span_us: int) -> ClockSnapshot:
        """The same clocks after a span."""
        date = None if self.provider_date is None else self.provider_date + span_us
        return replace(self, wall=self.wall + span_us, boot=self.boot + span_us, provider_date=date)

    def with_date_of(self, earlier: ClockSnapshot) -> ClockSnapshot:
        """This reading of our own clocks, with the provider's date of an earlier one."""
        if earlier.provider_date is None:
            return self
        date = ProviderDate(earlier.provider_date, earlier.boot, earlier.boot_id).at(self)
        return replace(self, provider_date=date)


@dataclass(frozen=True, slots=True)
class ProviderDate:
    """A provider's `Date` header and the boot clock when it was read."""

    date: int
    boot: int
    boot_id: str

    def at(self, now: ClockSnapshot) -> int | None:
        """The provider's date now, by the boot clock; None after a reboot, when its age is unknown."""
        if self.boot_id != now.boot_id:
            return None
        return self.date + (now.boot - self.boot)


def clocks_disagree(now: ClockSnapshot) -> bool:
    """Whether the wall clock and the provider's date differ by more than `MAX_CLOCK_SKEW` (F62).

    A wall clock of an impossible year is wrong without a second one to say so.
    """
    if not EARLIEST_WALL <= now.wall < LATEST_WALL:
        return True
    return now.provider_date is not None and abs(now.provider_date - now.wall) > MAX_CLOCK_SKEW


def wall_clock_lead(now: ClockSnapshot) -> int:
    """Microseconds by which the wall clock is ahead of the provider's date; 0 within what two right ones may differ."""
    if now.provider_date is None or not clocks_disagree(now):
        return 0
    return max(now.wall - now.provider_date, 0)
