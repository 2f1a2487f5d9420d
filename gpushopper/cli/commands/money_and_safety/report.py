"""`report`: one session in Markdown, for a paper's appendix; or the costs of a month, by consumer or otherwise."""

from __future__ import annotations

import re
from typing import Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.money_and_safety.costs import GROUPS, show_costs
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.errors import UsageError

NOW = "now"
_MONTH = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])")


@click.command("report", cls=Command)
@click.argument("name", required=False)
@click.option("--month", is_flag=False, flag_value=NOW, metavar="[YYYY-MM]", help="Costs of this or of that month.")
@click.option("--by", type=click.Choice(GROUPS), help="Group the costs of the month (default consumer).")
@click.option("--csv", "as_csv", is_flag=True, help="Print the costs of the month as CSV.")
@click.pass_context
def report(ctx: click.Context, name: str | None, month: str | None, by: str | None, as_csv: bool) -> None:
    """Report one session in Markdown: what was rented, what ran, what it cost, how it ended. Or a month's costs."""
    if month is None and (by is not None or as_csv):
        raise UsageError("--by and --csv are for a month", "add --month, or see: gpu-shopper costs")
    if month is not None:
        if name is not None:
            raise UsageError("a report is about one session or about a month", "leave out the name, or --month")
        ctx.invoke(show_costs, by=by or "consumer", as_csv=as_csv, **_window(month), **_NOTHING)
        return
    _report_session(ctx.obj, name)


_NOTHING: dict[str, Any] = {"session": None, "consumer": "", "tag": "", "rebuild": False, "verify": False}


def _window(month: str) -> dict[str, Any]:
    """The window of a month as `costs` takes it: from its first day to that of the next.

    Raises:
        UsageError: it is not a month.
    """
    if month == NOW:
        return {"period": "monthly", "start": None, "end": None}
    if not _MONTH.fullmatch(month):
        raise UsageError(f"--month {month} is not a month", "write 2026-11, or --month alone for this one")
    year, number = int(month[:4]), int(month[5:])
    after = f"{year + number // 12:04}-{number % 12 + 1:02}-01"
    return {"period": None, "start": f"{month}-01", "end": after}


def _report_session(app: App, name: str | None) -> None:
    from gpushopper.cli.output.receipt_view import receipt_fields
    from gpushopper.cli.output.records.report_view import report_lines

    if app.output == "csv":
        raise UsageError("a session's report is no table", "use --json; -o csv is for --month", code="no_table")
    found = app.client.report(session_argument.to_show(app, name).id)
    if app.as_json:
        attempts = [{**one, "receipt": receipt_fields(one.receipt)} for one in found.attempts]  # type: ignore[dict-item]
        tables.document(app, report={**found, "attempts": attempts})  # type: ignore[dict-item]
        return
    for line in report_lines(found):
        tables.out(app.with_sandbox_flag(line))
