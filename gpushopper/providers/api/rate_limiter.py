"""Keep a provider's request rate limits: when each endpoint may be called again, and the backoff after a 429 (S6, F75).

It never sleeps: the caller waits, or does something else first. The limits of each provider are in its own folder, for
example `providers/vast/rate_limits.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_MOST_DOUBLINGS = 5
"""Of the backoff."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The minimum seconds between two calls of an endpoint.

    `backoff_s` is the shortest wait after a 429, `max_wait_s` the longest that is accepted: a nonsensical Retry-After
    must not stop destroys for a day (I6).
    """

    interval_s: float
    backoff_s: float = 0.0
    max_wait_s: float = 60.0


class RateLimiter:
    """One bucket of size one per endpoint, shared by all threads of an account.

    Endpoints never share a bucket, so reads cannot use up what destroys need.
    """

    def __init__(self, rate_limits: Mapping[str, RateLimit], monotonic: Callable[[], float]) -> None:
        self._rate_limits = rate_limits
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._available_at: dict[str, float] = {}
        self._refusals: dict[str, int] = {}

    def available_at(self, name: str) -> float:
        """Monotonic seconds from which a call may start."""
        with self._lock:
            return self._available_at.get(name, 0.0)

    def reserve(self, name: str, max_wait_s: float) -> float:
        """Book the next slot and return the seconds until it; booked only if that is within `max_wait_s`."""
        with self._lock:
            now = self._monotonic()
            slot = max(now, self._available_at.get(name, 0.0))
            if slot - now <= max_wait_s:
                self._available_at[name] = slot + self._rate_limits[name].interval_s
            return slot - now

    def accepted(self, name: str) -> None:
        """Record an answer other than 429: the backoff starts at its shortest with the next refusal."""
        with self._lock:
            self._refusals.pop(name, None)

    def refused(self, name: str, retry_after_s: float | None) -> float:
        """Note a 429; return the seconds until the next call, doubled with each refusal in a row."""
        with self._lock:
            limit = self._rate_limits[name]
            count = self._refusals[name] = min(self._refusals.get(name, 0) + 1, _MOST_DOUBLINGS)
            doubled = limit.interval_s * float(2 ** (count - 1))
            pause = min(max(retry_after_s or 0.0, limit.backoff_s, doubled), limit.max_wait_s)
            self._available_at[name] = max(self._available_at.get(name, 0.0), self._monotonic() + pause)
            return pause
