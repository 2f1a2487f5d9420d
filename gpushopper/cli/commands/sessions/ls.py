"""`ls`: short for `sessions list`."""

from __future__ import annotations

from typing import Any

import click

from gpushopper.cli.commands.sessions.sessions import LIST, list_sessions
from gpushopper.cli.input.command_classes import Command, add_options


@click.command("ls", cls=Command)
@add_options(LIST)
@click.pass_context
def ls(ctx: click.Context, /, **options: Any) -> None:
    """List open sessions.

    GUARDS are who ends one at its deadline: the daemon, the instance itself, the cloud by its own timer. A narrow
    terminal leaves out the daemon, which always does.
    """
    ctx.invoke(list_sessions, **options)
