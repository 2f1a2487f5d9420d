"""Start-up recovery: after a crash, close attempts never sent, mark sent creates uncertain, reset intervals (I20)."""

from __future__ import annotations

from gpushopper.core.lifecycle.evidence import NO_ABSENCES
from gpushopper.core.model.actions import CloseAttempt, EventDraft, UpdateAttempt
from gpushopper.core.model.attempt import ReceiptKind, State
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.context import Context
from gpushopper.engine.transaction import Transaction
from gpushopper.store import sessions


def recover(ctx: Context, now: ClockSnapshot) -> None:
    """Close what is `prepared`: it was never sent. Make what is `sent` uncertain: the create may have acted (F51).

    Nothing else changes, and no provider is called.
    """
    with ctx.store.transaction():
        sessions.reset_boot_intervals(ctx.store)
    for attempt in sessions.load_attempts(ctx.store):
        tx = Transaction(ctx, now)
        with ctx.store.transaction():
            if attempt.state is State.PREPARED:
                tx.run([CloseAttempt(attempt, ReceiptKind.NEVER_SENT, "never_sent", attempt.prepared_at, {})])
            elif attempt.state is State.SENT:
                fields = {"state": State.UNCERTAIN, "state_changed_at": now.wall, "settle_elapsed_us": 0, **NO_ABSENCES}
                event = EventDraft("uncertain", "the daemon stopped while the create was in flight")
                tx.run([UpdateAttempt(attempt, fields, event)])
