"""`adopt`: an instance that the user names by its id becomes a session with a deadline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command, add_options
from gpushopper.cli.input.durations import SPAN, Hours
from gpushopper.cli.input.options import DRY_RUN, YES, duration_or_deadline
from gpushopper.cli.input.prompts import confirm
from gpushopper.cli.output import tables
from gpushopper.cli.output.session_views import print_session
from gpushopper.cli.output.text_format import age, per_hour, when

if TYPE_CHECKING:
    from gpushopper.wire import AdoptView

END = (
    click.option("-t", "--hours", type=Hours(), metavar="N", help="Hours until it ends (default 1)."),
    click.option("--for", "span", type=SPAN, metavar="SPAN", help="The same as 90m, 1h30m, 2d."),
    click.option("--until", metavar="TIME", help="End at 18:00, or at an RFC 3339 time."),
)


@click.command("adopt", cls=Command)
@click.argument("instance", metavar="ID")
@add_options(END)
@click.option("-p", "--provider", metavar="NAME", help="Where it is, if several clouds or accounts show this id.")
@click.option("--name", metavar="NAME", help="The session's name (default: adopted-ID).")
@DRY_RUN
@YES
@click.pass_obj
def adopt(
    app: App,
    instance: str,
    hours: float | None,
    span: int | None,
    until: str | None,
    provider: str | None,
    name: str | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Make an instance that you name by its id end in time.

    For one that was rented without GPU Shopper, which audit shows as foreign: it becomes a session, whose deadline
    destroys it with its disk. It has no guard of ours, so that only this computer ends it. Its costs count from now.
    One with our label needs no word of yours: it is adopted when a list shows it.
    """
    from gpushopper.wire import AdoptRequest

    if dry_run:
        tables.refuse_csv(app, "adopt --dry-run")
    duration_us, deadline_at = duration_or_deadline(app, hours, span, until)
    request = AdoptRequest(instance, provider, duration_us, deadline_at, name)
    shown = app.client.adopt(replace(request, dry_run=True))
    now = app.now().wall
    if not app.as_json:
        app.note(_facts(shown, now))
        app.note(
            f"It will be destroyed {when(shown.deadline_at, now)}, with what is on its disk, by this computer alone."
        )
        app.note(_labelled(shown))
    if dry_run:
        if app.as_json:
            tables.document(app, dry_run=True, adoption=shown)
        else:
            app.note("Nothing was changed (--dry-run).")
        return
    confirm(app, "Adopt it?", yes)
    found = app.client.adopt(request)
    session = app.client.session(found.session)
    if shown.is_labelled and not found.is_labelled:
        app.note(f"warning: {found.provider} did not set its label: without this computer's records nothing ends it")
    if app.output == "table":
        text = f"{session.name} ends {when(session.deadline_at, now)}; see: gpu-shopper get {session.name}"
        tables.sentences([app.with_sandbox_flag(text)])
    else:
        print_session(app, session)


def _facts(found: AdoptView, now: int) -> str:
    gpu = f"{found.gpu_count}x {found.gpu}, " if found.gpu else ""
    made = "" if found.created_at is None else f", made {age(found.created_at, now)} ago"
    label = f", label {found.label}" if found.label else ", no label"
    return f"instance {found.instance_id} on {found.provider}: {gpu}{found.status}, {per_hour(found.rate)}{label}{made}"


def _labelled(found: AdoptView) -> str:
    if found.is_labelled:
        return "Its label becomes ours, by which it is known again."
    return f"{found.provider} cannot change its label: without this computer's records nothing ends it."
