"""`run`: work on a session's instance that goes on without us."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import all_of
from gpushopper.cli.input.exit_passthrough import Passing, words_after_dashes
from gpushopper.cli.input.options import VARIABLES
from gpushopper.cli.output import json_output, session_phases, tables
from gpushopper.cli.output.progress_display import steps
from gpushopper.cli.polling import Out, poll
from gpushopper.cli.remote import follow_run, runs, ssh_connection
from gpushopper.errors import ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView, SessionView

OFF_LIMIT_S = 180.0


@click.command("run", cls=Passing)
@click.argument("name", required=False)
@click.option("--rm", "ends", is_flag=True, help="End the session when the command has ended.")
@click.option("-d", "--detach", is_flag=True, help="Start it, print its id, and return.")
@all_of(VARIABLES)
@click.pass_obj
def run(
    app: App, name: str | None, ends: bool, detach: bool, plain: tuple[str, ...], secret: tuple[str, ...]
) -> int:
    """Run a command on a session's instance: it goes on when the connection is lost, or this command ends.

    The exit status is the command's; what fails on this side is 125. It reads no input; for that: gpu-shopper ssh.
    """
    command = words_after_dashes()
    if not command:
        raise UsageError("which command?", "gpu-shopper run NAME -- python train.py")
    if ends and detach:
        raise UsageError("--rm waits for the command, --detach does not", "leave one of them out")
    variables = runs.variables(plain, secret, os.environ)
    found = ssh_connection.find(app, name)
    work = runs.new_id()
    app.goes_on = f"the run {work} may have begun on {found.name}; see: gpu-shopper logs {found.name} --list"
    failed = runs.start(found, work, ssh_connection.shell_line(command)[0], variables, followed=not detach)
    app.goes_on = f"the run {work} goes on on {found.name}; see: gpu-shopper logs {found.name} {work} -f"
    if detach:
        tables.out(json_output.document(session=found.name, run=work) if app.as_json else work)
        if failed is not None:
            app.note(f"the command could not be run: it ended at once with status {failed}")
        app.note(f"its output: gpu-shopper logs {found.name} {work} -f")
        return failed or 0
    if ends:
        app.goes_on += f"; {found.name} is not ended by it any more: gpu-shopper shutdown {found.name}"
    status = follow_run.follow(app, found, work, follow_run.standard(), stay=True).status
    if status is None:
        # Asked to stay, an honest instance tells a status: without one nothing is ended on the command's behalf.
        raise ShopperError(f"{found.name} does not tell how the run ended", app.goes_on, code="no_status")
    app.goes_on = ""
    if ends:
        _end(app, found, status)
    return status


def _end(app: App, found: ConnectionView, status: int) -> None:
    """End the session whatever the command's status was; say how far that came."""
    app.note(f"the command ended with status {status}; ending {found.name}")
    try:
        app.client.done(found.session, "user")
    except ShopperError as error:
        text = f"the command ended with status {status}, but {found.name} was not ended and bills: {error.message}"
        raise ShopperError(text, f"end it: gpu-shopper shutdown {found.name}", code=error.code) from error
    app.goes_on = f"the command ended with status {status}; the end of {found.name} goes on"
    with steps(app) as shown:

        def is_off() -> bool:
            session: SessionView = app.client.session(found.session)
            session_phases.show_ending(shown, session)
            return session.end_stage in ("off", "proven")

        try:
            poll(is_off, OFF_LIMIT_S)
        except Out:
            app.note(f"{found.name}: accepted, not verified in time: it may still bill; see: gpu-shopper ls")
    app.goes_on = ""
