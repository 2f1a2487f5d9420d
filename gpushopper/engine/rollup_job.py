"""The job `rollups`: enters the costs of every full hour, and adds the ledger up by day and month (I14, F115)."""

from __future__ import annotations

from gpushopper.core.spending import ledger
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.context import Context
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions
from gpushopper.store.money import rollups


def run_rollups(ctx: Context, *, is_clock_right: bool = True) -> None:
    """Enter what is certain up to the last full hour, then roll up what the ledger has gained.

    By a clock that is wrong no hour is entered: one that is ahead by a year would enter a year, which the receipt alone
    takes back (F62). What accrues counts all the same.
    """
    if is_clock_right:
        enter_full_hours(ctx, ctx.clock.now())
    while _roll_up(ctx):
        pass


def enter_full_hours(ctx: Context, now: ClockSnapshot) -> None:
    """Write the entries of open attempts up to the last full UTC hour: as the next change of their billing would."""
    if all(ledger.whole_hours_until(each, now.wall) is None for each in sessions.load_attempts(ctx.store)):
        return
    with ctx.store.transaction():
        for attempt in sessions.load_attempts(ctx.store):
            until = ledger.whole_hours_until(attempt, now.wall)
            if until is not None:
                entries, booked = ledger.accrue(attempt, until)
                ledger_table.insert_entries(ctx.store, entries)
                sessions.update_attempt(ctx.store, attempt, **ledger.booked_columns(booked))


def rebuild(ctx: Context) -> tuple[int, bool]:
    """Make all rollups anew; how many there are, and whether they are the same as before."""
    while _roll_up(ctx):
        pass
    with ctx.store.transaction():
        before = rollups.rows_of(ctx.store)
        rollups.forget(ctx.store, ctx.zone)
    while _roll_up(ctx):
        pass
    after = rollups.rows_of(ctx.store)
    return len(after), after == before


def _roll_up(ctx: Context) -> bool:
    if rollups.is_done(ctx.store, ctx.zone):
        return False
    with ctx.store.transaction():
        return rollups.roll_up(ctx.store, ctx.zone)
