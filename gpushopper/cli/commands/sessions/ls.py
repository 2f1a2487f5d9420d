"""`ls`: short for `sessions list`."""

from __future__ import annotations

from typing import Any

import click

from gpushopper.cli.commands.sessions.sessions import LIST, list_sessions
from gpushopper.cli.input.command_classes import Command, all_of


@click.command("ls", cls=Command)
@all_of(LIST)
@click.pass_context
def ls(ctx: click.Context, /, **options: Any) -> None:
    """List open sessions."""
    ctx.invoke(list_sessions, **options)
