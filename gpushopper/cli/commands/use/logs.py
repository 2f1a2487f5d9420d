"""`logs`: the output of a run; or the container log from the provider, where ssh does not work (yet)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.use import kept_output
from gpushopper.cli.commands.use.run_verbs import show_runs
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.remote import follow_run, runs, ssh_connection
from gpushopper.cli.terminal_text import clean
from gpushopper.errors import Refused, ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.client import JsonObject
    from gpushopper.wire import ConnectionView, SessionView

DEFAULT_TAIL = 1000
MOST_TAIL = 10_000
MAX_WAIT_S = 20.0
"""How long ssh is tried before the provider's log is shown instead; with -f it is tried for longer."""
NO_LOGIN_CODES = ("not_ready", "no_address")
ENDED = "ending"


@click.command("logs", cls=Command)
@click.argument("name", required=False)
@click.argument("work", metavar="[RUN]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Follow the run until it has ended.")
@click.option("-l", "--list", "only_list", is_flag=True, help="List the runs, as run ls does.")
@click.option("--provider", "from_cloud", is_flag=True, help="The container's output, from the provider.")
@click.option("--exit-status", is_flag=True, help="With -f: exit with the status of the run.")
@click.option("-n", "--tail", type=click.IntRange(1, MOST_TAIL), metavar="N", help="Only the last N lines.")
@click.pass_obj
def logs(
    app: App,
    name: str | None,
    work: str | None,
    follow: bool,
    only_list: bool,
    from_cloud: bool,
    exit_status: bool,
    tail: int | None,
) -> None:
    """Show a run's output; without a run id, that of the newest run.

    Its standard error goes to standard error. Of an ended session, what is kept on this computer is shown: up to 20 MB
    of each run. Where ssh does not work otherwise, the container's output is shown instead, as with --provider.
    """
    if from_cloud and (work or follow or only_list):
        raise UsageError("--provider shows the container's log, which has no runs", "leave RUN, -f and -l out")
    if exit_status and not follow:
        raise UsageError("--exit-status needs -f", "see: gpu-shopper logs --help")
    if not only_list:
        tables.refuse_csv(app, "logs without --list")
    wanted = runs.check_id(work) if work else ""
    session = session_argument.to_show(app, name)
    if from_cloud:
        _show_provider_log(app, session.id, tail or DEFAULT_TAIL)
        return
    if only_list:
        show_runs(app, session)
        return
    found = _find(app, session, wanted, tail or 0)
    status = None if found is None else _show_run(app, found, wanted, follow, tail or 0)
    if exit_status:
        raise click.exceptions.Exit(_exit_code(app, status))


def _exit_code(app: App, status: int | None) -> int:
    """The run's; 1 where it was not seen to end, for then nothing may be concluded from a zero."""
    if status is None:
        app.note("how it ended was not seen")
        return 1
    return status


def _find(app: App, session: SessionView, wanted: str, tail: int) -> ConnectionView | None:
    """The connection; None where ssh is not possible and what is kept, or the provider's log, was shown instead."""
    try:
        return ssh_connection.find(app, session.id)
    except Refused as refusal:
        if refusal.code == ENDED and kept_output.show(app, session, wanted, tail):
            return None
        if refusal.code not in NO_LOGIN_CODES:
            raise
        _show_provider_log_instead(app, session.id, refusal)
        return None


def _show_run(app: App, found: ConnectionView, wanted: str, follow: bool, tail: int) -> int | None:
    """Show it; returns its status if it was seen to end."""
    app.interrupt_hint = "the run continues"
    limit_s = follow_run.UNREACHABLE_LIMIT_S if follow else MAX_WAIT_S
    try:
        out = follow_run.to_stdout_and_stderr()
        progress = follow_run.follow(
            app, found, wanted, out, until_end=follow, unreachable_limit_s=limit_s, last_lines=tail
        )
    except ShopperError as error:
        _show_instead(app, found, error, wanted, tail)
        return None
    finally:
        app.interrupt_hint = ""
    state = "still running" if progress.status is None else f"ended with status {progress.status}"
    app.note(f"run {progress.run}: {state}")
    return progress.status


def _show_instead(app: App, found: ConnectionView, error: ShopperError, wanted: str, tail: int) -> None:
    """Where its instance is gone or silent: what is kept here of the run, else the provider's log."""
    if error.code not in (follow_run.UNREACHED, ENDED):
        raise error
    if kept_output.show(app, app.client.session(found.session), wanted, tail):
        return
    if error.code == ENDED:
        raise error
    _show_provider_log_instead(app, found.session, error)


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
        tables.document(app, **dict(cast("JsonObject", found)))
        return
    for line in found.lines:
        tables.out(clean(line))
    if not found.lines:
        app.note(f"{found.provider} has no output of {found.name}")
