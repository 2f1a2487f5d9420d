"""`sessions delete`: end a session at once, without a graceful end."""

from __future__ import annotations

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.sessions.ending import WAIT, await_end, end_sessions
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command, add_options


@click.command("delete", cls=Command)
@click.argument("name", required=False)
@add_options(WAIT)
@click.pass_obj
def delete(app: App, name: str | None, until_stage: str, no_wait: bool, timeout: int, dry_run: bool, yes: bool) -> None:
    """End a session at once, and wait until it is off."""
    found = [session_argument.to_act_on(app, name, asks=yes)]
    end_sessions(app, found, force=True, everything=False, yes=yes, dry_run=dry_run)
    if not dry_run:
        await_end(app, found, "accepted" if no_wait else until_stage, timeout)
