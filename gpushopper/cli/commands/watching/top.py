"""`top`: open sessions on a screen that follows them; keys log in, extend and end, by the commands of that name."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.errors import ShopperError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpushopper.cli.output.live.full_screen import FullScreen
    from gpushopper.cli.output.live.top_view import Known
    from gpushopper.client import Client

    Loads = Mapping[str, Sequence[int | None]]

EVERY_S = 2.0
KEY_S = 0.25
"""How long a key is waited for before the time, the size and what is known are looked at again."""
LOADS_EVERY = 5
"""GPU loads come from heartbeats, which are 30 s apart: they are asked for with each fifth question."""
CHILD_LIMIT_S = 5.0
WORDS = {
    "s": ("ssh", "{id}"),
    "enter": ("ssh", "{id}"),
    "e": ("extend", "{id}", "--hours", "1"),
    "x": ("done", "{id}", "--no-wait"),
}
"""The command behind each key; it shows what it would do and asks. By id: a name may be another session's by then."""


@click.command("top", cls=Command)
@click.pass_obj
def top(app: App) -> None:
    """Watch open sessions: status, GPU use, money so far and at most, time left, guards; alarms below.

    Up and down choose a session. s logs in, e extends it by an hour, x ends it (as done does): each shows what it
    would do, and the last two ask. q or Ctrl-C ends only this view. GPU USE is the last half hour; at a narrow terminal
    the last 12 minutes.
    """
    app.shows_alarms = False  # they are on the screen
    _check_terminal(app)
    from gpushopper.cli.output.live.full_screen import FullScreen

    first = _ask(app, app.client, None)  # starts the daemon, and fails as other commands do
    source = _Source(app, first)
    with suppress(KeyboardInterrupt, EOFError), FullScreen(app) as screen:
        _Top(app, screen, source).run()


def _check_terminal(app: App) -> None:
    if app.as_json or not app.is_terminal(sys.stdin) or not app.is_terminal(sys.stdout):
        raise UsageError("top needs a terminal", "for scripts: gpu-shopper status --json")
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        raise UsageError("top needs a terminal that can move its cursor (see TERM)", "see: gpu-shopper ls")


def _ask(app: App, client: Client, loads: Loads | None) -> Known:
    """What the daemon says now; without `loads`, those are asked for too."""
    from gpushopper.cli.output.live.top_view import STEP_S, STEPS, Known

    sessions, alarms = client.sessions(only_open=True).sessions, client.alarms().alarms
    found = {each.session: each.gpu for each in client.loads(STEPS, STEP_S).loads} if loads is None else loads
    return Known(app.now().wall, sessions, alarms, found)


class _Source:
    """Asks the daemon every two seconds, on a thread: keys work while it does not answer. It never starts one."""

    def __init__(self, app: App, first: Known) -> None:
        self._app = app
        self._known = first
        self._failure: BaseException | None = None
        self.wanted = threading.Event()
        """Set where something may have changed: it is asked at once."""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def known(self) -> Known:
        """What is known now; raises what the thread failed by."""
        if self._failure is not None:
            raise self._failure
        return self._known

    def _run(self) -> None:
        from gpushopper.cli.output.live.full_screen import unsignalled

        with unsignalled():  # signals are for the thread that shows
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - raised again by the thread that shows
                self._failure = error

    def _follow(self) -> None:
        count = 0
        while True:
            self.wanted.wait(EVERY_S)
            count = 0 if self.wanted.is_set() else count + 1
            self.wanted.clear()
            loads = self._known.loads if count % LOADS_EVERY else None
            try:
                self._known = _ask(self._app, self._app.client_without_start(), loads)
            except ShopperError as error:
                hint = f" ({error.hint})" if error.hint else ""
                text = self._app.with_sandbox_flag(f"{error.message}{hint}")
                self._known = replace(self._known, problem=text)


class _Top:
    """Draws, and obeys keys, until `q`."""

    def __init__(self, app: App, screen: FullScreen, source: _Source) -> None:
        self._app = app
        self._screen = screen
        self._source = source
        self._chosen = next((session.id for session in source.known().sessions), "")
        """A session's id. One that has left the list is followed by none: no key may end another one."""
        self._shown: list[str] | None = None

    def run(self) -> None:
        """Returns after `q`; raises KeyboardInterrupt, EOFError where the terminal is gone, SystemExit on a signal."""
        self._source.start()
        while True:
            self._draw()
            key = self._screen.key(KEY_S)
            if key in ("q", "Q"):
                return
            if key in ("up", "down", "k", "j"):
                self._move(-1 if key in ("up", "k") else 1)
            elif key in WORDS:
                self._run_command(WORDS[key])

    def _draw(self) -> None:
        from gpushopper.cli.output.live.top_view import Screen, lines
        from gpushopper.cli.output.money.bars import can_draw

        known = self._source.known()
        screen = Screen(*self._screen.size, can_draw(self._app))
        found = lines(known, self._chosen, self._app.now().wall, screen)
        plain = [f"{line.plain}{line.spans}" for line in found]
        if plain != self._shown:
            self._shown = plain
            self._screen.draw(found)

    def _move(self, by: int) -> None:
        ids = [session.id for session in self._source.known().sessions]
        if self._chosen in ids:
            self._chosen = ids[min(max(ids.index(self._chosen) + by, 0), len(ids) - 1)]
        else:
            self._chosen = ids[0] if ids else ""

    def _run_command(self, words: tuple[str, ...]) -> None:
        if self._chosen not in [session.id for session in self._source.known().sessions]:
            return
        with self._screen.outside():
            status = _run([*self._app.place_words, *(word.format(id=self._chosen) for word in words)])
            if status:
                print("Press Return to go back to top.", end="", file=sys.stderr, flush=True)
                sys.stdin.readline()
        self._shown = None
        self._source.wanted.set()


def _run(words: list[str]) -> int:
    """Run another command of ours at this terminal; if this one is ended meanwhile, so is that."""
    # -P: no module of the folder that somebody happens to be in.
    process = subprocess.Popen([sys.executable, "-P", "-m", "gpushopper.cli", *words])
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(CHILD_LIMIT_S)
        raise
