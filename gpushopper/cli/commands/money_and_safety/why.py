"""`why`: what would end a session and when, who does it, what is in use, and what is not known; `--replay` tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.output.endings import why_view
from gpushopper.cli.output.text_format import clock_time
from gpushopper.cli.terminal_text import clean

if TYPE_CHECKING:
    from gpushopper.wire import EventView, WhyView

OF_ITS_END = frozenset({
    "ending", "ending_withdrawn", "self_ended", "idle", "unwatched", "limits_set", "run_end_allowed",
    "run_end_withdrawn", "extended", "ended", "end_requested", "ready", "closed", "missing", "reappeared",
    "landing", "pulled", "pull_failed", "not_pulled", "ends_soon", "compacted",
})  # fmt: skip
"""Events that a replay tells."""
AT_ONCE = 500
"""Events that are asked for in one request."""


@click.command("why", cls=Command)
@click.argument("name", required=False)
@click.option("--replay", is_flag=True, help="Its whole history: when it was in use, and what ended it.")
@click.pass_obj
def why(app: App, name: str | None, replay: bool) -> None:
    """Show what would end a session and when, who does it, and what is done before.

    Each sign of use is shown with its value and when it was last in use. Of an ended session, --replay shows what
    ended it.
    """
    session = session_argument.to_show(app, name)
    found = app.client.why(session.id, replay=replay)
    events = _events(app, session.id) if replay else []
    if app.output == "json":
        tables.document(app, why=found, events=events)
        return
    if app.output in ("jsonl", "csv", "name"):
        _print_rows(app, found, replay)
        return
    why_view.print_why(app, found, session)
    if replay:
        why_view.print_history(app, found)
        _print_events(app, events, found.now)
    elif found.status != "running":
        app.note(f"what it did and what ended it: gpu-shopper why {found.name} --replay")


def _print_rows(app: App, found: WhyView, replay: bool) -> None:
    """The table as rows: what would end it; with --replay the times in which the same was in use."""
    if replay:
        tables.rows(app, "history", found.history, (), name="kind")
    else:
        tables.rows(app, "ends", found.ends, ())


def _events(app: App, session_id: str) -> list[EventView]:
    found: list[EventView] = []
    page = app.client.events(session=session_id, limit=AT_ONCE)
    while page.events:
        found += [event for event in page.events if event.kind in OF_ITS_END]
        page = app.client.events(session=session_id, after=page.events[-1].id, limit=AT_ONCE)
    return found


def _print_events(app: App, events: list[EventView], now: int) -> None:
    before = ""
    for event in events:
        if event.text == before:
            continue
        before = event.text
        tables.sentences([f"{clock_time(event.at, now)}  {clean(app.with_sandbox_flag(event.text))}"])
