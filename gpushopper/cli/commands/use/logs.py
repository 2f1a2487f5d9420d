"""`logs`: what a run has said, or what the cloud keeps of the container's output where nobody can log in."""

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
"""How long a login is tried before the cloud is asked; with -f there is reason to wait for longer."""
NO_WAY_IN = ("not_ready", "no_address")
COLUMNS = (
    tables.Column("RUN", lambda row: row["run"]),
    tables.Column("STATUS", lambda row: row["status"]),
    tables.Column("COMMAND", lambda row: row["command"]),
)


@click.command("logs", cls=Command)
@click.argument("name", required=False)
@click.argument("work", metavar="[RUN]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Stay until the run has ended.")
@click.option("-l", "--list", "only_list", is_flag=True, help="List the runs.")
@click.option("--provider", "from_cloud", is_flag=True, help="What the container printed, told by the cloud.")
@click.option("-n", "--tail", type=click.IntRange(1, MOST_TAIL), metavar="N", help="So many lines of that (1000).")
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
    """Show what a run has said; without its id, the newest one.

    What it wrote to its standard error goes to ours. Where nobody can log in, the cloud is asked for what the
    container has printed, as with --provider.
    """
    if from_cloud and (work or follow or only_list):
        raise UsageError("--provider shows the container's log, which knows no runs", "leave RUN, -f and -l out")
    if tail is not None and not from_cloud:
        raise UsageError("--tail is for the container's log; of a run all is shown", "add --provider, or leave it out")
    wanted = runs.check_id(work) if work else ""
    ref = session_argument.to_show(app, name).id
    if from_cloud:
        _show_provider_log(app, ref, tail or DEFAULT_TAIL)
        return
    found = _find(app, ref, may_ask_cloud=not only_list)
    if found is None:
        return
    if only_list:
        tables.rows(app, "runs", runs.list_runs(found), COLUMNS, name="run")
        return
    _show_run(app, found, wanted, follow)


def _find(app: App, ref: str, *, may_ask_cloud: bool) -> ConnectionView | None:
    """How to log in; None when that cannot be yet and the cloud's log was shown instead."""
    try:
        return ssh_connection.find(app, ref)
    except Refused as refusal:
        if refusal.code not in NO_WAY_IN or not may_ask_cloud:
            raise
        _instead(app, ref, refusal)
        return None


def _show_run(app: App, found: ConnectionView, wanted: str, follow: bool) -> None:
    app.goes_on = "the run goes on"
    patience_s = follow_run.LOST_LIMIT_S if follow else MAX_WAIT_S
    try:
        shown = follow_run.follow(app, found, wanted, follow_run.standard(), stay=follow, patience_s=patience_s)
    except ShopperError as error:
        if error.code != follow_run.UNREACHED:
            raise
        _instead(app, found.session, error)
        return
    finally:
        app.goes_on = ""
    app.note(f"run {shown.run}: {'still running' if shown.status is None else f'ended with status {shown.status}'}")


def _instead(app: App, ref: str, why: ShopperError) -> None:
    """Show the cloud's log and say so; where there is none either, the first reason is the one that counts."""
    app.note(f"{why.message}; this is what its cloud keeps of the container's output, not a run's")
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
