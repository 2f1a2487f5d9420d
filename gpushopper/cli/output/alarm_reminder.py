"""What is printed on stderr after every command: open alarms, what ends soon, a full disk, sessions elsewhere (I30)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gpushopper.cli.app import App
from gpushopper.cli.output.disk_space import disk_warning
from gpushopper.cli.output.text_format import name_all, plural
from gpushopper.cli.terminal_text import clean, in_color
from gpushopper.client.kept_names import names_in
from gpushopper.core.timing.clock_snapshot import MINUTE
from gpushopper.errors import ShopperError
from gpushopper.paths import find_home

if TYPE_CHECKING:
    from gpushopper.wire import AlarmView, SessionView


SOON_US = 15 * MINUTE
MOST_LINES = 3
"""Up to so many alarms are printed one by one; more become one line with their number."""


def print_open_alarms(app: App) -> None:
    """Print alarms, what ends soon and a disk warning on stderr; nothing where the output is JSON (`status` has it)."""
    if app.client_if_opened is None or app.as_json or not app.shows_alarms:
        return
    if text := disk_warning(app.home):
        app.note(text)
    if app.home.host and app.host is None and (here := names_in(find_home(), "open")):
        app.note(f"{plural(len(here), 'session')} of this computer's own daemon: gpu-shopper --host local ls")
    try:
        found = app.client_without_start().alarms().alarms
    except ShopperError:
        return  # the command itself has succeeded: leave the alarms to the next one
    for line in _endings(app):
        app.note(line)
    shown = [alarm for alarm in found if alarm.acknowledged_at is None]
    for line in alarm_lines(app, shown):
        print(line, file=sys.stderr)


def _endings(app: App) -> list[str]:
    """The sessions that end within a quarter of an hour, on a terminal only: scripts read events (F94)."""
    if not app.is_terminal(sys.stderr):
        return []
    now = app.now().wall
    try:
        found = app.client_without_start().sessions(only_open=True).sessions
    except ShopperError:
        return []
    return [line for session in found if (line := ending_soon(session, now))]


def ending_soon(session: SessionView, now: int) -> str:
    """`train ends in 12m; out is pulled before`; empty where it does not end soon."""
    at = session.deadline_at
    if session.status != "running" or at is None or not 0 < at - now <= SOON_US:
        return ""
    folders = name_all([pull.there for pull in session.pulls]) if session.pulls else ""
    before = f"; {folders} pulled before" if folders and session.landing.pulled_at is None else ""
    return f"{session.name} ends in {_minutes(at - now)}{before}"


def alarm_lines(app: App, shown: list[AlarmView]) -> list[str]:
    """The lines about open alarms: each with its text, or how many there are; and what can be done about them."""
    if len(shown) > MOST_LINES:
        return _marked(app, f"{plural(len(shown), 'alarm')}:", "see: gpu-shopper alarms")
    lines = [line for alarm in shown for line in _marked(app, f"alarm {alarm.id}:", clean(alarm.text))]
    if shown:
        which, number = "it" if len(shown) == 1 else "one", shown[0].id
        text = f"what to do: gpu-shopper alarms; to hide {which}: gpu-shopper alarms ack {number}"
        lines += [f"  {line}" for line in app.lines(app.with_sandbox_flag(text), sys.stderr, indent=2)]
    return lines


def _marked(app: App, word: str, text: str) -> list[str]:
    """The coloured word and the text, broken between words where the terminal is narrower."""
    first, *others = app.lines(app.with_sandbox_flag(f"{word} {text}"), sys.stderr)
    if app.has_color(sys.stderr):
        first = in_color(first, word)
    return [first, *others]


def _minutes(span_us: int) -> str:
    return "less than a minute" if span_us < MINUTE else plural(round(span_us / MINUTE), "minute")
