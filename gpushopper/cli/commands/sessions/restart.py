"""`restart`: restart a session's instance in place, where its cloud can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.input.options import DRY_RUN, YES
from gpushopper.cli.input.prompts import confirm
from gpushopper.cli.output import tables
from gpushopper.cli.output.session_views import money_line
from gpushopper.cli.output.text_format import when

if TYPE_CHECKING:
    from gpushopper.wire import WhyView


@click.command("restart", cls=Command)
@click.argument("name", required=False)
@DRY_RUN
@YES
@click.pass_obj
def restart(app: App, name: str | None, dry_run: bool, yes: bool) -> None:
    """Restart a session's instance in place, where its cloud has a call for it.

    Its disk, label, guard and deadline stay, and it bills on. Whatever runs there ends: runs are shown as lost,
    and one that was started with --rm then ends the session.
    """
    session = session_argument.to_act_on(app, name, asks=yes)
    app.client.restart(session.id, dry_run=True)  # a cloud that cannot says so before anything is asked
    end = when(session.deadline_at, app.now().wall)
    if not app.as_json:
        app.note(f"to restart: {session.name} on {session.provider}; whatever runs there ends, and runs are lost")
        app.note(f"its disk and its deadline stay, {end}; it bills on: {money_line(session)}")
        for line in _ending_runs(app.client.why(session.id)):
            app.note(line)
    if dry_run:
        if app.as_json:
            tables.document(app, dry_run=True, session=session.name)
        else:
            app.note("Nothing was done (--dry-run).")
        return
    confirm(app, f"Restart {session.name}?", yes)
    app.interrupt_hint = f"{session.name} may restart; see: gpu-shopper get {session.name}"
    app.client.restart(session.id)
    app.interrupt_hint = ""
    if app.as_json:
        tables.document(app, session=session.name, restarted=True)
        return
    app.note(f"{session.name} restarts; once it is back: gpu-shopper ssh {session.name}")


def _ending_runs(found: WhyView) -> list[str]:
    """What it means for runs with --rm: lost, they end the session as if they had ended (ends.md E6)."""
    ending = [end.run for end in found.ends if end.name == "run"]
    if not ending:
        return []
    keep = f"gpu-shopper run stop {found.name} {ending[-1]} --keep"
    which = f"{ending[-1]} was" if len(ending) == 1 else f"{', '.join(ending[-3:])} were"
    return [
        f"{which} started with --rm: lost by the restart, that ends {found.name}, with its disk; to keep it: {keep}"
    ]
