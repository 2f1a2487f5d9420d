"""`extend`: give a session more time."""

from __future__ import annotations

import click

from gpushopper.cli import show
from gpushopper.cli.app import App
from gpushopper.cli.group import Command, all_of
from gpushopper.cli.options import LIFE, life
from gpushopper.cli.say import money, when
from gpushopper.cli.session_table import pick, print_session
from gpushopper.core.moment import HOUR


@click.command("extend", cls=Command)
@click.argument("name", required=False)
@all_of(LIFE)
@click.pass_obj
def extend(app: App, name: str | None, hours: float | None, span: int | None, until: str | None) -> None:
    """Move a session's end.

    --hours and --for add to it (default: 1 hour), --until sets it.
    """
    add_us, until_at = life(app, hours, span, until)
    if add_us is None and until_at is None:
        add_us = HOUR
    session = app.client.extend(pick(app, name), add_us=add_us, until_at=until_at)
    if app.output == "table":
        end = when(session.deadline_at, app.now().wall)
        show.out(f"{session.name} now ends {end}; at most {money(session.at_most)}")
    else:
        print_session(app, session)
