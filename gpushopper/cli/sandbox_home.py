"""Which home folder a command works in: the user's own, or the practice market's inside it (S26, S27)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.paths import Home, find_home

if TYPE_CHECKING:
    from gpushopper.cli.app import App


def choose_home(practice: bool) -> Home:
    """The user's home, or with `--sandbox` the complete home of the practice market in it."""
    home = find_home()
    return Home(data=home.sandbox, config=home.sandbox) if practice else home


def prepare_home(app: App, practice: bool) -> None:
    """Start the practice market where a command is about to need it; a real home needs nothing."""
    if practice:
        from gpushopper.cli.sandbox_market import ensure_market

        ensure_market(app)
