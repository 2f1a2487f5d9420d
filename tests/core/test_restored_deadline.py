"""A deadline read from a backup leaves its user an hour, within the hard maximum."""

from __future__ import annotations

import pytest

from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, ClockSnapshot
from gpushopper.core.timing.deadline import Deadline
from gpushopper.core.timing.restored import restored_deadline

NOW = 1_780_000_000_000_000


@pytest.mark.parametrize(
    ("ahead", "hard_max", "expected"),
    [
        (3 * HOUR, 12 * HOUR, 3 * HOUR),
        (HOUR, 12 * HOUR, HOUR),
        (MINUTE, 12 * HOUR, HOUR),
        (-5 * HOUR, 12 * HOUR, HOUR),
        (MINUTE, 20 * MINUTE, 20 * MINUTE),
        (-5 * HOUR, -HOUR, -HOUR),
        (-5 * HOUR, -6 * HOUR, -5 * HOUR),
    ],
)
def test_an_hour_but_never_beyond_the_hard_maximum(ahead: int, hard_max: int, expected: int):
    stored = Deadline(NOW + ahead, NOW - HOUR, 5, "boot-0")
    found = restored_deadline(stored, NOW + hard_max, ClockSnapshot(wall=NOW, boot=77, boot_id="boot-1"))
    assert found.wall - NOW == expected
    # Unmoved, it keeps the readings of the clocks with which it was set.
    assert (found == stored) == (expected == ahead)
