"""`alarms`: what needs a person's eye, and the reminder under every other command (I30)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli import programs, show
from gpushopper.cli.app import App
from gpushopper.cli.disk import about_disk
from gpushopper.cli.group import Group
from gpushopper.cli.say import clean, relative
from gpushopper.errors import NotFound, ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import AlarmView


def remind(app: App) -> None:
    """One line per open alarm on stderr, and one for a full disk; nothing for programs, which find both in `status`."""
    if app.opened is None or app.as_json or not app.tells_alarms:
        return
    if text := about_disk(app.home):
        app.note(text)
    try:
        found = app.quiet_client().alarms().alarms
    except ShopperError:
        return  # the command's own answer stands; the next one shows them
    for alarm in found:
        if alarm.acknowledged_at is None:
            print(_line(app, alarm), file=sys.stderr)


def _line(app: App, alarm: AlarmView) -> str:
    word = f"alarm {alarm.id}:"
    if app.has_color(sys.stderr):
        word = f"\x1b[33m{word}\x1b[0m"
    return f"{word} {clean(alarm.text)}"


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
        show.Column("ID", lambda a: a.id, right=True),
        show.Column("KIND", lambda a: a.kind),
        show.Column("SINCE", lambda a: relative(a.raised_at, now)),
        show.Column("WHAT", _what),
    ]
    show.rows(app, "alarms", found, columns, name="id")
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
        show.out(programs.document(**answer))
    else:
        app.note("all alarms acknowledged" if everything else f"alarm {alarm_id} acknowledged")


def _check_known(app: App, alarm_id: int) -> None:
    """Acknowledging twice is fine; an alarm that is not there is a mistake."""
    if all(alarm.id != alarm_id for alarm in app.client.alarms().alarms):
        raise NotFound(f"there is no open alarm {alarm_id}", "see: gpu-shopper alarms")
