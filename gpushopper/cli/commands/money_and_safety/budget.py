"""`budget`: limit what may be spent a day, a month or a session, and see how each limit stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command, Group
from gpushopper.cli.input.durations import DOLLARS
from gpushopper.cli.input.options import DRY_RUN, YES
from gpushopper.cli.input.prompts import confirm
from gpushopper.cli.output import tables
from gpushopper.cli.output.money import budget_view
from gpushopper.cli.output.text_format import plural
from gpushopper.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gpushopper.wire import BudgetView

LIMITS = ("daily", "monthly", "session")
SCOPES = ("consumer", "account", "tag")


@click.group(cls=Group, default="ls")
def budget() -> None:
    """Limit what may be spent, and see how much of it is.

    Whatever could pass a limit is refused: renting, a longer time, the next offer after a failure. Counted are what was
    spent and the most that open sessions may still cost, even if their end comes late, each day and month for itself.
    """


@budget.command("ls", cls=Command)
@click.pass_obj
def list_budgets(app: App) -> None:
    """Show all budgets."""
    found = app.client.budgets().budgets
    if app.as_json or app.output == "name":
        tables.rows(app, "budgets", found, ())
        return
    rows = _rows(found)
    if app.output == "csv":
        _print_csv(app, rows)
        return
    if not rows:
        app.note("No budget. Set one: gpu-shopper budget set NAME --monthly 100")
        return
    tables.table(app, rows, budget_view.columns(app.now().wall))


@budget.command("show", cls=Command)
@click.argument("name")
@click.pass_obj
def show(app: App, name: str) -> None:
    """Show one budget: its limits, who holds most, what would end."""
    _print(app, app.client.budget(name))


@budget.command("set", cls=Command)
@click.argument("name")
@click.option("--daily", metavar="$", help="At most this much a day; off removes the limit.")
@click.option("--monthly", metavar="$", help="At most this much a month.")
@click.option("--session", metavar="$", help="At most this much for any one session.")
@click.option("--consumer", metavar="NAME", help="Count this consumer's sessions only.")
@click.option("--account", metavar="NAME", help="Count sessions at this account or cloud only.")
@click.option("--tag", metavar="KEY[=VALUE]", help="Count sessions with this tag only.")
@click.option("--all", "everything", is_flag=True, help="Count all sessions (as a new budget does).")
@click.option("--at-80", type=click.Choice(["warn", "none"]), help="At four fifths: an alarm (default), or none.")
@click.option("--at-100", type=click.Choice(["refuse", "stop"]), help="refuse (default), or stop: end sessions too.")
@click.option("--stop-now", is_flag=True, help="End the sessions that a lower limit has no room for; lists them first.")
@DRY_RUN
@YES
@click.pass_obj
def set_budget(app: App, /, name: str, stop_now: bool, dry_run: bool, yes: bool, **given: Any) -> None:
    """Create or change a budget. What is not named stays as it is.

    A limit refuses what could pass it, and ends nothing. With --at-100 stop, sessions are ended before it is spent:
    their results are brought home first, the one with the least time left ends first. Where it would end one that is
    open now, it says which and when, and asks; none ends within 15 minutes of the change.
    """
    body = _body(given)
    seen = app.client.set_budget(name, {**body, "dry_run": True})
    stop = [end.session for end in seen.must_end] if stop_now else []
    if not app.as_json:
        budget_view.note_must_end(app, seen, stop_now=stop_now)
        budget_view.note_stop(app, seen, stop)
    if dry_run:
        _print(app, seen)
        app.note("Nothing was changed (--dry-run).")
        return
    later = {end.session for limit in seen.limits for end in limit.ends} - set(stop)
    if stop:
        confirm(app, f"Set it, and end {plural(len(stop), 'session')}?", yes)
    elif later:
        confirm(app, "Set it?", yes)
    _print(app, app.client.set_budget(name, {**body, "stop": stop}))


@budget.command("rm", cls=Command)
@click.argument("name")
@click.pass_obj
def remove(app: App, name: str) -> None:
    """Remove a budget; nothing is limited by it any more."""
    gone = app.client.remove_budget(name)
    if app.as_json:
        tables.document(app, removed=gone)
    else:
        tables.out(f"budget {gone.name} is removed")


def _body(given: dict[str, Any]) -> dict[str, Any]:
    """The request's fields; `off` removes a limit.

    Raises:
        UsageError: more than one scope, or an amount that is none.
    """
    body: dict[str, Any] = {"at_80": given["at_80"], "at_100": given["at_100"]}
    body["unset"] = [limit for limit in LIMITS if given[limit] == "off"]
    amounts = {limit: given[limit] for limit in LIMITS if given[limit] not in (None, "off")}
    body |= {limit: DOLLARS.convert(text, None, None) for limit, text in amounts.items()}
    scopes = {kind: given[kind] for kind in SCOPES if given[kind] is not None}
    if len(scopes) + given["everything"] > 1:
        raise UsageError("a budget is for one of --consumer, --account, --tag and --all", "set a second one beside it")
    for kind, scope in scopes.items():
        body |= {"scope_kind": kind, "scope": scope}
    return body | ({"scope_kind": "all", "scope": ""} if given["everything"] else {})


def _rows(found: Iterable[BudgetView]) -> list[budget_view.LimitRow]:
    return [budget_view.LimitRow(each, limit) for each in found for limit in each.limits]


def _print_csv(app: App, rows: Sequence[budget_view.LimitRow]) -> None:
    tables.csv(app, "limits", [budget_view.fields(row) for row in rows])


def _print(app: App, found: BudgetView) -> None:
    if app.output == "json":
        tables.document(app, budget=found)
    elif app.output in ("jsonl", "name"):
        tables.rows(app, "budgets", [found], ())
    elif app.output == "csv":
        _print_csv(app, _rows([found]))
    else:
        budget_view.print_budget(app, found)
