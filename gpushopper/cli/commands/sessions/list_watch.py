"""`ls -w`: the list again and again until Ctrl-C; for programs a line for each change."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gpushopper.cli.output import json_output, tables
from gpushopper.cli.output.text_format import local_time, plural
from gpushopper.errors import ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import SessionView

EVERY_S = 2.0
CLEAR = "\x1b[H\x1b[J"
"""Cursor to the top, and everything below erased: the shell's own lines above stay in the terminal's history."""
SCROLL = "\x1b[2J"


def watch(app: App, fetch: Callable[[], Sequence[SessionView]], show: Callable[[Sequence[SessionView]], None]) -> None:
    """Show the sessions every two seconds until Ctrl-C, which is no error here.

    Raises:
        UsageError: standard output is no terminal, and JSON was not asked for.
    """
    if app.output == "csv" or (not app.as_json and not app.is_terminal(sys.stdout)):
        raise UsageError("-w needs a terminal, or -o jsonl", "what happens, line by line: gpu-shopper events -f")
    step = _Changes() if app.as_json else _Screen(app, show)
    try:
        while True:
            step(fetch)
            threading.Event().wait(EVERY_S)
    except KeyboardInterrupt:
        return


class _Screen:
    """Draws the list at the top of the terminal."""

    def __init__(self, app: App, show: Callable[[Sequence[SessionView]], None]) -> None:
        self._app = app
        self._show = show
        self._erase = SCROLL
        self._last: Sequence[SessionView] | None = None
        self._last_at = ""

    def __call__(self, fetch: Callable[[], Sequence[SessionView]]) -> None:
        at = f"{local_time(self._app.now().wall):%H:%M:%S}"
        try:
            self._last, self._last_at = fetch(), at
            state = plural(len(self._last), "session")
        except ShopperError as error:  # a daemon that is restarted answers again soon
            state = error.message if self._last is None else f"{error.message}; as it was at {self._last_at}"
        print(self._erase + CLEAR, end="", flush=True)
        self._erase = ""
        tables.sentences([f"{at}  {state}  (Ctrl-C ends only this view)"])
        tables.out("")
        if self._last is not None:  # what is not known is not shown as none: it may bill
            self._show(self._last)


class _Changes:
    """A JSON line for each session that is new, has changed in more than its cost, or has left the list."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[Any, ...]] = {}

    def __call__(self, fetch: Callable[[], Sequence[SessionView]]) -> None:
        found = {session.id: session for session in fetch()}
        for ref, session in found.items():
            state = (session.status, session.health, session.end_stage, session.deadline_at, session.guards)
            if self._told.get(ref) != state:
                self._told[ref] = state
                tables.out(json_output.line(dict(session)))  # type: ignore[call-overload]
        for ref in set(self._told) - set(found):
            del self._told[ref]
            tables.out(json_output.line({"id": ref, "status": "left"}))
