"""Runs an account's transactions: undone after a concurrent change; a violated constraint raises an alarm (F54)."""

from __future__ import annotations

from collections.abc import Callable

from gpushopper.core import alarms
from gpushopper.core.model.actions import RaiseAlarm
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.context import Context
from gpushopper.engine.transaction import Transaction
from gpushopper.store import sessions
from gpushopper.store.sqlite.error_mapping import ConstraintViolation, Stale


class AccountTransactions:
    """Writes and reads the rows of one account, on the engine's thread."""

    def __init__(self, ctx: Context, name: str, on_stale: Callable[[], None]) -> None:
        self.ctx = ctx
        self.name = name
        self.on_stale = on_stale
        self._open: list[Attempt] = []
        self._open_at = -1

    def run(self, now: ClockSnapshot, work: Callable[[Transaction], None]) -> Transaction | None:
        """Run one transaction; None where it was undone.

        A row that was changed concurrently undoes it, and the next step decides on what is stored then (I16).
        """
        tx = Transaction(self.ctx, now, self.name)
        try:
            with self.ctx.store.transaction():
                work(tx)
        except Stale:
            self.on_stale()
            return None
        except ConstraintViolation as conflict:
            self._report(conflict, now)
            return None
        return tx

    def _report(self, conflict: ConstraintViolation, now: ClockSnapshot) -> None:
        """A constraint refused a change that must never be tried: nothing was written; raise an alarm and go on."""
        text = f"{self.name}: the database refused a change: {conflict}"
        alarm = RaiseAlarm.with_hint(alarms.DATABASE_CONSTRAINT, self.name, text)
        with self.ctx.store.transaction():
            Transaction(self.ctx, now).run([alarm])

    def open_attempts(self) -> list[Attempt]:
        """The open attempts of this account, as stored now; read again only after something was committed."""
        store = self.ctx.store
        if store.is_writing:
            return sessions.load_attempts(store, provider=self.name)
        if self._open_at != store.last_change:
            # The mark first: a commit that comes between costs one more read, never a missed change.
            self._open_at = store.last_change
            self._open = sessions.load_attempts(store, provider=self.name)
        return self._open
