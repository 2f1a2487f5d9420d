"""Wait until a session's instance has confirmed a change: what `extend` and `set` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gpushopper.cli.app import App
from gpushopper.cli.output.progress_display import progress_for
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.errors import NotVerified

if TYPE_CHECKING:
    from gpushopper.wire import SessionView


def await_confirmation(
    app: App,
    session: SessionView,
    what: str,
    limit_us: int,
    is_settled: Callable[[SessionView], bool],
    problem: Callable[[SessionView], str],
) -> SessionView:
    """The session once it is settled; `what` is sent to its instance, and the daemon goes on sending it.

    Raises:
        NotVerified: it did not confirm in time; `problem` says what that means.
    """
    latest = [session]
    if is_settled(session):
        return session

    def is_done() -> bool:
        latest[:] = [app.client.session(session.id)]
        return is_settled(latest[0])

    see = f"see: gpu-shopper get {session.name}"
    app.interrupt_hint = f"{what} is recorded; whether the instance has confirmed it, {see}"
    try:
        with progress_for(app) as progress:
            progress.step("sending", f"sending {what} to {session.name}'s instance")
            poll(is_done, limit_us / SECOND)
    except WaitTimeout as timeout:
        raise NotVerified(problem(latest[0]), f"the daemon keeps trying; {see}") from timeout
    app.interrupt_hint = ""
    return latest[0]
