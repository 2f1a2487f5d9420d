"""Since when each attempt has had its present rate: one list may be wrong, so a price that just rose is doubted."""

from __future__ import annotations

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.timing.clock_snapshot import ClockSnapshot


class SeenRates:
    """Since when each attempt has had its present rate, by the boot clock; forgotten with the daemon."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[int, int]] = {}

    def since_us(self, attempt: Attempt, now: ClockSnapshot) -> int:
        """For how long the rate has been seen unchanged, µs."""
        rate = attempt.current_rate or 0
        known, since = self._since.get(attempt.id, (rate, now.boot))
        if known != rate:
            since = now.boot
        self._since[attempt.id] = (rate, since)
        return now.boot - since

    def keep(self, attempt_ids: set[str]) -> None:
        """Forget all others."""
        self._since = {each: seen for each, seen in self._since.items() if each in attempt_ids}
