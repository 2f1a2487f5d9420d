"""`wait`: return once sessions are ready, off or proven to be gone, or once a run has ended; 124 if not in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.watching.run_state import RunWatch
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.output import session_phases, session_views, tables
from gpushopper.cli.output.endings import run_table
from gpushopper.cli.output.progress_display import ProgressDisplay, progress_for
from gpushopper.cli.output.text_format import money
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import ShopperError, TimedOut, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpushopper.core.model.run_folder import Run
    from gpushopper.wire import SessionView

FOREVER_S = 366 * 24 * 3600.0
RUN_EVERY_S = 2.0
"""A run is looked at over ssh, which costs more than a question to the daemon."""
STATES = ("ready", "off", "proven", "ended")


@click.command("wait", cls=Command)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--for", "wanted", default="ready", show_default=True, metavar="STATE", help="See above.")
@click.option("--timeout", type=SPAN, metavar="SPAN", help="How long to wait, such as 10m (default: without limit).")
@click.option("--exit-status", is_flag=True, help="With run:ID: exit with the status of the run.")
@click.pass_obj
def wait(app: App, names: tuple[str, ...], wanted: str, timeout: int | None, exit_status: bool) -> None:
    """Wait until sessions are in a state, or until a run has ended.

    STATE is ready (ssh works), off (no longer listed by its cloud), proven (a receipt proves that it is gone), ended
    (the same), or run:ID. The name - reads names from standard input.
    Exits 124 when the time is over, at once with 1 where it can no longer happen. Ctrl-C ends only the waiting.
    """
    app.interrupt_hint = "only the waiting has ended; see: gpu-shopper ls"
    limit_s = FOREVER_S if timeout is None else timeout / SECOND
    run = wanted.removeprefix("run:") if wanted.startswith("run:") else ""
    if wanted not in STATES and not run:
        raise UsageError(f"--for {wanted} is no state", f"one of {', '.join(STATES)}, or run:ID")
    if exit_status and not run:
        raise UsageError("--exit-status needs --for run:ID", "see: gpu-shopper wait --help")
    found = [session_argument.to_show(app, name) for name in session_argument.named(names) or (None,)]
    if run:
        status = _for_run(app, found, run, limit_s)
        raise click.exceptions.Exit(_exit_code(status) if exit_status else 0)
    _for_state(app, found, wanted, limit_s)


def _exit_code(status: str) -> int:
    return int(status) if status.isdecimal() else 1


def _for_state(app: App, found: list[SessionView], wanted: str, limit_s: float) -> None:
    latest = {session.id: session for session in found}
    with progress_for(app) as progress:

        def is_so() -> bool:
            latest.update({ref: app.client.session(ref) for ref in latest})
            for session in latest.values():
                _show(app, progress, session, wanted)
            return all([_is_in(app, session, wanted) for session in latest.values()])

        _until(is_so, limit_s, lambda: _late([s.name for s in latest.values() if not _is_in(app, s, wanted)], wanted))
    app.interrupt_hint = ""
    sessions = list(latest.values())
    if app.output == "table":
        for session in sessions:
            tables.out(f"{session.name}  {session_views.status(session)}  {money(session.accrued)}")
    else:
        tables.rows(app, "sessions", sessions, session_views.columns(app.now().wall))


def _show(app: App, progress: ProgressDisplay, session: SessionView, wanted: str) -> None:
    if wanted == "ready" and not session.end_stage:
        session_phases.show_provisioning_progress(progress, session, app.now().wall)
    else:
        session_phases.show_ending_progress(progress, session, app.now().wall)


def _is_in(app: App, session: SessionView, wanted: str) -> bool:
    """Whether a session is in the state.

    Raises:
        ShopperError: it can no longer be.
    """
    if wanted != "ready" and session.end_stage == "forgotten" and wanted != "ended":
        text = f"{session.name} will not be {wanted}: it is {session_views.status(session)}"
        raise ShopperError(text, f"see: gpu-shopper receipt {session.name}", code="impossible")
    if wanted != "ready":
        return session.end_stage in {"off": ("off", "proven"), "ended": ("proven", "forgotten")}.get(
            wanted, ("proven",)
        )
    if session.status == "failed":
        raise session_phases.failure(app, session)
    if session.status in ("stopping", "stopped"):
        text = f"{session.name} will not be ready: it is {session_views.status(session)}"
        raise ShopperError(text, f"see: gpu-shopper get {session.name}", code="impossible")
    return session.status == "running"


def _for_run(app: App, found: list[SessionView], run: str, limit_s: float) -> str:
    """Wait for a run's end, print it, and return its status."""
    if len(found) > 1:
        raise UsageError("a run is one session's", "name one session")
    watch = RunWatch(app, found[0], run)
    ended: list[Run] = []

    def is_over() -> bool:
        ended[:] = watch.ended()
        return bool(ended)

    _until(is_over, limit_s, lambda: _late([f"{found[0].name}: run {run}"], "ended"), RUN_EVERY_S)
    app.interrupt_hint = ""
    now = app.now().wall
    if app.as_json:
        tables.document(app, session=found[0].name, **run_table.fields(ended[0], now))
    elif app.output in ("csv", "name"):
        tables.rows(app, "runs", [run_table.fields(ended[0], now)], (), name="run")
    else:
        tables.out(f"{ended[0].run}  {run_table.status_text(ended[0])}")
    return ended[0].status


def _until(is_so: Callable[[], bool], limit_s: float, late: Callable[[], str], every_s: float | None = None) -> None:
    """Poll; raises TimedOut with the text of `late`."""
    try:
        poll(is_so, limit_s, every_s=every_s)
    except WaitTimeout as timeout:
        passed = span(int(limit_s * SECOND))
        raise TimedOut(f"{late()} after {passed}", "it goes on; see: gpu-shopper ls") from timeout


def _late(names: list[str], wanted: str) -> str:
    return f"{', '.join(names)}: not {wanted}"
