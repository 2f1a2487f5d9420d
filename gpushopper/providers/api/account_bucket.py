"""How many calls one account may make in a time, over all endpoints; a share of them is kept for destroys (I17).

Many clouds limit the account and not the endpoint (tensordock.md 2). A sliding window: whatever was called, and when,
no span of `window_s` has more than `calls` of them as they leave here. Requests do not travel equally long: an adapter
states a few calls less than its cloud documents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gpushopper.core.cloud import Pace


class AccountBucket:
    """The calls of the last window and those booked ahead, in monotonic seconds. Not thread-safe: the rate limiter,
    which also keeps the gaps of each endpoint, holds its lock.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._all: list[float] = []
        self._others: list[float] = []
        """Those that were no destroys."""

    @property
    def kept(self) -> int:
        """How many calls of each window only destroys may use: at least one, where others keep one too."""
        share = math.ceil(self._pace.calls * self._pace.destroy_share)
        return max(0, min(max(share, 1), self._pace.calls - 1))

    def earliest(self, start: float, *, is_destroy: bool) -> float:
        """From when, at `start` or later, one more call fits in."""
        ends = sorted(called + self._pace.window_s for called in self._all)
        # Room only comes where an earlier call leaves the window.
        for at in (start, *(end for end in ends if end > start)):
            if self._fits(at, is_destroy=is_destroy):
                return at
        return start

    def book(self, at: float, now: float, *, is_destroy: bool) -> None:
        """Count a call at `at`, and forget those that no window from `now` on can hold."""
        self._all = sorted([*self._kept_after(self._all, now), at])
        others = self._kept_after(self._others, now)
        self._others = others if is_destroy else sorted([*others, at])

    def _fits(self, at: float, *, is_destroy: bool) -> bool:
        if self._is_full(self._all, at, self._pace.calls):
            return False
        return is_destroy or not self._is_full(self._others, at, self._pace.calls - self.kept)

    def _is_full(self, calls: Sequence[float], at: float, limit: int) -> bool:
        """Whether some window that also has `at` holds so many calls."""
        return len(calls) >= limit and self._fullest(calls, at) >= limit

    def _fullest(self, calls: Sequence[float], at: float) -> int:
        """The most of these calls in any window that also has `at`."""
        span = self._pace.window_s
        starts = [at, *(called for called in calls if called <= at < called + span)]
        return max(sum(start <= called < start + span for called in calls) for start in starts)

    def _kept_after(self, calls: Sequence[float], now: float) -> list[float]:
        return [called for called in calls if called + self._pace.window_s > now]
