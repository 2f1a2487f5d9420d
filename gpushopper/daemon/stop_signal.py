"""How the daemon is stopped: SIGTERM, SIGINT, an API request or a failed engine, each written to one pipe (D13)."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

_REQUESTED, _FAILED = b"s", b"f"


class StopSignal:
    """A pipe that the main thread waits on. An Event would not do: its lock is not safe inside a signal handler."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def watch_signals(self) -> None:
        """Stop on SIGTERM and SIGINT; call in the main thread only.

        The kernel may deliver a signal to any thread, and Python runs the handler when the main thread next wakes:
        the wake-up byte, written at once by the C handler, wakes it.
        """
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def request(self) -> None:
        """Request a stop with exit status 0."""
        self._write(_REQUESTED)

    def fail(self) -> None:
        """Request a stop because something is broken: exit status 1."""
        self._write(_FAILED)

    def wait(self) -> int:
        """Wait for the first request; returns its exit status."""
        select.select([self._reader], [], [])
        return 1 if os.read(self._reader, 1) == _FAILED else 0

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._write(_REQUESTED)

    def _write(self, reason: bytes) -> None:
        try:
            os.write(self._writer, reason)
        except BlockingIOError:
            return  # the pipe is full: a stop is pending already
