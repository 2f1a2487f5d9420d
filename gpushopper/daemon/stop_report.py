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


def report_open_sessions(engine: Engine, say: Callable[[str], None]) -> None:
    """List every open session with its deadline and with who keeps it while no daemon runs."""
    held = engine.sessions(None, None, True).sessions
    for session in held:
        text = describe_open_session(session)
        _log.warning("may still bill", session=session.id, text=text)
        say(text)
    say("stopped; nothing was ended" if held else "stopped; nothing is rented")


def describe_open_session(session: SessionView) -> str:
    """One line: `may still bill: train (vast RTX 4090), deadline 18:00; kept by the instance itself`."""
    until = "no deadline" if session.deadline_at is None else f"deadline {_local(session.deadline_at)}"
    return f"may still bill: {session.name} ({session.provider} {session.gpu}), {until}; kept by {_keeper(session)}"


def _keeper(session: SessionView) -> str:
    if "I" not in session.guards.split("+"):
        in_doubt = "" if session.guard_deadline_at is None else " for sure"
        return f"nobody{in_doubt} until a daemon runs again"
    if session.guard_in_sync or session.guard_deadline_at is None:
        return "the instance itself"
    return f"the instance itself, which has not heard of it yet and ends at {_local(session.guard_deadline_at)}"


def _local(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e6, UTC).astimezone():%Y-%m-%d %H:%M}"
