"""`version`: of this command, and of the daemon if one runs; none is started."""

from __future__ import annotations

import click

from gpushopper import __version__
from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.errors import ShopperError


@click.command("version", cls=Command)
@click.pass_obj
def version(app: App) -> None:
    """Show the versions of this command and of the daemon that runs; starts none."""
    try:
        daemon = str(app.client_without_start().status().version)
    except ShopperError:
        daemon = ""
    if app.as_json:
        tables.document(app, version=__version__, daemon=daemon or None)
    else:
        tables.facts([("command", __version__), ("daemon", daemon or "none runs")])
