"""`extend`: move a session's deadline, and wait until the guard on the instance has confirmed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.sessions.confirmation import await_confirmation
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command, add_options
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.input.options import DRY_RUN, EXTENSION, YES, duration_or_deadline
from gpushopper.cli.input.prompts import confirm
from gpushopper.cli.output import tables
from gpushopper.cli.output.session_views import is_guard_in_sync, print_session
from gpushopper.cli.output.text_format import clock_time, money, when
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.core.timing.duration_text import span as span_text
from gpushopper.errors import Refused

if TYPE_CHECKING:
    from gpushopper.wire import SessionView


@click.command("extend", cls=Command)
@click.argument("name", required=False)
@add_options(EXTENSION)
@click.option("--no-wait", is_flag=True, help="Return once the new deadline is recorded.")
@click.option("--timeout", type=SPAN, default="1m", show_default=True, help="How long to wait for the instance.")
@DRY_RUN
@YES
@click.pass_obj
def extend(
    app: App,
    name: str | None,
    hours: float | None,
    span: int | None,
    until: str | None,
    no_wait: bool,
    timeout: int,
    dry_run: bool,
    yes: bool,
) -> None:
    """Move a session's deadline.

    Shows the time and the max cost that it adds or takes away, and asks.

    --hours and --for add to it (default: 1 hour), --until sets it. Waits until the guard on the instance has confirmed
    it: until then the instance would still end itself at the old time.
    """
    add_us, deadline_at = duration_or_deadline(app, hours, span, until)
    if add_us is None and deadline_at is None:
        add_us = HOUR
    if dry_run:
        tables.refuse_csv(app, "extend --dry-run")
    before = session_argument.to_act_on(app, name)
    after = app.client.extend(before.id, add_us=add_us, deadline_at=deadline_at, dry_run=True)
    change = _change(before, after, app.now().wall)
    if dry_run:
        _print_dry_run(app, after, change)
        return
    confirm(app, f"{change}. {_question(before, after)}", yes)
    session = app.client.extend(before.id, add_us=add_us, deadline_at=deadline_at)
    if not app.as_json:
        app.note(change)
    if not no_wait:
        session = _wait(app, session, timeout)
    if app.output == "table":
        end = when(session.deadline_at, app.now().wall)
        tables.sentences([f"{session.name} now ends {end}; at most {money(session.max_cost)}"])
    else:
        print_session(app, session)


def _change(before: SessionView, after: SessionView, now: int) -> str:
    """`train: +1h, until 19:00, at most $0.42 -> $0.63`."""
    moved = (after.deadline_at or 0) - (before.deadline_at or 0)
    cost = f"at most {money(before.max_cost)} -> {money(after.max_cost)}"
    return f"{before.name}: {'-' if moved < 0 else '+'}{span_text(moved)}, until {when(after.deadline_at, now)}, {cost}"


def _question(before: SessionView, after: SessionView) -> str:
    return "End it earlier?" if (after.deadline_at or 0) < (before.deadline_at or 0) else "Extend it?"


def _print_dry_run(app: App, after: SessionView, change: str) -> None:
    if app.as_json:
        tables.document(app, dry_run=True, session=after)
        return
    tables.out(change)
    app.note("Nothing was changed (--dry-run).")


def _wait(app: App, session: SessionView, limit_us: int) -> SessionView:
    """Wait until the guard holds the new deadline; a session that is not ready yet gets it when it becomes ready.

    Raises:
        NotVerified: the guard did not confirm in time, and would still end the instance at the old deadline.
        Refused: it is ending meanwhile.
    """
    if _is_settled(session):
        return session

    def problem(latest: SessionView) -> str:
        return _not_confirmed(latest, app.now().wall)

    latest = await_confirmation(app, session, "the new deadline", limit_us, _is_settled, problem)
    if latest.status != "running":
        why = latest.reason.replace("_", " ")
        hint = f"see: gpu-shopper get {session.name}"
        raise Refused(f"{session.name} is ending already: {why}", hint, code="ending")
    return latest


def _is_settled(session: SessionView) -> bool:
    return session.status != "running" or is_guard_in_sync(session)


def _not_confirmed(session: SessionView, now: int) -> str:
    own, asked = clock_time(session.guard_deadline_at or 0, now), clock_time(session.deadline_at or 0, now)
    return f"{session.name} has not confirmed the new deadline, {asked}, yet and would end itself at {own}"
