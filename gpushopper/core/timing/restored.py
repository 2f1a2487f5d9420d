"""What a deadline read from a backup becomes: it may have been moved since the backup was made (F50, D12)."""

from __future__ import annotations

from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot
from gpushopper.core.timing.deadline import Deadline

LEAST_TIME = HOUR
"""How long its user has to say that it is still wanted, and until when; as for an instance without a record."""


def restored_deadline(deadline: Deadline, hard_max_at: int, now: ClockSnapshot) -> Deadline:
    """The deadline, or an hour from now where that is later; never beyond the hard maximum, which cannot have moved."""
    wall = max(deadline.wall, min(now.wall + LEAST_TIME, hard_max_at))
    return deadline if wall == deadline.wall else Deadline.at(wall, now)
