"""What a stopping daemon reports: sessions that may still bill, their deadlines, and what enforces these meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from gpushopper.clouds import console_of
from gpushopper.log import SAID

if TYPE_CHECKING:
    from gpushopper.wire import SessionView

_said = structlog.get_logger(__name__ + SAID)


def report_open_sessions(open_sessions: Sequence[SessionView], print_line: Callable[[str], None]) -> None:
    """Print and log one line for each open session, and a last one."""
    for session in open_sessions:
        text = describe_open_session(session)
        _said.warning("may still bill", session=session.id, text=text)
        print_line(text)
    print_line("stopped; nothing was ended" if open_sessions else "stopped; nothing is rented")


def describe_open_session(session: SessionView) -> str:
    """One line: `may still bill: train (vast RTX 4090), deadline 18:00; enforced by its guard`."""
    until = "no deadline" if session.deadline_at is None else f"deadline {_local(session.deadline_at)}"
    what = f"{session.name} ({session.provider} {session.gpu})"
    return f"may still bill: {what}, {until}; enforced by {_enforcer(session)}"


def _enforcer(session: SessionView) -> str:
    """What ends the session at its deadline while no daemon runs."""
    if not {"I", "P"} & set(session.guards.split("+")):
        unconfirmed = "" if session.guard_deadline_at is None else " (its guard is unconfirmed)"
        by_hand = console_of(session.cloud or session.provider)
        return f"nothing until a daemon runs again{unconfirmed}; by hand: {by_hand}"
    if session.guard_in_sync or session.guard_deadline_at is None:
        return "its guard"
    return f"its guard, which has not confirmed it yet and ends the instance at {_local(session.guard_deadline_at)}"


def _local(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e6, UTC).astimezone():%Y-%m-%d %H:%M}"
