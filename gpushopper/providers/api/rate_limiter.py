"""Keep a provider's request rate limits: when each endpoint may be called again, and the backoff after a 429 (S6, F75).

Two levels: the gaps between calls of one endpoint, and above them what the account may call in all
(`account_bucket.py`). It never sleeps: the caller waits, or does something else first. The limits of each provider are
in its own folder, for example `providers/vast/rate_limits.py`, and its traits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from gpushopper.core.cloud import Pace
from gpushopper.core.policy import MAX_THROTTLED_S
from gpushopper.providers.api.account_bucket import AccountBucket

_MOST_DOUBLINGS = 5
"""Of the backoff."""
_ACCOUNT_BACKOFF_S = 5.0
"""The shortest wait after an account's limit has refused a call."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The minimum seconds between two calls of an endpoint.

    `backoff_s` is the shortest wait after a 429, `max_wait_s` the longest that is accepted: a nonsensical Retry-After
    must not stop destroys for a day (I6).
    """

    interval_s: float
    backoff_s: float = 0.0
    max_wait_s: float = 60.0


_NO_LIMIT = RateLimit(0.0)
"""Of an endpoint without a gap of its own."""


class RateLimiter:
    """One bucket of size one per endpoint, and one for the account, shared by all threads of an account.

    Endpoints never share a gap, and the account's bucket keeps a share for the `urgent` ones, which are the destroys:
    reads cannot use up what destroys need (I17). Where the account is limited, a 429 delays all its endpoints but
    those: a destroy that is due is tried all the same, and only its own refusal delays it.
    """

    def __init__(
        self,
        rate_limits: Mapping[str, RateLimit],
        monotonic: Callable[[], float],
        pace: Pace | None = None,
        urgent: Collection[str] = (),
    ) -> None:
        self._rate_limits = rate_limits
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._available_at: dict[str, float] = {}
        self._refusals: dict[str, int] = {}
        self._account = None if pace is None or pace.calls <= 0 else AccountBucket(pace)
        self._account_at = 0.0
        """From when the account may be called again after a 429."""
        self._urgent = frozenset(urgent)

    @property
    def limits_account(self) -> bool:
        """Whether calls of different endpoints can hold each other back."""
        return self._account is not None

    def available_at(self, name: str) -> float:
        """Monotonic seconds from which a call may start, by the endpoint's gap and by the account's bucket."""
        with self._lock:
            return self._slot(name, self._monotonic()) if self._account else self._available_at.get(name, 0.0)

    def reserve(self, name: str, max_wait_s: float) -> float:
        """Book the next slot and return the seconds until it; booked only if that is within `max_wait_s`."""
        with self._lock:
            now = self._monotonic()
            slot = self._slot(name, now)
            if slot - now <= max_wait_s:
                self._available_at[name] = slot + self._rate_limit(name).interval_s
                if self._account is not None:
                    self._account.book(slot, now, is_destroy=name in self._urgent)
            return slot - now

    def accepted(self, name: str) -> None:
        """Record an answer other than 429: the backoff starts at its shortest with the next refusal."""
        with self._lock:
            self._refusals.pop(name, None)

    def refused(self, name: str, retry_after_s: float | None) -> float:
        """Note a 429; return the seconds until the next call, doubled with each refusal in a row."""
        with self._lock:
            limit = self._rate_limit(name)
            count = self._refusals[name] = min(self._refusals.get(name, 0) + 1, _MOST_DOUBLINGS)
            doublings = float(2 ** (count - 1))
            pause = min(max(retry_after_s or 0.0, limit.backoff_s, limit.interval_s * doublings), limit.max_wait_s)
            if self._account is not None:
                backoff = max(pause, retry_after_s or 0.0, _ACCOUNT_BACKOFF_S * doublings)
                pause = max(pause, min(backoff, MAX_THROTTLED_S))
                self._account_at = max(self._account_at, self._monotonic() + min(pause, MAX_THROTTLED_S))
            self._available_at[name] = max(self._available_at.get(name, 0.0), self._monotonic() + pause)
            return pause

    def _slot(self, name: str, now: float) -> float:
        start = max(now, self._available_at.get(name, 0.0))
        if self._account is None:
            return start
        is_destroy = name in self._urgent
        return self._account.earliest(start if is_destroy else max(start, self._account_at), is_destroy=is_destroy)

    def _rate_limit(self, name: str) -> RateLimit:
        return self._rate_limits.get(name, _NO_LIMIT)
