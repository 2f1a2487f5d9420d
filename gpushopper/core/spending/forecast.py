"""How fast money is spent now, and what is still to come by a deadline or by the end of a month."""

from __future__ import annotations

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import Micros, cost_over
from gpushopper.core.spending import ledger
from gpushopper.core.timing.clock_snapshot import HOUR

LEAST_PACE_US = 24 * HOUR
"""What was spent in a shorter time says nothing of a month."""


def burn_rate(attempt: Attempt) -> Micros:
    """What an attempt costs now, micro-dollars per hour: GPU and disk, as far as each bills."""
    if not attempt.is_open or attempt.billed_until is None or attempt.off_at is not None:
        return 0
    gpu = ledger.gpu_rate(attempt) if attempt.is_gpu_billed else 0
    return gpu + (ledger.storage_rate(attempt) if attempt.is_storage_billed else 0)


def to_come(attempt: Attempt, so_far: Micros, now_wall: int, until: int | None = None) -> Micros:
    """What it may still cost if it ends on time; up to `until` by its highest price, where that is earlier."""
    rest = ledger.max_cost(attempt, so_far) - so_far
    if until is None:
        return rest
    return min(rest, cost_over(max(attempt.agreed_rate, attempt.current_rate or 0), until - now_wall))


def at_pace(spent: Micros, over_us: int, rest_us: int) -> Micros | None:
    """What the rest of a time costs if it goes on as it did; None after too short a time."""
    return None if over_us < LEAST_PACE_US else spent * max(rest_us, 0) // over_us


def runway_us(balance: Micros | None, rate: Micros) -> int | None:
    """How long a balance lasts at this rate, µs; None where the cloud tells none, or nothing bills."""
    return None if balance is None or rate <= 0 else max(balance, 0) * HOUR // rate
