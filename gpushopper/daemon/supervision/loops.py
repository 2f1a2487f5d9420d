"""The loops of a daemon: engine, sleep detector and each periodic job; how long ago each of them last turned.

A loop that hangs keeps no deadline. Health and metrics say so, and a supervisor that is not told otherwise ends the
process and starts it again, which costs nothing (D16).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gpushopper.clock import Clock
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.daemon.periodic_jobs import Schedule

THREAD_LATE_S = 60.0
"""The engine and the sleep detector turn each second; a step over many accounts takes some."""


VITAL = ("lifecycle", "reconciliation")
"""The jobs without which nothing ends."""


@dataclass(frozen=True, slots=True)
class Loops:
    """All loops of one daemon. `threads`: when each thread last turned, in µs of the boot clock."""

    clock: Clock
    schedule: Schedule
    threads: Mapping[str, Callable[[], int]]

    def ages(self) -> dict[str, float]:
        """How long ago each loop last turned, in seconds, sleep of the computer included."""
        return self._thread_ages() | self.schedule.ages()

    def hanging(self) -> list[str]:
        """The loops that end sessions and have not turned for so long that they will not by themselves.

        A restart costs intervals that are measured anew; a job that only tidies, on a hung network folder, say, would
        have the daemon restarted for ever. `/health` names such a job.
        """
        return self.hanging_threads() + [name for name in self.schedule.hanging() if name in VITAL]

    def hanging_threads(self) -> list[str]:
        """Those of them that are threads of their own."""
        return [name for name, age in self._thread_ages().items() if age > THREAD_LATE_S]

    def _thread_ages(self) -> dict[str, float]:
        now = self.clock.now().boot
        return {name: max(0, now - turned()) / us(1) for name, turned in self.threads.items()}
