"""A daemon without keys never stands in the way of a command that can reach them (architecture 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.cli.process import daemon_process
from gpushopper.cli.process.homes import environment
from gpushopper.errors import ShopperError

if TYPE_CHECKING:
    from gpushopper.cli.app import App


def replace_keyless(app: App, lacking: list[str]) -> bool:
    """Restart the daemon from here if that gives it a key it lacks, and takes none away; whether that was done.

    It cannot go round in circles: the keys that a daemon has only ever become more by this, and a daemon that was
    started from the same surroundings is not even asked about.
    """
    try:
        rows = daemon_process.once(app.home, "keys-list")["keys"] if _sees_more(app) else []
    except ShopperError:
        return False  # the command itself will meet what is wrong, and say it
    here = {row.provider for row in rows if row.state == "ok"}
    held = {row.provider for row in rows} - set(lacking)
    if not here & set(lacking) or held - here:
        return False
    app.note(f"restarting the daemon: it has no key of {', '.join(sorted(here & set(lacking)))}, and here is one ...")
    daemon_process.stop(app)
    daemon_process.start(app.home)
    return True


def _sees_more(app: App) -> bool:
    """Whether our surroundings differ from the daemon's in anything that leads to keys."""
    ours = environment(app.home)

    def reach(name: str) -> str:
        value = ours.get(name, "")
        return "set" if value and name.endswith("_API_KEY") else value  # a key itself is never compared (I21)

    return any(reach(name) != theirs for name, theirs in app.quiet_client().key_environment().variables.items())
