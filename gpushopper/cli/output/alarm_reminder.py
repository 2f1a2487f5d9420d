"""Print open alarms, and a warning about a full disk, on stderr after every command (I30)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gpushopper.cli.app import App
from gpushopper.cli.output.disk_space import disk_warning
from gpushopper.cli.output.text_format import plural
from gpushopper.cli.terminal_text import clean
from gpushopper.errors import ShopperError

if TYPE_CHECKING:
    from gpushopper.wire import AlarmView


MOST_LINES = 3
"""Up to so many alarms are printed one by one; more become one line with their number."""


def print_open_alarms(app: App) -> None:
    """Print open alarms and a disk warning on stderr; nothing where the output is JSON (programs use `status`)."""
    if app.client_if_opened is None or app.as_json or not app.shows_alarms:
        return
    if text := disk_warning(app.home):
        app.note(text)
    try:
        found = app.client_without_start().alarms().alarms
    except ShopperError:
        return  # the command itself has succeeded: leave the alarms to the next one
    shown = [alarm for alarm in found if alarm.acknowledged_at is None]
    for line in _lines(app, shown):
        print(line, file=sys.stderr)


def _lines(app: App, shown: list[AlarmView]) -> list[str]:
    if len(shown) > MOST_LINES:
        return [f"{_marked(app, plural(len(shown), 'alarm') + ':')} see: gpu-shopper alarms"]
    return [f"{_marked(app, f'alarm {alarm.id}:')} {clean(alarm.text)}" for alarm in shown]


def _marked(app: App, word: str) -> str:
    return f"\x1b[33m{word}\x1b[0m" if app.has_color(sys.stderr) else word
