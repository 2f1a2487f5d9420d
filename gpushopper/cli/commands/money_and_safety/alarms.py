"""`alarms`: list open alarms, problems that need a person's attention (I30), and acknowledge them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import ago
from gpushopper.cli.terminal_text import clean
from gpushopper.core.alarms import NEEDS_ACK
from gpushopper.errors import NotFound, UsageError


@click.group(cls=Group, default="list")
def alarms() -> None:
    """Problems that need your attention.

    An alarm stays until its cause is gone or you acknowledge it.
    """


@alarms.command("list")
@click.pass_obj
def list_alarms(app: App) -> None:
    """Show open alarms."""
    app.shows_alarms = False
    print_alarms(app, app.client.alarms().alarms, app.now().wall)


def print_alarms(app: App, found: Sequence[Any], now: int) -> None:
    """A table; on a terminal each text below it, in whole, and what can be done."""
    is_below = app.output == "table" and app.is_terminal(sys.stdout)
    columns = [
        tables.Column("ID", lambda a: a.id, right=True),
        tables.Column("KIND", lambda a: a.kind, whole=True),
        tables.Column("SINCE", lambda a: ago(a.raised_at, now), whole=True),
    ]
    tables.rows(app, "alarms", found, columns if is_below else [*columns, tables.Column("WHAT", _text)], name="id")
    if not found and not app.as_json:
        app.note("No alarms.")
    if app.output in ("table", "wide"):
        for alarm in found:
            if is_below:
                hint = [f"  {alarm.hint}"] if alarm.hint else []
                tables.sentences(clean(app.with_sandbox_flag(line)) for line in (f"{alarm.id}: {_text(alarm)}", *hint))
            elif alarm.hint:
                app.note(f"{alarm.id}: {alarm.hint}")
        if stays := [alarm.id for alarm in found if alarm.kind in NEEDS_ACK and not alarm.acknowledged_at]:
            app.note(f"Read it? Then it is no longer shown after: gpu-shopper alarms ack {stays[0]}")


def _text(alarm: Any) -> str:
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
        tables.document(app, acknowledged=answer.acknowledged)
    else:
        app.note("all alarms acknowledged" if everything else f"alarm {alarm_id} acknowledged")


def _check_known(app: App, alarm_id: int) -> None:
    """Raise NotFound for an unknown alarm; acknowledging one twice is not an error."""
    if all(alarm.id != alarm_id for alarm in app.client.alarms().alarms):
        raise NotFound(f"there is no open alarm {alarm_id}", "see: gpu-shopper alarms")
