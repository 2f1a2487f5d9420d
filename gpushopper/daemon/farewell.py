"""What a stopping daemon says: which sessions may still bill, and until when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from gpushopper.engine.engine import Engine
    from gpushopper.wire import SessionView

_log = structlog.get_logger(__name__)


def say_what_may_bill(engine: Engine, say: Callable[[str], None]) -> None:
    """List every open session with its deadline and with who keeps it while no daemon runs."""
    held = engine.sessions(None, None, True).sessions
    for session in held:
        text = describe(session)
        _log.warning("may still bill", session=session.id, text=text)
        say(text)
    say("stopped; nothing was ended" if held else "stopped; nothing is rented")


def describe(session: SessionView) -> str:
    """One line: `may still bill: train (vast RTX 4090), deadline 18:00; kept by the instance itself`."""
    until = "no deadline"
    if session.deadline_at is not None:
        local = datetime.fromtimestamp(session.deadline_at / 1e6, UTC).astimezone()
        until = f"deadline {local:%Y-%m-%d %H:%M}"
    guarded = "I" in session.guards.split("+")
    keeper = "the instance itself" if guarded else "nobody until a daemon runs again"
    return f"may still bill: {session.name} ({session.provider} {session.gpu}), {until}; kept by {keeper}"
