"""`daemon install`, `daemon uninstall`: have systemd or launchd keep the daemon running."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.set_up.daemon import note_open_sessions, open_sessions
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.process import daemon_process
from gpushopper.cli.process.homes import refuse_sandbox
from gpushopper.cli.process.supervisor.installed import (
    Manager,
    Systemd,
    installed_manager,
    manager_of,
    variables_of,
)
from gpushopper.errors import DaemonUnreachable, Misconfigured, NotFound, ShopperError
from gpushopper.private_files import write_private

READY_LIMIT_S = 60.0


@click.command("install", cls=Command)
@click.option("--print", "only_shows", is_flag=True, help="Print the unit's file, and change nothing.")
@click.option("--linger/--no-linger", default=None, help="Whether it goes on after you log out (systemd).")
@click.pass_obj
def install(app: App, only_shows: bool, linger: bool | None) -> None:
    """Let the system keep it running: a systemd user unit, or a LaunchAgent on macOS.

    It starts with your login, is started again whenever it ends or hangs, and commands use it as before.
    """
    manager = _manager(app)
    text = manager.text(daemon_process.command("run"), variables_of(app.home))
    if only_shows:
        tables.out(text.rstrip("\n"))
        return
    was_up = daemon_process.stop(app)  # not by the manager, whose unit is not there yet
    try:
        _write(manager.path, text)
        manager.install()
        _wait_until_up(app)
    except BaseException:  # Ctrl-C, too: a daemon that was up must not be missing now
        with suppress(ShopperError):
            manager.uninstall()
        manager.path.unlink(missing_ok=True)
        if was_up:
            daemon_process.start(app.home)
        raise
    if app.as_json:
        tables.document(app, installed=True, path=str(manager.path))
    else:
        tables.out(f"installed and running: {manager.path}")
    _note_keys(app)
    if isinstance(manager, Systemd):
        _offer_linger(app, manager, linger)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, text)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}", "make its folder writable") from error


def _manager(app: App) -> Manager:
    refuse_sandbox(app.use_sandbox, "no daemon is installed: that one ends with what is tried out")
    found = manager_of(app.home)
    if found is None:
        hint = "let cron start it: @reboot gpu-shopper daemon start"
        raise Misconfigured("there is neither systemd nor launchd here", hint, code="no_supervisor")
    return found


def _wait_until_up(app: App) -> None:
    try:
        poll(app.client_without_start().is_up, READY_LIMIT_S)
    except WaitTimeout:
        raise DaemonUnreachable("the daemon was started and does not answer", f"see: {app.home.log}") from None


def _note_keys(app: App) -> None:
    """A key of this shell's environment is not in that of the service manager, and is not put into a unit."""
    rows = daemon_process.run_one_shot_job(app.home, "keys-list")["keys"]
    for row in rows:
        if row["state"] == "ok" and str(row["source"]).startswith("environment"):
            name = row["provider"]
            app.note(f"warning: the key of {name} is only in this shell; store it: gpu-shopper keys set {name}")


def _offer_linger(app: App, manager: Systemd, linger: bool | None) -> None:
    if manager.lingers():
        return
    if linger is None and app.is_interactive():
        linger = click.confirm("Keep it running after you log out, and start it with the computer?", err=True)
    if linger:
        manager.let_linger()
        app.note("It goes on after you log out.")
    else:
        app.note("It ends with your last logout; guards still end instances. To keep it: loginctl enable-linger")


@click.command("uninstall", cls=Command)
@click.pass_obj
def uninstall(app: App) -> None:
    """Stop it, and let the system start it no more. Open sessions stay open, and are listed."""
    manager = installed_manager(app.home)
    if manager is None:
        raise NotFound("it is not installed", "see: gpu-shopper daemon status")
    still_open = open_sessions(app)
    manager.uninstall()
    manager.path.unlink(missing_ok=True)
    manager.forget()
    if app.as_json:
        tables.document(app, installed=False, path=str(manager.path), may_still_bill=still_open)
        return
    tables.out(f"removed: {manager.path}")
    note_open_sessions(app, still_open)
