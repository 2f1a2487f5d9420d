"""`run ls` and `run stop`: the runs of a session, on its instance or as kept here; and the end of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.output.endings import run_table
from gpushopper.cli.output.text_format import when
from gpushopper.cli.remote import run_control, runs, ssh_connection
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import NotFound, Refused, ShopperError
from gpushopper.kept_runs import KeptRun, as_ended, kept_runs

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView, SessionView

GONE_CODES = ("ending", "not_ready", "no_address", "unreached")
"""Errors of a session whose instance cannot be asked: then what is kept here is shown."""


@click.command("ls", cls=Command)
@click.argument("name", required=False)
@click.pass_obj
def list_runs(app: App, name: str | None) -> None:
    """List the runs of a session, the newest first.

    When its instance is gone or cannot be reached, those are listed whose output is kept here.
    """
    show_runs(app, session_argument.to_show(app, name))


def show_runs(app: App, session: SessionView) -> None:
    """Print the runs of a session: those on its instance, else those that are kept here.

    Raises:
        ShopperError: its instance cannot be asked, and nothing is kept.
    """
    now = app.now().wall
    try:
        found = run_control.list_runs(ssh_connection.find(app, session.id), now)
    except ShopperError as error:
        kept = kept_runs(app.home, session.id) if error.code in GONE_CODES else []
        if not kept:
            raise
        shown = [as_ended(each) if session.end_stage else each.run for each in kept]
        run_table.print_runs(app, shown, now, kept_at=max(each.kept_at for each in kept))
        app.note(f"as kept on this computer, {_kept_when(kept, now)}: {error.message}")
        return
    run_table.print_runs(app, found, now, kept_at=None)
    if not found and not app.as_json:
        app.note(f"{session.name} has no run; start one: gpu-shopper run {session.name} -- COMMAND")


def _kept_when(kept: list[KeptRun], now: int) -> str:
    return f"last at {when(max(each.kept_at for each in kept), now)}"


@click.command("stop", cls=Command)
@click.argument("name")
@click.argument("work", metavar="RUN")
@click.option("--keep", is_flag=True, help="Started with --rm: do not end the session after it.")
@click.pass_obj
def stop(app: App, name: str, work: str, keep: bool) -> None:
    """Stop a run: SIGTERM to all its processes, and SIGKILL to what is left after 10 seconds.

    With --keep the session goes on; also after a run that has ended and has not ended its session yet.
    """
    wanted = runs.check_id(work)
    found = ssh_connection.find(app, name)
    app.interrupt_hint = f"the run {wanted} may be ending; see: gpu-shopper run ls {found.name}"
    done = run_control.stop_run(found, wanted, keep=keep)
    app.interrupt_hint = ""
    hint = f"see: gpu-shopper run ls {found.name}"
    if done.outcome == "none":
        raise NotFound(f"{found.name} has no run {wanted}", hint, code="run_not_found")
    if done.outcome == "over" and done.status == "not started":
        raise Refused(f"the run {wanted} was never started", hint, code="run_not_started")
    if keep:
        app.client.withdraw_run_end(found.session, wanted)
    _report(app, found, wanted, done)


def _report(app: App, found: ConnectionView, work: str, done: run_control.Stopped) -> None:
    if app.as_json:
        tables.document(
            app, session=found.name, run=work, outcome=done.outcome, status=done.status, ends_session=done.ends
        )
        return
    status = f"status {done.status}" if done.status.isdecimal() else done.status
    before = "" if done.outcome == "stopped" else " before"
    tables.out(f"{work}  {'stopped' if done.outcome == 'stopped' else 'ended'}{before}  {status}")
    if done.ends:
        limits = app.client.session(found.session).limits
        app.note(f"it was started with --rm: {found.name} ends {span(limits.grace_us)} after its last run, or see:")
        app.note(f"gpu-shopper why {found.name}")
