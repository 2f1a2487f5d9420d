"""`custody`: what was sent to which host, and what to rotate if one of them turns out hostile."""

from __future__ import annotations

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.output.records.custody_view import print_custody
from gpushopper.cli.terminal_text import clean


@click.command("custody", cls=Command)
@click.argument("name", required=False)
@click.option("--host", metavar="HOST", default="", help="What this host was given, by all sessions: 4471, vast:4471.")
@click.pass_obj
def custody(app: App, name: str | None, host: str) -> None:
    """Show what was sent to which host: variables, logins, scripts and files, and what to rotate.

    With a NAME, the hosts of that session; with --host, one host. A host sees all that is on its instance. Values of
    variables are kept nowhere, and what you type or copy by your own ssh is not known here.
    """
    session = "" if name is None else session_argument.to_show(app, name).id
    found = app.client.custody(session=session, host=host)
    if app.output == "name":
        for each in dict.fromkeys(f"{row.cloud}:{row.host}" for row in found.hosts if row.host):
            tables.out(clean(each))
        return
    if app.output not in ("table", "wide"):
        tables.rows(app, "hosts", found.hosts, (), rotate=found.rotate, look_at=found.look_at)
        return
    print_custody(app, found, name or "", host)
