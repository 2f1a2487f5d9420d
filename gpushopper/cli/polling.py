"""Wait for a condition by polling; no open stream, so a restart of the daemon in between loses nothing (S20)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gpushopper.clock import SystemClock

QUICK_INTERVAL_S = 0.2
SLOW_INTERVAL_S = 1.0
QUICK_FOR_S = 10.0


class WaitTimeout(Exception):
    """The condition did not become true within the limit."""


def poll(is_done: Callable[[], bool], limit_s: float) -> None:
    """Call `is_done` until it returns True: five times a second at first, later once a second.

    Raises:
        WaitTimeout: the limit passed.
    """
    clock, pause = SystemClock(), threading.Event()
    began = clock.monotonic()
    while not is_done():
        waited = clock.monotonic() - began
        if waited >= limit_s:
            raise WaitTimeout
        pause.wait(min(QUICK_INTERVAL_S if waited < QUICK_FOR_S else SLOW_INTERVAL_S, limit_s - waited))
