"""`doctor`: what could keep renting or ending from working, and what to do about it; it changes nothing."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from gpushopper import __version__
from gpushopper.cli.app import App
from gpushopper.cli.commands.set_up import doctor_checks
from gpushopper.cli.commands.set_up.doctor_checks import Check, check
from gpushopper.cli.commands.set_up.trial import trial
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.input.durations import DOLLARS
from gpushopper.cli.input.options import YES
from gpushopper.cli.output import tables
from gpushopper.cli.output.disk_space import disk_warning
from gpushopper.cli.output.text_format import ago, plural
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.process import daemon_process
from gpushopper.cli.process.sandbox_process import containment_problem
from gpushopper.errors import ProblemsFound, ShopperError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpushopper.wire import ProviderStatus

FIRST_ANSWER_S = 15.0
"""How long a cloud that the daemon has just begun to ask may take."""


def _state(row: Check) -> str:
    if not row["ok"]:
        return "problem"
    return "optional" if row.get("optional") else "ok"


COLUMNS = (
    tables.Column("CHECK", lambda row: row["name"]),
    tables.Column("STATE", _state, whole=True),
    tables.Column("WHAT", lambda row: row["text"], wraps=True),
)


@click.command("doctor", cls=Command)
@click.option("--trial", "cloud", metavar="CLOUD", help="Rent its cheapest offer for some minutes, check it, end it.")
@click.option("--max-usd", "most", type=DOLLARS, metavar="N", help="The most that a trial may cost.")
@YES
@click.pass_obj
def doctor(app: App, cloud: str | None, most: int | None, yes: bool) -> None:
    """Check keys, clouds, clock, ssh, disk, keyring, daemon, records and settings. Exits 9 when something is wrong.

    It reads only: nothing is rented, ended or repaired. What to do about a problem stands below the table. What is
    optional is not there, and nothing that bills depends on it.

    --trial CLOUD --max-usd 1 spends money: it rents the cheapest offer there for half an hour at most, with a budget
    and a deadline of its own, looks for label, guard, ssh and a moved deadline, and ends it with proof and cost.
    """
    app.shows_alarms = False  # they are one of the checks
    if cloud is not None and most is not None:
        show_checks(app, trial(app, cloud, most, yes))
        return
    if cloud is not None or most is not None:
        hint = "write, for instance: gpu-shopper doctor --trial vast --max-usd 1"
        raise UsageError("--trial CLOUD and --max-usd N belong together", hint)
    found = daemon_process.run_one_shot_job(app.home, "doctor")
    clouds, ahead_us = _clouds(app, found["checks"])
    show_checks(app, [*found["checks"], *_own_checks(app, ahead_us), *clouds])


def show_checks(app: App, rows: list[Check]) -> None:
    """The checks as a table, and what to do below it; ProblemsFound where there is a problem."""
    checks = [_pasted(app, row) for row in rows]
    tables.rows(app, "checks", checks, COLUMNS)
    problems = [row for row in checks if not row["ok"]]
    if not app.as_json:
        _print_hints(app, [*problems, *(row for row in checks if row["optional"])])
    if problems:
        raise ProblemsFound(f"{plural(len(problems), 'problem')} found", "see the lines above")


def _print_hints(app: App, rows: list[Check]) -> None:
    """What to do about each; where the table is in a file, and this in a mail, also what is wrong."""
    is_above = app.is_terminal(sys.stdout) and app.output in ("table", "wide")
    for row in rows:
        what = f"{row['name']}{' (optional)' if row['optional'] else ''}"
        said = (row["hint"],) if is_above and row["hint"] else (row["text"], row["hint"])
        app.note(f"{what}: {'; '.join(filter(None, said))}")


def _pasted(app: App, row: Check) -> Check:
    """A row whose commands work when pasted, in a table and in JSON."""
    said = {name: app.with_sandbox_flag(row[name]) for name in ("text", "hint")}
    return {**row, **said, "optional": row.get("optional", False)}


def _own_checks(app: App, ahead_us: list[int]) -> Iterator[Check]:
    yield doctor_checks.ssh()
    yield doctor_checks.clock(app.now(), ahead_us)
    yield doctor_checks.namespaces(containment_problem())
    yield doctor_checks.unit()
    warning = disk_warning(app.home)
    yield check("disk", not warning, warning or "there is room", "free some space")
    try:
        running = app.client_without_start().status()
    except ShopperError:
        yield check("daemon", True, "none runs; the next command starts one")
        return
    is_same = running.version == __version__
    text = f"version {running.version}, process {running.pid}"
    yield check("daemon", is_same, text, f"this command is {__version__}; run: gpu-shopper daemon restart")
    yield from doctor_checks.members(getattr(running, "group_socket", ""), getattr(running, "group_problem", ""))


def _clouds(app: App, known: list[Check]) -> tuple[list[Check], list[int]]:
    """Whether each cloud with a key answers: as the daemon sees it, or by reading its list now.

    Also how far our clock is ahead of those that told a date, in µs.
    """
    if app.client_without_start().is_up():
        rows = _asked(app)
        now = app.now().wall
        ahead_us = [row.clock_off_us for row in rows if row.clock_off_us is not None]
        return [_account(row, now) for row in rows if row.state != "keyless"], ahead_us
    usable = [row["name"].removeprefix("key ") for row in known if row["ok"] and row["name"].startswith("key ")]
    if not usable:
        return [], []
    try:
        found = daemon_process.run_one_shot_job(app.home, "audit")
    except ShopperError as error:
        return [check("clouds", False, error.message, error.hint)], []
    unavailable = found["unavailable"]
    answered = [
        check(f"cloud {name}", name not in unavailable, why := unavailable.get(name, "answers"), _hint(name, why))
        for name in usable
    ]
    return answered, list(found["clock_off_us"].values())


def _hint(name: str, why: str) -> str:
    online = "" if why.startswith(f"{name} refuses ") else "are you online? "
    return f"{online}its key: gpu-shopper keys test {name}"


def _asked(app: App) -> list[ProviderStatus]:
    """The clouds once each has answered the daemon or refused: one that was just started knows of no problem yet."""
    found: list[ProviderStatus] = []
    client = app.client_without_start()  # any other may restart it, for a key that only this command has

    def is_known() -> bool:
        found[:] = client.providers().providers
        return all(row.state != "starting" for row in found)

    with suppress(WaitTimeout):
        poll(is_known, FIRST_ANSWER_S)
    return found


def _account(row: ProviderStatus, now: int) -> Check:
    at = row.last_complete_list_at
    seen = f"{row.state}, its list was complete {ago(at, now)}" if at else row.state
    text = f"{seen}; {row.detail}" if row.detail else seen
    hint = row.key_hint or f"are you online? its key: gpu-shopper keys test {row.name}"
    return check(f"cloud {row.name}", row.state == "ready", text, hint)
