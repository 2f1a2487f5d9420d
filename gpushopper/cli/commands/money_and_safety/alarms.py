"""`alarms`: what needs a person's eye, and the reminder under every other command (I30)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.output import json_output, tables
from gpushopper.cli.output.disk_space import about_disk
from gpushopper.cli.output.text_format import ago, clean, plural
from gpushopper.errors import NotFound, ShopperError, UsageError

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


@click.group(cls=Group, default="list")
def alarms() -> None:
    """What needs a person's eye.

    An alarm stays until evidence clears it or a person acknowledges it.
    """


@alarms.command("list")
@click.pass_obj
def list_alarms(app: App) -> None:
    """Show open alarms."""
    app.tells_alarms = False
    found = app.client.alarms().alarms
    now = app.now().wall
    columns = [
        tables.Column("ID", lambda a: a.id, right=True),
        tables.Column("KIND", lambda a: a.kind),
        tables.Column("SINCE", lambda a: ago(a.raised_at, now)),
        tables.Column("WHAT", _what),
    ]
    tables.rows(app, "alarms", found, columns, name="id")
    if not found and not app.as_json:
        app.note("No alarms.")
    if app.output in ("table", "wide"):
        for alarm in found:
            if alarm.hint:
                app.note(f"{alarm.id}: {alarm.hint}")


def _what(alarm: Any) -> str:
    return f"{alarm.text} (acknowledged)" if alarm.acknowledged_at else str(alarm.text)


@alarms.command("ack")
@click.argument("alarm_id", type=int, required=False, metavar="[ID]")
@click.option("--all", "everything", is_flag=True, help="All open alarms.")
@click.pass_obj
def acknowledge(app: App, alarm_id: int | None, everything: bool) -> None:
    """Acknowledge an alarm: it is no longer shown."""
    if (alarm_id is None) == (not everything):
        raise UsageError("name one alarm by its ID, or --all", "see: gpu-shopper alarms")
    answer = app.client.acknowledge(alarm_id)
    if alarm_id is not None and not answer.acknowledged:
        _check_known(app, alarm_id)
    if app.as_json:
        tables.out(json_output.document(**answer))
    else:
        app.note("all alarms acknowledged" if everything else f"alarm {alarm_id} acknowledged")


def _check_known(app: App, alarm_id: int) -> None:
    """Acknowledging twice is fine; an alarm that is not there is a mistake."""
    if all(alarm.id != alarm_id for alarm in app.client.alarms().alarms):
        raise NotFound(f"there is no open alarm {alarm_id}", "see: gpu-shopper alarms")
