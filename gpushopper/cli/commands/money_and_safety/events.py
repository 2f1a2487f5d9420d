"""`events`: show the history in order; with --follow also new events."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.input.durations import parse_date, parse_span
from gpushopper.cli.output import tables
from gpushopper.cli.output.json_output import line
from gpushopper.cli.output.text_format import log_time
from gpushopper.cli.terminal_text import clean
from gpushopper.client import JsonObject
from gpushopper.errors import UsageError

if TYPE_CHECKING:
    from gpushopper.wire import EventView

PAGE = 500
POLL_INTERVAL_S = 0.5


@click.command("events", cls=Command)
@click.option("-f", "--follow", is_flag=True, help="Show new events until Ctrl-C.")
@click.option("--since", metavar="TIME", help="Only since 2h ago, or since an RFC 3339 time.")
@click.option("--until", metavar="TIME", help="Only until then, in the same form.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind, such as ready; or repeated.")
@click.option("-s", "--session", "ref", metavar="NAME", help="Only this session.")
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True, help="Only the last N.")
@click.pass_obj
def events(
    app: App, follow: bool, since: str | None, until: str | None, kinds: tuple[str, ...], ref: str | None, limit: int
) -> None:
    """Show what happened, in order.

    Half a year after a session's end only the acts of the audit log are kept of it.
    """
    if follow and until is not None:
        raise UsageError("give --follow or --until, not both", "see: gpu-shopper events --help")
    if follow and app.output == "csv":
        raise UsageError("--follow prints lines, no table", "use -o jsonl", code="no_table")
    start, end = _time(app, since, "--since"), _time(app, until, "--until")
    session = "" if ref is None else session_argument.to_show(app, ref).id
    names = _Names(app)
    found, cursor = _read_all(app, session)
    found = [event for event in found if event.at >= (start or 0) and (end is None or event.at <= end)]
    there = {event.kind for event in found}
    found = [event for event in found if not kinds or event.kind in kinds][-limit:]
    if not follow and app.output in ("json", "csv"):
        tables.rows(app, "events", found, (), name="id", next=cursor)
        return
    _print(app, found, names)
    if not found and not follow and app.output in ("table", "wide"):
        app.note(f"No such event; the kinds of that time: {', '.join(sorted(there))}." if there else "No events.")
    while follow:
        threading.Event().wait(POLL_INTERVAL_S)
        # A daemon killed in between is started again; the cursor is kept here, so no event is missed (S20).
        page = app.client.events(after=cursor, limit=PAGE, session=session)
        cursor = page.next
        _print(app, [event for event in page.events if not kinds or event.kind in kinds], names)


class _Names:
    """Names of sessions by id; the list is fetched again when an unknown id appears."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._known: dict[str, str] = {}

    def of(self, session: str) -> str:
        if session not in self._known:
            self._known = {found.id: found.name for found in self._app.client.sessions().sessions}
        return self._known.setdefault(session, session)


def _time(app: App, text: str | None, option: str) -> int | None:
    """A span ago, or a time, in wall µs."""
    if text is None:
        return None
    try:
        return app.now().wall - parse_span(text.removesuffix("ago").strip())
    except ValueError:
        pass
    try:
        return parse_date(text, option)
    except UsageError as error:
        raise UsageError(f"{option} {text} is neither a span nor a time", "write 2h or 2026-11-24T18:00:00Z") from error


def _read_all(app: App, session: str) -> tuple[list[EventView], int]:
    found: list[EventView] = []
    cursor = 0
    while True:
        page = app.client.events(after=cursor, limit=PAGE, session=session)
        found += page.events
        if len(page.events) < PAGE or page.next == cursor:
            return found, max(page.next, cursor)
        cursor = page.next


def _print(app: App, found: list[EventView], names: _Names) -> None:
    for event in found:
        if app.as_json:
            tables.out(line(cast(JsonObject, event)))
        elif app.output == "name":
            tables.out(str(event.id))
        else:
            about = names.of(event.session) if event.session else event.attempt or "-"
            text = f"{event.kind}: {event.text}" if event.text else event.kind
            tables.sentences([clean(f"{log_time(event.at)}  {about}  {text}")])
