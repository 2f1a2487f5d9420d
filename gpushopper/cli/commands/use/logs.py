"""`logs`: the output of a run; or the container log from the provider, where ssh does not work (yet)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import json_output, tables
from gpushopper.cli.remote import follow_run, runs, ssh_connection
from gpushopper.cli.terminal_text import clean
from gpushopper.errors import Refused, ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.client import JsonObject
    from gpushopper.wire import ConnectionView

DEFAULT_TAIL = 1000
MOST_TAIL = 10_000
MAX_WAIT_S = 20.0
"""How long ssh is tried before the provider's log is shown instead; with -f it is tried for longer."""
NO_LOGIN_CODES = ("not_ready", "no_address")
COLUMNS = (
    tables.Column("RUN", lambda row: row["run"]),
    tables.Column("STATUS", lambda row: row["status"]),
    tables.Column("COMMAND", lambda row: row["command"]),
)


@click.command("logs", cls=Command)
@click.argument("name", required=False)
@click.argument("work", metavar="[RUN]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Follow the run until it has ended.")
@click.option("-l", "--list", "only_list", is_flag=True, help="List the runs.")
@click.option("--provider", "from_cloud", is_flag=True, help="The container's output, from the provider.")
@click.option("-n", "--tail", type=click.IntRange(1, MOST_TAIL), metavar="N", help="Lines of that (default 1000).")
@click.pass_obj
def logs(
    app: App,
    name: str | None,
    work: str | None,
    follow: bool,
    only_list: bool,
    from_cloud: bool,
    tail: int | None,
) -> None:
    """Show a run's output; without a run id, that of the newest run.

    Its standard error goes to standard error. Where ssh does not work, the container's output is shown instead, as
    with --provider.
    """
    if from_cloud and (work or follow or only_list):
        raise UsageError("--provider shows the container's log, which has no runs", "leave RUN, -f and -l out")
    if tail is not None and not from_cloud:
        raise UsageError("--tail is for the container's log; a run is shown in full", "add --provider, or leave it out")
    wanted = runs.check_id(work) if work else ""
    ref = session_argument.to_show(app, name).id
    if from_cloud:
        _show_provider_log(app, ref, tail or DEFAULT_TAIL)
        return
    found = _find(app, ref, may_show_provider_log=not only_list)
    if found is None:
        return
    if only_list:
        tables.rows(app, "runs", runs.list_runs(found), COLUMNS, name="run")
        return
    _show_run(app, found, wanted, follow)


def _find(app: App, ref: str, *, may_show_provider_log: bool) -> ConnectionView | None:
    """The connection; None where ssh is not possible yet and the provider's log was shown instead."""
    try:
        return ssh_connection.find(app, ref)
    except Refused as refusal:
        if refusal.code not in NO_LOGIN_CODES or not may_show_provider_log:
            raise
        _show_provider_log_instead(app, ref, refusal)
        return None


def _show_run(app: App, found: ConnectionView, wanted: str, follow: bool) -> None:
    app.interrupt_hint = "the run continues"
    limit_s = follow_run.UNREACHABLE_LIMIT_S if follow else MAX_WAIT_S
    try:
        out = follow_run.to_stdout_and_stderr()
        progress = follow_run.follow(app, found, wanted, out, until_end=follow, unreachable_limit_s=limit_s)
    except ShopperError as error:
        if error.code != follow_run.UNREACHED:
            raise
        _show_provider_log_instead(app, found.session, error)
        return
    finally:
        app.interrupt_hint = ""
    state = "still running" if progress.status is None else f"ended with status {progress.status}"
    app.note(f"run {progress.run}: {state}")


def _show_provider_log_instead(app: App, ref: str, why: ShopperError) -> None:
    """Show the provider's log and say so; where there is none either, the original error is raised."""
    app.note(f"{why.message}; this is the container's output from the provider, not a run's")
    try:
        _show_provider_log(app, ref, DEFAULT_TAIL)
    except ShopperError as error:
        app.note(error.message)
        raise why from error


def _show_provider_log(app: App, ref: str, tail: int) -> None:
    found = app.client.provider_log(ref, tail)
    if app.as_json:
        tables.out(json_output.document(**dict(cast("JsonObject", found))))
        return
    for line in found.lines:
        tables.out(clean(line))
    if not found.lines:
        app.note(f"{found.provider} has no output of {found.name}")
