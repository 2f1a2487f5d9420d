"""The alarm that the settings cannot be read: what they said before holds until they can."""

from __future__ import annotations

from collections.abc import Callable

from gpushopper.core import alarms
from gpushopper.core.model.actions import ClearAlarm, RaiseAlarm
from gpushopper.core.timing.clock_snapshot import MINUTE, ClockSnapshot
from gpushopper.engine.context import Context
from gpushopper.engine.transaction import Transaction
from gpushopper.store import alarms as alarms_table

SUBJECT = "config.toml"
STANDS_US = MINUTE
"""An editor that saves the file cuts it for a moment: no alarm before it has been unreadable for as long."""


class SettingsAlarm:
    """Raises it, and clears it once they can be read; `problem` says why they cannot, empty where they can."""

    def __init__(self, ctx: Context, problem: Callable[[], str]) -> None:
        self.ctx = ctx
        self._problem = problem
        self._since: int | None = None

    def step(self, now: ClockSnapshot) -> None:
        """Look, and write only what is new."""
        text = self._problem()
        self._since = (now.boot if self._since is None else self._since) if text else None
        is_active = (alarms.SETTINGS_UNREADABLE, SUBJECT) in alarms_table.active_alarms(self.ctx.store)
        if self._since is not None and not is_active and now.boot - self._since >= STANDS_US:
            found = f"the settings cannot be read; those of before hold: {text}"
            self._act(RaiseAlarm.with_hint(alarms.SETTINGS_UNREADABLE, SUBJECT, found), now)
        elif self._since is None and is_active:
            self._act(ClearAlarm(alarms.SETTINGS_UNREADABLE, SUBJECT), now)

    def _act(self, action: RaiseAlarm | ClearAlarm, now: ClockSnapshot) -> None:
        with self.ctx.store.transaction():
            Transaction(self.ctx, now).run([action])
