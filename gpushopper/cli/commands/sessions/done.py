"""`done`: end a session gracefully."""

from __future__ import annotations

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.sessions.ending import WAIT, await_end, end_sessions
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command, add_options


@click.command("done", cls=Command)
@click.argument("name", required=False)
@add_options(WAIT)
@click.pass_obj
def done(app: App, name: str | None, until_stage: str, no_wait: bool, timeout: int, dry_run: bool, yes: bool) -> None:
    """End a session gracefully, and wait until it is off.

    What provision --pull has named is pulled first, for as long as --hold allows; shutdown ends it at once. Ctrl-C
    leaves that to the daemon. While results come home, --timeout does not count.
    """
    found = [session_argument.to_act_on(app, name, asks=yes)]
    end_sessions(app, found, force=False, everything=False, yes=yes, dry_run=dry_run, lands=True)
    if not dry_run:
        await_end(app, found, "accepted" if no_wait else until_stage, timeout)
