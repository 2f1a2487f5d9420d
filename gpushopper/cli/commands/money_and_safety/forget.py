"""`forget`: give up proving a session's end, on the word of a person who has checked the cloud's console (D6)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.output.session_views import money_line, print_session
from gpushopper.cli.output.text_format import ago
from gpushopper.errors import UsageError

if TYPE_CHECKING:
    from gpushopper.wire import ForgetRow


@click.command("forget", cls=Command)
@click.argument("name")
@click.option("--i-checked-the-console", "checked", is_flag=True, help="You have seen that the instances are gone.")
@click.option(
    "--instance", "seen", multiple=True, metavar="ID", help="An instance that is gone, instead of typing it when asked."
)
@click.pass_obj
def forget(app: App, name: str, checked: bool, seen: tuple[str, ...]) -> None:
    """Forget a session whose end cannot be proven.

    For one whose end was requested long ago, where the cloud gives no answer any more: the key is lost, the account
    closed. Without options it only says what would be forgotten, and where to look. Its receipt then says that it rests
    on your word, not that it is destroyed. If a list ever shows the instance again, it is ended again.
    """
    session = session_argument.to_act_on(app, name)
    found = app.client.forget(session.id)
    for row in found.rows:
        app.note(f"{session.name}: {_row(row, app.now().wall)}; {money_line(session)}")
    if not checked:
        hint = f"then: gpu-shopper forget {session.name} --i-checked-the-console"
        raise UsageError(f"first look whether it is gone: {', '.join(_consoles(found.rows))}", hint)
    app.client.forget(session.id, list(seen) or _ask(app, session.name))
    app.interrupt_hint = ""
    if app.output == "table":
        tables.sentences([f"{session.name} is forgotten: nothing ends it, and its costs count no further"])
    else:
        print_session(app, app.client.session(session.id))


def _ask(app: App, name: str) -> list[str]:
    if not (app.is_interactive() and app.is_terminal(sys.stdin)):
        hint = f"gpu-shopper forget {name} --i-checked-the-console --instance ID"
        raise UsageError("not a terminal: type the id of each instance with --instance", hint)
    asked = "Type the id of each instance that is gone, or the session's name where there is none"
    return str(click.prompt(asked, err=True)).replace(",", " ").split()


def _row(row: ForgetRow, now: int) -> str:
    if not row.instance_id:
        return f"a create at {row.provider} whose outcome is unknown"
    seen = f"last listed {ago(row.last_seen_at, now)}" if row.last_seen_at else "never listed"
    return f"instance {row.instance_id} on {row.provider}, {seen}"


def _consoles(rows: list[ForgetRow]) -> list[str]:
    return sorted({row.console for row in rows})
