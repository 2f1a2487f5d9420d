"""`daemon`: start, stop and watch the process that keeps the deadlines."""

from __future__ import annotations

import os
import sys
from collections import deque
from typing import TYPE_CHECKING, cast

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.output import json_output, session_views, tables
from gpushopper.cli.output.text_format import age, money, plural, when
from gpushopper.cli.process import daemon_process
from gpushopper.cli.process.daemon_client import prepare_home
from gpushopper.cli.process.homes import environment
from gpushopper.cli.terminal_text import clean
from gpushopper.client import JsonObject
from gpushopper.errors import DaemonUnreachable, NotFound, ShopperError

if TYPE_CHECKING:
    from gpushopper.wire import SessionView


@click.group(cls=Group, default="status")
def daemon() -> None:
    """Start, stop and watch the daemon.

    Commands start it by themselves; it keeps deadlines, destroys and proves. Stopping it ends no session.
    """


@daemon.command("run")
@click.pass_obj
def run(app: App) -> None:
    """Run in the foreground, for a supervisor or for looking on."""
    prepare_home(app, app.practice)
    words = daemon_process.command("run")
    sys.stdout.flush()
    os.execve(words[0], words, environment(app.home))


@daemon.command("start")
@click.pass_obj
def start(app: App) -> None:
    """Start in the background, unless it runs."""
    app.tells_alarms = False
    was_up = app.quiet_client().is_up()
    if not was_up:
        prepare_home(app, app.practice)
        daemon_process.start(app.home)
    _say_running(app, "already running" if was_up else "started")


def _say_running(app: App, word: str) -> None:
    found = app.quiet_client().status()
    if app.as_json:
        tables.out(json_output.document(running=True, pid=found.pid, version=found.version, home=found.home))
    else:
        tables.out(f"{word}: version {found.version}, process {found.pid}, {found.home}")


@daemon.command("stop")
@click.pass_obj
def stop(app: App) -> None:
    """Stop it. What is rented stays rented, and is listed."""
    held = _held(app)
    was_up = daemon_process.stop(app)
    is_up = was_up and app.quiet_client().is_up()
    if app.as_json:
        tables.out(json_output.document(running=is_up, was_running=was_up, may_still_bill=held))
        return
    tables.out("stopped" if was_up else "it was not running")
    if is_up:
        app.note("Another command that waits for it has started it again.")
    if held is None:
        app.note("What may still bill is not known without a daemon; see: gpu-shopper audit")
    for session in held or ():
        app.note(_may_bill(app, session))


def _held(app: App) -> list[SessionView] | None:
    """What goes on without the daemon; None where nobody can say."""
    try:
        return list(app.quiet_client().sessions(only_open=True).sessions)
    except ShopperError:
        return None


def _may_bill(app: App, session: SessionView) -> str:
    """What goes on costing money, and who ends it while no daemon runs."""
    now = app.now().wall
    keeper = session_views.keeper(session, "a daemon runs", now)
    until = when(session.deadline_at, now)
    return f"may still bill: {session.name}, at most {money(session.max_cost)}, until {until}; {keeper}"


@daemon.command("restart")
@click.pass_obj
def restart(app: App) -> None:
    """Stop it and start it again; sessions go on."""
    daemon_process.stop(app)
    prepare_home(app, app.practice)
    daemon_process.start(app.home)
    _say_running(app, "restarted")


@daemon.command("status")
@click.pass_obj
def status(app: App) -> None:
    """Say whether it runs; starts nothing. Exits 5 when it does not."""
    client = app.quiet_client()
    try:
        found = client.status()
    except DaemonUnreachable:
        if app.as_json:
            tables.out(json_output.document(running=False))
        raise
    if app.as_json:
        tables.out(json_output.document(running=True, **cast(JsonObject, found)))
        return
    sessions = plural(found.sessions_open, "open session")
    tables.out(
        f"running: version {found.version}, process {found.pid}, up {age(found.started_at, found.now)}, {sessions}"
    )


@daemon.command("logs")
@click.option("-n", "--lines", type=click.IntRange(1), default=50, show_default=True, help="The last so many.")
@click.pass_obj
def logs(app: App, lines: int) -> None:
    """Show the end of its log."""
    try:
        with app.home.log.open(encoding="utf-8", errors="replace") as log:
            for line in deque(log, maxlen=lines):
                tables.out(clean(line.rstrip("\n")))
    except FileNotFoundError as error:
        raise NotFound(f"there is no log yet: {app.home.log}", "start it: gpu-shopper daemon start") from error
