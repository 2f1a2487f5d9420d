"""Waiting on a condition instead of sleeping; a busy computer is given more time before a wait counts as in vain."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

MOST_PATIENCE = 6.0


def patience() -> float:
    """By how much a limit is stretched: runnable processes per core in the last minute, from 1 (idle) to 6.

    A limit here only ends a wait for what will never come. How quick something is has to be asserted from times that
    are read from its own record.
    """
    return min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), MOST_PATIENCE)


def wait_until(condition: Callable[[], object], timeout_s: float = 60, every_s: float = 0.005) -> None:
    """Return once the condition holds; fail the test after `timeout_s` seconds of an idle computer."""
    begun, pause = time.monotonic(), threading.Event()
    while not condition():
        waited = time.monotonic() - begun
        if waited > timeout_s * patience():
            pytest.fail(f"waited {waited:.0f} s in vain (limit {timeout_s} s where the computer is idle)")
        pause.wait(every_s)
