"""Rate limits of the simulated clouds: gaps between two calls of one endpoint by one caller, and an account's bucket.

The gaps of each endpoint and the bucket stand in the dialect; the 429 is sent in `requests/middleware.py`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from gpushopper.sandbox.timing import SECOND, parse_duration

FORMS = ("message", "plain", "detail", "success_false", "search_quota", "masked_401")
"""The forms of a 429 that clouds send or document; a dialect answers in those that its cloud has.

With `masked_401` a cloud refuses what comes too often as if the key were wrong.
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """The minimum seconds between two calls, and the wait after a call that came too early (`penalty`)."""

    seconds: float
    penalty: float = 0.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """The most calls of one account over all endpoints, within any `seconds`."""

    calls: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Bucket:
        """Read `100/1m`; raises ValueError."""
        calls, found, window = text.partition("/")
        if not found or not calls.isdecimal() or not (micros := parse_duration(window)):
            raise ValueError(f"not a number of calls in a time: {text} (write 100/1m)")
        return cls(int(calls), micros / SECOND)


@dataclass(slots=True)
class RateLimiter:
    """When each caller may call each endpoint again, and how often each account has called of late.

    `form` and `retry_after` (seconds) shape the 429.
    """

    enabled: bool = False
    form: str = "message"
    retry_after: int | None = None
    free_at: dict[tuple[str, str], int] = field(default_factory=dict)
    recent: dict[str, deque[int]] = field(default_factory=dict)

    def fill(self, account: str, bucket: Bucket, now: int) -> bool:
        """Return whether the account's bucket has room for a call at `now`, and count it; refused ones do not count."""
        calls = self.recent.setdefault(account, deque())
        while calls and calls[0] <= now - round(bucket.seconds * SECOND):
            calls.popleft()
        if len(calls) >= bucket.calls:
            return False
        calls.append(now)
        return True

    def admit(self, identity: str, endpoint: str, gap: Gap, now: int) -> bool:
        """Return whether the call is allowed, and start the next gap; `now` in UTC microseconds."""
        if not self.enabled:
            return True
        key = (identity, endpoint)
        free_at = self.free_at.get(key, 0)
        if now >= free_at:
            self.free_at[key] = now + round(gap.seconds * SECOND)
            return True
        self.free_at[key] = max(free_at, now + round(gap.penalty * SECOND))
        return False
