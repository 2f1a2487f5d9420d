"""How long a command waits when the daemon is busy (503 or a full listen queue): pauses between its retries (F100)."""

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
"""A longer wait is mentioned to the user, once."""


class BusyRetry:
    """Pauses between the retries of one request, `limit_s` in all. `on_wait` is called once, if it takes long."""

    def __init__(self, limit_s: float, on_wait: Callable[[], None] | None = None) -> None:
        self._clock = SystemClock()
        self._began = self._clock.monotonic()
        self._limit_s = limit_s
        self._on_wait = on_wait
        self._pause_s = FIRST_PAUSE_S

    def wait(self) -> bool:
        """Pause, with exponential backoff and jitter; False when the time is over."""
        waited = self._clock.monotonic() - self._began
        if waited >= self._limit_s:
            return False
        if waited > NOTICE_AFTER_S and self._on_wait is not None:
            self._on_wait()
            self._on_wait = None
        # Jitter: commands that were refused together must not retry together.
        share = 0.5 + os.urandom(1)[0] / 512
        threading.Event().wait(min(self._pause_s * share, self._limit_s - waited))
        self._pause_s = min(self._pause_s * 1.5, MAX_PAUSE_S)
        return True


def is_busy(response: Response) -> bool:
    """Whether the daemon did nothing because it is busy, or did not get the whole request in time: it may be repeated.

    503 alone does not say so: an account that is not ready yet has it too, and must be reported.
    """
    if response.status == 408:
        return True
    if response.status != 503:
        return False
    try:
        return bool(json.loads(response.content)["error"]["code"] == "busy")
    except (ValueError, KeyError, TypeError):
        return False
