"""What a start may change without asking anybody: two transitions, and forgotten intervals (I20, D13)."""

from __future__ import annotations

from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.model.actions import Change, Close, Note
from gpushopper.core.model.attempt import ReceiptKind, State
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.context import Context
from gpushopper.engine.transaction import Transaction
from gpushopper.store import sessions


def recover(ctx: Context, now: ClockSnapshot) -> None:
    """Prepared was never sent; sent may have acted. Nothing else changes, and no provider is needed (F51)."""
    with ctx.store.transaction():
        sessions.reset_boot_intervals(ctx.store)
    for attempt in sessions.load_attempts(ctx.store):
        change = Transaction(ctx, now)
        with ctx.store.transaction():
            if attempt.state is State.PREPARED:
                change.run([Close(attempt, ReceiptKind.NEVER_SENT, "never_sent", attempt.prepared_at, {})])
            elif attempt.state is State.SENT:
                sets = {"state": State.UNCERTAIN, "state_changed_at": now.wall, "settle_elapsed_us": 0, **NO_ABSENCES}
                note = Note("uncertain", "the daemon stopped while the create was out")
                change.run([Change(attempt, sets, note)])
