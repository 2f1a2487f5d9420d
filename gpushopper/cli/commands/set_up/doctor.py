"""`doctor`: what could keep renting or ending from working, and what to do about it; it changes nothing."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from gpushopper import __version__
from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.output.disk_space import disk_warning
from gpushopper.cli.output.text_format import ago, plural
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.process import daemon_process
from gpushopper.errors import ProblemsFound, ShopperError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpushopper.wire import ProviderStatus

Check = dict[str, Any]
SSH_LIMIT_S = 10
FIRST_ANSWER_S = 15.0
"""How long a cloud that the daemon has just begun to ask may take."""
COLUMNS = (
    tables.Column("CHECK", lambda check: check["name"]),
    tables.Column("STATE", lambda check: "ok" if check["ok"] else "problem", whole=True),
    tables.Column("WHAT", lambda check: check["text"]),
)


@click.command("doctor", cls=Command)
@click.pass_obj
def doctor(app: App) -> None:
    """Check keys, clouds, daemon, disk, ssh, records and settings. Exits 9 when something is wrong.

    It reads only: nothing is rented, ended or repaired. What to do about a problem stands below the table.
    """
    app.shows_alarms = False  # they are one of the checks
    found = daemon_process.run_one_shot_job(app.home, "doctor")
    checks = [*found["checks"], *_own_checks(app), *_clouds(app, found["checks"])]
    tables.rows(app, "checks", checks, COLUMNS)
    problems = [check for check in checks if not check["ok"]]
    for check in problems:
        if not app.as_json:
            app.note(f"{check['name']}: {'; '.join(filter(None, (check['text'], check['hint'])))}")
    if problems:
        raise ProblemsFound(f"{plural(len(problems), 'problem')} found", "see the lines above")


def _own_checks(app: App) -> Iterator[Check]:
    yield _ssh()
    warning = disk_warning(app.home)
    yield _check("disk", not warning, warning or "there is room", "free some space")
    try:
        running = app.client_without_start().status()
    except ShopperError:
        yield _check("daemon", True, "none runs; the next command starts one")
        return
    is_same = running.version == __version__
    text = f"version {running.version}, process {running.pid}"
    yield _check("daemon", is_same, text, f"this command is {__version__}; run: gpu-shopper daemon restart")


def _ssh() -> Check:
    """OpenSSH: without it no instance can be used, nor its guard be confirmed."""
    program = shutil.which("ssh")
    if program is None:
        return _check("ssh", False, "there is no program ssh", "install OpenSSH (Debian: apt install openssh-client)")
    try:
        done = subprocess.run(
            [program, "-V"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SSH_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return _check("ssh", False, f"{program} does not run: {error}", "install OpenSSH anew")
    version = (done.stderr or done.stdout).decode(errors="replace").strip()
    return _check("ssh", done.returncode == 0, version or program, "install OpenSSH anew")


def _clouds(app: App, known: list[Check]) -> list[Check]:
    """Whether each cloud with a key answers: as the daemon sees it, or by reading its list now."""
    if app.client_without_start().is_up():
        rows = _asked(app)
        now = app.now().wall
        return [_account(row, now) for row in rows if row.state != "keyless"]
    usable = [check["name"].removeprefix("key ") for check in known if check["ok"] and check["name"].startswith("key ")]
    if not usable:
        return []
    try:
        unavailable = daemon_process.run_one_shot_job(app.home, "audit")["unavailable"]
    except ShopperError as error:
        return [_check("clouds", False, error.message, error.hint)]
    hint = "are you online? its key: gpu-shopper keys test"
    return [_check(f"cloud {name}", name not in unavailable, unavailable.get(name, "answers"), f"{hint} {name}")
            for name in usable]  # fmt: skip


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
    return _check(f"cloud {row.name}", row.state == "ready", text, hint)


def _check(name: str, ok: bool, text: str, hint: str = "") -> Check:
    return {"name": name, "ok": ok, "text": text, "hint": "" if ok else hint}
