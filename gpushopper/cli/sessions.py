"""`sessions` and its short forms: list, show, extend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli import session_table, show
from gpushopper.cli.app import App
from gpushopper.cli.ending import delete, done
from gpushopper.cli.group import Command, Group
from gpushopper.cli.options import LIFE, all_of, life
from gpushopper.cli.say import money, when
from gpushopper.cli.session_table import pick, print_session

if TYPE_CHECKING:
    pass

LIST = (
    click.option("-c", "--consumer", default="", help="Only sessions of this consumer."),
    click.option("-s", "--status", default="", help="Only sessions in this status."),
    click.option("-a", "--all", "everything", is_flag=True, help="Ended sessions too."),
)


@click.group(cls=Group, default="list")
def sessions() -> None:
    """List, show, extend and end sessions.

    Without a verb: list. A NAME may be a name, an id or the beginning of one.
    """


@sessions.command("list")
@all_of(LIST)
@click.pass_obj
def list_sessions(app: App, consumer: str, status: str, everything: bool) -> None:
    """List open sessions."""
    only_open = not (everything or status)
    found = app.client.sessions(consumer=consumer, status=status, only_open=only_open).sessions
    now = 0 if app.as_json else app.now().wall
    show.rows(app, "sessions", found, session_table.columns(now))
    if not found and app.output in ("table", "wide"):
        app.note("No open sessions (-a shows ended ones)." if only_open else "No sessions.")


@click.command("ls", cls=Command)
@all_of(LIST)
@click.pass_context
def ls(ctx: click.Context, /, **options: Any) -> None:
    """List open sessions."""
    ctx.invoke(list_sessions, **options)


@sessions.command("get")
@click.argument("name", required=False)
@click.option("--receipt", "as_receipt", is_flag=True, help="The proof that its instance is gone.")
@click.pass_obj
def get(app: App, name: str | None, as_receipt: bool) -> None:
    """Show everything about one session."""
    session = app.client.session(pick(app, name))
    if as_receipt:
        from gpushopper.cli.receipts import print_receipt

        print_receipt(app, session)
    elif app.as_json:
        print_session(app, session)
    elif app.output == "name":
        show.out(session.name)
    else:
        session_table.page(session, app.now().wall)


@click.command("receipt", cls=Command)
@click.argument("name", required=False)
@click.pass_context
def receipt(ctx: click.Context, name: str | None) -> None:
    """Show the proof that a session's instance is gone."""
    ctx.invoke(get, name=name, as_receipt=True)


@sessions.command("extend")
@click.argument("name", required=False)
@all_of(LIFE)
@click.pass_obj
def extend(app: App, name: str | None, hours: float | None, span: int | None, until: str | None) -> None:
    """Move a session's end.

    --hours and --for add to it (default: 1 hour), --until sets it.
    """
    add_us, until_at = life(app, hours, span, until)
    if add_us is None and until_at is None:
        add_us = 3_600_000_000
    session = app.client.extend(pick(app, name), add_us=add_us, until_at=until_at)
    if app.output == "table":
        end = when(session.deadline_at, app.now().wall)
        show.out(f"{session.name} now ends {end}; at most {money(session.at_most)}")
    else:
        print_session(app, session)


for short in (receipt, done, delete):
    sessions.add_command(short)
