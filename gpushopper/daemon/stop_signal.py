"""Reasons to stop: two signals, a request, a failed engine; all of them only leave a mark (D13)."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

_ASKED, _FAILED = b"s", b"f"


class StopSignal:
    """A pipe that the main thread waits on. An Event would not do: its lock is not safe inside a signal handler."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def watch_signals(self) -> None:
        """Let SIGTERM and SIGINT ask for the stop; main thread only.

        The system may hand a signal to any thread, and the handler runs when the main thread next wakes: the wake-up
        byte, which is written at once and from wherever, makes it wake.
        """
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def request(self) -> None:
        """Ask for the stop."""
        self._mark(_ASKED)

    def fail(self) -> None:
        """Ask for the stop because something is broken: the exit status is then 1."""
        self._mark(_FAILED)

    def wait(self) -> int:
        """Wait for the first reason; the exit status it asks for."""
        select.select([self._reader], [], [])
        return 1 if os.read(self._reader, 1) == _FAILED else 0

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._mark(_ASKED)

    def _mark(self, mark: bytes) -> None:
        try:
            os.write(self._writer, mark)
        except BlockingIOError:
            return  # full: enough reasons are waiting to be read
