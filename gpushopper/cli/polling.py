"""Wait for sessions by asking again and again: no open stream, so a killed daemon or command loses nothing (S20)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gpushopper.clock import SystemClock

QUICK_S = 0.2
SLOW_S = 1.0
QUICK_FOR_S = 10.0


class Out(Exception):
    """The time to wait is used up."""


def poll(look: Callable[[], bool], limit_s: float) -> None:
    """Call `look` until it says True: quickly at first, then each second.

    Raises:
        Out: the limit passed.
    """
    clock, pause = SystemClock(), threading.Event()
    began = clock.monotonic()
    while not look():
        waited = clock.monotonic() - began
        if waited >= limit_s:
            raise Out
        pause.wait(min(QUICK_S if waited < QUICK_FOR_S else SLOW_S, limit_s - waited))
