"""The part of a ledger entry, or of what accrues now, that was incurred since a moment: entries are linear in time."""

from __future__ import annotations

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import Micros
from gpushopper.core.spending import ledger
from gpushopper.core.spending.ledger import Entry
from gpushopper.core.spending.pro_rata import share


def incurred_since(entry: Entry, start_at: int) -> Micros:
    """The part of an entry's amount from `start_at` on, wall µs."""
    return share(entry.micros, entry.from_at, entry.to_at, start_at, max(entry.to_at, start_at) + 1)


def accruing(attempt: Attempt, now_wall: int) -> tuple[Entry, ...]:
    """What no entry holds yet; nothing once the instance is off, as in every cost that is shown."""
    if not attempt.is_open:
        return ()
    until = now_wall if attempt.off_at is None else min(now_wall, attempt.off_at)
    return ledger.accrue(attempt, until)[0]
