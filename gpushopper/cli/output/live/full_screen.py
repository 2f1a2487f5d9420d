"""A view that fills the terminal; the terminal is as it was before, whatever ends the view.

Quit, Ctrl-C, an error, kill -TERM, -HUP and -QUIT end it; Ctrl-Z gives the terminal back until the view is continued.
Only kill -9 and -STOP leave the terminal as it is: nobody is asked then.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from gpushopper.cli.app import App

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
FLAGGED = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
KEYS = {b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down", b"\r": "enter", b"\n": "enter"}
"""Arrow keys as terminals send them, in both their modes, and Return."""


class FullScreen:
    """The terminal of standard input and output, while a `with` holds it."""

    def __init__(self, app: App) -> None:
        colored = app.has_color(sys.stdout)
        self._console = Console(file=sys.stdout, force_terminal=True, no_color=not colored, highlight=False)
        self._input = sys.stdin.fileno()
        self._woken, self._waker = socket.socketpair()
        self._flags: set[int] = set()
        self._live: Live | None = None
        self._before: list[Any] = []
        self._handlers: dict[int, Any] = {}
        self._former_waker = -1

    def __enter__(self) -> FullScreen:
        self._before = termios.tcgetattr(self._input)
        for end in (self._woken, self._waker):
            end.setblocking(False)
        with unsignalled():
            self._former_waker = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
            for number in (*ENDING, *FLAGGED):
                handler = self._flag if number in FLAGGED else _end
                self._handlers[number] = signal.signal(number, handler)
            self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with unsignalled():
            self._give_back()
            signal.set_wakeup_fd(self._former_waker)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
        self._woken.close()
        self._waker.close()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal now."""
        return self._console.size.width, self._console.size.height

    def draw(self, lines: list[Text]) -> None:
        """Show these lines, from the top."""
        if self._live is not None:
            self._live.update(Text("\n").join(lines), refresh=True)

    def key(self, limit_s: float) -> str:
        """The next key: a character, or a name of KEYS; empty if there is none in time, or the size has changed.

        Of what comes at once, as when text is pasted, only the first counts: the rest was not meant for this.

        Raises:
            EOFError: the terminal is gone.
        """
        ready, _, _ = select.select([self._input, self._woken], [], [], limit_s)
        if self._woken in ready:
            with suppress(BlockingIOError):
                self._woken.recv(4096)
        self._obey_flags()
        if self._input not in ready:
            return ""
        try:
            typed = os.read(self._input, 1024)
        except OSError as error:
            raise EOFError from error
        if not typed:
            raise EOFError
        named = next((name for code, name in KEYS.items() if typed.startswith(code)), "")
        return named or typed.decode(errors="replace")[0]

    @contextmanager
    def outside(self) -> Iterator[None]:
        """The terminal as it was, for another program; Ctrl-C and Ctrl-Z are that program's.

        What was typed before is dropped: it must not answer a question that it asks.
        """
        with unsignalled():
            self._give_back()
            with suppress(termios.error):
                termios.tcflush(self._input, termios.TCIFLUSH)
            interrupt = signal.signal(signal.SIGINT, _ignore)  # a handler, for children would inherit SIG_IGN
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, interrupt)
            signal.signal(signal.SIGTSTP, self._flag)
        with unsignalled():
            self._take()

    def _flag(self, number: int, _frame: FrameType | None) -> None:
        self._flags.add(number)

    def _obey_flags(self) -> None:
        found, self._flags = self._flags, set()
        if signal.SIGTSTP in found:
            self._stop_here()
        elif signal.SIGCONT in found:  # after a kill -STOP: the shell has had the terminal
            with unsignalled():
                self._give_back()
                self._take()

    def _stop_here(self) -> None:
        """Stop as any other program does on Ctrl-Z, and go on once continued."""
        with unsignalled():
            self._give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        with unsignalled():
            signal.signal(signal.SIGTSTP, self._flag)
            self._take()

    def _take(self) -> None:
        """Keys one by one and unechoed, signals still from the terminal; the other screen, so that no line is lost."""
        tty.setcbreak(self._input, termios.TCSANOW)
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()

    def _give_back(self) -> None:
        live, self._live = self._live, None
        with suppress(OSError):  # the terminal may be gone
            if live is not None:
                live.stop()
        with suppress(termios.error):
            termios.tcsetattr(self._input, termios.TCSANOW, self._before)


@contextmanager
def unsignalled() -> Iterator[None]:
    """What is in between is not broken off by a signal; one that comes is obeyed after it."""
    held = {signal.SIGINT, *ENDING, *FLAGGED}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """The program that has the terminal obeys it."""
