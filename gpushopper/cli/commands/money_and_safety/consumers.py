"""`consumers`: whom sessions are charged to, with what they have cost; add one, or give one another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import money, plural

if TYPE_CHECKING:
    from gpushopper.wire import ConsumerView

COLUMNS = (
    tables.Column("CONSUMER", lambda c: c.name),
    tables.Column("SESSIONS", lambda c: c.sessions, right=True),
    tables.Column("OPEN", lambda c: c.open_sessions, right=True),
    tables.Column("THIS MONTH", lambda c: money(c.month_accrued), right=True),
    tables.Column("ACCRUED", lambda c: money(c.accrued), right=True),
    tables.Column("AT MOST", lambda c: money(c.max_cost), right=True),
    tables.Column("BEFORE", lambda c: ", ".join(c.former_names), wide=True),
)


@click.group(cls=Group, default="ls")
def consumers() -> None:
    """Whom sessions are charged to: yourself, unless `provision --consumer NAME` says another."""


@consumers.command("ls")
@click.pass_obj
def list_consumers(app: App) -> None:
    """List them with what they have cost."""
    found = app.client.consumers().consumers
    tables.rows(app, "consumers", found, COLUMNS)
    if not found and app.output in ("table", "wide"):
        app.note("No session was charged to anybody yet.")


@consumers.command("show")
@click.argument("name")
@click.pass_obj
def show(app: App, name: str) -> None:
    """Show one, by its name or by one that it had."""
    found = app.client.consumer(name)
    if _print_for_programs(app, found):
        return
    tables.facts([
        ("consumer", found.name),
        ("before", ", ".join(found.former_names)),
        ("sessions", f"{found.sessions}, {found.open_sessions} open"),
        ("this month", money(found.month_accrued)),
        ("accrued", f"{money(found.accrued)}, at most {money(found.max_cost)}"),
    ])  # fmt: skip


@consumers.command("add")
@click.argument("name")
@click.pass_obj
def add(app: App, name: str) -> None:
    """Add one. The first session that is charged to a name adds it too."""
    found = app.client.add_consumer(name)
    if _print_for_programs(app, found):
        return
    app.note(f"Added. Charge a session to it with: gpu-shopper provision --consumer {_word(found.name)} ...")


@consumers.command("rename")
@click.argument("old")
@click.argument("new")
@click.pass_obj
def rename(app: App, old: str, new: str) -> None:
    """Give one another name. Its sessions and budgets follow, and the former name goes on meaning it."""
    found = app.client.rename_consumer(old, new)
    if _print_for_programs(app, found):
        return
    app.note(f"{old} is now {found.name}: {plural(found.sessions, 'session')}, {money(found.accrued)}")


def _print_for_programs(app: App, found: ConsumerView) -> bool:
    """Print one as JSON, its name or CSV, if that is wanted."""
    if app.as_json:
        tables.document(app, **found)  # type: ignore[arg-type]
    elif app.output in ("name", "csv"):
        tables.rows(app, "consumers", [found], ())
    else:
        return False
    return True


def _word(name: str) -> str:
    import shlex

    return shlex.quote(name)
