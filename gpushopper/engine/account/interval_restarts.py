"""After a sleep, a clock jump or a failed list: restarts the intervals measured across that gap (F64, F65)."""

from __future__ import annotations

from typing import Any

from gpushopper.core.lifecycle.ends.self_ended import after_gap
from gpushopper.core.model.actions import UpdateAttempt
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.account.part_interface import Account


def restart_settling(account: Account, now: ClockSnapshot) -> None:
    """Uncertain creates settle in connected time only: time counts again from the next complete list (F65)."""
    for attempt in account.open_attempts():
        if attempt.last_complete_list_boot is not None:
            _set(account, attempt, {"last_complete_list_boot": None}, now)


def restart_login_timeouts(account: Account, now: ClockSnapshot) -> None:
    """A booting instance that cannot be logged in to is timed only while this computer tries (F13, F64)."""
    for attempt in account.open_attempts():
        if attempt.state is State.BOOTING and attempt.is_running:
            _set(account, attempt, {"progress_boot": now.boot}, now)


def restart_silence(account: Account, now: ClockSnapshot) -> None:
    """Whether an instance has ended by itself is seen while this computer is awake, and not over a gap (ends.md E5)."""
    for attempt in account.open_attempts():
        if changes := after_gap(attempt):
            _set(account, attempt, changes, now)


def _set(account: Account, attempt: Attempt, fields: dict[str, Any], now: ClockSnapshot) -> None:
    change = UpdateAttempt(attempt, fields)
    account.transact(now, lambda tx: tx.run([change]))
