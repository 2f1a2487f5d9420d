"""`run`: run a command on a session's instance; it continues when the connection is lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import add_options
from gpushopper.cli.input.env_file import read_env_files
from gpushopper.cli.input.exit_passthrough import ExitPassthroughCommand, remote_command
from gpushopper.cli.input.options import VARIABLES
from gpushopper.cli.output import json_output, session_phases, tables
from gpushopper.cli.output.progress_display import progress_for
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.remote import follow_run, runs, ssh_connection
from gpushopper.errors import ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView, SessionView

OFF_WAIT_LIMIT_S = 180.0


@click.command("run", cls=ExitPassthroughCommand)
@click.argument("name", required=False)
@click.option("--rm", "ends", is_flag=True, help="End the session after the command.")
@click.option("-d", "--detach", is_flag=True, help="Start it, print its id, and return.")
@add_options(VARIABLES)
@click.pass_obj
def run(
    app: App,
    name: str | None,
    ends: bool,
    detach: bool,
    plain: tuple[str, ...],
    secret: tuple[str, ...],
    env_files: tuple[str, ...],
) -> int:
    """Run a command on a session's instance; it continues when the connection is lost or this command ends.

    The exit status is the remote command's; 125 means a failure on this side. The remote command gets no input; for
    that use gpu-shopper ssh.
    """
    command = remote_command()
    if not command:
        raise UsageError("which command?", "gpu-shopper run NAME -- python train.py")
    if ends and detach:
        raise UsageError("--rm waits for the command, --detach does not", "leave one of them out")
    variables = read_env_files(env_files, os.environ) | runs.variables(plain, secret, os.environ)
    found = ssh_connection.find(app, name)
    work = runs.new_id()
    app.interrupt_hint = f"the run {work} may have started on {found.name}; see: gpu-shopper logs {found.name} --list"
    failed = runs.start(found, work, ssh_connection.shell_line(command)[0], variables, followed=not detach)
    app.interrupt_hint = f"the run {work} continues on {found.name}; see: gpu-shopper logs {found.name} {work} -f"
    if detach:
        tables.out(json_output.document(session=found.name, run=work) if app.as_json else work)
        if failed is not None:
            app.note(f"the command could not be run: it ended at once with status {failed}")
        app.note(f"its output: gpu-shopper logs {found.name} {work} -f")
        return failed or 0
    if ends:
        app.interrupt_hint += f"; it will not end {found.name} any more: gpu-shopper shutdown {found.name}"
    status = follow_run.follow(app, found, work, follow_run.to_stdout_and_stderr(), until_end=True).status
    if status is None:
        # Followed to its end, a run has a status. Without one the command may still run: do not end the session.
        raise ShopperError(f"{found.name} did not report how the run ended", app.interrupt_hint, code="no_status")
    app.interrupt_hint = ""
    if ends:
        _end(app, found, status)
    return status


def _end(app: App, found: ConnectionView, status: int) -> None:
    """End the session whatever the command's status was, and print the stage reached."""
    app.note(f"the command ended with status {status}; ending {found.name}")
    try:
        app.client.done(found.session, "user")
    except ShopperError as error:
        text = f"the command ended with status {status}, but {found.name} was not ended and bills: {error.message}"
        raise ShopperError(text, f"end it: gpu-shopper shutdown {found.name}", code=error.code) from error
    app.interrupt_hint = f"the command ended with status {status}; the end of {found.name} continues"
    with progress_for(app) as progress:

        def is_off() -> bool:
            session: SessionView = app.client.session(found.session)
            session_phases.show_ending_progress(progress, session)
            return session.end_stage in ("off", "proven")

        try:
            poll(is_off, OFF_WAIT_LIMIT_S)
        except WaitTimeout:
            app.note(f"{found.name}: accepted, not verified in time: it may still bill; see: gpu-shopper ls")
    app.interrupt_hint = ""
