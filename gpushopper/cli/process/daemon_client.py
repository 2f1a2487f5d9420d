"""Open the daemon's client for a command; it starts the daemon on demand, and the sandbox with `--sandbox`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.cli.process.homes import prepare
from gpushopper.client import Client

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.client import Starter


def open_client(app: App) -> Client:
    """A client that starts the daemon on demand, and restarts an older one or one without keys."""

    def restart_with_keys(providers: list[str]) -> bool:
        from gpushopper.cli.process.keyless_daemon import replace_keyless

        return replace_keyless(app, providers)

    def note_waiting() -> None:
        app.note("the daemon is busy with other commands: waiting ...")

    prepare_home(app)
    if app.home.host:
        from gpushopper.cli.process.lab.lab_client import LabClient

        return LabClient(app.home, note_waiting)
    return Client(app.home, _starter(app, "start"), _starter(app, "restart"), restart_with_keys, note_waiting, app.note)


def _starter(app: App, what: str) -> Starter:
    def run(why: str) -> None:
        from gpushopper.cli.process import daemon_process

        if what == "restart":
            app.note(f"restarting the daemon: {why} ...")
            daemon_process.stop(app)
        else:
            note_start(app, why)
        daemon_process.start(app.home)

    return run


def note_start(app: App, why: str) -> None:
    """Say what is waited for; `why`: that it is not the first time."""
    app.note(f"starting the daemon{' ' + why if why else ''} ...")


def prepare_home(app: App) -> None:
    """With `--sandbox`, start the sandbox unless it runs; a real home needs no preparation."""

    def start_sandbox() -> None:
        from gpushopper.cli.process.sandbox_process import ensure_sandbox

        ensure_sandbox(app)

    prepare(app.use_sandbox, start_sandbox)
