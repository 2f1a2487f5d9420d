"""Before sessions end: have the daemon fetch the outputs of their runs, side by side, for a short time (ends.md E8)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from gpushopper.cli.app import App
from gpushopper.errors import ShopperError

if TYPE_CHECKING:
    from gpushopper.wire import SessionView

AT_ONCE = 3
"""Fewer than the daemon lets wait for others at a time."""


def keep_outputs(app: App, ending: list[SessionView]) -> None:
    """What cannot be fetched is said, and lost: it does not stop the end."""
    there = [session for session in ending if session.ssh_host and session.status == "running"]
    if not there:
        return
    app.interrupt_hint = "nothing was ended yet: the outputs of runs were being fetched; --force does not wait for it"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        problems = list(pool.map(lambda session: _problem(app, session), there))
    app.interrupt_hint = ""
    for session, problem in zip(there, problems, strict=True):
        if problem:
            app.note(f"{session.name}: not all outputs of its runs are kept: {problem}")


def _problem(app: App, session: SessionView) -> str:
    try:
        return app.client.keep_outputs(session.id).problem
    except ShopperError as error:
        return error.message
