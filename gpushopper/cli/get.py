"""`get` and `receipt`: everything about one session, and the proof of its end."""

from __future__ import annotations

import click

from gpushopper.cli import naming, progress, session_table, show
from gpushopper.cli.app import App
from gpushopper.cli.group import Command
from gpushopper.cli.receipts import print_receipt


@click.command("get", cls=Command)
@click.argument("name", required=False)
@click.option("--receipt", "as_receipt", is_flag=True, help="The proof that its instance is gone.")
@click.pass_obj
def get(app: App, name: str | None, as_receipt: bool) -> None:
    """Show everything about one session."""
    session = naming.to_show(app, name)
    if as_receipt:
        print_receipt(app, session)
    elif app.output == "table":
        why = progress.cause(app, session) if session.reason and session.running_since is None else ""
        session_table.page(app, session, why)
    elif app.output == "name":
        show.out(session.name)
    else:
        session_table.print_session(app, session)


@click.command("receipt", cls=Command)
@click.argument("name", required=False)
@click.pass_context
def receipt(ctx: click.Context, name: str | None) -> None:
    """Show the proof that a session's instance is gone."""
    ctx.invoke(get, name=name, as_receipt=True)
