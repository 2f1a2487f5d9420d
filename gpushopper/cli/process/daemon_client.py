"""The client of a command: it starts the daemon, and the practice market where that is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.client import Client

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.client import Starter


def open_client(app: App) -> Client:
    """A client that starts the daemon on demand, and replaces an older one or one without keys."""

    def restart_keyless(providers: list[str]) -> bool:
        from gpushopper.cli.process.keyless_daemon import replace_keyless

        return replace_keyless(app, providers)

    def on_wait() -> None:
        app.note("the daemon is busy with other commands: waiting for a place ...")

    prepare_home(app, app.practice)
    return Client(app.home, _starter(app, "start"), _starter(app, "restart"), restart_keyless, on_wait)


def _starter(app: App, what: str) -> Starter:
    def run(why: str) -> None:
        from gpushopper.cli.process import daemon_process

        if what == "restart":
            app.note(f"restarting the daemon: {why} ...")
            daemon_process.stop(app)
        else:
            app.note(f"starting the daemon{' ' + why if why else ''} ...")
        daemon_process.start(app.home)

    return run


def prepare_home(app: App, practice: bool) -> None:
    """Start the practice market where a command is about to need it; a real home needs nothing."""
    if practice:
        from gpushopper.cli.process.sandbox_process import ensure_market

        ensure_market(app)
