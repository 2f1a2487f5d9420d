"""`set`: change what ends a session before its deadline, and wait until its instance has confirmed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command, add_options
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.input.options import LIMITS
from gpushopper.cli.output import end_limits_view, tables
from gpushopper.cli.output.progress_display import progress_for
from gpushopper.cli.output.session_views import print_session
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.errors import NotVerified, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import SessionView


@click.command("set", cls=Command)
@click.argument("name", required=False)
@add_options(LIMITS)
@click.option("--no-wait", is_flag=True, help="Return once the change is recorded.")
@click.option("--timeout", type=SPAN, default="1m", show_default=True, help="How long to wait for the instance.")
@click.pass_obj
def set_limits(
    app: App,
    name: str | None,
    idle: int | None,
    idle_when: str | None,
    contact: int | None,
    hold: int | None,
    no_wait: bool,
    timeout: int,
) -> None:
    """Change what ends a session early; its deadline stays (see extend).

    Each limit is a time, or off. Waits until the instance has confirmed it: until then it obeys the former ones.
    """
    from gpushopper.wire import LimitsRequest

    request = LimitsRequest(idle_us=idle, idle_when=idle_when, contact_us=contact, hold_us=hold)
    if request == LimitsRequest():
        raise UsageError("nothing to change", "give --idle, --contact, --hold or --idle-when")
    found = session_argument.to_act_on(app, name)
    if hold and not found.pulls:
        text = f"{found.name} has nothing to pull, so that nothing is waited for"
        raise UsageError(text, "--hold is for sessions that were provisioned with --pull")
    session = app.client.set_limits(found.id, request)
    if not no_wait:
        session = _wait(app, session, timeout)
    if app.output == "table":
        tables.out(f"{session.name}: early ends: {end_limits_view.limits(session)}")
        if session.limits.unwatched and session.status == "running":
            app.note(f"Not watched: {session.limits.unwatched}.")
    else:
        print_session(app, session)


def _wait(app: App, session: SessionView, limit_us: int) -> SessionView:
    """Wait until the instance has the limits; one that is not ready yet gets them once it is.

    Raises:
        NotVerified: it did not confirm in time, and obeys the former ones.
    """
    latest = [session]
    if _is_settled(session):
        return session

    def is_done() -> bool:
        latest[:] = [app.client.session(session.id)]
        return _is_settled(latest[0])

    app.interrupt_hint = f"the change is recorded; see: gpu-shopper get {session.name}"
    try:
        with progress_for(app) as progress:
            progress.step("limits", f"sending the limits to {session.name}'s instance")
            poll(is_done, limit_us / SECOND)
    except WaitTimeout as timeout:
        why = f"; not watched: {latest[0].limits.unwatched}" if latest[0].limits.unwatched else ""
        raise NotVerified(
            f"{session.name} has not confirmed it yet: early ends: {end_limits_view.limits(latest[0])}{why}",
            f"the daemon keeps trying; see: gpu-shopper get {session.name}",
        ) from timeout
    app.interrupt_hint = ""
    return latest[0]


def _is_settled(session: SessionView) -> bool:
    return session.status != "running" or session.guard_state == "not_applicable" or session.limits.confirmed
