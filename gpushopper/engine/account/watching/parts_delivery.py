"""Decides with which probe agent and limits are brought to an instance; what fails is tried again after a while."""

from __future__ import annotations

from gpushopper.core.lifecycle.ends.limits_line import limits_line, must_bring
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.heartbeat import Heartbeat
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.part_interface import Account
from gpushopper.store import sessions


class PartsDelivery:
    """In memory only: the first heartbeat after a start shows what each instance has."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._wanted: dict[str, str] = {}
        """The limits that the next probe of an attempt brings."""
        self._not_before: dict[str, int] = {}
        """When the next try may be made after one that failed, in µs of the boot clock."""

    def take(self, attempt_id: str) -> str:
        """The limits to bring with the probe that begins now; empty for none."""
        return self._wanted.pop(attempt_id, "")

    def on_heartbeat(self, attempt: Attempt, found: Heartbeat, now: ClockSnapshot) -> bool:
        """Note whether the next probe must bring anything; then it is due at once."""
        remote = self.account.ctx.remote
        if remote is None or not attempt.is_wanted or self._not_before.get(attempt.id, now.boot) > now.boot:
            return False
        session = sessions.load_session(self.account.ctx.store, attempt.session_id)
        if session is None:
            return False
        line = limits_line(session, self.account.policy)
        if not must_bring(attempt, found.guard, line, remote.parts_digest()):
            return False
        self._wanted[attempt.id] = line
        return True

    def on_tried(self, attempt_id: str, *, is_brought: bool, now: ClockSnapshot) -> None:
        """A try is over; after one that failed the next is not made at once."""
        if is_brought:
            self._not_before.pop(attempt_id, None)
        else:
            self._not_before[attempt_id] = now.boot + us(self.account.policy.guard_backoff_s)

    def forget(self, attempt_id: str) -> None:
        """The attempt is closed, or has another instance."""
        self._wanted.pop(attempt_id, None)
        self._not_before.pop(attempt_id, None)
