"""The only module that reads the clocks (wall, boot, monotonic); others get a ClockSnapshot (D10)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from gpushopper.core.timing.clock_snapshot import SECOND, ClockSnapshot

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """The interface of the clocks, so that tests can replace them."""

    def now(self) -> ClockSnapshot:
        """Wall and boot clock, read together."""
        ...

    def monotonic(self) -> float:
        """Seconds of awake time, for timeouts only; stands still in sleep (F61)."""
        ...


class SystemClock:
    """This computer's clocks, plus a sandbox's clock offset where its file exists (S26)."""

    def __init__(self, offset_file: Path | None = None) -> None:
        self._offset_file = offset_file
        self._boot_id = read_boot_id()

    def now(self) -> ClockSnapshot:
        offset = self._offset()
        return ClockSnapshot(
            wall=time.time_ns() // 1000 + offset,
            boot=_boot_ns() // 1000 + offset,
            boot_id=self._boot_id,
        )

    def monotonic(self) -> float:
        return time.monotonic()

    def _offset(self) -> int:
        if self._offset_file is None:
            return 0
        try:
            return int(self._offset_file.read_text())
        except (OSError, ValueError):
            return 0


def _boot_ns() -> int:
    """Nanoseconds since boot, sleep included. macOS counts sleep in CLOCK_MONOTONIC itself (D10)."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime_ns(boottime if boottime is not None else time.CLOCK_MONOTONIC)


def read_boot_id() -> str:
    """A value that changes with each boot; where the system has none, the boot time rounded to ten seconds."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"since-{(time.time_ns() - _boot_ns()) // (10 * SECOND * 1000)}"
