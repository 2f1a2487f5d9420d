"""Decides when the outputs of an instance's runs are fetched: a run has ended, or an early end was heard (ends.md E8).

What is fetched is a convenience: a failure is tried again with a later heartbeat, and delays no end.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from gpushopper.core.lifecycle.ends.run_seen import runs_over
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.heartbeat import Heartbeat
from gpushopper.core.model.run_folder import KeptNow
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.provider_calls import OUTPUTS
from gpushopper.engine.account.part_interface import Account

LIMIT_S = 60.0


class OutputKeeping:
    """In memory only: after a start everything is fetched once more that is not kept whole."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._kept: dict[str, set[str]] = {}
        """Runs of each attempt that need not be fetched again."""
        self._told: dict[str, str] = {}
        """The early end of each attempt at which all was fetched."""
        self._not_before: dict[str, int] = {}

    def on_heartbeat(self, attempt: Attempt, found: Heartbeat, now: ClockSnapshot) -> None:
        """Fetch what a heartbeat shows to be worth it, unless that is under way."""
        if not attempt.ending_reason:
            self._told.pop(attempt.id, None)
        if not self._is_needed(attempt, found) or self._not_before.get(attempt.id, now.boot) > now.boot:
            return
        remote, login = self.account.ctx.remote, self.account.ctx.login_of(attempt)
        if remote is None or login is None or self.account.calls.is_in_flight(OUTPUTS, attempt.id):
            return
        self._not_before[attempt.id] = now.boot + us(self.account.policy.guard_backoff_s)
        if attempt.ending_reason:
            self._told[attempt.id] = attempt.ending_reason
        self._kept.setdefault(attempt.id, set()).update(runs_over(found.agent))
        fetch = partial(remote.keep_outputs, login, now.wall, LIMIT_S)
        self.account.calls.submit((OUTPUTS, attempt.id), fetch, LIMIT_S, now)

    def _is_needed(self, attempt: Attempt, found: Heartbeat) -> bool:
        if attempt.ready_at is None or not attempt.is_wanted:
            return False
        is_new_end = bool(attempt.ending_reason) and self._told.get(attempt.id) != attempt.ending_reason
        return is_new_end or bool(runs_over(found.agent) - self._kept.get(attempt.id, set()))

    def on_result(self, attempt_id: str, value: Any) -> None:
        """Note what is kept now; what failed is fetched again with a later heartbeat."""
        if not isinstance(value, KeptNow) or value.problem:
            self._kept.pop(attempt_id, None)
            self._told.pop(attempt_id, None)

    def forget(self, attempt_id: str) -> None:
        """The attempt is closed, or has another instance."""
        for kept in (self._kept, self._told, self._not_before):
            kept.pop(attempt_id, None)
