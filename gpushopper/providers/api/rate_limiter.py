"""Pacing that never sleeps: when each endpoint may be called again (S6, F75)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_STEEPEST = 5
"""Doublings of the back-off at most."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Seconds between two calls of an endpoint.

    `penalty` is the shortest wait after the provider's own limiter spoke, `most` the longest such wait believed:
    a nonsensical Retry-After must not stop destroys for a day (I6).
    """

    seconds: float
    penalty: float = 0.0
    most: float = 60.0


class RateLimiter:
    """One bucket of size one per endpoint, shared by all threads of an account.

    Endpoints never share a bucket, so reads cannot use up what destroys need.
    """

    def __init__(self, gaps: Mapping[str, RateLimit], monotonic: Callable[[], float]) -> None:
        self._gaps = gaps
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}
        self._streak: dict[str, int] = {}

    def available_at(self, name: str) -> float:
        """Monotonic seconds from which a call may start."""
        with self._lock:
            return self._free_at.get(name, 0.0)

    def reserve(self, name: str, patience: float) -> float:
        """Book the next slot and return the seconds until it; booked only if that is within `patience`."""
        with self._lock:
            now = self._monotonic()
            slot = max(now, self._free_at.get(name, 0.0))
            if slot - now <= patience:
                self._free_at[name] = slot + self._gaps[name].seconds
            return slot - now

    def accepted(self, name: str) -> None:
        """Note an answer that was not the limiter's: back-off starts again from the gap."""
        with self._lock:
            self._streak.pop(name, None)

    def refused(self, name: str, retry_after: float | None) -> float:
        """Note a 429; return the seconds until the next try, doubled with each refusal in a row."""
        with self._lock:
            gap = self._gaps[name]
            streak = self._streak[name] = min(self._streak.get(name, 0) + 1, _STEEPEST)
            ours = gap.seconds * float(2 ** (streak - 1))
            pause = min(max(retry_after or 0.0, gap.penalty, ours), gap.most)
            self._free_at[name] = max(self._free_at.get(name, 0.0), self._monotonic() + pause)
            return pause
