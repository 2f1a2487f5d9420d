"""`daemon`: start, stop and watch the process that enforces the deadlines."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.output import session_views, tables
from gpushopper.cli.output.text_format import age, money, plural, when
from gpushopper.cli.process import daemon_process
from gpushopper.cli.process.daemon_client import prepare_home
from gpushopper.cli.process.homes import environment
from gpushopper.cli.process.log_files import last_lines
from gpushopper.cli.terminal_text import clean
from gpushopper.client import JsonObject
from gpushopper.core.log_line import readable
from gpushopper.errors import DaemonUnreachable, NotFound, ShopperError

if TYPE_CHECKING:
    from gpushopper.wire import SessionView


@click.group(
    cls=Group,
    default="status",
    lazy={
        "install": "set_up.supervision:install",
        "uninstall": "set_up.supervision:uninstall",
        "purge": "upkeep.purge:purge",
    },
)
def daemon() -> None:
    """Start, stop and watch the daemon.

    Commands start it by themselves; it enforces the deadlines. Stopping it ends no session.
    """


@daemon.command("run")
@click.pass_obj
def run(app: App) -> None:
    """Run in the foreground, for a supervisor or to watch it."""
    prepare_home(app)
    words = daemon_process.command("run")
    sys.stdout.flush()
    os.execve(words[0], words, environment(app.home))


@daemon.command("start")
@click.pass_obj
def start(app: App) -> None:
    """Start in the background, unless it runs."""
    app.shows_alarms = False
    was_up = app.client_without_start().is_up()
    if not was_up:
        prepare_home(app)
        daemon_process.start(app.home)
    _print_running(app, "already running" if was_up else "started")


def _print_running(app: App, word: str) -> None:
    found = app.client_without_start().status()
    if app.as_json:
        tables.document(app, running=True, pid=found.pid, version=found.version, home=found.home)
    else:
        tables.out(f"{word}: version {found.version}, process {found.pid}, {found.home}")


@daemon.command("stop")
@click.pass_obj
def stop(app: App) -> None:
    """Stop it. Open sessions stay open, and are listed."""
    still_open = open_sessions(app)
    was_up = daemon_process.stop(app)
    is_up = was_up and app.client_without_start().is_up()
    if app.as_json:
        tables.document(app, running=is_up, was_running=was_up, may_still_bill=still_open)
        return
    tables.out("stopped" if was_up else "it was not running")
    if is_up:
        app.note("Another waiting command has started it again.")
    note_open_sessions(app, still_open)


def note_open_sessions(app: App, still_open: Sequence[SessionView] | None) -> None:
    """Say what may still bill once no daemon runs."""
    if still_open is None:
        app.note("Without a daemon it is not known what may still bill; see: gpu-shopper audit")
    for session in still_open or ():
        app.note(_open_session_line(app, session))


def open_sessions(app: App) -> list[SessionView] | None:
    """The open sessions; None if no daemon answers."""
    try:
        return list(app.client_without_start().sessions(only_open=True).sessions)
    except ShopperError:
        return None


def _open_session_line(app: App, session: SessionView) -> str:
    """One session that still bills, and what enforces its deadline while no daemon runs."""
    now = app.now().wall
    enforced = session_views.who_enforces_deadline(session, "a daemon runs", now)
    until = when(session.deadline_at, now)
    return f"may still bill: {session.name}, at most {money(session.max_cost)}, until {until}; {enforced}"


@daemon.command("restart")
@click.pass_obj
def restart(app: App) -> None:
    """Stop it and start it again; sessions continue."""
    daemon_process.stop(app)
    prepare_home(app)
    daemon_process.start(app.home)
    _print_running(app, "restarted")


@daemon.command("status")
@click.pass_obj
def status(app: App) -> None:
    """Show whether it runs; starts nothing. Exits 5 when it does not."""
    client = app.client_without_start()
    try:
        found = client.status()
    except DaemonUnreachable:
        if app.as_json:
            tables.document(app, running=False)
        raise
    if app.as_json:
        tables.document(app, running=True, **cast(JsonObject, found))
        return
    sessions = plural(found.sessions_open, "open session")
    tables.out(
        f"running: version {found.version}, process {found.pid}, up {age(found.started_at, found.now)}, {sessions}"
    )


@daemon.command("logs")
@click.option("-n", "--lines", type=click.IntRange(1), default=50, show_default=True, help="The last so many.")
@click.pass_obj
def logs(app: App, lines: int) -> None:
    """Show the end of its log: text on a terminal, JSON lines elsewhere and with --json."""
    try:
        found = last_lines(app.home.log, lines)
    except FileNotFoundError as error:
        raise NotFound(f"there is no log yet: {app.home.log}", "start it: gpu-shopper daemon start") from error
    as_text = app.is_terminal(sys.stdout) and not app.as_json
    for line in found:
        for text in readable(line) if as_text else [clean(line)]:
            tables.out(text)
