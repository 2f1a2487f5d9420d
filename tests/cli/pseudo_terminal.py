"""A program at a pseudo-terminal: typed to, looked at, ended; and whether the terminal is then as it was."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
from collections.abc import Mapping, Sequence
from typing import Any

from gpushopper.clock import SystemClock

LIMIT_S = 20.0
TAKEN, GIVEN_BACK = "\x1b[?1049h", "\x1b[?1049l"
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"


class PseudoTerminal:
    """One program, alone in its session, so that hanging up ends it."""

    def __init__(self, words: Sequence[str], variables: Mapping[str, str], columns: int = 80, rows: int = 24) -> None:
        self.seen = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(words[0], list(words), {**os.environ, "TERM": "xterm", "LANG": "C.UTF-8", **variables})
        self.before = self._modes()

    def _modes(self) -> list[Any]:
        return termios.tcgetattr(self._terminal)[:4]

    def type(self, text: str) -> None:
        """Type; `seen` begins anew."""
        self.seen = ""
        os.write(self._terminal, text.encode())

    def expect(self, *expected: str) -> str:
        """What was shown since the last `type`, once it has all of these; fails after LIMIT_S."""
        clock = SystemClock()
        began = clock.monotonic()
        while not all(each in self.seen for each in expected) and clock.monotonic() - began < LIMIT_S:
            if not self._read(0.1):
                break
        assert all(each in self.seen for each in expected), (expected, self.seen)
        return self.seen

    def _read(self, wait_s: float) -> bool:
        """Read what there is; False once the program has closed its terminal."""
        if not select.select([self._terminal], [], [], wait_s)[0]:
            return True
        try:
            self.seen += os.read(self._terminal, 65536).decode(errors="replace")
        except OSError:
            return False
        return True

    def ended(self) -> int:
        """Its exit status, with all that it has shown read; a signal that ended it as a negative number."""
        while self._read(LIMIT_S):
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        return status

    def is_as_before(self) -> bool:
        """Whether the terminal has its first modes again, its own screen, and a cursor."""
        own = self.seen.rfind(GIVEN_BACK) > self.seen.rfind(TAKEN) and self.seen.rfind(SHOWN) > self.seen.rfind(HIDDEN)
        return own and self._modes() == self.before

    def close(self) -> None:
        """Hang up."""
        os.close(self._terminal)
        if self.pid:
            os.waitpid(self.pid, 0)
