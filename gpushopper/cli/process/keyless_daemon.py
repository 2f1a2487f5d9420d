"""Restart a daemon that lacks a key which this command's environment or keyring has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.cli.process import daemon_process
from gpushopper.cli.process.homes import environment
from gpushopper.cli.process.supervisor.installed import installed_manager
from gpushopper.errors import ShopperError
from gpushopper.paths import BUS_VARIABLE

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import KeyEnvironment

COMPARED = frozenset({BUS_VARIABLE, "PYTHON_KEYRING_BACKEND"})
"""Variables whose value decides which keyring is found; all others that the daemon names hold a key, or part of one."""


def replace_keyless(app: App, lacking: list[str]) -> bool:
    """Restart the daemon from here if that gives it a key it lacks and loses none; returns whether it was restarted.

    Two commands cannot restart it in turns: each restart only adds keys, and a daemon with the same environment as
    ours is left alone.
    """
    if installed_manager(app.home) is not None:
        return False  # the service manager would start it without this shell's variables, again and again
    try:
        theirs = app.client_without_start().key_environment()
        rows = daemon_process.run_one_shot_job(app.home, "keys-list")["keys"] if _sees_more(app, theirs) else []
    except ShopperError:
        return False  # the command itself will fail in the same way, and report it
    here = {row.provider for row in rows if row.state == "ok"}
    # What it really holds: another cloud that is known, and disabled or unused, is no key to lose.
    if not here & set(lacking) or set(theirs.held) - here:
        return False
    gained = ", ".join(sorted(here & set(lacking)))
    app.note(f"restarting the daemon: it has no key of {gained}, and this command has one ...")
    daemon_process.stop(app)
    daemon_process.start(app.home)
    return True


def _sees_more(app: App, theirs: KeyEnvironment) -> bool:
    """Whether our environment differs from the daemon's in a variable that decides which keys are found."""
    ours = environment(app.home)

    def comparable(name: str) -> str:
        value = ours.get(name, "")
        return "set" if value and name not in COMPARED else value  # a key itself is never compared (I21)

    return any(comparable(name) != value for name, value in theirs.variables.items())
