"""`extend`: give a session more time, and stay until its instance has heard of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command, all_of
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.input.options import MORE_LIFE, life
from gpushopper.cli.output import tables
from gpushopper.cli.output.progress_display import steps
from gpushopper.cli.output.session_views import has_heard, print_session
from gpushopper.cli.output.text_format import clock_time, money, when
from gpushopper.cli.polling import Out, poll
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND
from gpushopper.errors import NotVerified, Refused

if TYPE_CHECKING:
    from gpushopper.wire import SessionView


@click.command("extend", cls=Command)
@click.argument("name", required=False)
@all_of(MORE_LIFE)
@click.option("--no-wait", is_flag=True, help="Return once the new end is written down.")
@click.option("--timeout", type=SPAN, default="1m", show_default=True, help="How long the instance may take to answer.")
@click.pass_obj
def extend(
    app: App, name: str | None, hours: float | None, span: int | None, until: str | None, no_wait: bool, timeout: int
) -> None:
    """Move a session's end.

    --hours and --for add to it (default: 1 hour), --until sets it. Waits until the instance itself has heard of it:
    until then it would still end at the former time.
    """
    add_us, deadline_at = life(app, hours, span, until)
    if add_us is None and deadline_at is None:
        add_us = HOUR
    session = app.client.extend(session_argument.to_act_on(app, name).id, add_us=add_us, deadline_at=deadline_at)
    if not no_wait:
        session = _wait(app, session, timeout)
    if app.output == "table":
        end = when(session.deadline_at, app.now().wall)
        tables.out(f"{session.name} now ends {end}; at most {money(session.max_cost)}")
    else:
        print_session(app, session)


def _wait(app: App, session: SessionView, limit_us: int) -> SessionView:
    """Follow it until the guard holds the new end; one that is not handed over yet hears of it then.

    Raises:
        NotVerified: the instance did not answer in time, and would end as before.
    """
    latest = [session]
    if _is_settled(session):
        return session

    def look() -> bool:
        latest[:] = [app.client.session(session.id)]
        return _is_settled(latest[0])

    app.goes_on = f"the new end is written down; whether {session.name} has heard of it: gpu-shopper get {session.name}"
    try:
        with steps(app) as shown:
            shown.step("telling", f"telling {session.name}'s instance of its new end")
            poll(look, limit_us / SECOND)
    except Out as out:
        raise _unheard(latest[0], app.now().wall) from out
    app.goes_on = ""
    if latest[0].status != "running":
        why = latest[0].reason.replace("_", " ")
        hint = f"see: gpu-shopper get {session.name}"
        raise Refused(f"{session.name} is ending meanwhile: {why}", hint, code="ending")
    return latest[0]


def _is_settled(session: SessionView) -> bool:
    return session.status != "running" or has_heard(session)


def _unheard(session: SessionView, now: int) -> NotVerified:
    own = clock_time(session.guard_deadline_at or 0, now)
    return NotVerified(
        f"{session.name} has not heard of its new end yet and would end itself at {own}",
        f"the daemon goes on telling it; see: gpu-shopper get {session.name}",
    )
