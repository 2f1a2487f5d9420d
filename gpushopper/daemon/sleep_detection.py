"""Sleep detection: compares the clocks each second to notice suspend, a stopped process, clock jumps (F58, F64)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gpushopper.clock import Clock
from gpushopper.core.timing.clock_snapshot import SECOND, ClockSnapshot, us
from gpushopper.core.timing.duration_text import span

INTERVAL_S = 1.0
GAP_US = 30 * SECOND

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """All three clocks, read together; `monotonic` in seconds of awake time."""

    snapshot: ClockSnapshot
    monotonic: float


def read_clocks(clock: Clock) -> ClockReading:
    """Read the clocks now."""
    return ClockReading(clock.now(), clock.monotonic())


def describe_gap(before: ClockReading, after: ClockReading) -> str:
    """What happened between two readings that should be about a second apart; "" for nothing unusual.

    A gap in the awake time itself is a stopped process, which has missed as much as a sleeping computer.
    """
    wall = after.snapshot.wall - before.snapshot.wall
    boot = after.snapshot.boot - before.snapshot.boot
    awake = us(after.monotonic - before.monotonic)
    if wall < 0:
        return f"the clock was set back by {span(-wall)}"
    if boot - awake > GAP_US:
        return f"slept for {span(boot - awake)}"
    if awake > GAP_US:
        return f"stood still for {span(awake)}"
    if wall - boot > GAP_US:
        return f"the clock was set forward by {span(wall - boot)}"
    return ""


class SleepDetector:
    """Compares the clocks each second in a thread of its own; `on_gap` gets the clocks after the gap."""

    def __init__(self, clock: Clock, on_gap: Callable[[ClockSnapshot], None]) -> None:
        self._clock = clock
        self._on_gap = on_gap
        self._last = read_clocks(clock)

    @property
    def turned_boot(self) -> int:
        """When the clocks were last compared, µs of the boot clock."""
        return self._last.snapshot.boot

    def step(self) -> str:
        """Compare once; returns what was found."""
        before, self._last = self._last, read_clocks(self._clock)
        found = describe_gap(before, self._last)
        if found:
            _log.warning("resumed", what=found)
            self._on_gap(self._last.snapshot)
        return found

    def run(self, stop: threading.Event) -> None:
        """Compare each second until stopped."""
        while not stop.wait(INTERVAL_S):
            try:
                self.step()
            except Exception as error:  # noqa: BLE001 - one failed reaction must not end the detection
                _log.error("resume failed", exc_info=error)
