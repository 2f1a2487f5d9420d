"""Waiting for a place at a daemon that is full (F100): told so, a command comes back a little later, for a while."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from gpushopper.clock import SystemClock

if TYPE_CHECKING:
    from gpushopper.client.http_exchange import Response

FIRST_PAUSE_S = 0.1
MAX_PAUSE_S = 1.0
NOTICE_AFTER_S = 2.0
"""A wait that is longer is mentioned."""


class BusyRetry:
    """One command's wait for its turn, no longer than `limit_s` in all. `tell` is called once, if it takes a while."""

    def __init__(self, limit_s: float, tell: Callable[[], None] | None = None) -> None:
        self._clock = SystemClock()
        self._began = self._clock.monotonic()
        self._limit_s = limit_s
        self._tell = tell
        self._pause_s = FIRST_PAUSE_S

    def wait(self) -> bool:
        """Wait a little longer than the last time; False when the time is over."""
        waited = self._clock.monotonic() - self._began
        if waited >= self._limit_s:
            return False
        if waited > NOTICE_AFTER_S and self._tell is not None:
            self._tell()
            self._tell = None
        # Each at another instant: those who were turned away together must not come back together.
        share = 0.5 + os.urandom(1)[0] / 512
        threading.Event().wait(min(self._pause_s * share, self._limit_s - waited))
        self._pause_s = min(self._pause_s * 1.5, MAX_PAUSE_S)
        return True


def is_full(answer: Response) -> bool:
    """Whether the daemon did nothing for want of a place, or of the whole request: it may be asked again.

    503 alone says something else too: an account that is not ready yet, which waiting here would only hide.
    """
    if answer.status == 408:
        return True
    if answer.status != 503:
        return False
    try:
        return bool(json.loads(answer.content)["error"]["code"] == "busy")
    except (ValueError, KeyError, TypeError):
        return False
