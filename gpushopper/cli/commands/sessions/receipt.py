"""`receipt`: show the proof that a session's instance is gone (short for `get --receipt`)."""

from __future__ import annotations

import click

from gpushopper.cli.commands.sessions.get import get
from gpushopper.cli.input.command_classes import Command


@click.command("receipt", cls=Command)
@click.argument("name", required=False)
@click.pass_context
def receipt(ctx: click.Context, name: str | None) -> None:
    """Show the proof that a session's instance is gone."""
    ctx.invoke(get, name=name, as_receipt=True)
