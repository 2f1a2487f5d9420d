"""Waits for the request to stop the sandbox process: SIGTERM, SIGINT or `POST /stop`.

A pipe, because the system may hand a signal to any thread: the byte written at once by `signal.set_wakeup_fd` wakes
the main thread, which an Event does not, and an Event's lock is not safe inside a signal handler.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress


class StopRequest:
    """Set once by `request` or by a signal; `wait` returns when it is set."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def obey_signals(self) -> None:
        """Have SIGTERM and SIGINT request the stop; main thread only."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.request())

    def request(self) -> None:
        with suppress(BlockingIOError):  # a full pipe holds enough requests
            os.write(self._writer, b"s")

    def wait(self) -> None:
        """Wait for the first request."""
        select.select([self._reader], [], [])
