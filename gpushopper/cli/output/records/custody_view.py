"""Print what hosts were given, and what of it to rotate."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gpushopper.cli.output import tables
from gpushopper.cli.output.plan_view import print_sentences
from gpushopper.cli.output.text_format import clock_time
from gpushopper.cli.terminal_text import clean

if TYPE_CHECKING:
    from gpushopper import wire
    from gpushopper.cli.app import App

REACHED = {
    "cloud": "the cloud alone: its create made no instance",
    "unknown": "perhaps a host: it is not known whether its create made an instance",
}
OF_OURS = "Of its own, GPU Shopper sends no key of a cloud and no private ssh key."


def nothing_sent(name: str, host: str) -> str:
    """That nothing was sent, of what was asked: a session, a host, or both, or all there is."""
    to = f"host {host}" if host else "any host"
    return f"Nothing was sent to {to}{f' by {name}' if name else ''}."


def print_custody(app: App, found: wire.Custody, name: str, host: str) -> None:
    """A block for each host, then what to rotate; `name` and `host` are those that were asked for."""
    if not found.hosts:
        tables.out(clean(nothing_sent(name, host)))
        return
    now = app.now().wall
    for row in found.hosts:
        print_sentences(app, [clean(heading(row, now))], sys.stdout)
        tables.facts(facts_of(row, now))
        tables.out("")
    if found.rotate:
        print_sentences(app, [clean(f"If {_whose(found)} is hostile, rotate: {', '.join(found.rotate)}")], sys.stdout)
    if found.look_at:
        print_sentences(app, [clean(f"Rotate what is secret in: {', '.join(found.look_at)}")], sys.stdout)
    print_sentences(app, [OF_OURS], sys.stdout)


def _whose(found: wire.Custody) -> str:
    return "the host" if len({(row.cloud, row.host) for row in found.hosts}) == 1 else "one of these hosts"


def heading(row: wire.CustodyRow, now: int) -> str:
    """`night: vast host 4471 (Texas, US), instance 33400001, 18:00 to 20:00`."""
    place = f" ({row.region})" if row.region else ""
    host = f"host {row.host}{place}" if row.host else f"a host it does not name{place}"
    where = f"{row.provider} {host}, instance {row.instance_id}" if row.reached == "host" else REACHED[row.reached]
    until = f" to {clock_time(row.ended_at, now)}" if row.ended_at else ", still there"
    times = "" if row.sent_at is None else f", {clock_time(row.sent_at, now)}{until if row.reached == 'host' else ''}"
    return f"{row.name}: {where}{times}"


def facts_of(row: wire.CustodyRow, now: int) -> list[tuple[str, object]]:
    """What it was given, one line each."""
    files = [item for item in row.sent if item.kind == "file"]
    shown = [f"{item.name} to {item.target} ({item.means}, {clock_time(item.at, now)})" for item in files]
    return [
        ("  variables", ", ".join(row.variables)),
        ("  login", f"at {row.registry}" if row.registry else ""),
        ("  script", "of --before-end" if row.has_hook else ""),
        *(("  file" if place == 0 else "  ", text) for place, text in enumerate(shown)),
        ("  ssh key", "the public one of this session alone" if row.reached == "host" else ""),
    ]
