"""Decides with which probe agent and limits are brought to an instance, and how often."""

from __future__ import annotations

from gpushopper.core.lifecycle.ends.idle_watch import STARTING
from gpushopper.core.lifecycle.ends.limits_line import limits_line, must_bring
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.heartbeat import Brought, Heartbeat
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.part_interface import Account
from gpushopper.store import sessions

TICKS = 2
"""After so many ticks of the guard a login that cannot become root asks again."""


class PartsDelivery:
    """In memory only: the first heartbeat after a start shows what each instance has."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._wanted: dict[str, str] = {}
        """The limits that the next probe of an attempt brings."""
        self._tried: dict[str, tuple[str, int]] = {}
        """The limits that were brought last, and when the same may be brought again, in µs of the boot clock."""

    def take(self, attempt_id: str) -> str:
        """The limits to bring with the probe that begins now; empty for none."""
        return self._wanted.pop(attempt_id, "")

    def on_heartbeat(self, attempt: Attempt, found: Heartbeat, now: ClockSnapshot) -> bool:
        """Note whether the next probe must bring anything; then it is due at once."""
        remote = self.account.ctx.remote
        if remote is None or not attempt.is_wanted:
            return False
        session = sessions.load_session(self.account.ctx.store, attempt.session_id)
        if session is None:
            return False
        line = limits_line(session, attempt, self.account.policy)
        tried, not_before = self._tried.get(attempt.id, ("", 0))
        if tried == line and not_before > now.boot:
            return False
        if not must_bring(attempt, found.guard, line, remote.parts_digest()):
            return False
        self._wanted[attempt.id] = line
        return True

    def on_tried(self, attempt_id: str, line: str, brought: Brought | None, now: ClockSnapshot) -> None:
        """These limits were brought, or could not be: the same are not brought again at once.

        Also where they could: what the instance says that it has may be a lie, each time another one. Where root takes
        them over at a tick of the guard, the next try shows whether it has.
        """
        policy = self.account.policy
        is_later = brought is not None and brought.problem == STARTING
        pause_s = TICKS * policy.guard_tick_s if is_later else policy.guard_backoff_s
        self._tried[attempt_id] = (line, now.boot + us(pause_s))

    def forget(self, attempt_id: str) -> None:
        """The attempt is closed, or has another instance."""
        self._wanted.pop(attempt_id, None)
        self._tried.pop(attempt_id, None)
