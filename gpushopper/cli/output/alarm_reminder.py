"""The reminder of open alarms, and of a full disk, under every other command (I30)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gpushopper.cli.app import App
from gpushopper.cli.output.disk_space import about_disk
from gpushopper.cli.output.text_format import plural
from gpushopper.cli.terminal_text import clean
from gpushopper.errors import ShopperError

if TYPE_CHECKING:
    from gpushopper.wire import AlarmView


MOST_LINES = 3
"""So many alarms are shown one by one under a command; more are one line."""


def remind(app: App) -> None:
    """Open alarms on stderr in few lines, and one line for a full disk; nothing for programs, which ask `status`."""
    if app.opened is None or app.as_json or not app.tells_alarms:
        return
    if text := about_disk(app.home):
        app.note(text)
    try:
        found = app.quiet_client().alarms().alarms
    except ShopperError:
        return  # the command's own answer stands; the next one shows them
    shown = [alarm for alarm in found if alarm.acknowledged_at is None]
    for line in _lines(app, shown):
        print(line, file=sys.stderr)


def _lines(app: App, shown: list[AlarmView]) -> list[str]:
    if len(shown) > MOST_LINES:
        return [f"{_marked(app, plural(len(shown), 'alarm') + ':')} see: gpu-shopper alarms"]
    return [f"{_marked(app, f'alarm {alarm.id}:')} {clean(alarm.text)}" for alarm in shown]


def _marked(app: App, word: str) -> str:
    return f"\x1b[33m{word}\x1b[0m" if app.has_color(sys.stderr) else word
