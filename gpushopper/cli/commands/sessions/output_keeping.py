"""Before sessions end: have the daemon fetch the outputs of their runs, side by side, for a short time (ends.md E8)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from gpushopper.cli.app import App
from gpushopper.errors import ShopperError

if TYPE_CHECKING:
    from gpushopper.wire import SessionView

AT_ONCE = 3
"""Fewer than the daemon lets wait for others at a time."""
LIMIT_S = 25
"""For all of them: the end must not wait for long."""


def keep_outputs(app: App, ending: list[SessionView]) -> None:
    """What cannot be fetched is said, and lost: it does not stop the end."""
    there = [each for each in ending if each.ssh_host and each.status == "running" and each.health in ("", "ok")]
    if not there:
        return
    app.interrupt_hint = "nothing was ended yet: the outputs of runs were being fetched; --force does not wait for it"
    pool = ThreadPoolExecutor(AT_ONCE)
    asked = {session.name: pool.submit(_problem, app, session) for session in there}
    wait(asked.values(), timeout=LIMIT_S)
    app.interrupt_hint = ""
    for name, answer in asked.items():
        problem = answer.result() if answer.done() else f"not fetched within {LIMIT_S} s"
        if problem:
            app.note(f"{name}: not all outputs of its runs are kept: {problem}")
    pool.shutdown(wait=False, cancel_futures=True)


def _problem(app: App, session: SessionView) -> str:
    try:
        return app.client.keep_outputs(session.id).problem
    except ShopperError as error:
        return error.message
