"""`get`: show all details of one session, or its receipt."""

from __future__ import annotations

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import session_phases, session_views, tables
from gpushopper.cli.output.receipt_view import print_receipt


@click.command("get", cls=Command)
@click.argument("name", required=False)
@click.option("--receipt", "as_receipt", is_flag=True, help="The proof that its instance is gone.")
@click.pass_obj
def get(app: App, name: str | None, as_receipt: bool) -> None:
    """Show everything about one session."""
    session = session_argument.to_show(app, name)
    if as_receipt:
        print_receipt(app, session)
    elif app.output == "table":
        why = session_phases.last_cause(app, session) if session.reason and session.ready_at is None else ""
        session_views.print_details(app, session, why)
    elif app.output == "name":
        tables.out(session.name)
    else:
        session_views.print_session(app, session)
