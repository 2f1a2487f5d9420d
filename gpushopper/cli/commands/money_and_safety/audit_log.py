"""`audit log`: every act that spent money or ended something, and with --verify whether the log is whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import json_output, tables
from gpushopper.cli.output.text_format import log_time, plural
from gpushopper.cli.terminal_text import clean
from gpushopper.client import JsonObject
from gpushopper.core.audit_chain import ACTS, Act, check_chain, check_events, read_line
from gpushopper.core.timing.clock_snapshot import MINUTE
from gpushopper.errors import NotFound, ProblemsFound, UsageError

PAGE = 1000
FRESH_US = MINUTE
"""An act is in the file seconds after it is in the database; while the disk is full, later."""
SHOWN_DIGITS = 16


@click.command("log", cls=Command)
@click.option("-s", "--session", "ref", metavar="NAME", help="Only this session.")
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True, help="Only the last N.")
@click.option("--verify", is_flag=True, help="Check that no line was changed, removed or put in. Exits 9 if one was.")
@click.option("--head", metavar="DIGEST", help="With --verify: a head noted down earlier must still be in the log.")
@click.pass_obj
def show_log(app: App, ref: str | None, limit: int, verify: bool, head: str | None) -> None:
    """Show every act that spent money or ended something, in order.

    The log is a file of its own, which only grows and outlives the database: each line holds a digest of the last.
    """
    if head is not None and (not verify or len(head) < SHOWN_DIGITS or set(head) - set("0123456789abcdef")):
        hint = f"write: gpu-shopper audit log --verify --head DIGEST, with {SHOWN_DIGITS} digits or more of it"
        raise UsageError("--head takes the digest that --verify has shown", hint)
    if verify:
        tables.refuse_csv(app, "audit log --verify")
        _verify(app, head or "")
        return
    session = "" if ref is None else session_argument.to_show(app, ref).id
    found = [line.act for text in _texts(app) if (line := read_line(text)) is not None]
    acts = [act for act in found if not session or act.session == session][-limit:]
    if app.output in ("json", "csv"):
        tables.rows(app, "acts", [_fields(act) for act in acts], (), name="event")
        return
    names = _names(app) if app.output in ("table", "wide") else {}
    for act in acts:
        _print(app, act, names)
    if not acts and app.output in ("table", "wide"):
        app.note("No act is recorded.")


def _texts(app: App) -> Iterator[str]:
    """The lines of the file, as its writer reads them, too."""
    try:
        with app.home.audit_log.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            for text in lines:
                yield text.rstrip("\n")
    except FileNotFoundError:
        hint = "it begins when a daemon runs: gpu-shopper daemon start"
        raise NotFound(f"there is no audit log yet: {app.home.audit_log}", hint) from None


def _fields(act: Act) -> JsonObject:
    return JsonObject(
        at=act.at, kind=act.kind, text=act.text, session=act.session, attempt=act.attempt, data=act.data,
        event=act.event, database=act.database,
    )  # fmt: skip


def _names(app: App) -> dict[str, str]:
    """The names of sessions, where a daemon is up: the log is readable without one."""
    client = app.client_without_start()
    return {each.id: each.name for each in client.sessions().sessions} if client.is_up() else {}


def _print(app: App, act: Act, names: Mapping[str, str]) -> None:
    if app.as_json:
        tables.out(json_output.line(_fields(act)))
    elif app.output == "name":
        tables.out(str(act.event))
    else:
        about = f"{names.get(act.session, act.session)}  " if act.session else ""
        tables.sentences([clean(f"{log_time(act.at)}  {about}{act.kind}: {act.text}")])


def _verify(app: App, head: str) -> None:
    """Check the chain, then compare its last database with the daemon's records."""
    fresh_at = app.now().wall - FRESH_US
    events, database = _events(app)
    texts = list(_texts(app))
    found = check_chain(texts, head)
    acts = [line.act for text in texts if (line := read_line(text)) is not None]
    problems = [*found.problems]
    if not found.has_head:
        problems.append(f"the head {head} is not in the log: it was written anew, or cut off")
    if database:
        problems += check_events([act for act in acts if act.database == database], events, fresh_at)
    if app.as_json:
        tables.document(
            app, ok=not problems, lines=found.lines, head=found.head, problems=problems, compared=len(events)
        )
    else:
        for problem in problems:
            tables.out(clean(problem))
        tables.out(f"{plural(found.lines, 'line')}, head {found.head[:SHOWN_DIGITS]}, in {app.home.audit_log}")
    if problems:
        raise ProblemsFound("the audit log is not whole", "compare it with a copy of it, and with: gpu-shopper events")
    app.note("Nothing was changed or removed. Note the head down elsewhere, to check against it later with --head.")


def _events(app: App) -> tuple[Sequence[Act], str]:
    """The database's own events that are acts, and what it is called in the log."""
    found: list[Act] = []
    cursor, database = 0, ""
    while True:
        page = app.client.events(after=cursor, limit=PAGE)
        database = page.database
        found += [
            Act(database, each.id, each.at, each.kind, each.text, each.session, each.attempt, dict(each.data))
            for each in page.events
            if each.kind in ACTS
        ]
        if not page.events or page.next == cursor:
            return found, database
        cursor = page.next
