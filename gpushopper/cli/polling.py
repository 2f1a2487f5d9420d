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


def poll(
    is_done: Callable[[], bool],
    limit_s: float,
    goes_on: Callable[[], bool] = lambda: False,
    *,
    every_s: float | None = None,
) -> None:
    """Call `is_done` until it returns True: five times a second at first, later once a second, or `every_s`.

    The limit is that of waiting for nothing: it counts anew whenever `goes_on` is true.

    Raises:
        WaitTimeout: the limit passed.
    """
    clock, pause = SystemClock(), threading.Event()
    began = last = clock.monotonic()
    while not is_done():
        now = clock.monotonic()
        if goes_on():
            last = now
        elif now - last >= limit_s:
            raise WaitTimeout
        usual = QUICK_INTERVAL_S if now - began < QUICK_FOR_S else SLOW_INTERVAL_S
        pause.wait(min(usual if every_s is None else every_s, limit_s - (now - last)))
